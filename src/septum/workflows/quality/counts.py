"""How many objects there are likely to be, how far that may be off, and how likely each object is right.

The insight: what a network invents and what it misses cancel in part, so a count can be good where the objects are not,
and the other way round. Images that were held out show both: how many objects were annotated and found, and which of
these were right. The count of a later image is corrected by what they show, and its interval is as wide as their counts
were off, each corrected by the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.metrics.instances import instance_overlap, match_instances
from septum.workflows.quality.calibration import COVERAGE, FEWEST
from septum.workflows.quality.doubtful import ObjectRanges, doubts_of, object_forms
from septum.workflows.runs.words import counted

SAME_IOU = 0.5
"""IoU from which on a found object is an annotated one; also that of the expected average precision."""


_PRIOR_OBJECTS = 4.0  # objects of the usual share that each step of the calibration is thought to hold more


_PRIOR_COUNT = 1.0  # objects thought to be annotated, found and right beyond those that were


_MOST_PARTS = 20  # times that counts are learnt without some of the images: without each of up to 20


_MOST = 1e9  # objects of an image, and times that a count can be off: beyond, a file is damaged


_CLEARLY_BETTER = 0.9  # times the error of plain counts from which on confidences decide the count


@dataclass(frozen=True, eq=False)
class HeldObjects:
    """The objects of a held-out image.

    Args:
        case: its name.
        annotated: how many are annotated.
        confidence: `(n,)` of the found ones, 0 to 1.
        right: `(n,)` whether each is an annotated one (IoU of at least 0.5, one to one).
    """

    case: str
    annotated: int
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]


def compare_objects(
    annotated: NDArray[Any], found: NDArray[Any], *, confidence: ArrayLike, case: str = ""
) -> HeldObjects:
    """Which found objects are right.

    A found object that lies mostly where nothing is annotated is left out, unless it is right.

    Args:
        annotated: ids of any shape, 0 for background, -1 where nothing is annotated.
        found: ids 1 to n of the same shape.
        confidence: `(n,)` of the found objects, by id.
        case: name of the image.

    >>> seen = compare_objects(np.array([1, 1, 0, 2, -1]), np.array([1, 1, 2, 0, 3]), confidence=[0.9, 0.2, 0.7])
    >>> seen.annotated, seen.confidence.tolist(), seen.right.tolist()
    (2, [0.9, 0.2], [True, False])
    """
    ids = found.astype(np.int64)
    overlap = instance_overlap(annotated, ids, ignore=-1)
    right = np.isin(overlap.prediction_labels, match_instances(overlap, threshold=SAME_IOU).prediction_labels)
    whole = np.bincount(ids.ravel(), minlength=1)[overlap.prediction_labels]
    kept = right | (2 * overlap.prediction_size >= whole)
    sure = np.asarray(confidence, np.float64)[overlap.prediction_labels - 1]
    return HeldObjects(case, overlap.n_reference, sure[kept], right[kept])


@dataclass(frozen=True)
class CountedImage:
    """A held-out image: annotated, found and right objects, and the count expected from what the others show."""

    case: str
    annotated: int
    found: int
    right: int
    expected: float


@dataclass(frozen=True)
class CountQuality:
    """What a model of single objects knows of its counts, the part `counts` of `MODEL/quality.json`.

    Args:
        images: that were held out.
        knots: (confidence, probability of being right), both rising; lines between them, level beyond. Empty where no
            object was found in them.
        recall: share of the annotated objects that was found.
        ratio: annotated objects for each found one.
        by_confidence: the count is that of the objects that are likely right divided by `recall`, which was clearly
            better; else the found ones times `ratio`.
        width: half the interval in units of `_spread`; None where no interval can be given.
        usual: objects that held-out images hold in the middle.
        coverage: share of counts that the interval is to hold: 0.9, or n / (n + 1) where that is less.
        ranges: of the annotated objects; None where they are few.
    """

    images: tuple[CountedImage, ...] = ()
    knots: tuple[tuple[float, float], ...] = ()
    recall: float = 1.0
    ratio: float = 1.0
    by_confidence: bool = False
    width: float | None = None
    usual: float = 0.0
    coverage: float = COVERAGE
    ranges: ObjectRanges | None = None

    def likely_right(self, confidence: ArrayLike) -> NDArray[np.float64]:
        """`(n,)` probability of objects with these confidences to be right; nan where nothing is known."""
        return _likely(self.knots, np.asarray(confidence, np.float64))

    def expected(self, confidence: ArrayLike) -> float:
        """The likely count of an image whose found objects have these confidences; nan where nothing is known."""
        sure = np.asarray(confidence, np.float64)
        return _expected(_Fit(self.knots, self.recall, self.ratio), sure, by_confidence=self.by_confidence)

    def interval(self, expected: float) -> tuple[float, float]:
        """Lowest and highest likely count around an expected one; nan where no interval can be given."""
        if self.width is None or math.isnan(expected):
            return math.nan, math.nan
        half = self.width * float(_spread(np.array(expected), self.usual))
        return max(0.0, expected - half), expected + half

    def expected_ap(self, confidence: ArrayLike) -> float:
        """TP / (TP + FP + FN) at IoU 0.5 that is to be expected; nan without objects, or where nothing is known."""
        likely = self.likely_right(confidence)
        right = float(likely.sum())
        return right / (len(likely) + right * (1 / self.recall - 1)) if len(likely) else math.nan

    def check(self) -> None:
        """Refuse numbers of a damaged file; raises `ValueError`."""
        knots = np.array(self.knots, np.float64).reshape(-1, 2) if self.knots else np.zeros((0, 2))
        told = [self.recall, self.ratio, self.width or 0.0, self.usual, self.coverage, *knots.ravel()]
        told += [image.expected for image in self.images]
        if not all(map(math.isfinite, told)):
            raise ValueError("it holds counts that are no numbers")
        rising = (np.diff(knots, axis=0) >= 0).all() and ((knots >= 0) & (knots <= 1)).all()
        sizes = 1 / _MOST <= self.ratio <= _MOST and 1 / _MOST <= self.recall <= 1
        sizes = sizes and all(0 <= one <= _MOST for one in (self.width or 0.0, self.usual))
        sizes = sizes and (bool(self.images) or (self.width is None and not self.knots))
        images = all(0 <= one.right <= min(one.found, one.annotated) and one.expected >= 0 for one in self.images)
        if not (rising and sizes and images and 0 < self.coverage < 1):
            raise ValueError("it holds counts that make no sense")
        if self.ranges is not None:
            self.ranges.check()


@dataclass(frozen=True)
class _Fit:
    """What some images teach."""

    knots: tuple[tuple[float, float], ...]
    recall: float
    ratio: float


def learn_counts(held: Sequence[HeldObjects], ranges: ObjectRanges | None = None) -> CountQuality:
    """What held-out images teach about later counts.

    Args:
        held: their objects; none where nothing was held out.
        ranges: of the annotated objects of the training.

    Source of the calibration: isotonic regression (Zadrozny and Elkan 2002, KDD), each step drawn to the usual share by
    four objects. Of the interval: as `calibrate`, split conformal prediction with residuals of images left out.
    """
    if not held:
        return CountQuality(ranges=ranges)
    fit = _fit(held)
    truth = np.array([one.annotated for one in held], np.float64)
    plain, weighed = _left_out(held)
    by_confidence = len(held) >= FEWEST and _error(weighed, truth) < _CLEARLY_BETTER * _error(plain, truth)
    expected = weighed if by_confidence else plain
    usual, n = float(np.median(expected)), len(held)
    coverage = min(COVERAGE, n / (n + 1))
    misses = np.sort(np.abs(expected - truth) / _spread(expected, usual))
    place = min(n, math.ceil(coverage * (n + 1) - 1e-9)) - 1
    images = tuple(
        CountedImage(one.case, one.annotated, len(one.right), int(one.right.sum()), round(float(count), 4))
        for one, count in zip(held, expected, strict=True)
    )
    return CountQuality(
        images,
        fit.knots,
        fit.recall,
        fit.ratio,
        by_confidence,
        width=float(misses[place]) if n >= FEWEST and fit.knots else None,
        usual=usual,
        coverage=coverage,
        ranges=ranges,
    )


def _left_out(held: Sequence[HeldObjects]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The count of each image by what the others show: from the number of found objects, and from their confidences."""
    parts = min(len(held), _MOST_PARTS)
    plain, weighed = np.zeros(len(held)), np.zeros(len(held))
    for part in range(parts):
        fit = _fit([one for place, one in enumerate(held) if place % parts != part])
        for place in range(part, len(held), parts):
            sure = held[place].confidence
            plain[place] = len(sure) * fit.ratio
            weighed[place] = _expected(fit, sure, by_confidence=True) if fit.knots else plain[place]
    return plain, weighed


def _error(expected: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Mean of how many times too many or too few."""
    return float(np.abs(np.log((expected + 1) / (truth + 1))).mean())


def _fit(held: Sequence[HeldObjects]) -> _Fit:
    """Calibration, recall and ratio that some images show; that all is right where there is none."""
    annotated = sum(one.annotated for one in held)
    right = np.concatenate([one.right for one in held]) if held else np.zeros(0, bool)
    sure = np.concatenate([one.confidence for one in held]) if held else np.zeros(0)
    recall = (int(right.sum()) + _PRIOR_COUNT) / (annotated + _PRIOR_COUNT)
    ratio = (annotated + _PRIOR_COUNT) / (len(right) + _PRIOR_COUNT)
    return _Fit(_knots(sure, right), float(recall), float(ratio))


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


def _expected(fit: _Fit, sure: NDArray[np.float64], *, by_confidence: bool) -> float:
    if not fit.knots:
        return math.nan
    return float(_likely(fit.knots, sure).sum() / fit.recall) if by_confidence else len(sure) * fit.ratio


def _spread(expected: NDArray[np.float64], usual: float) -> NDArray[np.float64]:
    """In what unit counts miss: in proportion to those above the usual, by the square root (as random ones) below."""
    more = expected + 1
    return np.asarray(np.maximum(more, np.sqrt(more * (usual + 1))))


@dataclass(frozen=True)
class CountEstimate:
    """The count of an image.

    Args:
        case: whose.
        found: objects of its mask.
        expected, low, high: the likely true number and its interval; nan where there is none.
        expected_ap: likely average precision at IoU 0.5; nan where there is none.
        doubtful: objects with a doubt.
        note: why there is no figure or no interval; empty where there is.
    """

    case: str
    found: int
    expected: float = math.nan
    low: float = math.nan
    high: float = math.nan
    expected_ap: float = math.nan
    doubtful: int = 0
    note: str = ""


@dataclass(frozen=True, eq=False)
class JudgedObjects:
    """What can be said of an image's objects: the count; `(n,)` probability of each to be right, nan where nothing is
    known; why each should be looked at, empty where nothing speaks for it."""

    count: CountEstimate
    likely_right: NDArray[np.float64]
    doubts: tuple[str, ...]


def judge_objects(
    labels: NDArray[Any],
    confidence: NDArray[np.float64],
    *,
    spacing: Sequence[float],
    known: CountQuality | None,
    unlike: Sequence[str] = (),
    case: str = "",
) -> JudgedObjects:
    """The likely count of an image, and which of its objects to look at.

    Args:
        labels: `(Y, X)` or `(Z, Y, X)` ids 1 to n.
        confidence: `(n,)` by id.
        spacing: of the samples, per axis.
        known: what the model knows; None where it knows nothing.
        unlike: why the image is unlike those of the training, in words; there is then no figure and no doubt.
        case: name of the image.
    """
    n = len(confidence)
    nothing = np.full(n, np.nan)
    if unlike or known is None:
        why = f"unlike the training images ({'; '.join(unlike)})" if unlike else NOTHING_KNOWN
        return JudgedObjects(CountEstimate(case, n, note=why), nothing, ("",) * n)
    likely = known.likely_right(confidence)
    doubts = tuple(doubts_of(object_forms(labels, spacing=spacing), likely, ranges=known.ranges))
    expected = known.expected(confidence)
    doubtful = sum(map(bool, doubts))
    count = CountEstimate(case, n, expected, *known.interval(expected), known.expected_ap(confidence), doubtful)
    return JudgedObjects(_with_note(count, known), likely, doubts)


NOTHING_KNOWN = "this model knows nothing about its counts; train again"


def _with_note(count: CountEstimate, known: CountQuality) -> CountEstimate:
    if not known.images:
        return replace(count, note="no image was held out when this model was trained")
    if not known.knots:
        return replace(count, note="nothing was found in the images that were held out")
    if known.width is None:
        return replace(count, note=f"no interval: too few held-out images ({len(known.images)})")
    return count


def describe_counts(known: CountQuality | None) -> str:
    """One sentence about what counts were worth on held-out images, each expected from the others; empty without any.

    >>> describe_counts(learn_counts([HeldObjects("a", 20, np.full(19, 0.9), np.full(19, True))]))
    'the count of 1 held-out image is off by 5 %'
    """
    told = [] if known is None else [one for one in known.images if one.annotated]
    if known is None or not told or not known.knots:
        return ""
    off = float(np.median([abs(one.expected - one.annotated) / one.annotated for one in told]))
    if len(told) == 1:
        return f"the count of 1 held-out image is off by {100 * off:.0f} %"
    return (
        f"counts of {len(told)} held-out images are off by {100 * off:.0f} % in the middle, each expected from the "
        "others"
    )


def count_words(counts: Sequence[CountEstimate], known: CountQuality | None) -> str:
    """The counts of several images in one line; empty without any.

    The interval of the sum holds what images miss each for itself, and what so few held-out images leave open of the
    correction that all of them share.

    >>> count_words([CountEstimate("a", 3)], None)
    '3 objects in 1 image; how far the count is off is not known (counts.csv)'
    """
    if not counts:
        return ""
    line = f"{counted(sum(one.found for one in counts), 'object')} in {counted(len(counts), 'image')}"
    told = [one for one in counts if not math.isnan(one.expected)]
    among = "" if len(told) == len(counts) else f" (of {len(told)} like those of the training)"
    doubtful = sum(one.doubtful for one in counts)
    if not told or known is None:
        line += "; how far the count is off is not known"
    elif any(math.isnan(one.high) for one in told):
        line += f", likely about {sum(one.expected for one in told):.0f}{among}"
    else:
        low, high = _of_all(told, len(known.images))
        line += f", likely {low} to {high}{among}"
    return f"{line}{f'; {doubtful} {_be(doubtful)} doubtful' if doubtful else ''} (counts.csv)"


def _of_all(told: Sequence[CountEstimate], images: int) -> tuple[int, int]:
    halves = np.array([one.high - one.expected for one in told])
    total = sum(one.expected for one in told)
    half = math.sqrt(float((halves**2).sum()) + float(halves.sum()) ** 2 / images)
    return whole_ends(max(0.0, total - half), total + half)


def whole_ends(low: float, high: float) -> tuple[int, int]:
    """An interval of whole numbers that holds another.

    >>> whole_ends(2.5, 7.1)
    (2, 8)
    """
    return math.floor(low + 1e-9), math.ceil(high - 1e-9)


def _be(number: int) -> str:
    return "is" if number == 1 else "are"
