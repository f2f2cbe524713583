"""How much two label maps overlap: one pass over the voxels, then arithmetic.

The insight: everything here is a function of the *joint table*, which says how many voxels carry label `r` in the
reference and label `p` in the prediction. It is counted once, in bounded memory, for all labels together; Dice,
IoU, precision, sensitivity and pixel error of every class, of all classes merged, or of other label values are then
sums over a few rows of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError
from septum.metrics.summary import UNDEFINED, EmptyCase, empty_case

_CHUNK = 1 << 20  # voxels at a time: the int64 codes of a chunk stay in the cache (8 MB)
_DENSE = 1 << 20  # largest joint table that is counted densely (8 MB)
_TABLE = 1 << 16  # label values below this are found through a look-up table


@dataclass(frozen=True)
class Counts:
    """Voxels of one class against the rest: true and false positives, false and true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def reference(self) -> int:
        """Voxels of the class in the reference."""
        return self.tp + self.fn

    @property
    def prediction(self) -> int:
        """Voxels of the class in the prediction."""
        return self.tp + self.fp

    @property
    def total(self) -> int:
        """Voxels that were compared (ignored ones left out)."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def empty(self) -> EmptyCase | None:
        """The row of `metrics.summary.EMPTY_CASES` that decides undefined scores, or None."""
        return empty_case(reference_empty=self.reference == 0, prediction_empty=self.prediction == 0)


@dataclass(frozen=True, eq=False)
class JointTable:
    """How many voxels carry which pair of labels; only pairs that occur, sorted.

    Args:
        reference: label values `(M,)` in the reference, int64.
        prediction: label values `(M,)` in the prediction, int64.
        voxels: number of voxels `(M,)` of each pair, int64, all positive.
    """

    reference: NDArray[np.int64]
    prediction: NDArray[np.int64]
    voxels: NDArray[np.int64]

    def without(self, ignore: int | None) -> JointTable:
        """The table without the voxels that the reference marks with `ignore`."""
        if ignore is None:
            return self
        keep = self.reference != ignore
        return JointTable(self.reference[keep], self.prediction[keep], self.voxels[keep])

    def counts(self, label: int) -> Counts:
        """`label` against all other values."""
        in_reference, in_prediction = self.reference == label, self.prediction == label
        tp = int(self.voxels[in_reference & in_prediction].sum())
        fn = int(self.voxels[in_reference].sum()) - tp
        fp = int(self.voxels[in_prediction].sum()) - tp
        return Counts(tp=tp, fp=fp, fn=fn, tn=int(self.voxels.sum()) - tp - fp - fn)

    def pixel_error(self) -> float:
        """Fraction of voxels whose labels differ; nan when no voxel was compared."""
        total = int(self.voxels.sum())
        return float(self.voxels[self.reference != self.prediction].sum() / total) if total else UNDEFINED


def joint_table(reference: ArrayLike, prediction: ArrayLike) -> JointTable:
    """Count every pair of labels in one pass.

    Args:
        reference: integer or boolean array of any shape.
        prediction: integer or boolean array of the same shape.

    Raises:
        GeometryError: shapes that differ, or arrays that are not integer.

    Memory beyond the inputs stays below about 50 MB and three copies of the result, whatever the size of the inputs.

    >>> table = joint_table([[0, 1, 1]], [[0, 1, 2]])
    >>> list(zip(table.reference.tolist(), table.prediction.tolist(), table.voxels.tolist()))
    [(0, 0, 1), (1, 1, 1), (1, 2, 1)]
    """
    ref, pred = _integer(reference, "reference"), _integer(prediction, "prediction")
    if ref.shape != pred.shape:
        raise GeometryError(
            f"reference and prediction must have the same shape, got {ref.shape} and {pred.shape}; "
            "resample one with `resample_labels`"
        )
    ref, pred = ref.reshape(-1), pred.reshape(-1)
    rows, columns = _present(ref), _present(pred)
    if rows.size * columns.size <= _DENSE:
        codes, voxels = _count_dense(ref, pred, rows, columns)
    else:
        codes, voxels = _count_sparse(ref, pred, rows, columns)
    return JointTable(rows[codes // columns.size], columns[codes % columns.size], voxels)


def confusion_counts(
    reference: ArrayLike, prediction: ArrayLike, *, classes: Sequence[int], ignore: int | None = None
) -> tuple[Counts, ...]:
    """Counts of each of `classes` against the rest, in the order given, from one pass.

    Args:
        reference: integer or boolean array of any shape.
        prediction: integer or boolean array of the same shape.
        classes: label values to count; a value that does not occur gets zero counts.
        ignore: voxels that carry this value in the reference are left out of everything.

    Raises:
        GeometryError: shapes that differ, or arrays that are not integer.
        ConfigError: repeated classes, or the ignored value among them.

    >>> confusion_counts([0, 1, 1, 0], [0, 1, 0, 1], classes=[1])
    (Counts(tp=1, fp=1, fn=1, tn=1),)
    """
    if len(set(classes)) != len(classes):
        raise ConfigError(f"classes must be distinct, got {list(classes)}; name each value once")
    if ignore is not None and ignore in classes:
        raise ConfigError(f"the ignored value {ignore} must not be among the classes {list(classes)}; leave it out")
    table = joint_table(reference, prediction).without(ignore)
    return tuple(table.counts(label) for label in classes)


def dice(counts: Counts) -> float:
    """Dice similarity coefficient, 2 TP / (2 TP + FP + FN), in [0, 1]; empty masks as in `EMPTY_CASES`.

    Source: Dice 1945, Ecology 26:297; Zijdenbos et al. 1994, IEEE TMI 13:716.

    >>> dice(Counts(tp=2, fp=1, fn=1, tn=0))
    0.6666666666666666
    """
    return _ratio("dice", counts, 2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def iou(counts: Counts) -> float:
    """Intersection over union (Jaccard index), TP / (TP + FP + FN), in [0, 1]; empty masks as in `EMPTY_CASES`.

    >>> iou(Counts(tp=2, fp=1, fn=1, tn=0))
    0.5
    """
    return _ratio("iou", counts, counts.tp, counts.tp + counts.fp + counts.fn)


def precision(counts: Counts) -> float:
    """Fraction of the prediction that is right, TP / (TP + FP), in [0, 1]; empty masks as in `EMPTY_CASES`."""
    return _ratio("precision", counts, counts.tp, counts.tp + counts.fp)


def sensitivity(counts: Counts) -> float:
    """Fraction of the reference that was found (recall), TP / (TP + FN), in [0, 1]; empty masks as in `EMPTY_CASES`."""
    return _ratio("sensitivity", counts, counts.tp, counts.tp + counts.fn)


def pixel_error(reference: ArrayLike, prediction: ArrayLike, *, ignore: int | None = None) -> float:
    """Fraction of voxels whose labels differ, in [0, 1]; nan when every voxel is ignored.

    >>> pixel_error([0, 1, 1, 0], [0, 1, 0, 0])
    0.25
    """
    return joint_table(reference, prediction).without(ignore).pixel_error()


# Scores of one class, by the names they have in tables and in `EMPTY_CASES`.
SCORES = {"dice": dice, "iou": iou, "precision": precision, "sensitivity": sensitivity}


def _ratio(name: str, counts: Counts, above: int, below: int) -> float:
    row = counts.empty
    return above / below if row is None else row.values[name]


def _integer(labels: ArrayLike, name: str) -> NDArray[Any]:
    array = np.asarray(labels)
    if array.dtype == bool:
        return array.view(np.uint8)
    if not np.issubdtype(array.dtype, np.integer):
        raise GeometryError(f"{name} must hold integer labels, got {array.dtype}; round or threshold it first")
    return array


def _chunks(size: int) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, size, _CHUNK)]


def _present(labels: NDArray[Any]) -> NDArray[np.int64]:
    """The sorted values that occur."""
    if not labels.size:
        return np.zeros(0, dtype=np.int64)
    if labels.min() >= 0 and labels.max() < _TABLE:
        seen = np.zeros(_TABLE, dtype=bool)
        for part in _chunks(labels.size):
            seen[labels[part]] = True
        return np.flatnonzero(seen).astype(np.int64)
    values = np.unique(np.concatenate([np.unique(labels[part]) for part in _chunks(labels.size)]))
    if values.max() > np.iinfo(np.int64).max:
        raise GeometryError(f"labels must fit a signed 64-bit integer, got {values.max()}; renumber them")
    return values.astype(np.int64)


def _ranks(labels: NDArray[Any], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of each label in the sorted `values`, every one of which it must be."""
    if values[0] >= 0 and values[-1] < _TABLE:
        lookup = np.zeros(int(values[-1]) + 1, dtype=np.int64)
        lookup[values] = np.arange(values.size)
    else:
        return np.searchsorted(values, labels).astype(np.int64, copy=False)
    ranks: NDArray[np.int64] = lookup[labels]
    return ranks


Codes = tuple[NDArray[np.int64], NDArray[np.int64]]


def _count_dense(ref: NDArray[Any], pred: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Codes:
    table = np.zeros(rows.size * columns.size, dtype=np.int64)
    for part in _chunks(ref.size):
        codes = _ranks(ref[part], rows) * columns.size + _ranks(pred[part], columns)
        table += np.bincount(codes, minlength=table.size)
    codes = np.flatnonzero(table).astype(np.int64)
    return codes, table[codes]


def _count_sparse(ref: NDArray[Any], pred: NDArray[Any], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Codes:
    codes, voxels = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for part in _chunks(ref.size):
        more, n = np.unique(_ranks(ref[part], rows) * columns.size + _ranks(pred[part], columns), return_counts=True)
        merged, place = np.unique(np.concatenate([codes, more]), return_inverse=True)
        total = np.zeros(merged.size, dtype=np.int64)
        np.add.at(total, place, np.concatenate([voxels, n]))
        codes, voxels = merged, total
    return codes, voxels
