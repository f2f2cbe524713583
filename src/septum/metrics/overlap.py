"""How much two label maps overlap: one pass over the voxels, then arithmetic.

The insight: everything here is a function of the *joint table*, which says how many voxels carry label `r` in the
reference and label `p` in the prediction. It is counted once, in bounded memory, for all labels together; Dice,
IoU, precision, sensitivity and pixel error of every class, of all classes merged, or of other label values are then
sums over a few rows of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import as_labels, bounding_box, check_shapes, union_box
from septum.metrics.summary import UNDEFINED, EmptyCase, empty_case, empty_value

_CHUNK = 1 << 17  # voxels at a time: the int64 codes of a chunk stay in the cache (1 MB)
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
        return self.counts_of((label,))

    def counts_of(self, labels: Collection[int]) -> Counts:
        """All of `labels` together, as one region, against all other values."""
        wanted = list(labels)
        in_reference, in_prediction = np.isin(self.reference, wanted), np.isin(self.prediction, wanted)
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
    ref, pred = as_labels(reference, "reference"), as_labels(prediction, "prediction")
    check_shapes(ref, pred, spatial=False)
    if ref.ndim:  # where both are 0 nothing has to be counted
        around = union_box([bounding_box(ref), bounding_box(pred)], ndim=ref.ndim)
        inside_ref, inside_pred = ref[around].reshape(-1), pred[around].reshape(-1)
    else:
        inside_ref, inside_pred = ref.reshape(-1), pred.reshape(-1)
    table = _count(inside_ref, inside_pred)
    return _with_background(table, ref.size - inside_ref.size)


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
    _check_classes(classes, ignore)
    table = joint_table(reference, prediction).without(ignore)
    return tuple(table.counts(label) for label in classes)


def confusion_matrix(
    reference: ArrayLike, prediction: ArrayLike, *, classes: Sequence[int], ignore: int | None = None
) -> NDArray[np.int64]:
    """Voxels of each class of the reference (row) that were given each class (column).

    Args:
        reference: integer or boolean array of any shape.
        prediction: integer or boolean array of the same shape.
        classes: label values in the order of rows and columns; one that does not occur gets zeros.
        ignore: voxels that carry this value in the reference are left out.

    Returns:
        int64 array `(K, K)`.

    Raises:
        GeometryError: shapes that differ, or arrays that are not integer.
        ConfigError: repeated classes, the ignored value among them, or values that occur and are not among them:
            a voxel that falls out of the matrix would fall out of every sum over it.

    >>> confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], classes=[0, 1]).tolist()
    [[1, 1], [0, 2]]
    """
    _check_classes(classes, ignore)
    table = joint_table(reference, prediction).without(ignore)
    place = {int(value): index for index, value in enumerate(classes)}
    missing = sorted({*table.reference.tolist(), *table.prediction.tolist()} - place.keys())
    if missing:
        raise ConfigError(f"classes must name every value that occurs, got {list(classes)} without {missing}; add them")
    matrix = np.zeros((len(place), len(place)), dtype=np.int64)
    rows, columns = ([place[v] for v in side.tolist()] for side in (table.reference, table.prediction))
    matrix[rows, columns] = table.voxels
    return matrix


def dice(counts: Counts, *, policy: str = "undefined") -> float:
    """Dice similarity coefficient, 2 TP / (2 TP + FP + FN), in [0, 1]; empty masks: `POLICIES`.

    Source: Dice 1945, Ecology 26:297; Zijdenbos et al. 1994, IEEE TMI 13:716.

    >>> dice(Counts(tp=2, fp=1, fn=1, tn=0))
    0.6666666666666666
    """
    return _ratio("dice", counts, policy=policy, above=2 * counts.tp, below=2 * counts.tp + counts.fp + counts.fn)


def iou(counts: Counts, *, policy: str = "undefined") -> float:
    """Intersection over union (Jaccard index), TP / (TP + FP + FN), in [0, 1]; empty masks: `POLICIES`.

    >>> iou(Counts(tp=2, fp=1, fn=1, tn=0))
    0.5
    """
    return _ratio("iou", counts, policy=policy, above=counts.tp, below=counts.tp + counts.fp + counts.fn)


def precision(counts: Counts, *, policy: str = "undefined") -> float:
    """Fraction of the prediction that is right, TP / (TP + FP), in [0, 1]; empty masks: `POLICIES`.

    >>> precision(Counts(tp=3, fp=1, fn=2, tn=0))
    0.75
    """
    return _ratio("precision", counts, policy=policy, above=counts.tp, below=counts.tp + counts.fp)


def sensitivity(counts: Counts, *, policy: str = "undefined") -> float:
    """Fraction of the reference that was found (recall), TP / (TP + FN), in [0, 1]; empty masks: `POLICIES`.

    >>> sensitivity(Counts(tp=3, fp=1, fn=2, tn=0))
    0.6
    """
    return _ratio("sensitivity", counts, policy=policy, above=counts.tp, below=counts.tp + counts.fn)


def specificity(counts: Counts) -> float:
    """Fraction of the rest that was left alone, TN / (TN + FP), in [0, 1]; nan when the reference fills everything.

    An empty mask is nothing special here. Where the structure is small the value is close to 1 whatever was predicted.

    >>> specificity(Counts(tp=2, fp=1, fn=0, tn=3))
    0.75
    """
    return counts.tn / (counts.tn + counts.fp) if counts.tn + counts.fp else UNDEFINED


def volume_difference_ml(counts: Counts, *, spacing: Sequence[float]) -> float:
    """Predicted minus reference volume in millilitres; positive where too much was predicted; 0 for two empty masks.

    Args:
        counts: of a 3-D mask.
        spacing: positive mm per array axis, three of them.

    Raises:
        GeometryError: spacing that is not three positive numbers; a 2-D mask has an area, not a volume.

    >>> volume_difference_ml(Counts(tp=0, fp=3000, fn=1000, tn=0), spacing=(1, 1, 0.5))
    1.0
    """
    if len(spacing) != 3 or not all(0 < s < math.inf for s in spacing):
        raise GeometryError(f"spacing must hold three positive mm, got {tuple(spacing)}; a 2-D mask has no volume")
    return (counts.prediction - counts.reference) * math.prod(spacing) / 1000


def volume_difference_percent(counts: Counts, *, policy: str = "undefined") -> float:
    """Predicted minus reference volume (area in 2-D), in percent of the reference; empty masks: `POLICIES`.

    >>> volume_difference_percent(Counts(tp=0, fp=3, fn=4, tn=0))
    -25.0
    """
    decided = empty_value("volume_difference_percent", counts.empty, policy=policy)
    return 100 * (counts.prediction - counts.reference) / counts.reference if decided is None else decided


def pixel_error(reference: ArrayLike, prediction: ArrayLike, *, ignore: int | None = None) -> float:
    """Fraction of voxels whose labels differ, in [0, 1]; nan when every voxel is ignored.

    >>> pixel_error([0, 1, 1, 0], [0, 1, 0, 0])
    0.25
    """
    return joint_table(reference, prediction).without(ignore).pixel_error()


# Scores of one class, by the names they have in tables and in `EMPTY_CASES`.
SCORES = {"dice": dice, "iou": iou, "precision": precision, "sensitivity": sensitivity}

# The same and the others that need nothing but the counts.
OVERLAP_SCORES: dict[str, Callable[[Counts], float]] = {
    **SCORES,
    "specificity": specificity,
    "volume_difference_percent": volume_difference_percent,
}


def _ratio(name: str, counts: Counts, *, policy: str, above: int, below: int) -> float:
    decided = empty_value(name, counts.empty, policy=policy)
    return above / below if decided is None else decided


def _check_classes(classes: Sequence[int], ignore: int | None) -> None:
    if len(set(classes)) != len(classes):
        raise ConfigError(f"classes must be distinct, got {list(classes)}; name each value once")
    if ignore is not None and ignore in classes:
        raise ConfigError(f"the ignored value {ignore} must not be among the classes {list(classes)}; leave it out")


def _chunks(size: int) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, size, _CHUNK)]


def present(labels: NDArray[Any]) -> NDArray[np.int64]:
    """The sorted values that occur in an integer array, int64; a GeometryError where they do not fit.

    >>> present(np.array([[7, 0], [7, 2]])).tolist()
    [0, 2, 7]
    """
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


def _count(ref: NDArray[Any], pred: NDArray[Any]) -> JointTable:
    """The joint table of two flat arrays."""
    if ref.dtype == pred.dtype == np.uint8:
        return _count_bytes(ref, pred)
    rows, columns = present(ref), present(pred)
    if rows.size * columns.size <= _DENSE:
        codes, voxels = _count_dense(ref, pred, rows=rows, columns=columns)
    else:
        codes, voxels = _count_sparse(ref, pred, rows=rows, columns=columns)
    return JointTable(rows[codes // columns.size], columns[codes % columns.size], voxels)


def _with_background(table: JointTable, more: int) -> JointTable:
    """The table with `more` voxels that are 0 on both sides."""
    if not more:
        return table
    order = np.array([table.reference, table.prediction])
    place = int(np.searchsorted(order[0], 0))
    place += int(np.searchsorted(order[1][order[0] == 0], 0))
    if place < table.voxels.size and not order[:, place].any():
        voxels = table.voxels.copy()
        voxels[place] += more
        return JointTable(table.reference, table.prediction, voxels)
    reference, prediction = (np.insert(side, place, 0) for side in order)
    return JointTable(reference, prediction, np.insert(table.voxels, place, more))


def _count_bytes(ref: NDArray[np.uint8], pred: NDArray[np.uint8]) -> JointTable:
    """Bytes need no search for the values that occur: a pair of them is a 16-bit number."""
    table = np.zeros(1 << 16, dtype=np.int64)
    for part in _chunks(ref.size):
        codes = ref[part].astype(np.uint16)
        codes <<= 8
        codes |= pred[part]
        found = np.bincount(codes)
        table[: found.size] += found
    codes_found = np.flatnonzero(table).astype(np.int64)
    return JointTable(codes_found >> 8, codes_found & 255, table[codes_found])


Codes = tuple[NDArray[np.int64], NDArray[np.int64]]


def _count_dense(
    ref: NDArray[Any], pred: NDArray[Any], *, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Codes:
    table = np.zeros(rows.size * columns.size, dtype=np.int64)
    for part in _chunks(ref.size):
        codes = _ranks(ref[part], rows) * columns.size + _ranks(pred[part], columns)
        table += np.bincount(codes, minlength=table.size)
    codes = np.flatnonzero(table).astype(np.int64)
    return codes, table[codes]


def _count_sparse(
    ref: NDArray[Any], pred: NDArray[Any], *, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Codes:
    codes, voxels = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for part in _chunks(ref.size):
        more, n = np.unique(_ranks(ref[part], rows) * columns.size + _ranks(pred[part], columns), return_counts=True)
        merged, place = np.unique(np.concatenate([codes, more]), return_inverse=True)
        total = np.zeros(merged.size, dtype=np.int64)
        np.add.at(total, place, np.concatenate([voxels, n]))
        codes, voxels = merged, total
    return codes, voxels
