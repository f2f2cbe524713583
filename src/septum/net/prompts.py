"""Clicks, scribbles and boxes as extra input channels of a network.

The insight: a prompt is a picture. Each class has a channel in which what a person marked as it is a disc or a ball
around each voxel (Sofiiuk et al. 2021 found such discs better than distance maps), and each class but the background a
channel that holds its boxes. Without prompts the channels are zero, so one network works with and without them.
The channels of a whole volume would be large; they are kept as one number per voxel and unfolded where a tile is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError, GeometryError

MOST_CLASSES = 32
"""Classes of a network that takes prompts: each costs two channels, and one bit of the boxes' number."""


@dataclass(frozen=True)
class PromptConfig:
    """How prompts look to the network, and how often training gives them; as it stands in `plan.json`.

    Args:
        radius: of the disc or ball around each marked voxel.
        unit: of the radius: "voxel" of the network's grid, or "mm".
        none: share of the training patches without any prompt.
        most: most prompts of a training patch.

    Raises:
        ConfigError: a value out of range.
    """

    radius: float = 3.0
    unit: Literal["voxel", "mm"] = "voxel"
    none: float = 0.25
    most: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.radius <= 100:
            raise ConfigError(f"radius of prompts must be above 0 and at most 100, got {self.radius}; 3 is usual")
        if self.unit not in ("voxel", "mm"):
            raise ConfigError(f"unit of prompts must be voxel or mm, got {self.unit!r}; choose one of them")
        if not 0 <= self.none <= 1:
            raise ConfigError(f"none must be a share between 0 and 1, got {self.none}; 0.25 is usual")
        if not 1 <= self.most <= 100:
            raise ConfigError(f"most must be 1 to 100 prompts, got {self.most}; 5 is usual")


@dataclass(frozen=True, eq=False)
class Mark:
    """A click (one voxel) or a scribble (several): voxels `(n, ndim)` that are of class `index`, 0 the background."""

    points: NDArray[np.int64]
    index: int


@dataclass(frozen=True)
class BoxPrompt:
    """A box, `stop` excluded, around something of class `index`, 1 or more."""

    start: tuple[int, ...]
    stop: tuple[int, ...]
    index: int


@dataclass(frozen=True)
class Prompts:
    """Everything that was prompted, on the network's grid; where marks overlap, the later one counts."""

    marks: tuple[Mark, ...] = ()
    boxes: tuple[BoxPrompt, ...] = ()

    def with_mark(self, mark: Mark) -> Prompts:
        """The same with one more click or scribble."""
        return Prompts((*self.marks, mark), self.boxes)


@dataclass(frozen=True, eq=False)
class Painted:
    """Prompts as numbers per voxel: `marks` uint8, 1 + the class or 0; `boxes` uint32, bit k for class k, or None."""

    marks: NDArray[np.uint8]
    boxes: NDArray[np.uint32] | None = field(default=None)


def prompt_channels(n_classes: int) -> int:
    """How many channels prompts add: one per class for marks, one per class but the background for boxes.

    Raises:
        ConfigError: more than `MOST_CLASSES` classes.

    >>> prompt_channels(2)
    3
    """
    if not 2 <= n_classes <= MOST_CLASSES:
        raise ConfigError(
            f"prompts need 2 to {MOST_CLASSES} classes, got {n_classes}; train without --prompts, or join classes"
        )
    return 2 * n_classes - 1


def paint_prompts(
    prompts: Prompts, shape: Sequence[int], *, config: PromptConfig, spacing: Sequence[float], flat: bool = False
) -> Painted:
    """Prompts as numbers per voxel of an array of `shape`.

    Args:
        prompts: what was prompted; none at all gives zeros.
        shape: of the network's grid.
        config: radius and unit.
        spacing: mm per axis, for a radius in mm.
        flat: discs within the slices of a volume, for networks that see one slice at a time.

    Raises:
        GeometryError: a mark or a box outside of `shape`, or of another number of axes.
        ConfigError: a class below 0, or a box of the background.

    >>> click = Prompts((Mark(np.array([[0, 1]]), 1),))
    >>> paint_prompts(click, (1, 4), config=PromptConfig(radius=1), spacing=(1, 1)).marks
    array([[2, 2, 2, 0]], dtype=uint8)
    """
    size = np.asarray(shape)
    marks = np.zeros(tuple(shape), np.uint8)
    around = _ball(config, spacing, flat=flat)
    checked = [(_inside(mark, size), mark.index) for mark in prompts.marks]
    for points, index in checked:
        for offset in around:
            moved = points + offset
            kept = moved[((moved >= 0) & (moved < size)).all(axis=1)]
            marks[tuple(kept.T)] = index + 1
    for points, index in checked:  # what was marked itself is never covered by the rim of another mark
        marks[tuple(points.T)] = index + 1
    if not prompts.boxes:
        return Painted(marks)
    boxes = np.zeros(tuple(shape), np.uint32)
    for box in prompts.boxes:
        boxes[_cut(box, size)] |= np.uint32(1 << box.index)
    return Painted(marks, boxes)


def unfold(painted: Painted, n_classes: int, *, place: tuple[Any, ...] = (...,)) -> NDArray[np.float32]:
    """The prompt channels `(prompt_channels(n_classes), *part)` of the part that the index `place` cuts out, 0 or 1.

    >>> unfold(Painted(np.array([0, 2, 1], np.uint8)), 2).tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    marks = painted.marks[place]
    out = np.zeros((prompt_channels(n_classes), *marks.shape), np.float32)
    for index in range(n_classes):
        out[index] = marks == index + 1
    if painted.boxes is not None:
        boxes = painted.boxes[place]
        for index in range(1, n_classes):
            out[n_classes + index - 1] = (boxes >> np.uint32(index)) & np.uint32(1)
    return out


class PromptedImage:
    """Image and prompt channels as one array `(C + P, *spatial)`, of which only the parts that are read ever exist.

    It is indexed as `predict_classes` does: all channels, then slices or indices of the spatial axes.
    """

    def __init__(self, image: NDArray[Any], painted: Painted, *, n_classes: int) -> None:
        if image.shape[1:] != painted.marks.shape:
            raise GeometryError(
                f"prompts must be painted on the image's grid {image.shape[1:]}, got {painted.marks.shape}"
            )
        self._image, self._painted, self._n_classes = image, painted, n_classes

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, then voxels per axis."""
        return (len(self._image) + prompt_channels(self._n_classes), *self._image.shape[1:])

    @property
    def ndim(self) -> int:
        """Spatial axes and one."""
        return self._image.ndim

    def plane(self, index: int) -> PromptedImage:
        """One slice of a volume, with the prompts in it."""
        boxes = self._painted.boxes
        painted = Painted(self._painted.marks[index], None if boxes is None else boxes[index])
        return PromptedImage(self._image[:, index], painted, n_classes=self._n_classes)

    def crop(self, place: tuple[slice, ...]) -> PromptedImage:
        """A part of it, one slice per spatial axis; a view."""
        boxes = self._painted.boxes
        painted = Painted(self._painted.marks[place], None if boxes is None else boxes[place])
        return PromptedImage(self._image[(slice(None), *place)], painted, n_classes=self._n_classes)

    def __getitem__(self, place: tuple[Any, ...]) -> NDArray[np.float32]:
        part = self._image[place].astype(np.float32, copy=False)
        return np.concatenate([part, unfold(self._painted, self._n_classes, place=place[1:])])


def _ball(config: PromptConfig, spacing: Sequence[float], *, flat: bool) -> NDArray[np.int64]:
    """Steps `(n, ndim)` to the voxels of a ball around the origin."""
    step = np.asarray(spacing, dtype=float) if config.unit == "mm" else np.ones(len(spacing))
    reach = [0 if flat and axis == 0 else int(config.radius / s) for axis, s in enumerate(step)]
    grid = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, len(step))
    near: NDArray[np.int64] = grid[((grid * step) ** 2).sum(axis=1) <= config.radius**2 + 1e-9]
    return near


def _inside(mark: Mark, size: NDArray[np.intp]) -> NDArray[np.int64]:
    if not 0 <= mark.index < MOST_CLASSES:
        raise ConfigError(f"the class of a mark must be 0 to {MOST_CLASSES - 1}, got {mark.index}")
    points = np.atleast_2d(np.asarray(mark.points, dtype=np.int64))
    if points.shape[1] != len(size) or ((points < 0) | (points >= size)).any():
        raise GeometryError(f"prompts must lie inside the image of shape {tuple(size.tolist())}, got {points.tolist()}")
    return points


def _cut(box: BoxPrompt, size: NDArray[np.intp]) -> tuple[slice, ...]:
    if not 1 <= box.index < MOST_CLASSES:
        raise ConfigError(
            f"a box must hold a class from 1 to {MOST_CLASSES - 1}, got {box.index}; click the background"
        )
    if len(box.start) != len(size) or not all(
        0 <= a < b <= n for a, b, n in zip(box.start, box.stop, size, strict=True)
    ):
        raise GeometryError(
            f"a box must hold voxels of the image of shape {tuple(size.tolist())}, got {box.start} to {box.stop}"
        )
    return tuple(slice(a, b) for a, b in zip(box.start, box.stop, strict=True))
