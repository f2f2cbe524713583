"""Slices, tiles and thumbnails of an open case."""

from __future__ import annotations

import io as memory
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.geometry import Image
from septum.server.opened import OpenCase
from septum.workflows.projects.store import MissingError

TILE = 512
TILED_FROM = 4096
THUMBNAIL = 128
_OPPOSITE = dict(zip("LRPAIS", "RLAPSI", strict=True))


def is_rgb(image: Image) -> bool:
    """Whether three channels are the colours of a photograph."""
    return image.array.dtype == np.uint8 and tuple(name.lower() for name in image.channels) == ("red", "green", "blue")


def is_tiled(image: Image) -> bool:
    """Whether a plane is so large that it travels in tiles."""
    return image.grid.ndim == 2 and max(image.grid.shape) > TILED_FROM


def image_slice(case: OpenCase, axis: int, *, index: int, channel: str) -> NDArray[Any]:
    """A slice of a channel, or of all three channels of a photograph with them last.

    Raises:
        MissingError: no such axis, slice or channel.
    """
    array = case.image.array
    if channel == "all" and is_rgb(case.image):
        return np.moveaxis(plane(array, axis, index=index, lead=1), 0, -1)
    number = int(channel) if channel.isascii() and channel.isdigit() and len(channel) < 6 else -1
    if not 0 <= number < len(array):
        raise MissingError(f"channel must be from 0 to {len(array) - 1}, got {channel[:20]!r}")
    return plane(array[number], axis, index=index)


def plane(array: NDArray[Any], axis: int, *, index: int, lead: int = 0) -> NDArray[Any]:
    """The slice `index` across a spatial axis, after `lead` other axes; a plane is its own slice 0 of axis 0."""
    check_plane(array.shape[lead:], axis, index=index)
    return array if array.ndim - lead == 2 else np.take(array, index, axis=lead + axis)


def check_plane(shape: Sequence[int], axis: int, *, index: int) -> None:
    """`MissingError` for a slice that an image of `shape` does not have."""
    size = shape[axis] if len(shape) == 3 and axis < 3 else 1
    if axis >= (3 if len(shape) == 3 else 1) or not 0 <= index < size:
        raise MissingError(f"slice must be one of the image, got {index} across axis {axis}")


def layer(case: OpenCase, name: str) -> NDArray[Any]:
    """Labels of a layer: `current`, `reference`, `version:3`, `prediction:model-1`; errors as `CaseLayers.labels`."""
    return case.session.labels() if name == "current" else case.layers.labels(name)


def tile(array: NDArray[Any], row: int, *, column: int) -> NDArray[Any]:
    """A tile of the last two axes; `MissingError` outside."""
    top, left = row * TILE, column * TILE
    if not (0 <= top < array.shape[-2] and 0 <= left < array.shape[-1]):
        raise MissingError(f"tile must be one of the image, got row {row} and column {column}")
    return array[..., top : top + TILE, left : left + TILE]


def pyramid_shapes(image: Image) -> list[tuple[int, ...]]:
    """Shapes of the pyramid: full size first, each half the one before, down to one tile."""
    shapes = [image.grid.shape]
    while max(shapes[-1]) > TILE:
        shapes.append(tuple((n + 1) // 2 for n in shapes[-1]))
    return shapes


def pyramid_level(case: OpenCase, level: int) -> NDArray[Any]:
    """The image `(C, y, x)` at 1/2^level of its size, each pixel the mean of those below; made when first asked for."""
    if case.image.grid.ndim != 2 or not 0 <= level < len(pyramid_shapes(case.image)):
        raise MissingError(f"level must be one of the image, got {level}")
    with case.lock:
        if not case.pyramid:
            case.pyramid.append(case.image.array)
        while len(case.pyramid) <= level:
            case.pyramid.append(_halved(case.pyramid[-1]))
        return case.pyramid[level]


def axes_of(image: Image) -> list[dict[str, Any]]:
    """For each axis its size, spacing, and the letters at its low and high end (none in 2-D)."""
    grid = image.grid
    ends = [(_OPPOSITE[c], c) for c in grid.orientation] if grid.ndim == 3 else [("", "")] * 2
    return [
        {"size": n, "mm": mm, "letters": list(pair)} for n, mm, pair in zip(grid.shape, grid.spacing, ends, strict=True)
    ]


def labelled_thumbnail(case: OpenCase) -> bytes:
    """A small PNG of the middle slice, or of the slice with most labels, with the labels tinted."""
    from PIL import Image as Picture

    labels, index = case.session.labels(), 0
    if labels.ndim == 3:
        thin = tuple(slice(None, None, max(1, n // THUMBNAIL)) for n in labels.shape[1:])
        counts = np.count_nonzero(labels[(slice(None), *thin)], axis=(1, 2))
        index = int(counts.argmax()) if counts.any() else labels.shape[0] // 2
    rgb = is_rgb(case.image)
    shown = image_slice(case, 0, index=index, channel="all" if rgb else "0")
    step = max(1, -(-max(shown.shape[:2]) // THUMBNAIL))
    small, marks = shown[::step, ::step].astype(np.float64), plane(labels, 0, index=index)[::step, ::step]
    if not rgb:
        low, high = case.windows[0]["window"]
        grey = np.clip((np.nan_to_num(small) - low) / (high - low) * 255, 0, 255)
        small = np.repeat(grey[..., None], 3, axis=-1)
    colours = {one.value: one.color for one in case.project.facts.labels}
    for value in np.unique(marks).tolist():
        if value:
            code = colours.get(value, "#e69f00")
            tint = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)
            small[marks == value] = 0.5 * small[marks == value] + 0.5 * tint
    spacing = case.image.grid.spacing[-2:]
    height = max(1, round(small.shape[0] * spacing[0] / min(spacing)))
    width = max(1, round(small.shape[1] * spacing[1] / min(spacing)))
    shrink = min(1.0, THUMBNAIL / max(height, width))
    picture = Picture.fromarray(small.astype(np.uint8))
    picture = picture.resize((max(1, round(width * shrink)), max(1, round(height * shrink))))
    memory_file = memory.BytesIO()
    picture.save(memory_file, "PNG")
    return memory_file.getvalue()


def encoded(picture: NDArray[np.uint8], kind: str) -> bytes:
    """A tile `(y, x, 3)` as WebP or PNG; `ConfigError` for another kind."""
    from PIL import Image as Picture

    if kind not in ("webp", "png"):
        raise ConfigError(f"format must be raw, webp or png, got {kind[:20]!r}")
    memory_file = memory.BytesIO()
    Picture.fromarray(np.ascontiguousarray(picture)).save(memory_file, kind.upper(), quality=90)
    return memory_file.getvalue()


def _halved(array: NDArray[Any]) -> NDArray[Any]:
    import cv2

    height, width = ((n + 1) // 2 for n in array.shape[-2:])
    halves = [cv2.resize(np.ascontiguousarray(one), (width, height), interpolation=cv2.INTER_AREA) for one in array]
    return np.stack(halves).astype(array.dtype)
