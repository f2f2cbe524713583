"""How labels are drawn over an image so that what they mark stays visible.

The insight: one way of drawing cannot fit all structures. A line around a vessel of two pixels hides the vessel, a fill
hides the texture of a tumour, and a lesion of three pixels is overlooked in any colour. So the size in the *picture*
decides, object by object: a line along the edge with a faint fill, a fill alone where a line would cover the object,
and a ring around what is tiny and alone.

The drawing is a picture of its own, of palette indices, transparent where nothing is marked: a page lays it over the
image and can take it away.
"""

from __future__ import annotations

import io

import cc3d
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from septum.geometry.picture import COLOURS, outline, rgb_of, thicker

TINY_PX = 9
"""Objects of no larger extent are ringed."""


MOST_RINGS = 60
"""More tiny objects than this in one picture are filled instead: rings around hundreds of cells show nothing."""


CORRECT, EXTRA, CONFUSED, MISSED = 3, 2, 4, 5
"""Labels of `differences`; as labels they have the colours green, blue, purple and vermilion."""


DIFFERENCES = {MISSED: "missed", EXTRA: "too much", CONFUSED: "another class", CORRECT: "right"}


_FILL, _THIN_FILL, _RIM = 56, 150, 110  # opacities of 255
_RING_PX = 9.0
_KINDS = 3  # of each colour: line, faint fill, strong fill
_RIM_INDEX = 1 + _KINDS * len(COLOURS)


def mark(labels: NDArray[np.integer], size: tuple[int, int], *, line_px: int = 1) -> NDArray[np.uint8]:
    """What is drawn over a picture of `size` that shows all of `labels`: indices into the palette of `overlay_png`.

    Args:
        labels: `(rows, columns)` integers, 0 is not drawn.
        size: rows and columns of the picture.
        line_px: width of the lines, 1 or more.

    Returns:
        `size` bytes, 0 where nothing is drawn.

    >>> mark(np.zeros((4, 4), int), (8, 8)).any()
    np.False_
    """
    rows, columns = (((np.arange(m) + 0.5) * n / m).astype(np.int64) for n, m in zip(labels.shape, size, strict=True))
    shown = labels[np.ix_(rows, columns)]
    drawn = np.zeros(size, np.uint8)
    if not shown.any():
        return drawn
    edge = outline(labels, size, width_px=1)
    for _ in range(line_px - 1):
        edge = thicker(edge) & (shown != 0)
    objects = cc3d.connected_components(_compact(shown), connectivity=4).astype(np.int64)
    extents, covered = _extents(objects), _covered(objects, edge)
    tiny = (extents <= TINY_PX) & (min(size) > 4 * TINY_PX)  # a ring must fit into the picture
    tiny &= np.count_nonzero(tiny[1:]) <= MOST_RINGS
    crumbs = tiny & _near_others(objects, tiny)
    tiny, thin = tiny & ~crumbs, ((covered > 0.55) & ~tiny) | crumbs
    colour = (shown.astype(np.int64) - 1) % len(COLOURS)
    drawn = np.where(shown != 0, 2 + _KINDS * colour, 0).astype(np.uint8)
    drawn[thin[objects] & (shown != 0)] += 1
    drawn[tiny[objects] & (shown != 0)] = 0
    line = edge & ~(thin | tiny)[objects]
    drawn[line] = (1 + _KINDS * colour)[line]
    drawn[thicker(line) & (drawn == 0)] = _RIM_INDEX
    for number in np.flatnonzero(tiny[1:]) + 1:
        _ring(drawn, objects == number, colour=colour)
    return drawn


def differences(
    reference: NDArray[np.integer], prediction: NDArray[np.integer], *, objects: bool = False
) -> NDArray[np.uint8]:
    """Where a prediction is right, misses something, marks too much, or takes one class for another; 0 elsewhere.

    Args:
        reference, prediction: integers of one shape, 0 is the background.
        objects: labels are numbers of objects, which need not agree.

    >>> differences(np.array([0, 1, 1, 2, 0]), np.array([0, 1, 0, 1, 1])).tolist()
    [0, 3, 5, 4, 2]
    """
    wanted, found = reference != 0, prediction != 0
    same = wanted & found if objects else wanted & (reference == prediction)
    result = np.zeros(reference.shape, np.uint8)
    result[wanted & found] = CONFUSED
    result[same] = CORRECT
    result[wanted & ~found] = MISSED
    result[found & ~wanted] = EXTRA
    return result


def _compact(shown: NDArray[np.integer]) -> NDArray[np.uint32]:
    """The same objects in few bytes; 0 stays 0."""
    values, places = np.unique(shown, return_inverse=True)
    numbers = np.where(values == 0, 0, np.arange(1, values.size + 1)).astype(np.uint32)
    return np.asarray(numbers[places].reshape(shown.shape), np.uint32)


def _extents(objects: NDArray[np.int64]) -> NDArray[np.int64]:
    """Longer side of the box around each object, by number; of 0, the background, more than anything."""
    boxes = cc3d.statistics(objects.astype(np.uint32), no_slice_conversion=True)["bounding_boxes"].astype(np.int64)
    extents = np.maximum(boxes[:, 1] - boxes[:, 0], boxes[:, 3] - boxes[:, 2]) + 1
    extents[0] = 1 << 40
    return np.asarray(extents, np.int64)


def _covered(objects: NDArray[np.int64], edge: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of each object that a line along its edge would cover."""
    area = np.bincount(objects.ravel())
    return np.bincount(objects[edge], minlength=area.size) / np.maximum(area, 1)


def _near_others(objects: NDArray[np.int64], tiny: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which tiny objects are crumbs beside a larger one, by number: a ring would cover that."""
    larger = ~tiny[objects] & (objects != 0)
    near = np.zeros(tiny.size, bool)
    for number in np.flatnonzero(tiny[1:]) + 1:
        low, high = _window(objects == number, reach=_RING_PX + 3, shape=objects.shape)
        near[number] = larger[low[0] : high[0], low[1] : high[1]].any()
    return near


def _window(
    inside: NDArray[np.bool_], *, reach: float, shape: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last corner of the box around an object and `reach` beyond its centre."""
    at = np.argwhere(inside)
    centre, wide = at.mean(axis=0), reach + np.ptp(at, axis=0).max() / 2
    return np.maximum(centre - wide, 0).astype(np.int64), np.minimum(centre + wide + 1, shape).astype(np.int64)


def _ring(drawn: NDArray[np.uint8], inside: NDArray[np.bool_], *, colour: NDArray[np.int64]) -> None:
    """A ring around a tiny object, with a dark rim; what lies below it stays as it is. Changes `drawn`."""
    at = np.argwhere(inside)
    centre, first = at.mean(axis=0), tuple(at[0])
    reach = _RING_PX + np.ptp(at, axis=0).max() / 2
    low, high = _window(inside, reach=_RING_PX + 3, shape=drawn.shape)
    part = drawn[low[0] : high[0], low[1] : high[1]]
    y, x = np.ogrid[low[0] : high[0], low[1] : high[1]]
    distance = np.hypot(y - centre[0], x - centre[1])
    part[(np.abs(distance - reach) < 2.2) & (part == 0)] = _RIM_INDEX
    part[np.abs(distance - reach) < 1.2] = 1 + _KINDS * colour[first]


def palette() -> tuple[bytes, bytes]:
    """Colours and opacities of the indices of `mark`: red, green, blue each, and one byte each.

    >>> colours, opacities = palette()
    >>> len(colours) == 3 * len(opacities), opacities[0]  # nothing is drawn where `mark` has 0
    (True, 0)
    """
    colours, opacities = [(0, 0, 0)], [0]
    for label in range(1, len(COLOURS) + 1):
        colours += [rgb_of(label)] * _KINDS
        opacities += [255, _FILL, _THIN_FILL]
    return bytes(v for c in [*colours, (0, 0, 0)] for v in c), bytes([*opacities, _RIM])


def overlay_png(drawn: NDArray[np.uint8]) -> bytes:
    """What `mark` drew as a PNG file that is transparent where nothing is marked.

    >>> overlay_png(mark(np.ones((4, 4), int), (8, 8)))[:4]
    b'\\x89PNG'
    """
    picture = Picture.fromarray(np.ascontiguousarray(drawn))
    colours, opacities = palette()
    picture.putpalette(colours)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", transparency=opacities, compress_level=6)
    return buffer.getvalue()


def blend(canvas: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`canvas` `(rows, columns, 3)` with what `mark` drew laid over it.

    >>> canvas = np.full((8, 8, 3), 90, np.uint8)
    >>> over = blend(canvas, mark(np.eye(2, dtype=int), (8, 8)))
    >>> bool((over[0, 0] != canvas[0, 0]).any()), over[0, 7].tolist()  # marked, not marked
    (True, [90, 90, 90])
    """
    colours, opacities = palette()
    over = np.frombuffer(colours, np.uint8).reshape(-1, 3)[drawn].astype(np.float32)
    share = (np.frombuffer(opacities, np.uint8)[drawn] / np.float32(255))[..., None]
    return np.asarray((1 - share) * canvas + share * over + 0.5, np.uint8)
