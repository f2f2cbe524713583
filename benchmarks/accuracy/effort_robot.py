"""A robot that annotates as a person does: it looks for the largest mistake it can see and mends it with one stroke.

The insight: a stroke of a brush is what a disc covers on its way, from pressing to lifting. The robot takes the disc
that fits into the region that is wrong, and sweeps it to every place of the region that it reaches without touching
what is right: the opening of the region by the disc, in one piece. So a round object takes one stroke, a ragged one
several, and no stroke is better than a hand could do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FITS = (1.0, 0.7, 0.45)
"""Shares of the largest disc that fits which a person would take; the one that mends most is taken."""

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


def stroke(wrong: Wrong, spacing: tuple[float, float]) -> NDArray[np.bool_]:
    """What one stroke of a brush mends of a region: the mask, in the region's box."""
    room = np.pad(wrong.region, 1)
    depth = ndimage.distance_transform_edt(room, sampling=spacing)
    best = np.zeros_like(room)
    for share in FITS:
        radius = depth.max() * share
        centres, _ = ndimage.label(depth >= radius - 1e-9)
        chosen = centres == centres[np.unravel_index(np.argmax(depth), depth.shape)]
        swept = (ndimage.distance_transform_edt(~chosen, sampling=spacing) < radius) & room
        if np.count_nonzero(swept) > 1.15 * np.count_nonzero(best):
            best = swept
    if not best.any():
        best[np.unravel_index(np.argmax(depth), depth.shape)] = True
    return best[1:-1, 1:-1]


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
