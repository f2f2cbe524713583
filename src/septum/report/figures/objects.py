"""Single objects as pictures: every id in a colour of its own, beside the mask that says only "which class".

The insight: a picture of thousands of objects must take one pass, not one per object. A table from id to colour paints
them all at once, hues a golden angle apart, so that ids next to each other never look alike.
"""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from septum.errors import GeometryError
from septum.geometry.picture import colour_of, largest_slice, outline, slice_axis, windowed

_LONGEST_PX, _TEXT_PX, _GAP_PX = 520, 16, 8
_GOLDEN = 0.61803398875


def id_colours(ids: NDArray[Any]) -> NDArray[np.uint8]:
    """`(n, 3)` bytes: a bright colour for each id, always the same for one id.

    >>> id_colours(np.array([1, 2])).shape
    (2, 3)
    """
    colours = [colorsys.hls_to_rgb((i * _GOLDEN) % 1, 0.5 + 0.12 * (i % 3), 0.75 + 0.2 * (i % 2)) for i in ids.tolist()]
    return np.round(255 * np.array(colours).reshape(-1, 3)).astype(np.uint8)


def tinted_labels(
    canvas: NDArray[np.uint8], labels: NDArray[Any], *, opacity: float = 0.45, by_class: bool = False
) -> NDArray[np.uint8]:
    """`(Y, X, 3)` bytes with the labels laid over: areas tinted, outlines in full colour.

    Args:
        canvas: `(Y, X, 3)` bytes, a whole multiple of the labels or any other size.
        labels: `(Y, X)` integers, 0 is not drawn.
        opacity: of the areas, 0 to 1.
        by_class: few values with the colours of classes, instead of ids.

    >>> tinted_labels(np.zeros((2, 2, 3), np.uint8), np.array([[0, 1]])).shape
    (2, 2, 3)
    """
    size = canvas.shape[:2]
    rows, columns = (((np.arange(n) + 0.5) * m / n).astype(int) for m, n in zip(labels.shape, size, strict=True))
    shown = labels[np.ix_(rows, columns)]
    values, place = np.unique(shown, return_inverse=True)
    if by_class:
        names = [colour_of(int(value)) for value in values.tolist()]
        table = np.array([[int(name[k : k + 2], 16) for k in (1, 3, 5)] for name in names], np.uint8)
    else:
        table = id_colours(values)
    colours = table[place].reshape(*size, 3)
    mixed = ((1 - opacity) * canvas + opacity * colours).astype(np.uint8)
    result = np.where((shown != 0)[..., None], mixed, canvas)
    line = outline(labels, (size[0], size[1]), width_px=1) & (shown != 0)
    return np.where(line[..., None], colours, result)


def side_by_side(
    image: NDArray[Any] | None,
    mask: NDArray[Any],
    *,
    labels: NDArray[Any],
    spacing: Sequence[float],
    longest_px: int = _LONGEST_PX,
) -> bytes:
    """A PNG with three panels: image (where there is one), semantic mask, single objects with their number.

    Args:
        image: `(C, *spatial)`, or None.
        mask: `spatial`, class values.
        labels: `spatial`, object ids; of a volume the plane with most objects' voxels is shown.
        spacing: size of a sample along each axis.
        longest_px: longer side of a panel.

    Raises:
        GeometryError: arrays that do not share one 2-D or 3-D shape.

    >>> side_by_side(None, np.eye(4, dtype=int), labels=np.eye(4, dtype=int), spacing=(1.0, 1.0))[:4]
    b'\\x89PNG'
    """
    if mask.shape != labels.shape or mask.ndim not in (2, 3) or (image is not None and image.shape[1:] != mask.shape):
        shapes = [None if a is None else a.shape for a in (image, mask, labels)]
        raise GeometryError(f"image (channels first), mask and labels must share one 2-D or 3-D shape, got {shapes}")
    count, step = int(np.unique(labels[labels != 0]).size), list(spacing)
    shown = None if image is None else windowed(image)
    if mask.ndim == 3:
        axis = slice_axis(tuple(step), None)
        index = largest_slice(mask, axis)
        mask, labels = np.take(mask, index, axis=axis), np.take(labels, index, axis=axis)
        shown = None if shown is None else np.take(shown, index, axis=axis)
        del step[axis]
    height, width = mask.shape[0] * step[0] / step[1], float(mask.shape[1])
    scale = longest_px / max(height, width)
    size = max(round(height * scale), 8), max(round(width * scale), 8)
    canvas = np.zeros((*size, 3), np.uint8) if shown is None else _resized(shown, size)
    panels = [("which pixels (semantic)", tinted_labels(canvas, mask, by_class=True))]
    panels.append((f"which object ({count} in all)", tinted_labels(canvas, labels)))
    return sheet([("image", canvas), *panels] if shown is not None else panels)


def sheet(panels: Sequence[tuple[str, NDArray[np.uint8]]]) -> bytes:
    """A PNG of titled panels of one size, from left to right.

    >>> sheet([("a", np.zeros((4, 4, 3), np.uint8))])[:4]
    b'\\x89PNG'
    """
    height, width = panels[0][1].shape[:2]
    top = _TEXT_PX + 2 * _GAP_PX
    picture = Picture.new("RGB", (len(panels) * (width + _GAP_PX) - _GAP_PX, height + top), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(_TEXT_PX)
    for place, (title, panel) in enumerate(panels):
        left = place * (width + _GAP_PX)
        picture.paste(Picture.fromarray(np.ascontiguousarray(panel)), (left, top))
        pen.text((left, _GAP_PX), title, fill="black", font=font)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _resized(shown: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    smooth = Picture.Resampling.NEAREST if size[0] >= 2 * shown.shape[0] else Picture.Resampling.BICUBIC
    return np.array(Picture.fromarray(np.ascontiguousarray(shown)).resize(size[::-1], smooth))
