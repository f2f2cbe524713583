"""One picture of a whole segmentation, for a reader who judges it: with and without outlines.

The insight: a reader can only fail what the picture shows. The single plane of a report hides what went wrong ten
slices further, so a volume is shown as three planes through its largest extent and as slices from its first to its
last, and all of it a second time without outlines, so that the reader can look below them.

Nothing in the picture or its file tells where the mask comes from: one colour scheme, no names, no metadata.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from septum.errors import GeometryError
from septum.geometry.picture import outline, slice_axis, thicker, windowed
from septum.report.figures import overlay
from septum.report.figures.overlay import ShownCase, ShownPlane
from septum.report.figures.plots import GREEN, ORANGE, PURPLE, SKY, VERMILLION

COLOURS = (SKY, ORANGE, PURPLE, GREEN, VERMILLION)
"""Outlines of the first labels; masks with more labels (instances) have one colour."""


_CELL_PX, _COLUMNS, _GAP_PX = 400, 4, 6


_PLANE_PX = (640, 1600)  # longer side of a picture in 2-D: small images are enlarged to, large ones reduced to


_SLICES = 8  # below the three planes; a row more where there are none


_EVEN = 1.5  # a volume whose voxels are longer than this many times their width is cut across the coarse axis only


def montage(
    image: NDArray[Any],
    labels: NDArray[Any],
    *,
    spacing: tuple[float, ...] | None = None,
    orientation: str | None = None,
    window: tuple[float, float] | None = None,
) -> tuple[bytes, bytes]:
    """The case with outlines and without, as two PNG files of one size.

    Args:
        image: `(C, *spatial)`, 2-D or 3-D.
        labels: `spatial` integers, 0 = not segmented; an empty mask gives the middle of the volume without outlines.
        spacing: mm per array axis, or None where it is not known.
        orientation: as `Grid.orientation`, or None to show arrays as they are stored.
        window: intensities of the first channel that are shown black and white; by default 0.5 and 99.5 percent of
            them, or the colours of an RGB image as they are.

    Raises:
        GeometryError: arrays that do not share one 2-D or 3-D shape.

    >>> [png[:4] for png in montage(np.zeros((1, 4, 4)), np.eye(4, dtype=int))]
    [b'\\x89PNG', b'\\x89PNG']
    """
    if labels.ndim not in (2, 3) or image.shape[1:] != labels.shape:
        raise GeometryError(
            f"image (channels first) and labels must share one 2-D or 3-D shape, got {image.shape} and {labels.shape}"
        )
    grey = _bytes(image, window)  # once, not again for every plane
    example = ShownCase("", grey, labels, labels, spacing, orientation)
    if labels.ndim == 2:
        plane = overlay.choose_plane(example)
        size = int(np.clip(max(_extent(plane)), *_PLANE_PX))
        return _png(_draw(plane, size, outlined=True)), _png(_draw(plane, size, outlined=False))
    chosen = cuts(labels, spacing, orientation=orientation)
    planes = [overlay.cut_plane(example, axis=axis, index=index) for axis, index in chosen]
    first = 3 if len({axis for axis, _ in chosen}) == 3 else 0
    rows = ([planes[:first]] if first else []) + [planes[i : i + _COLUMNS] for i in range(first, len(planes), _COLUMNS)]
    return _png(_sheet(rows, outlined=True)), _png(_sheet(rows, outlined=False))


def cuts(
    labels: NDArray[Any], spacing: tuple[float, ...] | None, *, orientation: str | None
) -> tuple[tuple[int, int], ...]:
    """The planes of a volume to show, as `(axis, index)`.

    The largest extent along each axis (where the voxels are nearly cubes), then eight slices from the first to the last
    that hold labels (twelve where there is no more to show).

    >>> block = np.zeros((6, 8, 8), int)
    >>> block[2:5, 2:6, 2:6] = 1
    >>> cuts(block, (4.0, 1.0, 1.0), orientation=None)
    ((0, 2), (0, 3), (0, 4))
    """
    step = spacing or (1.0,) * 3
    main = slice_axis(step, orientation)
    areas = [np.count_nonzero(labels, axis=tuple(i for i in range(3) if i != axis)) for axis in range(3)]
    held = np.flatnonzero(areas[main])
    first, last = (int(held[0]), int(held[-1])) if held.size else (0, labels.shape[main] - 1)
    uneven = max(step) > _EVEN * min(step)
    most = _SLICES + _COLUMNS if uneven else _SLICES
    chosen = np.unique(np.linspace(first, last, min(most, last - first + 1)).round().astype(int))
    slices = [(main, int(index)) for index in chosen]
    if uneven:
        return tuple(slices)
    order = [main, *(axis for axis in range(3) if axis != main)]
    largest = [(a, int(np.argmax(areas[a])) if areas[a].any() else labels.shape[a] // 2) for a in order]
    return tuple(largest + slices)


def _bytes(image: NDArray[Any], window: tuple[float, float] | None) -> NDArray[np.uint8]:
    """The image as `(3, *spatial)` bytes."""
    if window is None:
        return np.moveaxis(windowed(image), -1, 0)
    low, high = window
    scaled = np.clip((np.nan_to_num(image[0].astype(np.float32)) - low) / (high - low), 0, 1) * 255
    return np.broadcast_to(scaled.astype(np.uint8), (3, *scaled.shape))


def _extent(plane: ShownPlane) -> tuple[float, float]:
    """Height and width of a plane in units of its columns."""
    rows, columns = plane.reference.shape
    return rows * plane.aspect, float(columns)


def _draw(plane: ShownPlane, longest: int, *, outlined: bool) -> Picture.Image:
    height, width = _extent(plane)
    scale = longest / max(height, width)
    size = (max(round(height * scale), 24), max(round(width * scale), 24))
    smooth = Picture.Resampling.NEAREST if scale >= 2 else Picture.Resampling.BICUBIC
    canvas = np.array(Picture.fromarray(np.ascontiguousarray(plane.image)).resize(size[::-1], smooth))
    if outlined:
        for labels, colour in _layers(plane.reference):
            line = outline(labels, size, width_px=2)
            canvas[thicker(line) & ~line] //= 2
            canvas[line] = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    picture = Picture.fromarray(canvas)
    overlay.annotate(picture, plane)
    return picture


def _layers(labels: NDArray[Any]) -> list[tuple[NDArray[Any], str]]:
    """Labels to outline with the colour of each: by value, so that a label has one colour in every picture."""
    values = [int(v) for v in np.unique(labels) if v]
    if not values or max(values) > len(COLOURS):
        return [(labels, COLOURS[0])]
    return [(np.where(labels == value, value, 0), COLOURS[value - 1]) for value in values]


def _sheet(planes: Sequence[Sequence[ShownPlane]], *, outlined: bool) -> Picture.Image:
    """Rows of planes below each other, the longer side of each of one length."""
    rows = [[_draw(plane, _CELL_PX, outlined=outlined) for plane in row] for row in planes]
    heights = [max(cell.height for cell in row) for row in rows]
    widths = [sum(cell.width + _GAP_PX for cell in row) - _GAP_PX for row in rows]
    sheet = Picture.new("RGB", (max(widths), sum(heights) + _GAP_PX * (len(rows) - 1)), "black")
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for cell in row:
            sheet.paste(cell, (left, top + (height - cell.height) // 2))
            left += cell.width + _GAP_PX
        top += height + _GAP_PX
    return sheet


def _png(picture: Picture.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()
