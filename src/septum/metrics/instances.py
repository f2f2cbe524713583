"""Objects against objects: matching, average precision, panoptic quality, aggregated Jaccard, splits and merges.

The insight: every score of instances is a function of one *sparse* table, which says how many voxels each pair of
objects that touch at all has in common. It is the joint table of `metrics.overlap`, counted once; thousands of objects
in a volume make some thousands of pairs, never a square matrix. Above an IoU of 0.5 an object has at most one partner;
at 0.5 and below, partners compete, and the assignment is solved exactly on the sparse graph of the competitors.

Label 0 is background. Labels name objects within one image; they need not be consecutive or connected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from septum.errors import ConfigError
from septum.metrics.overlap import joint_table
from septum.metrics.summary import UNDEFINED

# IoU thresholds of the Data Science Bowl 2018 (Caicedo et al. 2019, Nature Methods 16:1247).
DSB_THRESHOLDS: tuple[float, ...] = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


@dataclass(frozen=True, eq=False)
class InstanceOverlap:
    """Sizes of the objects on both sides, and the voxels that pairs of them share; only pairs that touch.

    Args:
        reference_labels: `(R,)` sorted labels of the reference's objects, int64.
        prediction_labels: `(P,)` sorted labels of the prediction's objects, int64.
        reference_size: `(R,)` voxels of each, int64.
        prediction_size: `(P,)` voxels of each, int64.
        row: `(M,)` position of each pair's reference object.
        column: `(M,)` position of each pair's prediction object.
        shared: `(M,)` voxels the pair shares, all positive.
    """

    reference_labels: NDArray[np.int64]
    prediction_labels: NDArray[np.int64]
    reference_size: NDArray[np.int64]
    prediction_size: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    shared: NDArray[np.int64]

    @property
    def union(self) -> NDArray[np.int64]:
        """`(M,)` voxels that either object of a pair covers."""
        return self.reference_size[self.row] + self.prediction_size[self.column] - self.shared

    @property
    def iou(self) -> NDArray[np.float64]:
        """`(M,)` intersection over union of each pair, in (0, 1]."""
        return np.asarray(self.shared / self.union, dtype=np.float64)

    @property
    def n_reference(self) -> int:
        """Objects in the reference."""
        return int(self.reference_labels.size)

    @property
    def n_prediction(self) -> int:
        """Objects in the prediction."""
        return int(self.prediction_labels.size)


@dataclass(frozen=True, eq=False)
class Matching:
    """Pairs of objects that count as the same at one IoU threshold, and the scores that follow.

    Scores follow `metrics.summary.EMPTY_CASES`: nan where both sides hold no object; precision is nan without
    predicted objects, recall without reference objects; `sq` is nan where nothing matched (panoptic quality is then 0).

    Args:
        threshold: least IoU of a match.
        reference_labels: `(tp,)` labels of the matched reference objects, sorted.
        prediction_labels: `(tp,)` labels of their partners.
        iou: `(tp,)` their IoU.
        n_reference: objects in the reference.
        n_prediction: objects in the prediction.
    """

    threshold: float
    reference_labels: NDArray[np.int64]
    prediction_labels: NDArray[np.int64]
    iou: NDArray[np.float64]
    n_reference: int
    n_prediction: int

    @property
    def tp(self) -> int:
        """Matched pairs."""
        return int(self.iou.size)

    @property
    def fp(self) -> int:
        """Predicted objects without a partner."""
        return self.n_prediction - self.tp

    @property
    def fn(self) -> int:
        """Reference objects without a partner."""
        return self.n_reference - self.tp

    @property
    def precision(self) -> float:
        """TP / (TP + FP); 0 where objects were predicted and there are none."""
        return _ratio(self.tp, self.n_prediction)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return _ratio(self.tp, self.n_reference)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), also called recognition quality (RQ)."""
        return _ratio(2 * self.tp, self.n_reference + self.n_prediction)

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN), as StarDist and the Data Science Bowl 2018 define it (not the area under a curve)."""
        return _ratio(self.tp, self.n_reference + self.n_prediction - self.tp)

    @property
    def sq(self) -> float:
        """Segmentation quality: mean IoU of the matched pairs."""
        return float(self.iou.mean()) if self.tp else UNDEFINED

    @property
    def rq(self) -> float:
        """Recognition quality: the same as `f1`."""
        return self.f1

    @property
    def pq(self) -> float:
        """Panoptic quality, SQ · RQ (Kirillov et al. 2019, CVPR, equation 1)."""
        return self.sq * self.rq if self.tp else self.rq


@dataclass(frozen=True)
class SplitsMerges:
    """How many objects were cut apart or run together.

    `splits` counts reference objects that hold two or more predicted objects, `merges` predicted objects that hold two
    or more reference objects; `extra_pieces` and `lost_objects` count the surplus (a cell in three pieces: 1 and 2).
    """

    splits: int
    merges: int
    extra_pieces: int
    lost_objects: int


def instance_overlap(reference: ArrayLike, prediction: ArrayLike, *, ignore: int | None = None) -> InstanceOverlap:
    """The sparse table of all objects, from one pass over the voxels.

    Args:
        reference: integer labels of any shape, 0 is background.
        prediction: integer labels of the same shape.
        ignore: voxels that carry this value in the reference are left out on both sides; a predicted object that lies
            wholly there is no object.

    Raises:
        GeometryError: shapes that differ, or arrays that are not integer.

    >>> overlap = instance_overlap([1, 1, 0, 2], [7, 7, 7, 0])
    >>> overlap.n_reference, overlap.n_prediction, overlap.iou.round(3).tolist()
    (2, 1, [0.667])
    """
    table = joint_table(reference, prediction).without(ignore)
    rows, row = np.unique(table.reference, return_inverse=True)
    columns, column = np.unique(table.prediction, return_inverse=True)
    # bincount sums in float64, exact up to 2^53 voxels.
    reference_size = np.bincount(row, table.voxels, minlength=rows.size).astype(np.int64)
    prediction_size = np.bincount(column, table.voxels, minlength=columns.size).astype(np.int64)
    objects = (table.reference != 0) & (table.prediction != 0)
    return InstanceOverlap(
        reference_labels=rows[rows != 0],
        prediction_labels=columns[columns != 0],
        reference_size=reference_size[rows != 0],
        prediction_size=prediction_size[columns != 0],
        row=(np.cumsum(rows != 0) - 1)[row[objects]],
        column=(np.cumsum(columns != 0) - 1)[column[objects]],
        shared=table.voxels[objects],
    )


def match_instances(overlap: InstanceOverlap, *, threshold: float = 0.5) -> Matching:
    """Match objects one to one at an IoU of at least `threshold`.

    Among all one-to-one matchings it takes one with the most pairs and, of these, the largest sum of IoU (as StarDist
    does). Which of several equal ones is taken is undefined; above 0.5 there is only one.

    Args:
        overlap: from `instance_overlap`.
        threshold: least IoU of a match, above 0 and at most 1.

    Raises:
        ConfigError: a threshold out of range.

    >>> match_instances(instance_overlap([1, 1, 0, 2], [7, 7, 7, 0])).tp
    1
    """
    if not 0 < threshold <= 1:
        raise ConfigError(f"threshold must be above 0 and at most 1, got {threshold}; 0.5 is customary")
    iou = overlap.iou
    candidates = np.flatnonzero(iou >= threshold)
    chosen = candidates[
        _assign(overlap.row[candidates], overlap.column[candidates], iou=iou[candidates], count_first=True)
    ]
    chosen = chosen[np.argsort(overlap.row[chosen])]
    return Matching(
        threshold=threshold,
        reference_labels=overlap.reference_labels[overlap.row[chosen]],
        prediction_labels=overlap.prediction_labels[overlap.column[chosen]],
        iou=iou[chosen],
        n_reference=overlap.n_reference,
        n_prediction=overlap.n_prediction,
    )


def average_precision(overlap: InstanceOverlap, *, thresholds: Sequence[float] = DSB_THRESHOLDS) -> NDArray[np.float64]:
    """TP / (TP + FP + FN) at each threshold, `(T,)` in [0, 1]; its mean is the score of the Data Science Bowl 2018.

    Raises:
        ConfigError: a threshold out of range.

    >>> average_precision(instance_overlap([1, 1, 1, 0], [1, 1, 0, 0]), thresholds=[0.5, 0.9]).tolist()
    [1.0, 0.0]
    """
    return np.array([match_instances(overlap, threshold=t).average_precision for t in thresholds], dtype=np.float64)


def aggregated_jaccard(overlap: InstanceOverlap, *, one_to_one: bool = False) -> float:
    """Aggregated Jaccard index (AJI), in [0, 1]: shared voxels of all pairs over their union and all that is left over.

    Args:
        overlap: from `instance_overlap`.
        one_to_one: False, as published: each reference object takes the prediction with the largest IoU, and several
            may take the same. True: AJI+, the one-to-one assignment with the largest sum of IoU.

    nan where neither side holds an object. Which of two equally good predictions is taken is the one with the smaller
    label. Source: Kumar et al. 2017, IEEE TMI 36:1550, algorithm 1; AJI+: Graham et al. 2019, Med Image Anal 58:101563.

    >>> aggregated_jaccard(instance_overlap([1, 1, 0, 2], [7, 7, 7, 0]))
    0.5
    """
    iou = overlap.iou
    if one_to_one:
        chosen = _assign(overlap.row, overlap.column, iou=iou, count_first=False)
    else:
        order = np.lexsort((overlap.column, -iou, overlap.row))
        first = np.ones(order.size, dtype=bool)
        first[1:] = overlap.row[order][1:] != overlap.row[order][:-1]
        chosen = order[first]
    shared, union = int(overlap.shared[chosen].sum()), int(overlap.union[chosen].sum())
    alone = np.ones(overlap.n_reference, dtype=bool)
    alone[overlap.row[chosen]] = False
    unused = np.ones(overlap.n_prediction, dtype=bool)
    unused[overlap.column[chosen]] = False
    total = union + int(overlap.reference_size[alone].sum()) + int(overlap.prediction_size[unused].sum())
    return _ratio(shared, total)


def splits_and_merges(overlap: InstanceOverlap, *, inside: float = 0.5) -> SplitsMerges:
    """Count objects cut apart and objects run together.

    An object lies in another when more than `inside` of its voxels do. A reference object that holds two or more
    predicted ones is split; a predicted object that holds two or more reference ones is a merge. An object may be both.

    Args:
        overlap: from `instance_overlap`.
        inside: fraction in [0.5, 1): from 0.5 on, an object lies in at most one other.

    Raises:
        ConfigError: a fraction out of range.

    >>> splits_and_merges(instance_overlap([1, 1, 1, 1], [1, 1, 2, 2])).splits
    1
    """
    if not 0.5 <= inside < 1:
        raise ConfigError(f"inside must be at least 0.5 and below 1, got {inside}; 0.5 is customary")
    pieces = overlap.shared > inside * overlap.prediction_size[overlap.column]
    swallowed = overlap.shared > inside * overlap.reference_size[overlap.row]
    held = np.bincount(overlap.row[pieces], minlength=overlap.n_reference)
    holds = np.bincount(overlap.column[swallowed], minlength=overlap.n_prediction)
    return SplitsMerges(
        splits=int((held > 1).sum()),
        merges=int((holds > 1).sum()),
        extra_pieces=int(np.maximum(held - 1, 0).sum()),
        lost_objects=int(np.maximum(holds - 1, 0).sum()),
    )


def _assign(
    row: NDArray[np.int64], column: NDArray[np.int64], *, iou: NDArray[np.float64], count_first: bool
) -> NDArray[np.intp]:
    """Positions of the pairs of the best one-to-one assignment: largest sum of IoU, or first the most pairs."""
    if not row.size:
        return np.zeros(0, dtype=np.intp)
    rivals = (np.bincount(row)[row] > 1) | (np.bincount(column)[column] > 1)
    free, contested = np.flatnonzero(~rivals), np.flatnonzero(rivals)
    if not contested.size:
        return free
    rows, r = np.unique(row[contested], return_inverse=True)
    columns, c = np.unique(column[contested], return_inverse=True)
    # The IoU of a whole assignment sums to at most the shorter side, so it never outweighs one more pair.
    gain = 1 + iou[contested] / (2 * min(rows.size, columns.size)) if count_first else iou[contested]
    # The solver must give every row a column: each has one more of its own that gains nothing, and stands for "alone".
    # All gains are raised by 1, which changes no choice, because the solver drops zeros.
    own = np.arange(rows.size)
    graph = coo_array(
        (
            np.concatenate([gain, np.zeros(rows.size)]) + 1,
            (np.concatenate([r, own]), np.concatenate([c, columns.size + own])),
        ),
        shape=(rows.size, columns.size + rows.size),
    ).tocsr()
    _, partner = min_weight_full_bipartite_matching(graph, maximize=True)
    return np.concatenate([free, contested[partner[r] == c]])


def _ratio(above: int, below: int) -> float:
    return above / below if below else UNDEFINED
