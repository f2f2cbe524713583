"""What an image looks like: the plane to show, turned as people read it, labels as colours and outlines.

Outlines run along voxel *edges*, so what is drawn is exactly what is there: no interpolation makes a coarse mask look
smooth, and one pass over the picture outlines all labels at once. A notebook shows `Image` and `LabelMap` by this, and
the reports draw their pictures with it.
"""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from septum.errors import GeometryError

COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#D55E00", "#F0E442", "#0072B2", "#882255")
"""Colours of labels, in turn: those of Okabe and Ito, which people with colour-blindness tell apart, and a wine red in
the place of their black: on a grey image every label must be a colour."""

_SHORTEST_PX, _LONGEST_PX = 256, 640


def colour_of(label: int) -> str:
    """The colour of a label, always the same.

    >>> colour_of(1), colour_of(9)
    ('#E69F00', '#E69F00')
    """
    return COLOURS[(label - 1) % len(COLOURS)]


def rgb_of(label: int) -> tuple[int, int, int]:
    """The colour of a label as bytes.

    >>> rgb_of(1)
    (230, 159, 0)
    """
    colour = colour_of(label)
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def draw(
    image: NDArray[Any] | None,
    labels: NDArray[Any] | None,
    *,
    spacing: Sequence[float],
    orientation: str | None = None,
    axis: int | None = None,
    index: int | None = None,
    opacity: float = 0.35,
) -> bytes:
    """A PNG of one plane, in true proportions.

    Args:
        image: `(C, *spatial)`; None: black.
        labels: `spatial` integers, 0 is not drawn; None: the image alone.
        spacing: size of a sample along each array axis.
        orientation: as `Grid.orientation`; a volume is then turned as radiologists read it. None: as stored.
        axis, index: the plane of a volume; None: across the coarsest axis, where most is labelled (else the middle).
        opacity: of the labels' colours, 0 to 1; the outlines are always drawn.

    Raises:
        GeometryError: neither image nor labels, arrays that do not share one shape, or a plane outside of them.

    >>> draw(np.zeros((1, 8, 8)), np.eye(8, dtype=int), spacing=(1.0, 1.0))[:4]
    b'\x89PNG'
    """
    given = labels if labels is not None else None if image is None else image[0]
    if given is None or given.ndim not in (2, 3) or (image is not None and image.shape[1:] != given.shape):
        shapes = [None if a is None else a.shape for a in (image, labels)]
        raise GeometryError(f"image (channels first) and labels must share one 2-D or 3-D shape, got {shapes}")
    shown = np.zeros((*given.shape, 3), np.uint8) if image is None else windowed(image)
    marked = np.zeros(given.shape, np.uint8) if labels is None else labels
    letters = None
    if given.ndim == 3:
        axis = slice_axis(spacing, orientation) if axis is None else axis
        index = largest_slice(marked, axis) if index is None else index
        if not (0 <= axis < 3 and 0 <= index < given.shape[axis]):
            raise GeometryError(f"axis and index must name a plane of {given.shape}, got axis {axis}, index {index}")
        shown, marked = np.take(shown, index, axis=axis), np.take(marked, index, axis=axis)
        spacing = tuple(s for i, s in enumerate(spacing) if i != axis)
        letters = orientation and orientation[:axis] + orientation[axis + 1 :]
    transpose, flips, _ = viewing(letters)
    row, column = spacing[::-1] if transpose else spacing
    return _png(
        turn(shown, transpose, flips=flips), turn(marked, transpose, flips=flips), aspect=row / column, opacity=opacity
    )


def _png(shown: NDArray[np.uint8], marked: NDArray[Any], *, aspect: float, opacity: float) -> bytes:
    rows, columns = marked.shape
    longest = max(rows * aspect, columns)
    scale = float(np.clip(longest, _SHORTEST_PX, _LONGEST_PX)) / longest
    size = max(round(rows * aspect * scale), 8), max(round(columns * scale), 8)
    smooth = Picture.Resampling.NEAREST if scale >= 2 else Picture.Resampling.BICUBIC
    canvas = np.array(Picture.fromarray(np.ascontiguousarray(shown)).resize(size[::-1], smooth))
    spots = marked[np.ix_(_nearest(rows, size[0]), _nearest(columns, size[1]))]
    for label in np.unique(spots[spots != 0]).tolist():
        colour = np.array(rgb_of(label))
        inside = spots == label
        canvas[inside] = ((1 - opacity) * canvas[inside] + opacity * colour).astype(np.uint8)
        canvas[outline(np.where(marked == label, 1, 0), size, width_px=1)] = colour
    buffer = io.BytesIO()
    Picture.fromarray(canvas).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def largest_slice(labels: NDArray[Any], axis: int) -> int:
    """The slice across `axis` with most labelled samples; the middle one where nothing is labelled.

    >>> largest_slice(np.array([[[0, 0]], [[1, 1]], [[0, 1]]]), 0)
    1
    """
    area = np.count_nonzero(labels, axis=tuple(i for i in range(labels.ndim) if i != axis))
    return int(np.argmax(area)) if area.any() else int(labels.shape[axis]) // 2


def legend(sizes: Mapping[int, str], names: Mapping[int, str]) -> str:
    """HTML that names labels beside their colours; `sizes` says how much of each there is.

    >>> "liver" in legend({1: "120 mm³"}, {1: "liver"})
    True
    """
    rows = [
        f'<span style="white-space:nowrap"><span style="color:{colour_of(label)}">&#9632;</span> {label} '
        f"{html.escape(names.get(label, ''))} <small>{html.escape(size)}</small></span>"
        for label, size in list(sizes.items())[:24]
    ]
    more = [f"<small>and {len(sizes) - 24} more</small>"] if len(sizes) > 24 else []
    return "&emsp;".join(rows + more)


def windowed(image: NDArray[Any]) -> NDArray[np.uint8]:
    """`(*spatial, 3)` bytes: colour as it is for three byte channels, else the first channel, 0.5 to 99.5 percent.

    >>> windowed(np.array([[[0.0, 1.0]]]))[..., 0].tolist()
    [[0, 255]]
    """
    if image.shape[0] == 3 and image.dtype == np.uint8:
        return np.moveaxis(image, 0, -1)
    grey = np.nan_to_num(image[0].astype(np.float32))
    stride = tuple(slice(None, None, max(1, n // 128)) for n in grey.shape)
    low, high = np.percentile(grey[stride], [0.5, 99.5])
    scaled = np.clip((grey - low) / max(float(high - low), 1e-12), 0, 1) * 255
    return np.repeat(scaled.astype(np.uint8)[..., None], 3, axis=-1)


def slice_axis(spacing: Sequence[float], letters: str | None) -> int:
    """Across the coarsest axis; nearly isotropic volumes are cut across the body (S or I) where that is known.

    >>> slice_axis((1.0, 1.0, 3.0), None), slice_axis((1.0, 1.0, 1.0), "LPS")
    (2, 2)
    """
    if max(spacing) > 1.5 * min(spacing):
        return int(np.argmax(spacing))
    return next((i for i, letter in enumerate(letters or "") if letter in "SI"), 0)


def viewing(letters: str | None) -> tuple[bool, tuple[bool, bool], str]:
    """How to turn a plane whose axes run towards `letters` (two of RLAPSI): transpose, flips, letters at the edges.

    Rows must run from head to feet (else front to back), columns from the patient's right to left (else front to back).

    >>> viewing("PL")
    (False, (False, False), 'RLAP')
    """
    if letters is None:
        return False, (False, False), ""
    ends = {"S": ("S", "I"), "I": ("S", "I"), "A": ("A", "P"), "P": ("A", "P"), "R": ("R", "L"), "L": ("R", "L")}
    transpose = "SAR".index(ends[letters[0]][0]) > "SAR".index(ends[letters[1]][0])
    vertical, horizontal = (letters[1], letters[0]) if transpose else (letters[0], letters[1])
    (top, bottom), (left, right) = ends[vertical], ends[horizontal]
    return transpose, (vertical != bottom, horizontal != right), left + right + top + bottom


def turn(array: NDArray[Any], transpose: bool, *, flips: tuple[bool, bool]) -> NDArray[Any]:
    """The array as `viewing` says: first transposed, then flipped along its two leading axes.

    >>> turn(np.array([[1, 2, 3]]), True, flips=(True, False)).tolist()
    [[3], [2], [1]]
    """
    turned = array.swapaxes(0, 1) if transpose else array
    return turned[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1]


def outline(labels: NDArray[Any], shape: tuple[int, int], *, width_px: int = 2) -> NDArray[np.bool_]:
    """Pixels of a picture of `shape` that lie on the voxel edges between different labels.

    Args:
        labels: `(rows, columns)` integers; the outside counts as 0, so labels that touch the border are closed.
        shape: rows and columns of the picture that shows all of `labels`.
        width_px: 1 (inside of the edge) or 2 (both sides of it).

    >>> outline(np.array([[0, 1]]), (2, 4), width_px=1).astype(int).tolist()
    [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    rows, columns = (_nearest(n, m) for n, m in zip(labels.shape, shape, strict=True))
    picture = np.pad(labels[np.ix_(rows, columns)], 1)
    marked = np.zeros(picture.shape, dtype=bool)
    for first, second in (
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
    ):
        differ = picture[first] != picture[second]
        marked[first] |= differ & (picture[first] != 0) if width_px == 1 else differ
        marked[second] |= differ & (picture[second] != 0) if width_px == 1 else differ
    return marked[1:-1, 1:-1]


def _nearest(n: int, pixels: int) -> NDArray[np.int64]:
    """The sample of `n` that each of `pixels` picture elements shows."""
    return ((np.arange(pixels) + 0.5) * n / pixels).astype(np.int64)


def thicker(line: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """One pixel more on every side.

    >>> thicker(np.eye(3, dtype=bool)[:1]).tolist()
    [[True, True, False]]
    """
    wide = line.copy()
    wide[1:] |= line[:-1]
    wide[:-1] |= line[1:]
    wide[:, 1:] |= line[:, :-1]
    wide[:, :-1] |= line[:, 1:]
    return wide
