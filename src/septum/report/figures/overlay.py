"""A case as a picture: the plane that says most, and what is right and wrong on it.

What is drawn lies on voxel *edges*, so it is exactly what was measured: no interpolation makes a coarse mask look
smooth. Where classes are compared the errors are drawn, not two lines that the reader must compare; of objects, whose
numbers need not agree, both outlines are.

Volumes are shown as the plane with the most reference, turned the way radiologists read it (the patient's right on the
left, head or front up) when the orientation is known, and in true proportions.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from septum.errors import GeometryError
from septum.geometry.picture import outline, slice_axis, thicker, turn, viewing, windowed
from septum.report.figures.marking import blend, differences, mark
from septum.report.figures.plots import ORANGE, SKY

REFERENCE_COLOUR, PREDICTION_COLOUR = ORANGE, SKY


_TEXT_PX = 22


class ShownCase(NamedTuple):
    """A case to show.

    Args:
        case: its name.
        image: `(C, *spatial)`, or None where no image is at hand (the outlines are then drawn on black).
        reference: `spatial` integer labels, 0 = not shown.
        prediction: `spatial` integer labels, 0 = not shown.
        spacing: mm per array axis, or None where the physical size is not known (no scale bar).
        orientation: as `Grid.orientation` (such as `"SAR"`), or None to show arrays as they are stored.
        names: of the label values, where they are known.
        objects: labels are numbers of objects, which need not agree between reference and prediction.
    """

    case: str
    image: NDArray[Any] | None
    reference: NDArray[Any]
    prediction: NDArray[Any]
    spacing: tuple[float, ...] | None = None
    orientation: str | None = None
    names: Mapping[int, str] = MappingProxyType({})
    objects: bool = False


@dataclass(frozen=True)
class ShownPlane:
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


def case_thumbnail(example: ShownCase, *, longest_px: int = 280) -> Panel:
    """One small picture: what is right, missed, too much and of another class; of objects, the outlines of both.

    Args:
        example: the case.
        longest_px: longer side of the picture.

    Raises:
        GeometryError: arrays that do not share one 2-D or 3-D shape.

    >>> mask = np.eye(4, dtype=int)
    >>> case_thumbnail(ShownCase("head", None, mask, mask)).alt
    'Image of head with what the prediction has right, misses, and marks too much'
    """
    plane = choose_plane(example)
    if example.objects:
        alt = f"Image of {example.case} with the outlines of reference and prediction"
    else:
        alt = f"Image of {example.case} with what the prediction has right, misses, and marks too much"
    return Panel(example.case, _draw(plane, longest_px, objects=example.objects), "image/jpeg", alt)


def choose_plane(example: ShownCase) -> ShownPlane:
    """The plane to show: the only one in 2-D; in 3-D across the most coarsely sampled axis (the first when all are
    alike) where the reference is largest, else where the prediction is largest, else the middle.

    >>> mask = np.zeros((5, 4, 4), int)
    >>> mask[2, 1:3, 1:3] = 1
    >>> choose_plane(ShownCase("head", None, mask, mask, (3.0, 1.0, 1.0))).position
    'slice 3 of 5'
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
    return cut_plane(
        example, axis=axis, index=_largest_slice(reference, prediction, axis=axis) if reference.ndim == 3 else 0
    )


def cut_plane(example: ShownCase, *, axis: int, index: int) -> ShownPlane:
    """The plane of a volume at `index` along `axis`; both mean nothing for a plane, which is shown whole.

    >>> mask = np.zeros((5, 4, 4), int)
    >>> plane = cut_plane(ShownCase("head", None, mask, mask, (3.0, 1.0, 1.0), "SAR"), axis=1, index=0)
    >>> plane.reference.shape, plane.aspect, plane.position
    ((5, 4), 3.0, 'slice 1 of 4')
    """
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
    turned = [turn(array, transpose, flips=flips) for array in (shown, reference, prediction)]
    row, column = spacing[::-1] if transpose else spacing
    known = None if example.spacing is None else float(column)
    return ShownPlane(turned[0], turned[1], turned[2], float(row / column), edges, known, position)


def _largest_slice(reference: NDArray[Any], prediction: NDArray[Any], *, axis: int) -> int:
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


def _draw(plane: ShownPlane, longest_px: float, *, objects: bool) -> bytes:
    """The JPEG of a plane; small ones carry no letters and no scale bar."""
    rows, columns = plane.reference.shape
    scale = longest_px / max(rows * plane.aspect, columns)
    size = (max(round(rows * plane.aspect * scale), 24), max(round(columns * scale), 24))
    smooth = Picture.Resampling.NEAREST if scale >= 2 else Picture.Resampling.BICUBIC
    canvas = np.array(Picture.fromarray(np.ascontiguousarray(plane.image)).resize(size[::-1], smooth))
    if objects:
        _outline_both(canvas, plane, enlarged=scale >= 2)
    else:
        canvas = blend(canvas, mark(differences(plane.reference, plane.prediction), size))
    buffer = io.BytesIO()
    Picture.fromarray(canvas).save(buffer, format="JPEG", quality=80, subsampling=0)
    return buffer.getvalue()


def _outline_both(canvas: NDArray[np.uint8], plane: ShownPlane, *, enlarged: bool) -> None:
    """The outline of the reference, and over it that of the prediction. Changes `canvas`."""
    size = canvas.shape[:2]
    for labels, colour, width_px in (
        (plane.reference, REFERENCE_COLOUR, 2),
        (plane.prediction, PREDICTION_COLOUR, 1),
    ):
        line = outline(labels, size, width_px=width_px)
        line = thicker(line) if enlarged else line
        canvas[thicker(line) & ~line] //= 2  # a dark rim keeps the line visible on bright tissue
        canvas[line] = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def annotate(picture: Picture.Image, plane: ShownPlane) -> None:
    """The patient's directions at the edges, and a scale bar where the physical size is known.

    >>> mask, picture = np.eye(40, dtype=int), Picture.new("RGB", (160, 160))
    >>> annotate(picture, choose_plane(ShownCase("head", None, mask, mask, (1.0, 1.0))))
    >>> picture.getpixel((20, 146))  # the white line of the scale bar
    (255, 255, 255)
    """
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(_TEXT_PX)
    width, height = picture.size

    def text(x: float, y: float, *, what: str, anchor: str) -> None:
        pen.text((x, y), what, fill="white", font=font, anchor=anchor, stroke_width=2, stroke_fill="black")

    spots = ((6, height / 2, "lm"), (width - 6, height / 2, "rm"), (width / 2, 6, "mt"))
    for letter, (x, y, anchor) in zip(plane.letters[:3], spots, strict=False):
        text(x, y, what=letter, anchor=anchor)
    if plane.column_mm is None:
        return
    shown_mm = plane.reference.shape[1] * plane.column_mm
    length, name = scale_bar(shown_mm)
    right, y = 12 + width * length / shown_mm, height - 14
    pen.line((10, y, right + 2, y), fill="black", width=9)
    pen.line((12, y, right, y), fill="white", width=5)
    text(12, y - 8, what=name, anchor="lb")
