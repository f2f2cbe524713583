"""A prompter on a whole image: which plane is asked what, and how a box of a volume goes through its slices.

The insight: a prompter knows planes and single objects. So each box is an object, the clicks of a class that lie in no
box are one more in each slice, and every mark of another class says "not here". A box of a volume is asked in its
middle slice and then outward, each slice with the box around its neighbour's mask (Ma et al. 2024, as for volumes).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import Cancelled, ConfigError
from septum.net.inference.predict import Listener
from septum.net.inference.promptable import SOFT_TISSUE, PlaneBox, PromptAnswer, Prompter, PromptQuestion, shown_range
from septum.net.prompts import BoxPrompt, Mark, Prompts

KEPT = 32
"""Planes of which it is remembered what the prompter saw; 4 MB each with light MedSAM."""

MOST_CLICKS = 16
"""Clicks of an answer; of a scribble so many voxels, evenly along it."""

MARGIN = 2
"""Voxels by which the box of the next slice is wider than the mask that it comes from."""


@dataclass(frozen=True, eq=False)
class PromptedClasses:
    """What the prompts gave.

    Args:
        classes: of every voxel, on the image's grid.
        expected: by class, the intersection over union that the prompter expects of each of its masks.
        words: how the image was looked at, and of a volume, what was done for each object.
    """

    classes: NDArray[np.uint16]
    expected: dict[int, tuple[float, ...]]
    words: tuple[str, ...]


def check_channel_count(image: NDArray[Any]) -> None:
    """Refuse an image `(C, *spatial)` of other channels than a prompter takes; raises `ConfigError`.

    >>> check_channel_count(np.zeros((3, 8, 8)))
    >>> check_channel_count(np.zeros((3, 4, 8, 8)))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    septum.errors.ConfigError: ... got 3 channels in a volume; choose one with --channel
    """
    flat = image.ndim == 3
    if len(image) not in ((1, 3) if flat else (1,)):
        raise ConfigError(
            f"a prompter must be shown pictures of 1 or 3 channels and volumes of 1, got {len(image)} channels in "
            f"{'a picture' if flat else 'a volume'}; choose one with --channel"
        )


class PromptedPlanes:
    """An image and what a prompter saw of it: a second question about a plane costs the answer alone.

    Args:
        image: `(C, y, x)` with 1 or 3 channels, or `(1, z, y, x)`.
        prompter: answers for one plane.
        axis: of a volume, the array axis across its slices.

    Raises:
        ConfigError: another number of channels, no finite sample.
    """

    def __init__(self, image: NDArray[Any], *, prompter: Prompter, axis: int = 0) -> None:
        self._flat, self._axis = image.ndim == 3, axis
        check_channel_count(image)
        self._shown = shown_range(image)
        self._image = image[:, None] if self._flat else np.moveaxis(image, axis + 1, 1)
        self._prompter = prompter
        self._seen: OrderedDict[int, Any] = OrderedDict()

    def find(self, prompts: Prompts, *, listener: Listener | None = None) -> PromptedClasses:
        """What the prompts mean, class by class; where objects overlap, the later one counts.

        Raises:
            Cancelled: the listener said so.
        """
        told = listener or Listener()
        marks = [Mark(self._turned(mark.points), mark.index) for mark in prompts.marks]
        boxes = [
            BoxPrompt(self._turned_place(b.start), self._turned_place(b.stop, fill=1), b.index) for b in prompts.boxes
        ]
        objects = sorted([*_boxed(boxes, marks), *_clicked(boxes, marks)], key=lambda one: one.index)
        planes = np.zeros(self._image.shape[1:], np.uint16)
        expected: dict[int, tuple[float, ...]] = {}
        total, done = sum(one.stop - one.start for one in objects), 0
        for one in objects:
            for plane, answer in self._answers(one):
                planes[plane][answer.mask] = one.index
                expected[one.index] = (*expected.get(one.index, ()), answer.expected)
                done += 1
                told.on_progress(done / total)
                if told.should_stop():
                    raise Cancelled
        classes = planes[0] if self._flat else np.moveaxis(planes, 0, self._axis)
        told_words = () if self._flat else tuple(one.words for one in objects)
        return PromptedClasses(classes, expected, (*self._doubts(), *told_words))

    def _doubts(self) -> Iterator[str]:
        """What a person should know of how the image was looked at."""
        if self._shown == SOFT_TISSUE:
            yield f"taken for CT: seen in the window of soft tissue, {SOFT_TISSUE[0]:g} to {SOFT_TISSUE[1]:g}"
        if self._image.min() == self._image.max():
            yield "all samples of the image are equal: its mask says nothing"

    def _answers(self, one: _Object) -> Iterator[tuple[int, PromptAnswer]]:
        """The slices of an object from its middle outward, each with its answer."""
        boxes: dict[int, PlaneBox | None] = {}
        for plane, neighbour in one.outward():
            answer = self._prompter.answer(self._saw(plane), one.question(plane, boxes.get(neighbour, one.box)))
            boxes[plane] = _around(answer.mask, one.box)
            yield plane, answer

    def _saw(self, plane: int) -> Any:
        if plane not in self._seen:
            self._seen[plane] = self._prompter.see(self._image[:, plane], shown=self._shown)
            if len(self._seen) > KEPT:
                self._seen.popitem(last=False)
        self._seen.move_to_end(plane)
        return self._seen[plane]

    def _turned(self, points: NDArray[np.int64]) -> NDArray[np.int64]:
        """Voxels of the image with the axis across the slices first."""
        if self._flat:
            return np.insert(points, 0, 0, axis=1)
        across = points[:, [self._axis]]
        return np.concatenate([across, np.delete(points, self._axis, axis=1)], axis=1)

    def _turned_place(self, place: Sequence[int], *, fill: int = 0) -> tuple[int, ...]:
        return (fill, *place) if self._flat else tuple(self._turned(np.array([place]))[0].tolist())


@dataclass(frozen=True, eq=False)
class _Object:
    """One thing that is meant: its slices, its box in them, and the clicks `(n, 3)` into it and beside it."""

    index: int
    start: int
    stop: int
    box: PlaneBox | None
    inside: NDArray[np.int64]
    outside: NDArray[np.int64]

    def outward(self) -> Iterator[tuple[int, int]]:
        """The middle slice, then those after it and before it, each with the neighbour that is known by then."""
        middle = (self.start + self.stop - 1) // 2
        yield middle, middle
        yield from ((plane, plane - 1) for plane in range(middle + 1, self.stop))
        yield from ((plane, plane + 1) for plane in range(middle - 1, self.start - 1, -1))

    def question(self, plane: int, box: PlaneBox | None) -> PromptQuestion:
        """What is asked about a slice."""
        inside, outside = (points[points[:, 0] == plane][:, 1:] for points in (self.inside, self.outside))
        return PromptQuestion(_thinned(inside), _thinned(outside), box)

    @property
    def words(self) -> str:
        """What is done for it, in a volume."""
        if self.box is None:
            return f"the clicks in slice {self.start} gave a mask in that slice alone"
        if self.stop - self.start == 1:
            return f"the box in slice {self.start} gave a mask in that slice alone"
        middle = (self.start + self.stop - 1) // 2
        return (
            f"the box was asked in slice {middle} and then outward to slices {self.start} and {self.stop - 1}, each "
            "with the box around its neighbour's mask"
        )


def _boxed(boxes: Sequence[BoxPrompt], marks: Sequence[Mark]) -> Iterator[_Object]:
    """An object for each box, with the clicks that lie in it."""
    for box in boxes:
        own, others = _parted(marks, box.index)
        corners = (box.start[1], box.start[2]), (box.stop[1] - 1, box.stop[2] - 1)
        yield _Object(box.index, box.start[0], box.stop[0], corners, own[_within(own, box)], others)


def _clicked(boxes: Sequence[BoxPrompt], marks: Sequence[Mark]) -> Iterator[_Object]:
    """An object for each class and slice, of the clicks that lie in no box of the class."""
    for index in sorted({mark.index for mark in marks} - {0}):
        own, others = _parted(marks, index)
        for box in boxes:
            if box.index == index:
                own = own[~_within(own, box)]
        for plane in np.unique(own[:, 0]).tolist():
            yield _Object(index, plane, plane + 1, None, own[own[:, 0] == plane], others)


def _parted(marks: Sequence[Mark], index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The voxels that are marked as a class, and all others that are marked."""
    nothing = np.zeros((0, 3), np.int64)
    own = [mark.points for mark in marks if mark.index == index]
    others = [mark.points for mark in marks if mark.index != index]
    return np.concatenate([nothing, *own]), np.concatenate([nothing, *others])


def _within(points: NDArray[np.int64], box: BoxPrompt) -> NDArray[np.bool_]:
    inside = (points >= np.array(box.start)) & (points < np.array(box.stop))
    return np.asarray(inside.all(axis=1))


def _thinned(points: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `MOST_CLICKS` of the points, evenly in their order."""
    if len(points) <= MOST_CLICKS:
        return points
    kept: NDArray[np.int64] = points[np.linspace(0, len(points) - 1, MOST_CLICKS).astype(int)]
    return kept


def _around(mask: NDArray[np.bool_], limit: PlaneBox | None) -> PlaneBox | None:
    """The box around a mask, a little wider but not beyond `limit`; `limit` where nothing of the mask lies in it."""
    if limit is None:
        return None
    (top, left), (bottom, right) = limit
    rows, columns = np.nonzero(mask[top : bottom + 1, left : right + 1])
    if not len(rows):
        return limit
    first = max(top, top + int(rows.min()) - MARGIN), max(left, left + int(columns.min()) - MARGIN)
    last = min(bottom, top + int(rows.max()) + MARGIN), min(right, left + int(columns.max()) + MARGIN)
    return first, last
