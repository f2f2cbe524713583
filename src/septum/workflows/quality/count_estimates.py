"""The likely count of an image, its doubtful objects, and counts in words.

The insight: nothing is said of an image that is unlike those of the training, neither a count nor a doubt about one of
its objects; and what is most telling of such an image is often not its intensities but what was found in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.workflows.quality.counts import CountQuality
from septum.workflows.quality.doubtful import ObjectForms, are_odd, doubts_of, mostly_odd, object_forms
from septum.workflows.runs.words import counted


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
    known; why each should be looked at, empty where nothing speaks for it; why the image is unlike those of the
    training."""

    count: CountEstimate
    likely_right: NDArray[np.float64]
    doubts: tuple[str, ...]
    unlike: tuple[str, ...] = ()


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
        unlike: why the image is unlike those of the training, in words; there is then no figure and no doubt, and
            neither is there where too many of its objects are unlike annotated ones.
        case: name of the image.

    >>> judge_objects(np.zeros((4, 4), int), np.zeros(0), spacing=(1.0, 1.0), known=None).count.note
    'this model knows nothing about its counts; train again'
    """
    n, forms = len(confidence), object_forms(labels, spacing=spacing)
    reasons = (*unlike, *_odd(forms, known))
    if known is None or reasons:
        note = f"unknown: unlike the training images ({'; '.join(reasons)})" if reasons else NOTHING_KNOWN
        return JudgedObjects(CountEstimate(case, n, note=note), np.full(n, np.nan), ("",) * n, reasons)
    likely = known.likely_right(confidence)
    doubts = tuple(doubts_of(forms, likely, ranges=known.ranges))
    expected = known.expected(confidence)
    doubtful = sum(map(bool, doubts))
    count = CountEstimate(case, n, expected, *known.interval(expected), known.expected_ap(confidence), doubtful)
    return JudgedObjects(_with_note(count, known), likely, doubts)


def _odd(forms: ObjectForms, known: CountQuality | None) -> tuple[str, ...]:
    """Why the objects of an image are as a whole unlike annotated ones, in words; empty where they are not."""
    if known is None or known.ranges is None:
        return ()
    n, odd = len(forms.ids), int(are_odd(forms, known.ranges).sum())
    if not mostly_odd(odd, n, limit=known.odd_limit):
        return ()
    return (f"{odd} of its {counted(n, 'object')} are larger, smaller or less convex than annotated ones",)


NOTHING_KNOWN = "this model knows nothing about its counts; train again"


def _with_note(count: CountEstimate, known: CountQuality) -> CountEstimate:
    if not known.images:
        return replace(count, note="no image was held out when this model was trained")
    if not known.knots:
        return replace(count, note="nothing was found in the images that were held out")
    if known.reach is None:
        return replace(count, note=f"no interval: too few held-out images ({len(known.teaching)})")
    return count


def describe_counts(known: CountQuality | None) -> str:
    """One sentence about what counts were worth on held-out images, each expected from the others; empty without any.

    >>> from septum.workflows.quality.counts import HeldObjects, learn_counts
    >>> describe_counts(learn_counts([HeldObjects("a", 20, np.full(19, 0.9), np.full(19, True))]))
    'the count of 1 held-out image is off by 5 %'
    """
    told = [] if known is None else [one for one in known.teaching if one.annotated]
    if known is None or not told or not known.knots:
        return ""
    off = float(np.median([abs(one.expected - one.annotated) / one.annotated for one in told]))
    if len(told) == 1:
        return f"the count of 1 held-out image is off by {100 * off:.0f} %{_left_out(known)}"
    return (
        f"counts of {len(told)} held-out images are off by {100 * off:.0f} % in the middle, each expected from the "
        f"others{_left_out(known)}"
    )


def _left_out(known: CountQuality) -> str:
    """Which held-out images teach nothing, and why, in words that follow a sentence; empty where all do."""
    words = ""
    for why, reason in LEFT_OUT.items():
        number = sum(one.left_out == why for one in known.images)
        words += f"; {counted(number, 'image')} {_be(number)} left out, {reason}" if number else ""
    return words


LEFT_OUT = {
    "odd": "as most that was found there is unlike annotated objects: later ones like that get no count",
    "judge": "as the network that judged there failed",
}
"""Why held-out images teach nothing (`LeftOut`), in words."""


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
        low, high = _of_all(told, len(known.teaching))
        line += f", likely {low} to {high}{among}"
    return f"{line}{f'; {doubtful} {_be(doubtful)} doubtful' if doubtful else ''} (counts.csv)"


def _of_all(told: Sequence[CountEstimate], images: int) -> tuple[int, int]:
    ends = np.array([(one.expected - one.low, one.high - one.expected) for one in told])
    total = sum(one.expected for one in told)
    below, above = np.sqrt((ends**2).sum(0) + ends.sum(0) ** 2 / images)
    return whole_ends(max(0.0, total - float(below)), total + float(above))


def whole_ends(low: float, high: float) -> tuple[int, int]:
    """An interval of whole numbers that holds another.

    >>> whole_ends(2.5, 7.1)
    (2, 8)
    """
    return math.floor(low + 1e-9), math.ceil(high - 1e-9)


def _be(number: int) -> str:
    return "is" if number == 1 else "are"
