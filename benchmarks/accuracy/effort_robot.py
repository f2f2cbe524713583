"""A robot that annotates as a person does: it looks for the largest mistake it can see and mends it with one stroke.

The insight: a stroke of a brush is what a disc covers along one line, from pressing to lifting. The robot takes discs
about as large as fit into the region that is wrong, draws each along the longest line in the middle of the region, and
keeps the stroke that mends most more than it spoils. So a round or a long object takes one stroke, and a broad or
ragged one several, as for a hand that does not slip.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

FITS = (1.25, 1.0, 0.8, 0.55)
"""Radii to choose from, in those of the largest disc that fits into what is wrong."""

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Wrong:
    """A connected region of a slice that should have another label."""

    index: int
    label: int
    region: NDArray[np.bool_] = field(repr=False)
    start: tuple[int, int]
    size: int


def dice(labels: Labels, reference: Labels) -> float:
    """Mean Dice over the labels of the reference."""
    found = []
    for value in np.unique(reference[reference > 0]).tolist():
        a, b = labels == value, reference == value
        found.append(2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)))
    return float(np.mean(found)) if found else float(not labels.any())


def mistakes(labels: Labels, reference: Labels, *, index: int = 0) -> Iterator[Wrong]:
    """The regions of a slice `(y, x)` that are wrong: each label that is missing, and what is too much."""
    wrong = labels != reference
    for value in np.unique(reference[wrong]).tolist():
        parts, _ = ndimage.label(wrong & (reference == value))
        for number, place in enumerate(ndimage.find_objects(parts), start=1):
            region = parts[place] == number
            corner = (int(place[0].start), int(place[1].start))
            yield Wrong(index, int(value), region, corner, int(np.count_nonzero(region)))


def stroke(
    now: Labels, wanted: Labels, *, wrong: Wrong, spacing: tuple[float, float]
) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    """The stroke of a brush that mends most of a region of a slice: its first row and column, and its mask."""
    depth = ndimage.distance_transform_edt(np.pad(wrong.region, 1), sampling=spacing)[1:-1, 1:-1]
    margin = [int(np.ceil(depth.max() * max(FITS) / step)) for step in spacing]
    start = tuple(max(0, a - m) for a, m in zip(wrong.start, margin, strict=True))
    stop = [min(n, a + k + m) for n, a, k, m in zip(now.shape, wrong.start, depth.shape, margin, strict=True)]
    place = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    deep = np.zeros([b - a for a, b in zip(start, stop, strict=True)])
    inside = tuple(slice(a - b, a - b + n) for a, b, n in zip(wrong.start, start, depth.shape, strict=True))
    deep[inside] = depth
    worth = np.where(deep > 0, 1, 0)
    worth[(now[place] == wanted[place]) & (wanted[place] != wrong.label)] = -1
    best, most = np.zeros(deep.shape, bool), 0
    for share, keeps_off in itertools.product(FITS, (1.0, 0.8)):
        radius = deep.max() * share
        line = longest_line(deep, allowed=deep >= keeps_off * min(radius, deep.max()) - 1e-9)
        swept = ndimage.distance_transform_edt(~line, sampling=spacing) < radius
        if (gain := int(worth[swept].sum())) > most:
            best, most = swept, gain
    if not most:
        best[np.unravel_index(np.argmax(deep), deep.shape)] = True
    return (start[0], start[1]), best


def longest_line(depth: NDArray[np.float64], *, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The longest way between two of the allowed places, in one piece with the deepest, that keeps to the middle: from
    the place farthest from the deepest to the place farthest from there."""
    costs = np.where(allowed, depth.max() / np.maximum(depth, 1e-9), -1.0)
    place = np.unravel_index(int(np.argmax(depth)), depth.shape)
    for _ in range(2):
        ways = MCP_Geometric(costs)
        far, _ = ways.find_costs([place])
        far[~np.isfinite(far)] = -1.0
        place = np.unravel_index(int(np.argmax(far)), depth.shape)
    line = np.zeros_like(allowed)
    line[tuple(np.array(ways.traceback(place)).T)] = True
    return line


def deepest(labels: Labels, reference: Labels, spacing: tuple[float, ...]) -> tuple[list[int], int, float]:
    """Where a scribble helps most: the deepest place of the largest region that is wrong, the label that belongs
    there, and how deep it is in mm."""
    wrong = labels != reference
    best: tuple[int, NDArray[np.bool_], int] | None = None
    for value in np.unique(reference[wrong]).tolist():
        parts, count = ndimage.label(wrong & (reference == value))
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
        if len(sizes) and (best is None or sizes.max() > best[0]):
            best = (int(sizes.max()), parts == 1 + int(sizes.argmax()), int(value))
    if best is None:
        raise ValueError("there must be a mistake to mend, got none")
    depth = ndimage.distance_transform_edt(np.pad(best[1], 1), sampling=spacing)
    place = np.unravel_index(int(depth.argmax()), depth.shape)
    return [int(n) - 1 for n in place], best[2], float(depth.max())
