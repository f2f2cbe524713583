"""Scores of the Cell Tracking Challenge: SEG, DET, TRA and LNK, and the divisions.

The insight: a movie of labels is a graph, with an object in a frame as a vertex and "the same cell one frame later" or
"its daughter" as an edge. TRA prices the edits that turn the predicted graph into the reference's; only *which* object
covers which has to be known, never the voxels again. Frames therefore stream: one pair of frames is held at a time, and
what stays of it is a list of labels.

A *lineage* is an array `(tracks, 4)` of rows `L B E P`: label, first frame, last frame, label of the parent or 0.
Frames are numbered from 0 in the order in which they come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.metrics.instances import InstanceOverlap, instance_overlap
from septum.metrics.summary import UNDEFINED

# The weights of Matula et al. 2015, PLoS ONE 10:e0144959, as the challenge uses them.
SPLIT, MISSED, EXTRA = 5.0, 10.0, 1.0
EDGE_EXTRA, EDGE_MISSED, EDGE_WRONG = 1.0, 1.5, 1.0

Vertex = tuple[int, int]  # frame, label
FramePair = tuple[ArrayLike, ArrayLike]


@dataclass(frozen=True)
class SegmentationAccuracy:
    """SEG: mean IoU over `n_objects` reference objects, of which `n_found` are covered; nan without any."""

    seg: float
    n_objects: int
    n_found: int


@dataclass(frozen=True)
class FrameErrors:
    """The edits of one frame, and where they are; a link counts in the frame of its end.

    Args:
        frame: its number, from 0.
        splits: objects to cut apart.
        missed: reference objects that none covers.
        extra: predicted objects that cover none.
        edges_extra: links that the reference lacks.
        edges_missed: links that the prediction lacks.
        edges_wrong: links of the wrong kind.
        reference_labels: reference objects that any of these concerns, sorted.
        prediction_labels: predicted objects likewise.
    """

    frame: int
    splits: int
    missed: int
    extra: int
    edges_extra: int
    edges_missed: int
    edges_wrong: int
    reference_labels: tuple[int, ...]
    prediction_labels: tuple[int, ...]

    @property
    def cost(self) -> float:
        """What TRA pays for them."""
        objects = SPLIT * self.splits + MISSED * self.missed + EXTRA * self.extra
        links = EDGE_EXTRA * self.edges_extra + EDGE_MISSED * self.edges_missed + EDGE_WRONG * self.edges_wrong
        return objects + links


@dataclass(frozen=True)
class TrackingScores:
    """DET and TRA, and the edits that they price.

    Args:
        det: detection accuracy in [0, 1]; nan where the reference holds no object.
        tra: tracking accuracy in [0, 1]; nan likewise.
        lnk: linking accuracy in [0, 1], the links of `tra` alone; nan where the reference holds no link.
        splits: objects to cut apart: a predicted object that covers k reference objects counts k − 1.
        missed: reference objects that none covers.
        extra: predicted objects that cover none.
        edges_extra: links between well-found objects that the reference lacks.
        edges_missed: links of the reference that the prediction lacks.
        edges_wrong: links that are in both, once as division and once as continuation.
        n_vertices: objects of the reference over all frames.
        n_edges: links of the reference.
        divisions, divisions_found, divisions_right: objects that become two or more in the reference, in the
            prediction, and in both, in the same frame with the same daughters.
        frames: the same edits frame by frame.
    """

    det: float
    tra: float
    lnk: float
    splits: int
    missed: int
    extra: int
    edges_extra: int
    edges_missed: int
    edges_wrong: int
    n_vertices: int
    n_edges: int
    divisions: int
    divisions_found: int
    divisions_right: int
    frames: tuple[FrameErrors, ...] = field(default=(), repr=False)

    @property
    def division_f1(self) -> float:
        """2 right / (reference + found); nan where nothing divides in either."""
        total = self.divisions + self.divisions_found
        return 2 * self.divisions_right / total if total else UNDEFINED


def segmentation_accuracy(frames: Iterable[FramePair]) -> SegmentationAccuracy:
    """SEG: mean over reference objects of the IoU with the object that covers more than half of it, else 0.

    Args:
        frames: pairs (reference, prediction) of integer labels, 0 is background; each pair is dropped before the next
            one is taken.

    Raises:
        GeometryError: shapes that differ within a pair, or arrays that are not integer.

    Source: Maška et al. 2014, Bioinformatics 30:1609.

    >>> segmentation_accuracy([([1, 1, 1, 0, 2], [4, 4, 0, 0, 0])]).seg
    0.3333333333333333
    """
    total, n_objects, n_found = 0.0, 0, 0
    for reference, prediction in frames:
        overlap = instance_overlap(reference, prediction)
        covered = _covered(overlap)
        total += float(overlap.iou[covered].sum())
        n_objects += overlap.n_reference
        n_found += int(covered.sum())
    return SegmentationAccuracy(total / n_objects if n_objects else UNDEFINED, n_objects, n_found)


def score_tracking(
    frames: Iterable[FramePair], *, reference_lineage: ArrayLike, prediction_lineage: ArrayLike
) -> TrackingScores:
    """DET, TRA, LNK and the divisions of a movie.

    Args:
        frames: pairs (reference, prediction) of integer labels, frame after frame; labels name tracks, 0 is background.
        reference_lineage: rows `L B E P` of the reference, `(tracks, 4)`.
        prediction_lineage: rows `L B E P` of the prediction.

    Raises:
        GeometryError: shapes that differ within a pair, or arrays that are not integer.
        ConfigError: a lineage that contradicts its frames or itself.

    The accuracies are 1 − min(cost, cost of building the reference from nothing) / (cost of building it from nothing).
    Source: Matula et al. 2015, PLoS ONE 10:e0144959, equations 1 and 2.

    >>> movie = [([1, 1, 0, 2], [1, 1, 0, 0]), ([1, 1, 0, 2], [1, 1, 0, 0])]
    >>> truth, found = [[1, 0, 1, 0], [2, 0, 1, 0]], [[1, 0, 1, 0]]
    >>> scores = score_tracking(movie, reference_lineage=truth, prediction_lineage=found)
    >>> round(scores.det, 3), round(scores.tra, 3)
    (0.5, 0.5)
    """
    seen = _Seen()
    for reference, prediction in frames:
        seen.add(instance_overlap(reference, prediction))
    truth = _edges(seen.reference, reference_lineage, name="reference_lineage")
    drawn = _edges(seen.prediction, prediction_lineage, name="prediction_lineage")
    guess = {
        (seen.partner[start], seen.partner[end]): division
        for (start, end), division in drawn.items()
        if start in seen.partner and end in seen.partner
    }
    n_vertices = sum(len(labels) for labels in seen.reference)
    errors = _frame_errors(seen, truth, guess=guess)
    names = ("splits", "missed", "extra", "edges_extra", "edges_missed", "edges_wrong")
    edits = {name: sum(getattr(frame, name) for frame in errors) for name in names}
    detection = SPLIT * edits["splits"] + MISSED * edits["missed"] + EXTRA * edits["extra"]
    cost = sum(frame.cost for frame in errors)
    divisions, divided = _divisions(truth), _divisions(drawn)
    return TrackingScores(
        det=_accuracy(detection, MISSED * n_vertices),
        tra=_accuracy(cost, MISSED * n_vertices + EDGE_MISSED * len(truth)),
        lnk=_accuracy(cost - detection, EDGE_MISSED * len(truth)),
        **edits,
        n_vertices=n_vertices,
        n_edges=len(truth),
        divisions=len(divisions),
        divisions_found=len(divided),
        divisions_right=sum(
            mother in seen.partner
            and divisions.get(seen.partner[mother]) == {seen.partner.get(one) for one in daughters}
            for mother, daughters in divided.items()
        ),
        frames=errors,
    )


def _divisions(edges: dict[tuple[Vertex, Vertex], bool]) -> dict[Vertex, set[Vertex]]:
    """The last vertex of each track with two daughters or more, and their first vertices."""
    found: dict[Vertex, set[Vertex]] = {}
    for (start, end), division in edges.items():
        if division:
            found.setdefault(start, set()).add(end)
    return {start: ends for start, ends in found.items() if len(ends) > 1}


@dataclass
class _Seen:
    """What stays of the frames: labels on both sides, the partner of each predicted object that covers just one, and
    per frame how many to cut apart, and which reference and predicted objects stand alone or are run together."""

    reference: list[NDArray[np.int64]] = field(default_factory=list)
    prediction: list[NDArray[np.int64]] = field(default_factory=list)
    partner: dict[Vertex, Vertex] = field(default_factory=dict)
    splits: list[int] = field(default_factory=list)
    missed: list[set[int]] = field(default_factory=list)
    extra: list[set[int]] = field(default_factory=list)
    together: list[tuple[set[int], set[int]]] = field(default_factory=list)

    def add(self, overlap: InstanceOverlap) -> None:
        """Take the next frame: which predicted object covers which reference, and what is missed, extra or merged."""
        frame = len(self.reference)
        pair = np.flatnonzero(_covered(overlap))
        n_covered = np.bincount(overlap.column[pair], minlength=overlap.n_prediction)
        for index in pair[n_covered[overlap.column[pair]] == 1]:
            label = int(overlap.prediction_labels[overlap.column[index]])
            self.partner[frame, label] = (frame, int(overlap.reference_labels[overlap.row[index]]))
        run_together = pair[n_covered[overlap.column[pair]] > 1]
        found = np.zeros(overlap.n_reference, dtype=bool)
        found[overlap.row[pair]] = True
        self.splits.append(int(np.maximum(n_covered - 1, 0).sum()))
        self.missed.append(_labels(overlap.reference_labels[~found]))
        self.extra.append(_labels(overlap.prediction_labels[n_covered == 0]))
        self.together.append(
            (
                _labels(overlap.reference_labels[overlap.row[run_together]]),
                _labels(overlap.prediction_labels[overlap.column[run_together]]),
            )
        )
        self.reference.append(overlap.reference_labels)
        self.prediction.append(overlap.prediction_labels)


def _labels(labels: NDArray[np.int64]) -> set[int]:
    return {int(label) for label in labels}


def _frame_errors(
    seen: _Seen, truth: dict[tuple[Vertex, Vertex], bool], *, guess: dict[tuple[Vertex, Vertex], bool]
) -> tuple[FrameErrors, ...]:
    """The edits of every frame; `guess` in the vertices of the reference."""
    common = truth.keys() & guess.keys()
    n = len(seen.reference)
    kinds = (guess.keys() - common, truth.keys() - common, {edge for edge in common if truth[edge] != guess[edge]})
    links: list[list[list[int]]] = [[[] for _ in range(n)] for _ in kinds]
    for kind, by_frame in zip(kinds, links, strict=True):
        for _, (frame, label) in kind:
            by_frame[frame].append(label)
    own: list[dict[int, int]] = [{} for _ in range(n)]  # predicted label of the one object that covers a reference's
    for (frame, label), (_, partner) in seen.partner.items():
        own[frame][partner] = label
    found = []
    for frame in range(n):
        ends = {label for kind in links for label in kind[frame]}
        merged, by = seen.together[frame]
        found.append(
            FrameErrors(
                frame=frame,
                splits=seen.splits[frame],
                missed=len(seen.missed[frame]),
                extra=len(seen.extra[frame]),
                edges_extra=len(links[0][frame]),
                edges_missed=len(links[1][frame]),
                edges_wrong=len(links[2][frame]),
                reference_labels=tuple(sorted(seen.missed[frame] | merged | ends)),
                prediction_labels=tuple(
                    sorted(seen.extra[frame] | by | {own[frame][e] for e in ends if e in own[frame]})
                ),
            )
        )
    return tuple(found)


def _covered(overlap: InstanceOverlap) -> NDArray[np.bool_]:
    """Pairs in which the prediction covers more than half of the reference object: at most one for each."""
    return np.asarray(2 * overlap.shared > overlap.reference_size[overlap.row])


def _edges(labels: list[NDArray[np.int64]], lineage: ArrayLike, *, name: str) -> dict[tuple[Vertex, Vertex], bool]:
    """Links of a graph; True marks the link from a parent."""
    rows = _check_lineage(lineage, name, n_frames=len(labels))
    present = {(frame, int(label)) for frame, found in enumerate(labels) for label in found}
    edges: dict[tuple[Vertex, Vertex], bool] = {}
    described = set()
    for label, (first, last, parent) in rows.items():
        for frame in range(first, last + 1):
            if (frame, label) not in present:
                raise ConfigError(
                    f"{name} must agree with the frames, got label {label} from {first} to {last} which frame {frame} "
                    "lacks; give the pieces labels of their own, the first as parent of the second"
                )
            described.add((frame, label))
            if frame > first:
                edges[(frame - 1, label), (frame, label)] = False
        if parent:
            edges[(rows[parent][1], parent), (first, label)] = True
    if len(described) < len(present):
        frame, label = min(present - described)
        raise ConfigError(
            f"{name} must describe every object, got label {label} in frame {frame} without a row that covers it; "
            "add a row `L B E P`"
        )
    return edges


def _check_lineage(lineage: ArrayLike, name: str, *, n_frames: int) -> dict[int, tuple[int, int, int]]:
    table = np.asarray(lineage)
    if table.size == 0:
        return {}
    if table.ndim != 2 or table.shape[1] != 4 or not np.issubdtype(table.dtype, np.integer):
        raise ConfigError(
            f"{name} must hold whole numbers in rows `L B E P`, got {table.dtype} of shape {table.shape}; "
            "read the file of tracks as four integers a line"
        )
    rows = {int(label): (int(first), int(last), int(parent)) for label, first, last, parent in table}
    if len(rows) < len(table):
        raise ConfigError(f"{name} must name each track once, got {len(table) - len(rows)} repeated labels; merge rows")
    for label, (first, last, parent) in rows.items():
        if label < 1 or not 0 <= first <= last < n_frames:
            raise ConfigError(
                f"{name} must have labels above 0 and frames 0 to {n_frames - 1}, first before last, got row "
                f"{label} {first} {last} {parent}; number frames from 0"
            )
        if parent and (parent not in rows or rows[parent][1] >= first):
            raise ConfigError(
                f"{name} must let a parent end before its child begins, got row {label} {first} {last} {parent}; "
                "correct the parent or write 0"
            )
    return rows


def _accuracy(cost: float, from_nothing: float) -> float:
    return 1 - min(cost, from_nothing) / from_nothing if from_nothing else UNDEFINED
