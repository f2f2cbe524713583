"""What the label values of both sides mean: which are scored, which are one class, and what is probably a mistake.

The insight: 1, 255 and 65535 all say "yes", object numbers are no classes, and a background of 255 turns every score
upside down. So the meaning of the values is decided once for all cases, from the tables of pairs that occurred, before
anything is scored; and whatever was decided or looks odd becomes a sentence in the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import DatasetError
from septum.metrics import Counts, JointTable, dice
from septum.workflows.data.cases import UNANNOTATED, Dataset
from septum.workflows.data.classes import ClassMap, LabelSummary, _narrow, classes_from, perhaps_ids
from septum.workflows.data.regions import painted_regions
from septum.workflows.evaluation.pairs import MeasuredPair
from septum.workflows.runs.words import some
from septum.workflows.scores.scores import Score

BINARY_CODES = frozenset({1, 255, 65535})
"""Values by which files mark "yes" in a mask that knows only yes and no."""


@dataclass(frozen=True)
class Coding:
    """How label values of either side become the values that are scored.

    `recode` changes single values on both sides; `foreground` is the value that all but the background then become
    (None: values are classes); `labels` names the values that are scored.
    Where regions are scored, `labels` names their numbers, `members` lists the values of each, and `names` names these.
    """

    background: int
    ignore: int | None
    foreground: int | None
    recode: Mapping[int, int]
    labels: Mapping[int, str]
    members: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def written(self) -> Mapping[int, str]:
        """Names of the values that `reference` and `prediction` return."""
        return self.names if self.members else self.labels

    def mask(self, values: NDArray[Any], label: int) -> NDArray[np.bool_]:
        """Where scored values belong to one of `labels`."""
        return np.isin(values, self.members[label]) if self.members else values == label

    def drawn(self, values: NDArray[Any]) -> NDArray[Any]:
        """Scored values as one of `labels` each, for a picture."""
        return painted_regions(values, self.members, background=self.background) if self.members else values

    @property
    def unscored(self) -> set[int]:
        """Values that are never scored: background, ignored and unannotated samples."""
        return {self.background, UNANNOTATED} | (set() if self.ignore is None else {self.ignore})

    def reference(self, values: NDArray[Any]) -> NDArray[Any]:
        """Scored values of reference labels."""
        coded = values
        for old, new in self.recode.items():
            coded = np.where(values == old, _narrow(new), coded)
        if self.foreground is None:
            return coded
        return np.where(coded == self.background, _narrow(self.background), _narrow(self.foreground))

    def prediction(self, values: NDArray[Any]) -> NDArray[Any]:
        """Scored values of predicted labels; a prediction of "ignored" counts as background."""
        hidden = self.ignore is not None and values == self.ignore
        return self.reference(values if hidden is False else np.where(hidden, _narrow(self.background), values))

    def apply(self, table: JointTable) -> JointTable:
        """The joint table in scored values, without ignored voxels."""
        table = table.without(self.ignore)
        reference, prediction = self.reference(table.reference), self.prediction(table.prediction)
        return JointTable(reference.astype(np.int64), prediction.astype(np.int64), table.voxels)


def unite(codings: Mapping[str, Coding]) -> dict[str, Coding]:
    """The codings of several sets of masks, all scoring the labels that any of them scores."""
    labels: dict[int, str] = {}
    for coding in codings.values():
        labels |= {value: name for value, name in coding.labels.items() if value not in labels}
    ordered = dict(sorted(labels.items()))
    return {name: replace(coding, labels=ordered) for name, coding in codings.items()}


def decide_coding(
    dataset: Dataset, measured: Sequence[MeasuredPair], *, background: int, foreground: bool | None
) -> tuple[Coding, list[str]]:
    """Which labels are scored, and how the values of both sides become them; with notes.

    Raises:
        DatasetError: nothing but background, or reference labels that are not declared.
    """
    ignore = dataset.ignore_value
    sides = [_values(m.table.reference for m in measured), _values(m.table.prediction for m in measured)]
    recode, notes = _recode(sides, ignore, background=background)
    expected, predicted = ({recode.get(v, v) for v in side} - {background, ignore, UNANNOTATED} for side in sides)
    if not expected and not predicted:
        raise DatasetError(f"masks must hold more than background ({background}), got only that; check --background")
    if not any(background in {recode.get(v, v) for v in side} for side in sides):
        notes.append(f"The background value {background} occurs in no mask: every voxel is scored. Check --background.")
    names: dict[int, str] = {}
    merged = bool(foreground)
    said = perhaps_ids(expected, dataset.label_names) if foreground is None else ""
    if expected:
        summaries = [_recoded(m.summary, recode) for m in measured]
        classes = classes_from(dataset, summaries, background=background, foreground=foreground)
        names, merged = dict(zip(classes.values[1:], classes.names[1:], strict=True)), classes.foreground
        notes += [note[0].upper() + note[1:] + "." for note in classes.notes if merged]
    if merged:
        value = next(iter(names), 2 if background == 1 else 1)
        return Coding(background, ignore, value, recode, {value: "foreground"}), notes
    if expected and classes.regions:
        return _of_regions(classes, predicted, notes=notes)
    notes += [f"{said[0].upper()}{said[1:]} If so, pass --foreground or --instances."] if said else []
    notes += _one_sided(expected, predicted, names=names)
    labels = {value: names.get(value, f"label {value}") for value in sorted({*names, *predicted})}
    if len(labels) == 1:
        labels = {value: names.get(value, "foreground") for value in labels}
    return Coding(background, ignore, None, recode, labels), notes


def _of_regions(classes: ClassMap, predicted: set[int], *, notes: Sequence[str]) -> tuple[Coding, list[str]]:
    """The coding where regions are scored: a single one by one value, several by their numbers."""
    background, known = classes.values[0], set(classes.values)
    more = [f"Scored are regions: {'; '.join(map(str, classes.regions))}."]
    if strange := sorted(predicted - known):
        more.append(f"Predicted values of no region count as background: {some([str(v) for v in strange])}.")
    if len(classes.regions) == 1:
        (region,) = classes.regions
        first = region.values[0]
        recode = dict.fromkeys(region.values[1:], first) | dict.fromkeys(strange, background)
        return Coding(background, classes.ignore, None, recode, {first: region.name}), [*notes, *more]
    names = dict(list(zip(classes.values, classes.names, strict=True))[1:])
    recode = dict.fromkeys(strange, background)
    coding = Coding(background, classes.ignore, None, recode, classes.scored, classes.members, names)
    return coding, [*notes, *more]


def _values(columns: Iterable[NDArray[Any]]) -> set[int]:
    return {int(value) for column in columns for value in np.unique(column)}


def _recode(sides: Sequence[set[int]], ignore: int | None, *, background: int) -> tuple[dict[int, int], list[str]]:
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


def _one_sided(expected: set[int], predicted: set[int], *, names: Mapping[int, str]) -> list[str]:
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


def suspicions(scores: Sequence[Score], coding: Coding, *, membranes: bool = False) -> list[str]:
    """Sentences about masks that are probably not what the user thinks they are.

    membranes: scores of electron microscopy are wanted, for which the scored label is the inside of cells.
    """
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
    if membranes:
        if covered and float(np.median(covered)) < 0.5:
            notes.append(
                f"V_rand and V_info take the scored label {value} ({name}) for the inside of cells, but it covers only "
                f"{100 * float(np.median(covered)):.0f} % of the image in the median case: these look like the "
                "membranes, and the scores would be of the wrong side. Exchange the background (--background)."
            )
        return notes
    if covered and float(np.median(covered)) > 0.6:
        notes.append(
            f"The scored label {value} ({name}) covers {100 * float(np.median(covered)):.0f} % of the image in the "
            f"median case; if it is the background, evaluate again with --background {value}."
        )
    return notes


def _inverted(counts: Counts) -> Counts:
    """The counts of the same reference against the complement of the prediction."""
    return Counts(tp=counts.fn, fp=counts.tn, fn=counts.tp, tn=counts.fp)
