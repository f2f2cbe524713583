"""Contact sheets: see what the network sees, before an hour of training is spent on it.

The insight: ranges in a plan mean little to a person, pictures of the own data do. One place of one image is shown
untouched, then as often as asked with drawn augmentations, all in the grey window of the untouched image so that
changes of brightness stay visible, with the label outlines drawn on top so that a misalignment would stand out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.net.augment.augment import AugmentConfig, Patch, apply, inside, none, sample

RgbArray = NDArray[np.uint8]


GAP = 4  # white pixels between tiles


COLUMNS = 9  # most tiles beside each other


SMALLEST_TILE = 192  # pixels; smaller patches are enlarged by a whole factor


COLOURS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)],
    dtype=np.uint8,
)  # Okabe & Ito 2008: told apart with any colour vision


def preview(
    config: AugmentConfig,
    image: NDArray[Any],
    *,
    labels: NDArray[Any] | None,
    spacing: Sequence[float],
    patch: Sequence[int],
    count: int,
    seed: int,
) -> RgbArray:
    """One place of an image, untouched and with `count` drawn augmentations, as `(height, width, 3)` RGB.

    The tiles stand in rows of `full_columns`.

    Args:
        config: ranges of the augmentation.
        image: prepared image `(C, *spatial)`; three channels are shown in colour, otherwise the first one in grey.
        labels: `spatial` integer classes, or `None`.
        spacing: mm per array axis.
        patch: size in voxels, as in training; of volumes the middle slice of the patch is shown.
        count: augmented tiles after the untouched one.
        seed: seed of the place (a labelled voxel where there is one) and of the augmentations.

    Raises:
        ConfigError: when `count` is below 1.

    >>> shape = {"spacing": (1.0, 1.0), "patch": (32, 32)}
    >>> preview(none(2), np.zeros((1, 64, 64)), labels=None, **shape, count=1, seed=0).shape[2]
    3
    """
    if count < 1:
        raise ConfigError(f"count of a preview must be at least 1, got {count}")
    generator = np.random.default_rng(seed)
    centre = inside(_place(image.shape[1:], labels, generator=generator), patch=patch, shape=image.shape[1:])
    window = _window(image)
    tiles = []
    for number in range(count + 1):
        drawn = sample(
            config if number else none(len(patch)),
            patch=patch,
            spacing=spacing,
            generator=generator,
            channels=len(image),
        )
        tiles.append(_tile(apply(drawn, image, labels=labels, centre=centre), window))
    columns = full_columns(len(tiles))
    rows = [tiles[first : first + columns] for first in range(0, len(tiles), columns)]
    return stacked_pictures([_beside(row) for row in rows])


def full_columns(tiles: int) -> int:
    """Tiles beside each other, at most `COLUMNS`, so that rows are as full as they can be: no gaps to wonder about.

    >>> [full_columns(n) for n in (2, 9, 10, 18)]
    [2, 9, 5, 9]
    """
    return math.ceil(tiles / math.ceil(tiles / COLUMNS))


def stacked_pictures(pictures: Sequence[RgbArray]) -> RgbArray:
    """Pictures `(height, width, 3)` below each other on white, left aligned, with a gap between them.

    >>> stacked_pictures([np.zeros((10, 20, 3), np.uint8), np.zeros((10, 30, 3), np.uint8)]).shape
    (24, 30, 3)
    """
    width = max(picture.shape[1] for picture in pictures)
    parts = [np.pad(p, ((0, GAP), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures]
    return np.concatenate(parts)[:-GAP]


def _beside(tiles: Sequence[RgbArray]) -> RgbArray:
    return stacked_pictures([tile.swapaxes(0, 1) for tile in tiles]).swapaxes(0, 1)


def _place(shape: Sequence[int], labels: NDArray[Any] | None, *, generator: np.random.Generator) -> tuple[int, ...]:
    """A random labelled voxel; the middle of the image when nothing is labelled."""
    found = np.flatnonzero(labels) if labels is not None else np.empty(0, dtype=np.intp)
    if not found.size:
        return tuple(n // 2 for n in shape)
    return tuple(int(i) for i in np.unravel_index(generator.choice(found), shape))


def _window(image: NDArray[Any]) -> NDArray[np.float64]:
    """(2, C) black and white point of each channel: the 0.5 and 99.5 per cent quantiles of at most a million values."""
    flat = image.reshape(len(image), -1)
    some = flat[:, :: max(1, flat.shape[1] // 1_000_000)]
    return np.asarray(np.quantile(some, (0.005, 0.995), axis=1), dtype=np.float64)


def _tile(patch: Patch, window: NDArray[np.float64]) -> RgbArray:
    """One patch as an RGB picture of at least `SMALLEST_TILE` pixels, with label outlines."""
    values = patch.image.cpu().numpy()
    labels = None if patch.labels is None else patch.labels.cpu().numpy()
    if values.ndim == 4:
        middle = values.shape[1] // 2
        values, labels = values[:, middle], None if labels is None else labels[middle]
    black, white = (point[:, None, None] for point in window)
    scaled = np.clip((values - black) / np.maximum(white - black, 1e-9), 0, 1) * 255
    shown = scaled if len(scaled) == 3 else np.repeat(scaled[:1], 3, axis=0)
    factor = -(-SMALLEST_TILE // min(values.shape[1:]))
    picture = np.ascontiguousarray(np.moveaxis(shown, 0, -1).astype(np.uint8))
    picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    return picture if labels is None else _outline(picture, labels.repeat(factor, axis=0).repeat(factor, axis=1))


def _outline(picture: RgbArray, labels: NDArray[Any]) -> RgbArray:
    """Draw the inner border of every label in its colour."""
    edge = np.zeros(labels.shape, dtype=bool)
    for axis in (0, 1):
        differs = np.diff(labels, axis=axis) != 0
        near: list[slice] = [slice(None), slice(None)]
        far = near.copy()
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        edge[tuple(near)] |= differs
        edge[tuple(far)] |= differs
    edge &= labels != 0
    picture[edge] = COLOURS[(labels[edge] - 1) % len(COLOURS)]
    return picture
