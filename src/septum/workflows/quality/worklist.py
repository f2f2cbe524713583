"""The list of masks to look at, worst first: `quality.csv` and `quality.json` beside the masks."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from septum.workflows.runs.files import write_json, write_text

THRESHOLD = 0.7
"""Dice from which a mask counts as good where nobody says otherwise."""


VERDICTS = ("fail", "look", "pass")


COLUMNS = ("case", "label", "name", "verdict", "dice", "low", "high", "reasons", "expected", "agreement")


NOTICE = "Estimates of research software, not a medical device: a person must check every mask that matters."


@dataclass(frozen=True)
class Estimate:
    """The likely Dice of a class of a mask.

    Args:
        case, label, name: whose.
        dice, low, high: estimate and interval; nan where there is none.
        verdict: "pass": the interval lies above the threshold, and nothing is unusual. "fail": it lies below, or the
            networks agree with each other less than the threshold. "look": everything else.
        reasons: why not pass, in words.
        expected, agreement: what it rests on; nan where unknown.
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


@dataclass(frozen=True)
class GradedResult:
    """Masks that were looked at, (name, reason) of every one that failed, how good the masks are likely to be
    (worst first; empty where nothing can be said), and the page that shows them, if any."""

    written: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]
    estimates: tuple[Estimate, ...] = ()
    page: Path | None = None


def worst_first(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Cases by their worst class (fail before look before pass, then by the estimate), their classes together."""

    def rank(one: Estimate) -> tuple[int, float]:
        return VERDICTS.index(one.verdict), -1.0 if math.isnan(one.dice) else one.dice

    worst: dict[str, tuple[int, float]] = {}
    for one in estimates:
        worst[one.case] = min(worst.get(one.case, (len(VERDICTS), 2.0)), rank(one))
    return sorted(estimates, key=lambda one: (*worst[one.case], one.case, one.label))


def write_list(folder: Path, estimates: Sequence[Estimate], *, threshold: float) -> Path:
    """Write the list; cases of earlier runs into the same folder stay in it unless they are graded anew.

    Returns the path of `quality.csv`.
    """
    new = {one.case for one in estimates}
    rows = worst_first([*estimates, *(one for one in read_list(folder) if one.case not in new)])
    records = [_record(one) for one in rows]
    table = pd.DataFrame(records, columns=list(COLUMNS))
    table["reasons"] = ["; ".join(one.reasons) for one in rows]
    write_text(folder / "quality.csv", table.to_csv(index=False, float_format="%.4f"))
    write_json(folder / "quality.json", {"format": 1, "threshold": threshold, "notice": NOTICE, "cases": records})
    return folder / "quality.csv"


def read_list(folder: Path) -> list[Estimate]:
    """The estimates that `quality.json` in a folder of masks holds; none where it is missing or damaged."""
    try:
        rows = json.loads((folder / "quality.json").read_text(encoding="utf-8"))["cases"]
        return [_estimate(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _record(one: Estimate) -> dict[str, Any]:
    numbers = {name: getattr(one, name) for name in ("dice", "low", "high", "expected", "agreement")}
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
    numbers = {
        name: math.nan if row[name] is None else float(row[name])
        for name in ("dice", "low", "high", "expected", "agreement")
    }
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
