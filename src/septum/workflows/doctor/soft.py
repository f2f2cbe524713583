"""Whole numbers from label maps that hold fractions: soft masks, scaled headers, resampling with interpolation.

One insight: a fraction is harmless where it is near a whole number (a header's slope left 0.9882 for 1) and at an edge
(interpolation left 0.7 between 0 and 1). Where one fills an area it is a class whose number is not known, and a whole
number that occurs only between two others, such as 1 between 0 and 2, is no class. What cannot be told is asked.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum.errors import DatasetError
from septum.workflows.doctor.volumes import check_volumes, volumes_of

NEAR = 0.1
"""Fractions at most so far from a whole number stand for it. Slopes of headers left up to 0.02 in the files that people
reported; of the samples that interpolation spreads evenly between two classes, a fifth lie so near to one of them."""

FLAT = 0.02
"""Neighbouring fractions that differ by no more than this are one value, not the slope of an edge."""


def harden(array: NDArray[np.floating], declared: Collection[int]) -> tuple[NDArray[np.integer], str]:
    """Labels from fractions, and what was done in a sentence.

    One mask is cut in the middle of its two values. Otherwise samples within `NEAR` of a class take its number, and all
    others the number of the nearest such sample. A whole number is a class where it is declared; without a declaration,
    where it fills a block of two samples along each axis; not where most of its samples lie between a smaller and a
    larger one.

    Args:
        array: finite samples, of any shape.
        declared: label values that the data set declares; empty where it declares none.

    Raises:
        DatasetError: classes that cannot be told, or volumes that would change too much (`check_volumes`).

    >>> harden(np.array([[0, 0.98, 0.98, 2.02], [0, 0.98, 0.98, 2.02]]), (0, 1, 2))[0].tolist()
    [[0, 1, 1, 2], [0, 1, 1, 2]]
    """
    if is_one_mask(array, declared):
        return _cut(array, 1)
    whole = np.rint(array).astype(np.int64)
    near = np.abs(array - whole) <= NEAR
    classes = _classes(whole, near, declared=declared)
    sound = near & np.isin(whole, classes)
    _refuse_areas(array, ~sound)
    if len(classes) == 2:
        labels, said = _cut(array, classes[1])
        check_volumes({classes[1]: float(array.sum()) / classes[1]}, volumes_of(labels))
        return labels, said
    moved = int((sound & (np.abs(array - whole) > 1e-3)).sum())
    labels = _nearest(whole, sound)
    check_volumes(volumes_of(whole[sound]), volumes_of(labels), unit="samples")
    rest = int((~sound).sum())
    parts = [f"{moved} samples within {NEAR} of a whole number took it"] if moved else []
    parts += [f"{rest} samples took the nearest whole-number sample's value"] if rest else []
    return labels, "; ".join(parts) or "stored as integers"


def _cut(array: NDArray[np.floating], value: int) -> tuple[NDArray[np.integer], str]:
    """The mask of one class, parted in the middle between it and the background."""
    middle = value / 2
    labels = np.where(array >= middle if value > 0 else array <= middle, np.int64(value), np.int64(0))
    if array.any() and not labels.any():
        raise DatasetError(
            f"a repair must keep every class, but no sample reaches {middle:g} (range {float(array.min()):.4g} to "
            f"{float(array.max()):.4g}); scale the mask to 0 … {value}, or export it as integers"
        )
    return labels, f"cut at {middle:g}: {value} at and above, 0 below{_lost_parts(array / value, labels != 0)}"


def _lost_parts(share: NDArray[np.floating], mask: NDArray[np.bool_]) -> str:
    """What to say of parts that lie by themselves and nowhere reach the middle: they may be small structures.

    share: samples between 0 (background) and 1. Faint ones, up to `NEAR`, are background.
    """
    parts, count = ndimage.label(share > NEAR, structure=np.ones((3,) * share.ndim))
    index = np.arange(1, count + 1)
    lost = index[ndimage.maximum(mask, parts, index) == 0] if count else index
    if not len(lost):
        return ""
    sizes = np.bincount(parts.reshape(-1))[lost]
    place = tuple(int(axis.mean()) for axis in np.nonzero(parts == lost[sizes.argmax()]))
    most = float(share[np.isin(parts, lost)].max())
    return (
        f"; {len(lost)} of {count} separate parts nowhere reach the middle and are gone ({int(sizes.sum())} samples, "
        f"at most {most:.2g} of the value; the largest near {place}): draw them if they count"
    )


def is_one_mask(array: NDArray[np.floating], declared: Collection[int]) -> bool:
    """Whether fractions are those of one mask, smoothed or a probability: from 0 to 1, and no other class declared.

    >>> is_one_mask(np.array([0.0, 0.4, 1.0]), ()), is_one_mask(np.array([0.0, 0.4, 1.0]), (0, 1, 2))
    (True, False)
    """
    return bool(set(declared) <= {0, 1} and array.min() >= -NEAR and array.max() <= 1 + NEAR)


def _classes(whole: NDArray[np.int64], near: NDArray[np.bool_], *, declared: Collection[int]) -> list[int]:
    """The whole numbers that are classes; background always is.

    Raises:
        DatasetError: a number of which it cannot be told.
    """
    found = [0]
    for value in np.unique(whole[near]).tolist():
        mask = near & (whole == value)
        if value == 0 or (declared and value not in declared):
            continue
        if declared or _fills_block(mask):
            found.append(value)
        elif _between(whole, mask) < 0.5:
            raise DatasetError(
                f"{int(mask.sum())} scattered samples are about {value}, and it cannot be told whether that is a class "
                'or an edge; name the classes in dataset.json ("labels"), or export the labels without interpolation'
            )
    return found


def _refuse_areas(array: NDArray[np.floating], unsound: NDArray[np.bool_]) -> None:
    """Nothing, when no fraction fills an area."""
    filled = _blocks(unsound) & (_extent(array) <= FLAT)
    if filled.any():
        first = tuple(int(i[0]) for i in np.nonzero(filled))
        raise DatasetError(
            f"values such as {float(array[first]):.4g} fill areas and are no label values: a class that was scaled, or "
            "a header with a wrong slope; export the labels as integers, or declare the values in dataset.json"
        )


def _fills_block(mask: NDArray[np.bool_]) -> bool:
    return bool(_blocks(mask).any())


def _axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """2 along each axis that has so many samples."""
    return tuple(min(2, n) for n in shape)


def _blocks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True at the last sample of every block of two samples along each axis that lies within the mask."""
    size = _axes(mask.shape)
    found: NDArray[np.bool_] = ndimage.minimum_filter(mask, size=size, mode="constant", cval=0).astype(bool)
    return found


def _extent(array: NDArray[np.floating]) -> NDArray[np.floating]:
    """Largest minus smallest value of the block that ends at each sample."""
    size = _axes(array.shape)
    found: NDArray[np.floating] = ndimage.maximum_filter(array, size=size) - ndimage.minimum_filter(array, size=size)
    return found


def _between(whole: NDArray[np.int64], mask: NDArray[np.bool_]) -> float:
    """Share of the mask's samples that have a smaller value on one side and a larger one on the other."""
    found = np.zeros(whole.shape, dtype=bool)
    for axis in (a for a in range(whole.ndim) if whole.shape[a] > 2):
        first, last = (np.take(whole, range(a, whole.shape[axis] - 2 + a), axis=axis) for a in (0, 2))
        inner = tuple(slice(1, -1) if a == axis else slice(None) for a in range(whole.ndim))
        middle = whole[inner]
        found[inner] |= ((first < middle) & (middle < last)) | ((first > middle) & (middle > last))
    return float((found & mask).sum()) / max(int(mask.sum()), 1)


def _nearest(array: NDArray[np.int64], sound: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Every sample that is not sound takes the value of the nearest that is."""
    if sound.all() or not sound.any():
        return array
    index = ndimage.distance_transform_edt(~sound, return_distances=False, return_indices=True)
    filled: NDArray[np.int64] = array[tuple(index)]
    return filled
