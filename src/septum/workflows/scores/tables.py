"""The tables of a report: one row per case and label, and one row per label and score.

The insight: a mean without its count is half a number. Every row of the summary therefore carries how many values were
defined and how many were not, and cases that could not be scored at all are rows of the table of cases.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from septum.metrics import EMPTY_CASES, SCORES, summarise, without_few
from septum.workflows.runs.words import natural_key
from septum.workflows.scores.measures import WHOLE_CASE
from septum.workflows.scores.scores import Score

_COUNTS = ("reference_voxels", "prediction_voxels", "tp", "fp", "fn", "tn")


_MEANT = ("dice", "iou")  # of all labels of a case, as the first rows of a summary


def metric_names(scores: Sequence[Score]) -> tuple[str, ...]:
    """The scores that any of `scores` has: those of the counts first, the others in order of appearance."""
    names = dict.fromkeys(SCORES)
    for score in scores:
        names |= dict.fromkeys(score.values)
    return tuple(names)


def methods_of(scores: Sequence[Score]) -> tuple[str, ...]:
    """The methods in order of appearance."""
    return tuple(dict.fromkeys(score.method for score in scores))


def distance_unit(scores: Sequence[Score]) -> str:
    """Unit of the distances: "mm", or "px" where any file lacks a physical size."""
    return "px" if any(math.isnan(score.sample_size) for score in scores) else "mm"


def score_table(scores: Sequence[Score], *, not_scored: Sequence[tuple[str, str]] = ()) -> pd.DataFrame:
    """One row per case and label, then one per case that could not be scored (its `status` says why).

    A first column `method` is there where several methods are.
    """
    names = metric_names(scores)
    rows: list[dict[str, Any]] = []
    for score in scores:
        counts, row = score.counts, score.counts.empty
        rows.append(
            {
                "method": score.method,
                "case": score.case,
                "group": score.group or "",
                "label": score.label,
                "name": score.name,
                "status": "scored",
                **{name: score.value(name) for name in names},
                "pixel_error": score.pixel_error,
                "empty": row.name if row else "",
                "reference_voxels": counts.reference,
                "prediction_voxels": counts.prediction,
                **dataclasses.asdict(counts),
            }
        )
    blank = {"method": "", "group": "", "label": None, "name": "", "empty": ""}
    rows += [{"case": case, "status": reason, **blank} for case, reason in not_scored]
    several = ["method"] if len(methods_of(scores)) > 1 else []
    columns = [*several, "case", "group", "label", "name", "status", *names, "pixel_error", "empty", *_COUNTS]
    table = pd.DataFrame(rows, columns=columns)
    whole = ["label", *_COUNTS]
    table[whole] = table[whole].astype("Int64")
    return table


def summary_table(scores: Sequence[Score]) -> pd.DataFrame:
    """One row per label and score, after the rows that describe whole cases (mean over labels, pixel error).

    Columns: `label, name, metric`, the fields of `metrics.Summary`, and how often each row of the table of empty cases
    was met; before them `method` where several methods are. Intervals resample groups where any case names its group.
    """
    methods = methods_of(scores)
    if not methods:
        return pd.DataFrame(columns=["label", "name", "metric"])
    rows: list[dict[str, Any]] = []
    for method in methods:
        first = {"method": method} if len(methods) > 1 else {}
        rows += [first | row for row in _summary_of([score for score in scores if score.method == method])]
    summary = pd.DataFrame(rows)
    met = [f"n_{row.name.replace(' ', '_')}" for row in EMPTY_CASES]
    summary[met] = summary[met].astype("Int64")
    return summary


def _summary_of(scores: Sequence[Score]) -> list[dict[str, Any]]:
    table = score_table(scores)
    metrics = [name for name in metric_names(scores) if name not in WHOLE_CASE]
    together = [name for name in metric_names(scores) if name in WHOLE_CASE]
    table["unit"] = units(table)
    labels = list(dict.fromkeys(table["label"]))
    rows: list[dict[str, Any]] = []
    if len(labels) > 1:
        means = table.groupby("case", sort=False).agg(dict.fromkeys(_MEANT, "mean") | {"unit": "first"})
        rows += [
            _summary_row("", "mean over labels", metric=name, values=means[name], unit=means["unit"]) for name in _MEANT
        ]
    for label in labels:
        part = table[table["label"] == label]
        name, empties = str(part["name"].iloc[0]), part["empty"]
        rows += [
            _summary_row(label, name, metric=metric, values=part[metric], unit=part["unit"], empties=empties)
            for metric in metrics
        ]
    first = table.drop_duplicates("case")
    rows += [
        _summary_row("", "all labels together", metric=name, values=first[name], unit=first["unit"])
        for name in together
    ]
    rows.append(_summary_row("", "all voxels", metric="pixel_error", values=first["pixel_error"], unit=first["unit"]))
    return rows


def units(table: pd.DataFrame) -> pd.Series[Any]:
    """The independent unit of every row of a table of cases: its group, or the case where it names none."""
    return table["group"].where(table["group"] != "", table["case"])


def _summary_row(
    label: Any,
    name: str,
    *,
    metric: str,
    values: pd.Series[Any],
    unit: pd.Series[Any],
    empties: pd.Series[Any] | None = None,
) -> dict[str, Any]:
    summary = without_few(summarise(values.to_numpy(dtype=float), groups=list(unit)))
    met = {f"n_{row.name.replace(' ', '_')}": _met(empties, row.name) for row in EMPTY_CASES}
    return {"label": label, "name": name, "metric": metric, **dataclasses.asdict(summary), **met}


def _met(empties: pd.Series[Any] | None, kind: str) -> int | None:
    return None if empties is None else int((empties == kind).sum())


def strata_table(scores: Sequence[Score], strata: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """The summary of every stratum: columns `column, value` before those of `summary_table`.

    Args:
        scores: of one method or of several.
        strata: column name to {case: value}; a case without a value is in the stratum "(none)".
    """
    parts = []
    for column, values in strata.items():
        for value in ordered(values.get(score.case, "(none)") for score in scores):
            own = [score for score in scores if values.get(score.case, "(none)") == value]
            part = summary_table(own)
            part.insert(0, "value", value)
            part.insert(0, "column", column)
            parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["column", "value", "metric"])


def ordered(values: Iterable[str]) -> list[str]:
    """Each value once, in their natural order."""
    return sorted(set(values), key=natural_key)
