"""A case as three pictures: image, reference, prediction.

The outlines run along voxel *edges*, so what is drawn is exactly what was measured: no interpolation makes a coarse
mask look smooth, and one pass over the picture outlines all labels at once.

Volumes are shown as the plane with the most reference, turned the way radiologists read it (the patient's right on the
left, head or front up) when the orientation is known, and in true proportions.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from septum.errors import GeometryError
from septum.geometry.picture import outline, slice_axis, thicker, turn, viewing, windowed
from septum.report.figures.plots import ORANGE, SKY

REFERENCE_COLOUR, PREDICTION_COLOUR = ORANGE, SKY


_PANEL_PX, _LARGEST_PX = 520, 720  # longer side of a panel: small images are enlarged, large ones reduced


_TEXT_PX = 22


class Example(NamedTuple):
    """A case to show.

    Args:
        case: its name.
        image: `(C, *spatial)`, or None where no image is at hand (the outlines are then drawn on black).
        reference: `spatial` integer labels, 0 = not shown.
        prediction: `spatial` integer labels, 0 = not shown.
        spacing: mm per array axis, or None where the physical size is not known (no scale bar).
        orientation: as `Grid.orientation` (such as `"SAR"`), or None to show arrays as they are stored.
    """

    case: str
    image: NDArray[Any] | None
    reference: NDArray[Any]
    prediction: NDArray[Any]
    spacing: tuple[float, ...] | None = None
    orientation: str | None = None


@dataclass(frozen=True)
class Plane:
    """A 2-D view of an example, rows downwards: what is drawn.

    `aspect` is the height of a sample over its width; `letters` are the patient's directions at the left, right,
    top and bottom edges (empty where unknown); `column_mm` is the width of a sample (None: unknown).
    """

    image: NDArray[Any]
    reference: NDArray[Any]
    prediction: NDArray[Any]
    aspect: float
    letters: str
    column_mm: float | None
    position: str


@dataclass(frozen=True)
class Panel:
    """One picture of an overlay: its title, the bytes of a PNG or JPEG file (`media` says which), and a description
    for readers who cannot see it."""

    title: str
    data: bytes
    media: str
    alt: str


def panels(example: Example) -> tuple[Panel, ...]:
    """Image (where there is one), reference outline, and prediction outline over a thin reference outline.

    Raises:
        GeometryError: arrays that do not share one 2-D or 3-D shape.
    """
    plane = choose_plane(example)
    where = f"{example.case}, {plane.position}" if plane.position else example.case
    reference = ((plane.reference, REFERENCE_COLOUR, 2),)
    both = ((plane.reference, REFERENCE_COLOUR, 1), (plane.prediction, PREDICTION_COLOUR, 2))
    described = (
        ("Image", (), f"Image of {where}"),
        ("Reference", reference, f"Image of {where} with the outline of the reference"),
        (
            "Prediction",
            both,
            f"Image of {where} with the outline of the prediction, and thinner the outline of the reference",
        ),
    )
    first = 1 if example.image is None else 0
    return tuple(Panel(title, *_draw(plane, lines), alt) for title, lines, alt in described[first:])


def thumbnail(example: Example, *, longest_px: int = 280) -> Panel:
    """One small picture: image, outline of the reference, and over it the outline of the prediction.

    Args:
        example: the case.
        longest_px: longer side of the picture.

    Raises:
        GeometryError: arrays that do not share one 2-D or 3-D shape.
    """
    plane = choose_plane(example)
    both = ((plane.reference, REFERENCE_COLOUR, 2), (plane.prediction, PREDICTION_COLOUR, 1))
    alt = f"Image of {example.case} with the outlines of reference and prediction"
    return Panel(example.case, *_draw(plane, both, longest_px=longest_px), alt)


def choose_plane(example: Example) -> Plane:
    """The plane to show: the only one in 2-D; in 3-D across the most coarsely sampled axis (the first when all are
    alike) where the reference is largest, else where the prediction is largest, else the middle.
    """
    reference, prediction = np.asarray(example.reference), np.asarray(example.prediction)
    image = np.zeros((1, *reference.shape), np.uint8) if example.image is None else np.asarray(example.image)
    if reference.ndim not in (2, 3) or prediction.shape != reference.shape or image.shape[1:] != reference.shape:
        raise GeometryError(
            f"{example.case}: image (channels first), reference and prediction must share one 2-D or 3-D shape, "
            f"got {image.shape}, {reference.shape} and {prediction.shape}"
        )
    spacing = example.spacing or (1.0,) * reference.ndim
    axis = slice_axis(spacing, example.orientation) if reference.ndim == 3 else 0
    return cut(example, axis=axis, index=_largest_slice(reference, prediction, axis) if reference.ndim == 3 else 0)


def cut(example: Example, *, axis: int, index: int) -> Plane:
    """The plane of a volume at `index` along `axis`; both mean nothing for a plane, which is shown whole."""
    reference, prediction = np.asarray(example.reference), np.asarray(example.prediction)
    image = np.zeros((1, *reference.shape), np.uint8) if example.image is None else np.asarray(example.image)
    spacing = example.spacing or (1.0,) * reference.ndim
    letters = example.orientation if example.orientation is not None and reference.ndim == 3 else None
    shown, position = windowed(image), ""
    if reference.ndim == 3:
        position = f"slice {index + 1} of {reference.shape[axis]}"
        shown = np.take(shown, index, axis=axis)
        reference, prediction = np.take(reference, index, axis=axis), np.take(prediction, index, axis=axis)
        spacing = tuple(s for i, s in enumerate(spacing) if i != axis)
        letters = letters and letters[:axis] + letters[axis + 1 :]
    transpose, flips, edges = viewing(letters)
    turned = [turn(array, transpose, flips) for array in (shown, reference, prediction)]
    row, column = spacing[::-1] if transpose else spacing
    known = None if example.spacing is None else float(column)
    return Plane(turned[0], turned[1], turned[2], float(row / column), edges, known, position)


def _largest_slice(reference: NDArray[Any], prediction: NDArray[Any], axis: int) -> int:
    others = tuple(i for i in range(3) if i != axis)
    for labels in (reference, prediction):
        area = np.count_nonzero(labels, axis=others)
        if area.any():
            return int(np.argmax(area))
    return int(reference.shape[axis]) // 2


def scale_bar(width: float) -> tuple[float, str]:
    """A round length (1, 2 or 5 times a power of ten) of at most a third of `width` mm, and its name.

    >>> scale_bar(180.0), scale_bar(0.2)
    ((50.0, '50 mm'), (0.05, '50 µm'))
    """
    exponent = np.floor(np.log10(width / 3))
    length = max(step * 10**exponent for step in (1, 2, 5) if step * 10**exponent <= width / 3 * (1 + 1e-9))
    for unit, size in (("mm", 1.0), ("µm", 1e-3), ("nm", 1e-6)):
        if length >= size * (1 - 1e-9):
            return float(length), f"{length / size:.0f} {unit}"
    return float(length), f"{length / 1e-6:g} nm"


def _draw(
    plane: Plane, outlines: Sequence[tuple[NDArray[Any], str, int]], *, longest_px: int | None = None
) -> tuple[bytes, str]:
    """The picture of a plane, and its media type; small ones carry no letters and no scale bar."""
    rows, columns = plane.reference.shape
    height, width = rows * plane.aspect, float(columns)
    longest = longest_px or float(np.clip(max(height, width), _PANEL_PX, _LARGEST_PX))
    scale = longest / max(height, width)
    size = (max(round(height * scale), 24), max(round(width * scale), 24))
    enlarged = scale >= 2
    smooth = Picture.Resampling.NEAREST if enlarged else Picture.Resampling.BICUBIC
    canvas = np.array(Picture.fromarray(np.ascontiguousarray(plane.image)).resize(size[::-1], smooth))
    for labels, colour, width_px in outlines:
        line = outline(labels, size, width_px=width_px)
        line = thicker(line) if enlarged else line
        canvas[thicker(line) & ~line] //= 2  # a dark rim keeps the line visible on bright tissue
        canvas[line] = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    picture = Picture.fromarray(canvas)
    if longest_px is not None:
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=80, subsampling=0)
        return buffer.getvalue(), "image/jpeg"
    annotate(picture, plane)
    return _encoded(picture)


def _encoded(picture: Picture.Image) -> tuple[bytes, str]:
    """The smaller of a PNG with 256 colours and a JPEG without colour subsampling, and its media type."""
    png, jpeg = io.BytesIO(), io.BytesIO()
    picture.quantize(256, method=Picture.Quantize.MEDIANCUT, dither=Picture.Dither.NONE).save(png, format="PNG")
    picture.save(jpeg, format="JPEG", quality=85, subsampling=0)
    if len(png.getvalue()) <= len(jpeg.getvalue()):
        return png.getvalue(), "image/png"
    return jpeg.getvalue(), "image/jpeg"


def annotate(picture: Picture.Image, plane: Plane) -> None:
    """The patient's directions at the edges, and a scale bar where the physical size is known."""
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(_TEXT_PX)
    width, height = picture.size

    def text(x: float, y: float, what: str, anchor: str) -> None:
        pen.text((x, y), what, fill="white", font=font, anchor=anchor, stroke_width=2, stroke_fill="black")

    spots = ((6, height / 2, "lm"), (width - 6, height / 2, "rm"), (width / 2, 6, "mt"))
    for letter, (x, y, anchor) in zip(plane.letters[:3], spots, strict=False):
        text(x, y, letter, anchor)
    if plane.column_mm is None:
        return
    shown_mm = plane.reference.shape[1] * plane.column_mm
    length, name = scale_bar(shown_mm)
    right, y = 12 + width * length / shown_mm, height - 14
    pen.line((10, y, right + 2, y), fill="black", width=9)
    pen.line((12, y, right, y), fill="white", width=5)
    text(12, y - 8, name, "lb")
