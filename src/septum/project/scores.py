"""Scores of cases as tables and as a report folder: what `septum evaluate` and training both write.

The insight: the counts (true and false positives and negatives per case and label) are the result; Dice, intervals,
tables and figures are views of them. So a `Score` holds counts only, and everything in the folder is made from a list
of scores.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.metrics import EMPTY_CASES, SCORES, Counts, JointTable, dice, joint_table, summarise
from septum.report.overlay import Example
from septum.report.page import Content, Shown, render_page

FORMAT = 1  # of evaluation.json; raised when a reader of the old format would misread the new one
FILES = ("index.html", "cases.csv", "summary.csv", "evaluation.json")
_COLUMNS = ("case", "group", "label", "name", "status", *SCORES, "pixel_error", "empty")
_COUNTS = ("reference_voxels", "prediction_voxels", "tp", "fp", "fn", "tn")


@dataclass(frozen=True)
class Score:
    """One label of one case.

    Args:
        case: name of the case.
        label: its label value.
        name: the label's name.
        counts: voxels of this label against the rest.
        pixel_error: fraction of the case's voxels whose labels differ (the same for all labels of a case).
        group: patient or specimen where it is known.
    """

    case: str
    label: int
    name: str
    counts: Counts
    pixel_error: float
    group: str | None = None

    @property
    def dice(self) -> float:
        """Dice coefficient; nan where the table of empty cases leaves it undefined."""
        return dice(self.counts)


def score_case(
    case: str,
    reference: NDArray[Any],
    prediction: NDArray[Any],
    *,
    labels: Mapping[int, str],
    ignore: Collection[int] = (),
    group: str | None = None,
) -> tuple[Score, ...]:
    """Scores of one case from two integer arrays of one shape.

    Args:
        case: its name.
        reference: labels of any shape.
        prediction: labels of the same shape.
        labels: label value to name, of the labels to score (not the background).
        ignore: voxels whose reference is one of these values are left out.
        group: patient or specimen where it is known.

    Raises:
        GeometryError: shapes that differ, or arrays that are not integer.
    """
    table = joint_table(reference, prediction)
    for value in ignore:
        table = table.without(value)
    return scores_from_table(case, table, labels=labels, group=group)


def scores_from_table(
    case: str, table: JointTable, *, labels: Mapping[int, str], group: str | None = None
) -> tuple[Score, ...]:
    """As `score_case`, from a joint table without ignored voxels."""
    error = table.pixel_error()
    return tuple(Score(case, value, name, table.counts(value), error, group) for value, name in labels.items())


def case_means(scores: Sequence[Score]) -> dict[str, float]:
    """Mean Dice over the defined labels of each case, in order of appearance; nan where no label is defined."""
    values: dict[str, list[float]] = {}
    for score in scores:
        values.setdefault(score.case, []).append(score.dice)
    return {case: _mean(found) for case, found in values.items()}


def mean_dice(scores: Sequence[Score]) -> float:
    """Mean over cases of the mean Dice over labels; nan when nothing is defined."""
    return _mean(list(case_means(scores).values()))


def _mean(values: Sequence[float]) -> float:
    defined = [v for v in values if not math.isnan(v)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def pick_examples(scores: Sequence[Score]) -> tuple[tuple[str, str], ...]:
    """`(why, case)` of the worst, the median and the best case by mean Dice; fewer where fewer cases are defined."""
    ranked = sorted(
        (mean, i, case) for i, (case, mean) in enumerate(case_means(scores).items()) if not math.isnan(mean)
    )
    cases = [case for _, _, case in ranked]
    if len(cases) < 2:
        return tuple(("only case", case) for case in cases)
    ends = (("worst", cases[0]), ("best", cases[-1]))
    return ends if len(cases) == 2 else (ends[0], ("median", cases[(len(cases) - 1) // 2]), ends[1])


def score_table(scores: Sequence[Score], *, not_scored: Sequence[tuple[str, str]] = ()) -> pd.DataFrame:
    """One row per case and label, then one per case that could not be scored (its `status` says why)."""
    rows: list[dict[str, Any]] = []
    for score in scores:
        counts, row = score.counts, score.counts.empty
        rows.append(
            {
                "case": score.case,
                "group": score.group or "",
                "label": score.label,
                "name": score.name,
                "status": "scored",
                **{name: function(counts) for name, function in SCORES.items()},
                "pixel_error": score.pixel_error,
                "empty": row.name if row else "",
                "reference_voxels": counts.reference,
                "prediction_voxels": counts.prediction,
                **dataclasses.asdict(counts),
            }
        )
    blank = {"group": "", "label": None, "name": "", "empty": ""}
    rows += [{"case": case, "status": reason, **blank} for case, reason in not_scored]
    table = pd.DataFrame(rows, columns=[*_COLUMNS, *_COUNTS])
    whole = ["label", *_COUNTS]
    table[whole] = table[whole].astype("Int64")
    return table


def summary_table(scores: Sequence[Score]) -> pd.DataFrame:
    """One row per label and score, after the rows that describe whole cases (mean over labels, pixel error).

    Columns: `label, name, metric`, the fields of `metrics.Summary`, and how often each row of the table of empty cases
    was met. Intervals resample groups where any case names its group.
    """
    table = score_table(scores)
    if table.empty:
        return pd.DataFrame(columns=["label", "name", "metric"])
    table["unit"] = table["group"].where(table["group"] != "", table["case"])
    names = list(dict.fromkeys(table["label"]))
    rows: list[dict[str, Any]] = []
    if len(names) > 1:
        means = table.groupby("case", sort=False).agg({"dice": "mean", "iou": "mean", "unit": "first"})
        rows += [
            _summary_row("", "mean over labels", metric, means[metric], means["unit"]) for metric in ("dice", "iou")
        ]
    for label in names:
        part = table[table["label"] == label]
        name, empties = str(part["name"].iloc[0]), part["empty"]
        rows += [_summary_row(label, name, metric, part[metric], part["unit"], empties) for metric in SCORES]
    first = table.drop_duplicates("case")
    rows.append(_summary_row("", "all voxels", "pixel_error", first["pixel_error"], first["unit"]))
    summary = pd.DataFrame(rows)
    met = [f"n_{row.name.replace(' ', '_')}" for row in EMPTY_CASES]
    summary[met] = summary[met].astype("Int64")
    return summary


def _summary_row(
    label: Any,
    name: str,
    metric: str,
    values: pd.Series[Any],
    units: pd.Series[Any],
    empties: pd.Series[Any] | None = None,
) -> dict[str, Any]:
    summary = summarise(values.to_numpy(dtype=float), groups=list(units))
    met = {f"n_{row.name.replace(' ', '_')}": _met(empties, row.name) for row in EMPTY_CASES}
    return {"label": label, "name": name, "metric": metric, **dataclasses.asdict(summary), **met}


def _met(empties: pd.Series[Any] | None, kind: str) -> int | None:
    return None if empties is None else int((empties == kind).sum())


def write_report(
    folder: Path,
    rows: Sequence[Score],
    *,
    title: str,
    examples: Sequence[Example] = (),
    curves: pd.DataFrame | Path | None = None,
    plan: Mapping[str, Any] | None = None,
    provenance: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    not_scored: Sequence[tuple[str, str]] = (),
    methods: pd.DataFrame | None = None,
) -> Path:
    """Write `index.html`, `cases.csv`, `summary.csv` and `evaluation.json`; returns the path of `index.html`.

    The files appear together or not at all; files of the same names are replaced, others in the folder are left alone.

    Args:
        folder: made where it does not exist.
        rows: scores, all labels of every case.
        title: heading of the page.
        examples: cases to show as pictures; the worst, median and best of them are taken.
        curves: learning curves (see `report.figures.learning_curves`) or their CSV file.
        plan: plan of the network.
        provenance: versions, seed, data, timings.
        notes: sentences to read before the numbers.
        not_scored: `(case, reason)` of cases without a score.
        methods: classical methods to show beside the scores (see `report.page.Content`).
    """
    from septum import __version__

    if isinstance(curves, Path):
        curves = pd.read_csv(curves)
    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    summary, means = summary_table(rows), case_means(rows)
    content = Content(
        title=title,
        scores=score_table(rows),
        summary=summary,
        case_means=pd.Series(means, dtype=float),
        shown=_shown(rows, examples),
        curves=curves,
        plan=plan,
        provenance=provenance,
        notes=tuple(notes),
        not_scored=tuple(not_scored),
        created=created,
        version=__version__,
        files=FILES[1:],
        methods=methods,
    )
    cases = score_table(rows, not_scored=not_scored)
    document = {
        "format": FORMAT,
        "septum": __version__,
        "created": created,
        "title": title,
        "notes": list(notes),
        "not_scored": [{"case": case, "reason": reason} for case, reason in not_scored],
        "mean_dice": means,
        "summary": summary.to_dict("records"),
        "cases": cases.to_dict("records"),
        "plan": plan,
        "provenance": provenance,
        "methods": None if methods is None else methods.to_dict("records"),
    }
    text = json.dumps(_plain(document), indent=1, ensure_ascii=False, allow_nan=False)
    _publish(
        folder,
        dict(
            zip(
                FILES, (render_page(content), cases.to_csv(index=False), summary.to_csv(index=False), text), strict=True
            )
        ),
    )
    return folder / FILES[0]


def _shown(scores: Sequence[Score], examples: Sequence[Example]) -> tuple[Shown, ...]:
    by_case = {example.case: example for example in (Example(*e) for e in examples)}
    chosen = pick_examples([score for score in scores if score.case in by_case])
    means = case_means(scores)
    return tuple(Shown(why, means[case], by_case[case]) for why, case in chosen)


def _plain(value: Any) -> Any:
    """The same value in JSON's own types; undefined numbers become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and not math.isfinite(value)):
        return None
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def refuse_results(folder: Path, *, overwrite: bool) -> None:
    """Raise `ConfigError` when `folder` is a file or already holds a report that may not be replaced."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"the output must be a folder, got the file {folder}; choose another name")
    found = [name for name in FILES if (folder / name).exists()]
    if found and not overwrite:
        raise ConfigError(f"{folder} already holds a report ({found[0]}); choose another folder or use --overwrite")


def _publish(folder: Path, files: Mapping[str, str]) -> None:
    """Write all files into a temporary folder, then put them in place: a half-written report never appears."""
    target = folder.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        for name, text in files.items():
            (work / name).write_text(text, encoding="utf-8", newline="\n")
        if target.exists():
            for name in files:
                (work / name).replace(target / name)
        else:
            work.chmod(0o777 & ~_umask())
            work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
