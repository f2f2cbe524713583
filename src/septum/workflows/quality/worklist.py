"""The list of masks to look at, worst first: `quality.csv` and `quality.json` beside the masks.

The insight: a person has time for the top of the list only, so one order holds wherever it is shown. What nothing is
known about comes before all, then masks without a figure, then the lower end of the interval decides: a good estimate
that may be wrong by much is no better than a middling one that is sure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from septum.workflows.runs.files import recorded, write_json, write_text
from septum.workflows.runs.tables import frame_csv

THRESHOLD = 0.7
"""Dice from which a mask counts as good where nobody says otherwise."""


FAR_BELOW = 0.2
"""Dice that an estimate without an interval must lie below the threshold for a mask to fail."""


VERDICTS = ("unknown", "fail", "look", "pass")


COLUMNS = ("case", "label", "name", "verdict", "dice", "low", "high", "reasons", "expected", "agreement")


NOTICE = "Estimates of research software, not a medical device: a person must check every mask that matters."


@dataclass(frozen=True)
class Estimate:
    """The likely Dice of a class of a mask.

    Args:
        case, label, name: whose.
        dice, low, high: estimate and interval; nan where there is none.
        verdict: "unknown": the image is unlike those of the training, so there is no figure. "pass": nine of ten masks
            with such an estimate reach the threshold, and nothing is unusual. "fail": the interval lies below it, or
            two looks that nothing calibrated agree less than the threshold, or the mask is empty where it never was.
            "look": everything else.
        reasons: why not pass, in words.
        expected, agreement: what it rests on; nan where unknown. `expected` is no figure where `dice` is nan.
        image_far, network_far: how far the image lies from those of the training, in its intensities and in the
            features of the networks, in units of their own distances; nan where unknown.
    """

    case: str
    label: int
    name: str
    dice: float
    low: float
    high: float
    verdict: str
    reasons: tuple[str, ...]
    expected: float
    agreement: float
    image_far: float = math.nan
    network_far: float = math.nan


@dataclass(frozen=True)
class GradedResult:
    """Masks that were looked at, (name, reason) of every one that failed, how good the masks are likely to be (worst
    first; empty where nothing can be said), in one sentence what the figures are worth (empty: what they say), the page
    that shows the masks, if any, of single objects one line about their number, and the names of the images that a stop
    left without a mask of this run."""

    written: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]
    estimates: tuple[Estimate, ...] = ()
    limits: str = ""
    page: Path | None = None
    counts: str = ""
    left: tuple[str, ...] = ()


REASONS = {
    "look": "it may lie on either side of the threshold",
    "fail": "the estimate lies below the threshold",
    "alone": "the figure has no interval: too few held-out images judged the model",
    "nothing": "nothing is known of how good masks of this model are",
}
"""Why a mask is not passed where its interval alone decides."""


def verdict_of(dice: float, floor: float, *, high: float, threshold: float) -> str:
    """What an estimate, the Dice that nine of ten such masks reach, and the upper end of the interval say about a mask,
    before anything unusual is looked at; nan where unknown.

    >>> verdict_of(0.9, 0.8, high=1.0, threshold=0.7), verdict_of(0.9, 0.6, high=1.0, threshold=0.7)
    ('pass', 'look')
    >>> verdict_of(0.4, math.nan, high=math.nan, threshold=0.7)
    'fail'
    """
    if math.isnan(floor):
        return "fail" if dice < threshold - FAR_BELOW else "look"
    return "fail" if high < threshold else "pass" if floor >= threshold else "look"


def worst_first(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Cases by their worst class, their classes together, in the one order of `urgency`."""
    worst: dict[str, tuple[int, float]] = {}
    for one in estimates:
        worst[one.case] = min(worst.get(one.case, (len(VERDICTS), 2.0)), urgency(one))
    return sorted(estimates, key=lambda one: (*worst[one.case], one.case, *urgency(one), one.label))


def urgency(one: Estimate) -> tuple[int, float]:
    """The place of a mask in every list, the smallest first: unknown, then without a figure (the least sure first),
    then by the lower end of the interval, or by the estimate where there is no interval.

    >>> nothing = dict(label=1, name="", reasons=(), expected=math.nan, agreement=math.nan)
    >>> wide = Estimate("a", dice=0.9, low=0.5, high=1.0, verdict="look", **nothing)
    >>> urgency(wide) < urgency(Estimate("b", dice=0.7, low=0.6, high=0.8, verdict="look", **nothing))
    True
    """
    if one.verdict != "unknown" and not math.isnan(one.dice):
        return 2, one.dice if math.isnan(one.low) else one.low
    sure = [value for value in (one.expected, one.agreement) if not math.isnan(value)]
    return int(one.verdict != "unknown"), min(sure, default=-1.0)


def write_list(folder: Path, estimates: Sequence[Estimate], *, threshold: float) -> Path:
    """Write the list; cases of earlier runs into the same folder stay in it unless they are graded anew.

    Returns the path of `quality.csv`.
    """
    new = {one.case for one in estimates}
    rows = worst_first([*estimates, *(one for one in read_list(folder) if one.case not in new)])
    records = [_record(one) for one in rows]
    table = pd.DataFrame(records, columns=list(COLUMNS))
    table["reasons"] = ["; ".join(one.reasons) for one in rows]
    table["expected"] = [math.nan if math.isnan(one.dice) else one.expected for one in rows]  # else read as a figure
    write_text(folder / "quality.csv", frame_csv(table, float_format="%.4f"))
    write_json(folder / "quality.json", {"format": 1, "threshold": threshold, "notice": NOTICE, "cases": records})
    return folder / "quality.csv"


def read_list(folder: Path) -> list[Estimate]:
    """The estimates that `quality.json` in a folder of masks holds; none where it is missing or damaged."""
    try:
        return [_estimate(row) for row in recorded(folder / "quality.json").get("cases", ())]
    except (ValueError, KeyError, TypeError):
        return []


_NUMBERS = ("dice", "low", "high", "expected", "agreement", "image_far", "network_far")


def _record(one: Estimate) -> dict[str, Any]:
    numbers = {name: getattr(one, name) for name in _NUMBERS}
    plain = {name: None if math.isnan(value) else round(value, 6) for name, value in numbers.items()}
    return {
        "case": one.case,
        "label": one.label,
        "name": one.name,
        "verdict": one.verdict,
        "reasons": list(one.reasons),
        **plain,
    }


def _estimate(row: dict[str, Any]) -> Estimate:
    given = {name: row.get(name) if name in _NUMBERS[5:] else row[name] for name in _NUMBERS}  # the last are newer
    numbers = {name: math.nan if value is None else float(value) for name, value in given.items()}
    if row["verdict"] not in VERDICTS:
        raise ValueError(f"unknown verdict {row['verdict']!r}")
    return Estimate(
        str(row["case"]),
        int(row["label"]),
        str(row["name"]),
        verdict=row["verdict"],
        reasons=tuple(map(str, row["reasons"])),
        **numbers,
    )
