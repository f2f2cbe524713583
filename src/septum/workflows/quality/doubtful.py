"""Which single objects a person should look at: those unlike the annotated ones, and those that are likely wrong.

The insight: cells that were run together are larger than cells are, or have a waist; a piece of a cell is smaller. The
annotated objects of the training say how large and how convex an object is, so each doubt can name its reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNSURE = 0.5
"""Probability of being right below which an object is doubtful."""


ODD = 0.2
"""Share of objects unlike annotated ones beyond which an image is unlike those of the training; twice what is usual in
held-out images where that is more."""


_FEWEST_ODD = 3  # objects unlike annotated ones of which nobody says that they are most of an image


_FEWEST_OBJECTS = 20  # annotated objects below which their range says nothing


_FOR_PERCENTILES = 100  # annotated objects from which on the first and the last of 100 are known


@dataclass(frozen=True, eq=False)
class ObjectForms:
    """Objects of an image, ascending by id.

    Args:
        ids: `(n,)` int64.
        size: `(n,)` mm² (mm³), or px² (px³) where the spacing is 1.
        solidity: `(n,)` share of the convex hull in 0 to 1; nan in volumes.
        cut: `(n,)` whether the object touches the image's edge, so that its size is a lower bound.
    """

    ids: NDArray[np.int64]
    size: NDArray[np.float64]
    solidity: NDArray[np.float64]
    cut: NDArray[np.bool_]


def object_forms(labels: NDArray[Any], *, spacing: Sequence[float]) -> ObjectForms:
    """Size and convexity of every object; without an object, arrays of length 0.

    Args:
        labels: `(Y, X)` or `(Z, Y, X)` ids; values of 0 and below are no objects.
        spacing: of the samples, per axis.

    Source: scikit-image's `regionprops`.

    >>> object_forms(np.pad(np.ones((2, 3), int), 1), spacing=(1.0, 2.0)).size.tolist()
    [12.0]
    """
    from skimage.measure import regionprops_table

    inside = labels if labels.dtype.kind == "u" else np.maximum(labels, 0)
    plane = inside.ndim == 2
    properties = ("label", "num_pixels", "bbox", *(("solidity",) if plane else ()))
    found = regionprops_table(inside, properties=properties)
    size = found["num_pixels"] * float(np.prod(spacing))
    cut = np.zeros(len(size), bool)
    for axis, n in enumerate(inside.shape):
        if n > 1:
            cut |= (found[f"bbox-{axis}"] == 0) | (found[f"bbox-{axis + inside.ndim}"] == n)
    solidity = np.asarray(found["solidity"], np.float64) if plane else np.full(len(size), np.nan)
    return ObjectForms(found["label"].astype(np.int64), size, solidity, cut)


@dataclass(frozen=True)
class ObjectRanges:
    """What annotated objects of the training are like.

    Args:
        objects: how many were measured; those that the image's edge cuts were not.
        smallest, largest: 1st and 99th percentile of their sizes, in mm² (mm³); the extremes of fewer than 100.
        least_solid: 1st percentile of their solidity (the least of fewer than 100); None in volumes.
    """

    objects: int
    smallest: float
    largest: float
    least_solid: float | None = None

    @classmethod
    def of(cls, found: Sequence[ObjectForms]) -> ObjectRanges | None:
        """From the annotated objects of the training images; None where they are fewer than 20."""
        sizes = np.concatenate([one.size[~one.cut] for one in found]) if found else np.zeros(0)
        if len(sizes) < _FEWEST_OBJECTS:
            return None
        solid = np.concatenate([one.solidity[~one.cut] for one in found])
        ends = (1.0, 99.0) if len(sizes) >= _FOR_PERCENTILES else (0.0, 100.0)
        low, high = (float(f"{value:.6g}") for value in np.percentile(sizes, ends))
        least = None if np.isnan(solid).any() else round(float(np.percentile(solid, ends[0])), 4)
        return cls(len(sizes), low, high, least)

    @property
    def whom(self) -> str:
        """The annotated objects that one outside the range exceeds, in words."""
        few = self.objects < _FOR_PERCENTILES
        return f"all {self.objects} annotated objects" if few else "99 of 100 annotated objects"

    def check(self) -> None:
        """Refuse numbers of a damaged file; raises `ValueError`."""
        solid = 0.0 if self.least_solid is None else self.least_solid
        if not (self.objects >= 1 and 0 < self.smallest <= self.largest < np.inf and 0 <= solid <= 1):
            raise ValueError("it holds sizes of objects that make no sense")


def are_odd(forms: ObjectForms, ranges: ObjectRanges) -> NDArray[np.bool_]:
    """`(n,)` which objects are unlike annotated ones in size or convexity.

    >>> forms = object_forms(np.pad(np.ones((8, 8), int), 1), spacing=(1.0, 1.0))
    >>> are_odd(forms, ObjectRanges(300, 10.0, 50.0)).tolist()
    [True]
    """
    told = zip(forms.size, forms.solidity, forms.cut, strict=True)
    return np.array([bool(_unlike(ranges, size, solidity=solid, cut=cut)) for size, solid, cut in told], bool)


def odd_limit(images: Sequence[tuple[int, int]]) -> float:
    """Share of objects unlike annotated ones that no image like those of the training exceeds.

    Args:
        images: (such objects, all objects) of held-out images.

    >>> odd_limit([(1, 50), (0, 12)]), odd_limit([(15, 50), (4, 12), (9, 10)])
    (0.2, 0.666...)
    """
    shares = [odd / found for odd, found in images if found]
    return min(1.0, max(ODD, 2 * float(np.median(shares)))) if shares else ODD


def mostly_odd(odd: int, found: int, *, limit: float) -> bool:
    """Whether more of an image's objects are unlike annotated ones than chance would make of the limit.

    >>> mostly_odd(2, 3, limit=0.2), mostly_odd(3, 10, limit=0.2), mostly_odd(30, 100, limit=0.2)
    (False, False, True)
    """
    return odd >= _FEWEST_ODD and odd > limit * found + math.sqrt(limit * (1 - limit) * found)


def doubts_of(forms: ObjectForms, likely_right: NDArray[np.float64], *, ranges: ObjectRanges | None) -> list[str]:
    """Why each object should be looked at, in words; empty where nothing is wrong with it.

    Args:
        forms: of the objects.
        likely_right: `(n,)` probability of each to be right; nan: nothing is known.
        ranges: of the annotated objects; None: nothing is known.

    >>> forms = object_forms(np.pad(np.ones((8, 8), int), 1), spacing=(1.0, 1.0))
    >>> doubts_of(forms, np.array([0.4]), ranges=ObjectRanges(300, 10.0, 50.0))
    ['larger than 99 of 100 annotated objects: perhaps several in one; unsure']
    """
    reasons: list[list[str]] = [[] for _ in forms.ids]
    for place, why in enumerate(reasons):
        if ranges is not None:
            why += _unlike(ranges, forms.size[place], solidity=forms.solidity[place], cut=forms.cut[place])
        if likely_right[place] < UNSURE:
            why.append("unsure")
    return ["; ".join(why) for why in reasons]


def _unlike(ranges: ObjectRanges, size: float, *, solidity: float, cut: bool) -> list[str]:
    """What is unusual about an object; the outline of a very small one is too coarse to tell a waist."""
    found = [f"larger than {ranges.whom}: perhaps several in one"] if size > ranges.largest else []
    if cut:
        return found
    if size < ranges.smallest:
        return [f"smaller than {ranges.whom}: perhaps a part"]
    if ranges.least_solid is not None and solidity < ranges.least_solid:
        found.append("not as convex as annotated ones: perhaps several in one")
    return found
