"""`septum evaluate`: two sets of masks in, a report out.

The insight: most wrong evaluations are not wrong arithmetic but wrong *pairs*: another grid, another coding of the same
mask, a case that silently fell out, an inverted mask. So this module pairs, checks and says what it found; the
arithmetic is one table per case (`metrics.overlap.JointTable`), counted once, from which every decision made later
(which labels, one foreground or many, which coding) is still open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from septum.errors import DatasetError
from septum.io import naming
from septum.metrics import Counts, JointTable, dice
from septum.project.cases import UNANNOTATED, Case, Dataset, load_image, load_labels
from septum.project.classes import LabelSummary, classes_from
from septum.project.folders import some
from septum.project.pairs import Measured, Pair, image_cases, mask_cases, measure, pair_up, read_mask, reference_cases
from septum.project.scores import (
    Score,
    mean_dice,
    pick_examples,
    refuse_results,
    score_case,
    scores_from_table,
    summary_table,
    write_report,
)
from septum.report.overlay import Example

__all__ = ["EvaluationResult", "Score", "evaluate", "pick_examples", "score_case", "write_report"]

BINARY_CODES = frozenset({1, 255, 65535})
"""Values by which files mark "yes" in a mask that knows only yes and no."""


@dataclass(frozen=True)
class EvaluationResult:
    """What an evaluation found: the report, scores per case and label, and what could not be scored."""

    report: Path
    scores: tuple[Score, ...]
    notes: tuple[str, ...]
    missing_predictions: tuple[str, ...]
    missing_references: tuple[str, ...]
    summary: pd.DataFrame = field(repr=False, compare=False)

    @property
    def mean_dice(self) -> float:
        """Mean over cases of the mean Dice over labels; nan when nothing is defined."""
        return mean_dice(self.scores)


@dataclass(frozen=True)
class Coding:
    """How label values of either side become the values that are scored.

    `recode` changes single values on both sides; `foreground` is the value that all but the background then become
    (None: values are classes); `labels` names the values that are scored.
    """

    background: int
    ignore: int | None
    foreground: int | None
    recode: Mapping[int, int]
    labels: Mapping[int, str]

    def reference(self, values: NDArray[Any]) -> NDArray[Any]:
        """Scored values of reference labels."""
        coded = values.astype(np.int64)
        for old, new in self.recode.items():
            coded[values == old] = new
        if self.foreground is None:
            return coded
        return np.where(coded == self.background, self.background, self.foreground)

    def prediction(self, values: NDArray[Any]) -> NDArray[Any]:
        """Scored values of predicted labels; a prediction of "ignored" counts as background."""
        return self.reference(
            values if self.ignore is None else np.where(values == self.ignore, self.background, values)
        )

    def apply(self, table: JointTable) -> JointTable:
        """The joint table in scored values, without ignored voxels."""
        table = table.without(self.ignore)
        return JointTable(self.reference(table.reference), self.prediction(table.prediction), table.voxels)


def evaluate(
    predictions: Path,
    references: Path,
    output: Path,
    *,
    images: Path | None = None,
    background: int = 0,
    foreground: bool | None = None,
    axes: str | None = None,
    overwrite: bool = False,
    on_progress: Callable[[str, float], None] = lambda case, fraction: None,
    on_note: Callable[[str], None] = lambda note: None,
) -> EvaluationResult:
    """Measure predicted masks against reference masks and write a report folder.

    Args:
        predictions: a folder of masks, or one mask.
        references: a folder of masks, one mask, or a data set in any layout that `load_dataset` knows.
        output: folder for `index.html`, `cases.csv`, `summary.csv` and `evaluation.json`.
        images: a folder of images or a data set to show masks on; taken from the references where they have images.
        background: label value that is not scored (255 where 0 marks the structure).
        foreground: score all other values as one class; None decides as training does (instance ids become one class).
        axes: meaning of the axes of multi-page files, such as `"TYX"`.
        overwrite: replace a report in `output`.
        on_progress: called with a case's name and the fraction done.
        on_note: called with every sentence the reader should know; all of them are in the report too.

    Raises:
        DatasetError: nothing to compare, names that occur twice, or reference labels that are not declared.
        GeometryError: a prediction on another grid than its reference.
        FormatError: a file that cannot be read or holds no labels.
        ConfigError: `output` already holds a report.
    """
    refuse_results(output, overwrite=overwrite)
    dataset = reference_cases(references, axes)
    pairs, missing, surplus, notes = pair_up(dataset, mask_cases(predictions, axes))
    measured = measure(pairs, background, on_progress)
    coding, more = _decide(dataset, measured, background=background, foreground=foreground)
    scores = tuple(
        score
        for m in measured
        for score in scores_from_table(m.case.id, coding.apply(m.table), labels=coding.labels, group=m.case.group)
    )
    notes += more + _suspicions(scores, coding)
    pictures, note = image_cases(images, references, dataset, axes)
    notes += note
    for sentence in notes:
        on_note(sentence)
    chosen = {case for _, case in pick_examples(scores)}
    report = write_report(
        output,
        scores,
        title=f"Evaluation: {predictions.name} against {references.name}",
        examples=[_example(pair, coding, pictures.get(pair.case.id)) for pair in pairs if pair.case.id in chosen],
        provenance=_provenance(predictions, references, coding, axes),
        notes=notes,
        not_scored=[(c, "no prediction") for c in missing] + [(c, "no reference") for c in surplus],
    )
    return EvaluationResult(report, scores, tuple(notes), missing, surplus, summary_table(scores))


def _decide(
    dataset: Dataset, measured: Sequence[Measured], *, background: int, foreground: bool | None
) -> tuple[Coding, list[str]]:
    """Which labels are scored, and how the values of both sides become them."""
    ignore = dataset.ignore_value
    sides = [_values(m.table.reference for m in measured), _values(m.table.prediction for m in measured)]
    recode, notes = _recode(sides, ignore, background)
    expected, predicted = ({recode.get(v, v) for v in side} - {background, ignore, UNANNOTATED} for side in sides)
    if not expected and not predicted:
        raise DatasetError(f"masks must hold more than background ({background}), got only that; check --background")
    if not any(background in {recode.get(v, v) for v in side} for side in sides):
        notes.append(f"The background value {background} occurs in no mask: every voxel is scored. Check --background.")
    names: dict[int, str] = {}
    merged = bool(foreground)
    if expected:
        summaries = [_recoded(m.summary, recode) for m in measured]
        classes = classes_from(dataset, summaries, background=background, foreground=foreground)
        names, merged = dict(zip(classes.values[1:], classes.names[1:], strict=True)), classes.foreground
        notes += [note[0].upper() + note[1:] + "." for note in classes.notes if merged]
    if merged:
        value = next(iter(names), 2 if background == 1 else 1)
        return Coding(background, ignore, value, recode, {value: "foreground"}), notes
    notes += _one_sided(expected, predicted, names)
    labels = {value: names.get(value, f"label {value}") for value in sorted({*names, *predicted})}
    if len(labels) == 1:
        labels = {value: names.get(value, "foreground") for value in labels}
    return Coding(background, ignore, None, recode, labels), notes


def _values(columns: Iterable[NDArray[Any]]) -> set[int]:
    return {int(value) for column in columns for value in np.unique(column)}


def _recode(sides: Sequence[set[int]], ignore: int | None, background: int) -> tuple[dict[int, int], list[str]]:
    """`{value: value}` when both sides are {0, x} with another customary x, else nothing; and a note.

    1, 255 and 65535 are what programs write for "yes"; any other difference may be another class and is left alone.
    The value of the background is kept where it is one of them, else the value of the references.
    """
    ones = [side - {0, ignore, UNANNOTATED} for side in sides]
    if any(len(one) != 1 or not one <= BINARY_CODES for one in ones) or ones[0] == ones[1]:
        return {}, []
    (reference,), (prediction,) = ones
    old, new = (reference, prediction) if prediction == background else (prediction, reference)
    note = f"Both sides are yes/no masks: {prediction} in the predictions is read as {reference} in the references."
    return {old: new}, [note]


def _recoded(summary: LabelSummary, recode: Mapping[int, int]) -> LabelSummary:
    """The summary of labels after `recode`, which never makes two values one."""
    return replace(summary, counts={recode.get(value, value): count for value, count in summary.counts.items()})


def _one_sided(expected: set[int], predicted: set[int], names: Mapping[int, str]) -> list[str]:
    notes = []
    if extra := sorted(predicted - expected):
        notes.append(
            f"Predicted but in no reference: label {some([_named(v, names) for v in extra])}; "
            "it is scored, with Dice 0 wherever it was predicted."
        )
    if never := sorted(expected - predicted):
        notes.append(f"In the references but never predicted: label {some([_named(v, names) for v in never])}.")
    return notes


def _named(value: int, names: Mapping[int, str]) -> str:
    name = names.get(value, "")
    return f"{value} ({name})" if name and not name.startswith("label ") else str(value)


def _suspicions(scores: Sequence[Score], coding: Coding) -> list[str]:
    """Sentences about masks that are probably not what the user thinks they are."""
    notes = []
    if len({score.case for score in scores}) > 1 and all(s.counts.fp == s.counts.fn == 0 for s in scores):
        notes.append(
            "Predictions and references are equal in every voxel of every case; are they copies of each other?"
        )
    if len(coding.labels) != 1:
        return notes
    ((value, name),) = coding.labels.items()
    found = np.array([dice(s.counts) for s in scores])
    swapped = np.array([dice(_inverted(s.counts)) for s in scores])
    error = np.array([s.pixel_error for s in scores])
    known = ~(np.isnan(found) | np.isnan(swapped))
    if known.any() and np.median(error[known]) > 0.5 and np.median((swapped - found)[known]) > 0.2:
        notes.append(
            f"The predictions look inverted: with foreground and background exchanged their median Dice would be "
            f"{np.median(swapped[known]):.3f} instead of {np.median(found[known]):.3f}. "
            "Check which value marks the structure."
        )
    covered = [s.counts.reference / s.counts.total for s in scores if s.counts.total]
    if covered and float(np.median(covered)) > 0.6:
        notes.append(
            f"The scored label {value} ({name}) covers {100 * float(np.median(covered)):.0f} % of the image in the "
            f"median case; if it is the background, evaluate again with --background {value}."
        )
    return notes


def _inverted(counts: Counts) -> Counts:
    """The counts of the same reference against the complement of the prediction."""
    return Counts(tp=counts.fn, fp=counts.tn, fn=counts.tp, tn=counts.fp)


def _example(pair: Pair, coding: Coding, picture: Case | None) -> Example:
    """The arrays of one case for the report, in scored values with the background as 0."""
    reference, prediction = load_labels(pair.case), read_mask(pair.prediction)
    hidden = {coding.background, UNANNOTATED, coding.ignore}
    shown = coding.reference(
        np.where(np.isin(reference.array, [v for v in hidden if v is not None]), coding.background, reference.array)
    )
    image = None
    if picture is not None:
        found = load_image(replace(picture, label=None)).array
        image = found if found.shape[1:] == reference.grid.shape else None
    suffix = naming.suffix(pair.case.label.path) if pair.case.label else ""
    unit = set(reference.grid.spacing) == {1.0}
    sized = suffix not in naming.RASTER and not (suffix in naming.TIFF and unit)
    anatomy = reference.grid.ndim == 3 and suffix not in naming.RASTER + naming.TIFF  # a stack of sections has no left
    return Example(
        pair.case.id,
        image,
        _from_zero(shown, coding.background),
        _from_zero(coding.prediction(prediction.array), coding.background),
        reference.grid.spacing if sized else None,
        reference.grid.orientation if anatomy else None,
    )


def _from_zero(labels: NDArray[Any], background: int) -> NDArray[Any]:
    """Labels whose background is 0, and whose value 0 (where the structure is marked by it) is not."""
    if background == 0:
        return labels
    highest = int(labels.max()) + 1
    return np.where(labels == background, 0, np.where(labels == 0, highest, labels))


def _provenance(predictions: Path, references: Path, coding: Coding, axes: str | None) -> dict[str, Any]:
    return {
        "predictions": str(predictions),
        "references": str(references),
        "background": coding.background,
        "ignored label": coding.ignore,
        "labels": {str(value): name for value, name in coding.labels.items()},
        "all values as one foreground": coding.foreground is not None,
        "axes": axes,
        "intervals": "percentile bootstrap, 2000 resamples, 95 %, seed 0",
    }
