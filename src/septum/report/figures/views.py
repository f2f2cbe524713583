"""A whole image with its labels as pictures that a page can leaf through: one for a plane, three stacks for a volume.

The insight: a page that is opened from a disk may load pictures but no data, so a stack of slices is one picture, an
atlas of equal cells, and the page shows a cell of it. What is marked is a second atlas over the first, so that it can
be taken away to look at what lies below.

Volumes are turned as radiologists read them where their orientation is known, in true proportions; long stacks are
thinned out evenly, and every cell knows which slice it is.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from septum.errors import GeometryError
from septum.geometry.picture import largest_slice, slice_axis, turn, viewing
from septum.report.figures.marking import blend, mark, overlay_png

PLANE_PX = (512, 1024)
"""Longer side of a picture of a plane: smaller images are enlarged, larger ones reduced."""


CELL_PX = 288
"""Longer side of a slice in an atlas."""


MOST_SLICES = (64, 40)
"""Slices of the main stack, and of each of the two others: about 1 MB for a volume."""


THUMBNAIL_PX = 144


_QUALITY = 82


@dataclass(frozen=True)
class View:
    """One picture of an image, or one stack of slices as an atlas of cells, row by row.

    Args:
        image: the bytes of a JPEG file.
        layers: what is marked by name, each the bytes of a PNG file of the same size, transparent elsewhere.
        cell: width and height of a cell in px.
        columns: cells in a row.
        slices: which slice each cell shows, counted from 0; one entry for a plane.
        total: slices that the volume has along this axis.
        first: the cell to show at first, where most is marked.
        letters: the patient's directions at the left, right, top and bottom; empty where unknown.
        title: such as "axial"; empty for a plane.
    """

    image: bytes
    layers: Mapping[str, bytes]
    cell: tuple[int, int]
    columns: int
    slices: tuple[int, ...]
    total: int
    first: int
    letters: str = ""
    title: str = ""

    @property
    def marks(self) -> bytes:
        """The first layer."""
        return next(iter(self.layers.values()))


def views(
    image: NDArray[Any] | None,
    layers: Mapping[str, NDArray[Any]],
    *,
    spacing: Sequence[float],
    orientation: str | None = None,
    most: tuple[int, int] = MOST_SLICES,
) -> tuple[View, ...]:
    """The pictures of an image: one of a plane, three stacks of a volume, the one across its coarsest axis first.

    Args:
        image: `(C, *spatial)`, or None: black.
        layers: labels by the name of their layer, `spatial` integers of one shape, 0 is not drawn; the first that marks
            anything decides which slice is shown first.
        spacing: size of a sample along each array axis.
        orientation: as `Grid.orientation`, or None to show arrays as they are stored.
        most: slices of the main stack and of the others.

    Raises:
        GeometryError: arrays that do not share one 2-D or 3-D shape.

    >>> mask = np.ones((3, 4, 5), int)
    >>> [view.title for view in views(None, {"mask": mask}, spacing=(2.0, 1.0, 1.0), orientation="SAR")]
    ['axial', 'coronal', 'sagittal']
    """
    shapes = list(dict.fromkeys([*([] if image is None else [image.shape[1:]]), *(a.shape for a in layers.values())]))
    if len(shapes) != 1 or not layers or len(shapes[0]) not in (2, 3):
        raise GeometryError(f"image (channels first) and labels must share one 2-D or 3-D shape, got {shapes}")
    levels = _Levels.of(image)
    if len(shapes[0]) == 2:
        return (_plane(levels.bytes_of(image, shapes[0]), layers, aspect=spacing[0] / spacing[1]),)
    main = slice_axis(spacing, orientation)
    order = [main, *(axis for axis in range(3) if axis != main)]
    return tuple(
        _stack(image, layers, levels=levels, axis=axis, most=most[axis != main], spacing=spacing, letters=orientation)
        for axis in order
    )


def view_thumbnail(view: View) -> bytes:
    """A small JPEG of the cell that a view shows at first, with its marks.

    >>> (view,) = views(None, {"mask": np.eye(4, dtype=int)}, spacing=(1.0, 1.0))
    >>> view_thumbnail(view)[:2] == b"\\xff\\xd8"  # how a JPEG file begins
    True
    """
    small = picture_of(view)
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Picture.Resampling.LANCZOS)
    return _jpeg(np.asarray(small))


def cell_box(view: View, cell: int) -> tuple[int, int, int, int]:
    """Left, upper, right and lower edge of a cell of the atlas.

    >>> main, *_ = views(None, {"mask": np.ones((4, 8, 8), int)}, spacing=(2.0, 1.0, 1.0))
    >>> main.columns, main.cell, cell_box(main, 3)
    (2, (288, 288), (288, 288, 576, 576))
    """
    (width, height), (row, column) = view.cell, divmod(cell, view.columns)
    return column * width, row * height, (column + 1) * width, (row + 1) * height


@dataclass(frozen=True)
class _Levels:
    """How intensities become bytes: colours as they are, else the first channel from `low` (black) to `high`."""

    colour: bool
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def of(cls, image: NDArray[Any] | None) -> _Levels:
        """From 0.5 to 99.5 percent of a thinned-out image."""
        if image is None or (image.shape[0] == 3 and image.dtype == np.uint8):
            return cls(True)
        stride = tuple(slice(None, None, max(1, n // 128)) for n in image.shape[1:])
        grey = np.nan_to_num(image[0][stride].astype(np.float32))
        low, high = (float(v) for v in np.percentile(grey, [0.5, 99.5]))
        return cls(False, low, high if high > low else low + 1e-6)

    def bytes_of(self, plane: NDArray[Any] | None, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """`(rows, columns, 3)` of a plane `(C, rows, columns)`; black where there is none."""
        if plane is None:
            return np.zeros((*shape, 3), np.uint8)
        if self.colour:
            return np.moveaxis(plane, 0, -1)
        grey = np.nan_to_num(plane[0].astype(np.float32))
        scaled = np.clip((grey - self.low) / (self.high - self.low), 0, 1) * 255
        return np.repeat(scaled.astype(np.uint8)[..., None], 3, axis=-1)


def _plane(shown: NDArray[np.uint8], layers: Mapping[str, NDArray[Any]], *, aspect: float) -> View:
    shape = shown.shape[:2]
    longest = float(np.clip(max(shape[0] * aspect, shape[1]), *PLANE_PX))
    size = _fit(shape, aspect, longest=longest)
    drawn = {name: overlay_png(mark(labels, size, line_px=2)) for name, labels in layers.items()}
    return View(_jpeg(_resized(shown, size)), drawn, size[::-1], 1, (0,), 1, 0)


def _stack(
    image: NDArray[Any] | None,
    layers: Mapping[str, NDArray[Any]],
    *,
    levels: _Levels,
    axis: int,
    most: int,
    spacing: Sequence[float],
    letters: str | None,
) -> View:
    decides = next((labels for labels in layers.values() if labels.any()), next(iter(layers.values())))
    total, best = decides.shape[axis], largest_slice(decides, axis)
    slices = np.unique(np.r_[np.linspace(0, total - 1, min(most, total)).round().astype(int), best])
    transpose, flips, edges = viewing(letters and letters[:axis] + letters[axis + 1 :])

    def plane(array: NDArray[Any], index: int) -> NDArray[Any]:
        return turn(np.take(array, index, axis=axis), transpose, flips=flips)

    row, column = [s for i, s in enumerate(spacing) if i != axis][:: -1 if transpose else 1]
    size = _fit(plane(decides, 0).shape, row / column, longest=CELL_PX)
    columns = math.ceil(math.sqrt(len(slices)))
    shape = (math.ceil(len(slices) / columns) * size[0], columns * size[1])
    atlas = np.zeros((*shape, 3), np.uint8)
    marks = {name: np.zeros(shape, np.uint8) for name in layers}
    for number, index in enumerate(slices):
        top, left = size[0] * (number // columns), size[1] * (number % columns)
        place = np.s_[top : top + size[0], left : left + size[1]]
        if image is not None:
            cell = levels.bytes_of(np.take(image, index, axis=axis + 1), ())
            atlas[place] = _resized(turn(cell, transpose, flips=flips), size)
        for name, labels in layers.items():
            marks[name][place] = mark(plane(labels, index), size)
    drawn = {name: overlay_png(array) for name, array in marks.items()}
    first = int(np.flatnonzero(slices == best)[0])
    shown = tuple(map(int, slices))
    return View(_jpeg(atlas), drawn, size[::-1], columns, shown, total, first, edges, _title(axis, letters))


def _title(axis: int, letters: str | None) -> str:
    """What a plane across an axis is called.

    >>> _title(0, "SAR"), _title(2, None)
    ('axial', 'across axis 3')
    """
    if letters is None:
        return f"across axis {axis + 1}"
    return {"S": "axial", "I": "axial", "A": "coronal", "P": "coronal"}.get(letters[axis], "sagittal")


def _fit(shape: tuple[int, ...], aspect: float, *, longest: float) -> tuple[int, int]:
    """Rows and columns in px of a plane of `shape` whose samples are `aspect` times as high as wide."""
    height, width = shape[0] * aspect, float(shape[1])
    scale = longest / max(height, width)
    return max(round(height * scale), 8), max(round(width * scale), 8)


def _resized(shown: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    picture = Picture.fromarray(np.ascontiguousarray(shown))
    enlarged = size[0] >= 2 * shown.shape[0]
    smooth = Picture.Resampling.NEAREST if enlarged else Picture.Resampling.BICUBIC
    return np.asarray(picture.resize(size[::-1], smooth))


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    grey = bool((picture == picture[..., :1]).all())
    buffer = io.BytesIO()
    Picture.fromarray(np.ascontiguousarray(picture[..., 0]) if grey else picture).save(
        buffer, format="JPEG", quality=_QUALITY
    )
    return buffer.getvalue()


def picture_of(view: View, cell: int | None = None, *, layer: str | None = None) -> Picture.Image:
    """One cell of a view with a layer, as a picture; the one it shows at first, the first layer where none is named.

    >>> (view,) = views(None, {"mask": np.eye(4, dtype=int)}, spacing=(1.0, 1.0))
    >>> picture_of(view).size
    (512, 512)
    """
    box = cell_box(view, view.first if cell is None else cell)
    marks = view.marks if layer is None else view.layers[layer]
    with Picture.open(io.BytesIO(view.image)) as base, Picture.open(io.BytesIO(marks)) as over:
        shown, drawn = np.asarray(base.crop(box).convert("RGB")), np.asarray(over.crop(box))
    return Picture.fromarray(blend(shown, drawn))
