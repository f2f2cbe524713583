"""How many objects there are likely to be, how far that may be off, and how likely each object is right.

The insight: what a network invents and what it misses cancel in part, so a count can be good where the objects are not,
and the other way round. Images that were held out show both: how many objects were annotated and found, and which of
these were right. The count of a later image is corrected by what they show, and its interval is as wide as their counts
were off, each corrected by the others. Held-out images that nobody would count by, because most of what was found in
them is no object of this kind or their network failed, teach nothing and are said to be left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.metrics.instances import instance_overlap, match_instances
from septum.workflows.quality.calibration import FEWEST
from septum.workflows.quality.count_reach import Reach, usual_ratio
from septum.workflows.quality.doubtful import ObjectForms, ObjectRanges, are_odd, mostly_odd, object_forms, odd_limit

SAME_IOU = 0.5
"""IoU from which on a found object is an annotated one; also that of the expected average precision."""


_PRIOR_OBJECTS = 4.0  # objects of the usual share that each step of the calibration is thought to hold more


_PRIOR_COUNT = 1.0  # objects thought to be annotated and right beyond those that were


_MOST_PARTS = 20  # times that counts are learnt without some of the images: without each of up to 20


_MOST = 1e9  # objects of an image: beyond, a file is damaged


_CLEARLY_BETTER = 0.9  # times the error of plain counts from which on confidences decide the count


_FAILED = 0.25  # share of the others' F1 score below which a network failed on the images that it judged


LeftOut = Literal["", "odd", "judge"]
"""Why a held-out image teaches nothing: most of its objects are unlike annotated ones, or its network failed."""


@dataclass(frozen=True, eq=False)
class HeldObjects:
    """The objects of a held-out image.

    Args:
        case: its name.
        annotated: how many are annotated.
        confidence: `(n,)` of the found ones, 0 to 1.
        right: `(n,)` whether each is an annotated one (IoU of at least 0.5, one to one).
        forms: of the found ones; None where nobody measured them.
        judge: number of the network that found them.
    """

    case: str
    annotated: int
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]
    forms: ObjectForms | None = None
    judge: int = 0


def compare_objects(
    annotated: NDArray[Any],
    found: NDArray[Any],
    *,
    confidence: ArrayLike,
    spacing: Sequence[float],
    case: str = "",
    judge: int = 0,
) -> HeldObjects:
    """Which found objects are right.

    A found object that lies mostly where nothing is annotated is left out, unless it is right.

    Args:
        annotated: ids of `(Y, X)` or `(Z, Y, X)`, 0 for background, -1 where nothing is annotated.
        found: ids 1 to n of the same shape.
        confidence: `(n,)` of the found objects, by id.
        spacing: of the samples, per axis.
        case: name of the image.
        judge: number of the network.

    >>> annotated, found = np.array([[1, 1, 0, 2, -1]]), np.array([[1, 1, 2, 0, 3]])
    >>> seen = compare_objects(annotated, found, confidence=[0.9, 0.2, 0.7], spacing=(1.0, 1.0))
    >>> seen.annotated, seen.confidence.tolist(), seen.right.tolist()
    (2, [0.9, 0.2], [True, False])
    """
    ids = found.astype(np.int64)
    overlap = instance_overlap(annotated, ids, ignore=-1)
    right = np.isin(overlap.prediction_labels, match_instances(overlap, threshold=SAME_IOU).prediction_labels)
    whole = np.bincount(ids.ravel(), minlength=1)[overlap.prediction_labels]
    kept = right | (2 * overlap.prediction_size >= whole)
    own = overlap.prediction_labels[kept]
    sure = np.asarray(confidence, np.float64)[own - 1]
    forms = object_forms(np.where(np.isin(ids, own), ids, 0), spacing=spacing)
    return HeldObjects(case, overlap.n_reference, sure, right[kept], forms, judge)


@dataclass(frozen=True)
class CountedImage:
    """A held-out image: annotated, found and right objects, the count expected from what the others show, how many of
    the found objects are unlike annotated ones, and why it teaches nothing (empty where it does)."""

    case: str
    annotated: int
    found: int
    right: int
    expected: float
    odd: int = 0
    left_out: LeftOut = ""


@dataclass(frozen=True)
class CountQuality:
    """What a model of single objects knows of its counts, the part `counts` of `MODEL/quality.json`.

    Args:
        images: that were held out.
        knots: (confidence, probability of being right), both rising; lines between them, level beyond. Empty where no
            object was found in them.
        by_confidence: the count is that of the objects that are likely right divided by `recall`, which was clearly
            better; else the found ones times `ratio`.
        by_others: other networks judged than those that predict. They saw fewer images, and what they miss and invent
            the better ones do only in part, so that a count is corrected half-way (by the square root).
        ranges: of the annotated objects; None where they are few.
    """

    images: tuple[CountedImage, ...] = ()
    knots: tuple[tuple[float, float], ...] = ()
    by_confidence: bool = False
    ranges: ObjectRanges | None = None
    by_others: bool = False

    @cached_property
    def teaching(self) -> tuple[CountedImage, ...]:
        """The images that teach something."""
        return tuple(one for one in self.images if not one.left_out)

    @cached_property
    def recall(self) -> float:
        """Share of the annotated objects that was found."""
        return _recall([one.right for one in self.teaching], [one.annotated for one in self.teaching])

    @cached_property
    def ratio(self) -> float:
        """Annotated objects for each found one."""
        return usual_ratio([one.annotated for one in self.teaching], [one.found for one in self.teaching])

    @cached_property
    def reach(self) -> Reach | None:
        """How far counts may be off; None where no interval can be given."""
        told = self.teaching
        if len(told) < FEWEST or not self.knots:
            return None
        return Reach.of([one.expected for one in told], [one.annotated for one in told])

    @cached_property
    def odd_limit(self) -> float:
        """Share of objects unlike annotated ones beyond which an image is."""
        return odd_limit([(one.odd, one.found) for one in self.images])

    def likely_right(self, confidence: ArrayLike) -> NDArray[np.float64]:
        """`(n,)` probability of objects with these confidences to be right; nan where nothing is known."""
        return _likely(self.knots, np.asarray(confidence, np.float64))

    def expected(self, confidence: ArrayLike) -> float:
        """The likely count of an image whose found objects have these confidences; nan where nothing is known."""
        sure = np.asarray(confidence, np.float64)
        fit = _Fit(self.knots, self.recall, self.ratio)
        return _expected(fit, sure, by_confidence=self.by_confidence, by_others=self.by_others)

    def interval(self, expected: float) -> tuple[float, float]:
        """Lowest and highest likely count around an expected one; nan where no interval can be given."""
        if self.reach is None or math.isnan(expected):
            return math.nan, math.nan
        return self.reach.interval(expected)

    def expected_ap(self, confidence: ArrayLike) -> float:
        """TP / (TP + FP + FN) at IoU 0.5 that is to be expected; nan without objects, or where nothing is known."""
        likely = self.likely_right(confidence)
        right = float(likely.sum())
        return right / (len(likely) + right * (1 / self.recall - 1)) if len(likely) else math.nan

    def check(self) -> None:
        """Refuse numbers of a damaged file; raises `ValueError`."""
        knots = np.array(self.knots, np.float64).reshape(-1, 2) if self.knots else np.zeros((0, 2))
        if not all(map(math.isfinite, [*knots.ravel(), *(image.expected for image in self.images)])):
            raise ValueError("it holds counts that are no numbers")
        rising = (np.diff(knots, axis=0) >= 0).all() and ((knots >= 0) & (knots <= 1)).all()
        images = all(
            0 <= one.right <= min(one.found, one.annotated)
            and max(one.found, one.annotated, one.expected) <= _MOST
            and one.expected >= 0
            and 0 <= one.odd <= one.found
            for one in self.images
        )
        if not (rising and images and (self.images or not self.knots)):
            raise ValueError("it holds counts that make no sense")
        if self.ranges is not None:
            self.ranges.check()


def without_former(content: Any) -> Any:
    """The part `counts` of a `quality.json` without the numbers that earlier versions kept and that now follow from its
    images.

    >>> without_former({"images": [], "ratio": 1.1})
    {'images': []}
    """
    former = ("recall", "ratio", "width", "usual", "coverage")
    if not isinstance(content, Mapping):
        return content
    return {key: value for key, value in content.items() if key not in former}


@dataclass(frozen=True)
class _Fit:
    """What some images teach."""

    knots: tuple[tuple[float, float], ...]
    recall: float
    ratio: float


def learn_counts(
    held: Sequence[HeldObjects], ranges: ObjectRanges | None = None, *, by_others: bool = False
) -> CountQuality:
    """What held-out images teach about later counts.

    Args:
        held: their objects; none where nothing was held out.
        ranges: of the annotated objects of the training.
        by_others: other networks judged than those that predict.

    Source of the calibration: isotonic regression (Zadrozny and Elkan 2002, KDD), each step drawn to the usual share by
    four objects.

    >>> right = np.arange(20) < 16
    >>> known = learn_counts([HeldObjects(str(n), 24, np.where(right, 0.8, 0.2), right) for n in range(8)])
    >>> round(known.expected(np.full(10, 0.8)), 1)
    11.9
    """
    if not held:
        return CountQuality(ranges=ranges)
    odd = [0 if ranges is None or one.forms is None else int(are_odd(one.forms, ranges).sum()) for one in held]
    reasons = _reasons(held, odd)
    taught = [one for one, why in zip(held, reasons, strict=True) if not why]
    fit = _fit(taught)
    truth = np.array([one.annotated for one in taught], np.float64)
    plain, weighed = _left_out(taught, by_others=by_others)
    by_confidence = len(taught) >= FEWEST and _error(weighed, truth) < _CLEARLY_BETTER * _error(plain, truth)
    told = iter(weighed if by_confidence else plain)
    images = []
    for one, strange, why in zip(held, odd, reasons, strict=True):
        ways = {"by_confidence": by_confidence, "by_others": by_others}
        count = _expected(fit, one.confidence, **ways) if why else float(next(told))
        known = 0.0 if math.isnan(count) else round(count, 4)
        images.append(
            CountedImage(one.case, one.annotated, len(one.right), int(one.right.sum()), known, strange, left_out=why)
        )
    return CountQuality(tuple(images), fit.knots, by_confidence, ranges, by_others=by_others)


def _reasons(held: Sequence[HeldObjects], odd: Sequence[int]) -> list[LeftOut]:
    """Why each image teaches nothing; empty where it does."""
    limit = odd_limit([(strange, len(one.right)) for one, strange in zip(held, odd, strict=True)])
    failed = _failed_judges(held)
    return [
        "odd" if mostly_odd(strange, len(one.right), limit=limit) else "judge" if one.judge in failed else ""
        for one, strange in zip(held, odd, strict=True)
    ]


def _failed_judges(held: Sequence[HeldObjects]) -> set[int]:
    """Networks that found next to nothing of what others find; of two, nobody can say which one is usual."""
    scores: dict[int, float] = {}
    for judge in {one.judge for one in held}:
        own = [one for one in held if one.judge == judge]
        both = sum(one.annotated + len(one.right) for one in own)
        if len(own) > 1 and both:
            scores[judge] = 2 * sum(int(one.right.sum()) for one in own) / both
    others = {judge: [score for one, score in scores.items() if one != judge] for judge in scores}
    return {judge for judge, rest in others.items() if len(rest) > 1 and scores[judge] < _FAILED * np.median(rest)}


def _left_out(held: Sequence[HeldObjects], *, by_others: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The count of each image by what the others show: from the number of found objects, and from their confidences."""
    parts = min(len(held), _MOST_PARTS)
    plain, weighed = np.zeros(len(held)), np.zeros(len(held))
    for part in range(parts):
        fit = _fit([one for place, one in enumerate(held) if place % parts != part])
        for place in range(part, len(held), parts):
            sure = held[place].confidence
            known = fit if fit.knots else _Fit(((0.0, 1.0),), fit.recall, fit.ratio)
            plain[place] = _expected(known, sure, by_confidence=False, by_others=by_others)
            weighed[place] = (
                _expected(fit, sure, by_confidence=True, by_others=by_others) if fit.knots else plain[place]
            )
    return plain, weighed


def _error(expected: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Mean of how many times too many or too few."""
    return float(np.abs(np.log((expected + 1) / (truth + 1))).mean())


def _fit(held: Sequence[HeldObjects]) -> _Fit:
    """Calibration, recall and ratio that some images show; that all is right where there is none."""
    annotated, found = [one.annotated for one in held], [len(one.right) for one in held]
    right = np.concatenate([one.right for one in held]) if held else np.zeros(0, bool)
    sure = np.concatenate([one.confidence for one in held]) if held else np.zeros(0)
    recall = _recall([int(one.right.sum()) for one in held], annotated)
    return _Fit(_knots(sure, right), recall, usual_ratio(annotated, found))


def _recall(right: Sequence[int], annotated: Sequence[int]) -> float:
    return (sum(right) + _PRIOR_COUNT) / (sum(annotated) + _PRIOR_COUNT)


def _knots(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """Knots at both ends of each step of the isotonic regression; none without objects."""
    from sklearn.isotonic import IsotonicRegression

    if not len(sure):
        return ()
    order = np.argsort(sure, kind="stable")
    x, y = sure[order], right[order].astype(np.float64)
    level = IsotonicRegression().fit_transform(x, y)
    _, step, size = np.unique(level, return_inverse=True, return_counts=True)
    usual = (y.sum() + 1) / (len(y) + 2)
    centre = np.bincount(step, x) / size
    drawn = (np.bincount(step, y) + _PRIOR_OBJECTS * usual) / (size + _PRIOR_OBJECTS)
    # A small step is drawn farther than a large one, so they are put in order once more.
    rising = IsotonicRegression().fit_transform(centre, drawn, sample_weight=size + _PRIOR_OBJECTS)
    ends = np.cumsum(size)
    places = np.stack([x[ends - size], x[ends - 1]], 1).ravel()
    pairs = zip(places, np.repeat(rising, 2), strict=True)
    return tuple(dict.fromkeys((round(float(c), 6), round(float(p), 6)) for c, p in pairs))


def _likely(knots: Sequence[tuple[float, float]], sure: NDArray[np.float64]) -> NDArray[np.float64]:
    if not knots:
        return np.full(sure.shape, np.nan)
    return np.interp(sure, [x for x, _ in knots], [p for _, p in knots])


def _expected(fit: _Fit, sure: NDArray[np.float64], *, by_confidence: bool, by_others: bool) -> float:
    if not fit.knots:
        return math.nan
    count = float(_likely(fit.knots, sure).sum() / fit.recall) if by_confidence else len(sure) * fit.ratio
    return math.sqrt(count * len(sure)) if by_others else count
