"""From what a person marks on an image to what a prompted network sees.

Clicks are written `Z,Y,X[:LABEL]` (`Y,X` on a picture), boxes by their first and last voxel, both in the order of the
image's own array axes, as `septum info` shows them; scribbles are a sparse label file. They travel on the image's own
grid and are moved to the network's grid voxel by voxel, so that a click survives where resampling would lose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError, GeometryError
from septum.geometry import Grid
from septum.geometry.placement import Placement
from septum.net.inference.tiles import ChannelArray
from septum.net.prompts import BoxPrompt, Mark, PromptedImage, Prompts, paint_prompts
from septum.workflows.data.cases import Case
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.marks import markers_of
from septum.workflows.model.plan import Plan
from septum.workflows.prediction.settings import PredictSettings

HIGHEST_LABEL = 2**16 - 1
"""Of what a prompter draws."""


@dataclass(frozen=True)
class ImagePrompts:
    """Prompts on an image's own grid, in class numbers."""

    prompts: Prompts

    def placed(self, placement: Placement) -> Prompts:
        """The same on the network's grid."""
        marks = tuple(Mark(_moved(mark.points, placement), mark.index) for mark in self.prompts.marks)
        boxes = tuple(_moved_box(box, placement) for box in self.prompts.boxes)
        return Prompts(marks, boxes)


def with_prompts(array: NDArray[Any], plan: Plan, *, prompts: Prompts, spacing: Sequence[float]) -> ChannelArray:
    """What the plan's network takes: the prepared image, and behind it the prompts' channels where the plan has them.

    Args:
        array: `(C, *spatial)`.
        prompts: on the array's grid; `Prompts()` for none.
        spacing: mm per spatial axis.
    """
    if plan.prompts is None:
        return array
    shape = array.shape[1:]
    painted = paint_prompts(prompts, shape, config=plan.prompts, spacing=spacing, flat=plan.slices and len(shape) == 3)
    return PromptedImage(array, painted, n_classes=plan.classes.n_classes)


def plane_of(array: ChannelArray, index: int) -> ChannelArray:
    """One slice of a volume `(C, Z, Y, X)`, with or without prompts; nothing is copied."""
    found: ChannelArray = array.plane(index) if isinstance(array, PromptedImage) else array[:, index]
    return found


def part_of(array: ChannelArray, place: tuple[slice, ...]) -> ChannelArray:
    """A part of an image `(C, *spatial)`, one slice per spatial axis, with or without prompts; nothing is copied."""
    found: ChannelArray = array.crop(place) if isinstance(array, PromptedImage) else array[(slice(None), *place)]
    return found


def check_prompts(settings: PredictSettings, plan: Plan, *, images: int) -> None:
    """Refuse prompts that cannot be meant, before any work is done.

    Raises:
        ConfigError: prompts for a model that takes none; clicks or boxes for several images; text that is no prompt;
            labels that the model does not know; clicks of two labels on one voxel.
    """
    if not settings.prompted:
        return
    _refuse_without(plan)
    check_one_image(settings, images)
    ndim = plan.fingerprint.ndim
    _clicks(settings, ndim, classes=plan.classes)
    for text in settings.boxes:
        _parse(text, 2 * ndim, classes=plan.classes, what="box")


def check_one_image(settings: PredictSettings, images: int) -> None:
    """Refuse the prompts of one image for several; raises `ConfigError`."""
    drawn = settings.scribbles is not None and not settings.scribbles.is_dir()
    if images > 1 and (settings.clicks or settings.boxes or drawn):
        raise ConfigError(
            f"clicks, boxes and a file of scribbles must belong to one image, got {images} images or frames; "
            "give one image, --frame T of a movie, or --scribbles with a folder"
        )


def prompted_labels(settings: PredictSettings, case: Case, *, grid: Grid) -> ClassMap:
    """The labels that the prompts for one image name, as classes: what a prompter draws is what it is asked for.

    A prompt without a label means label 1, where no other label is named; errors as `read_prompts`.
    """
    texts = (*settings.clicks, *settings.boxes)
    said = {_label_of(text) for text in texts if ":" in text} | {1 for text in texts if ":" not in text}
    drawn = markers_of(settings.scribbles, case, grid=grid, what="scribbles")
    drawn_values = () if drawn is None else np.unique(drawn[drawn != (settings.scribble_background or 0)]).tolist()
    values = sorted({*said, *drawn_values} - {0})
    if not values:
        raise ConfigError(
            "prompts must mark an object, got background alone; add --click or --box with a label of 1 or more"
        )
    return ClassMap((0, *values), ("background", *(f"label {value}" for value in values)))


def _label_of(text: str) -> int:
    label = text.partition(":")[2]
    if not label.isdecimal() or int(label) > HIGHEST_LABEL:
        raise ConfigError(f"the label of a prompt must be a whole number from 0 to {HIGHEST_LABEL}, got {text!r}")
    return int(label)


def _refuse_without(plan: Plan) -> None:
    if plan.prompts is None:
        raise ConfigError(
            "prompts must go to a model that takes them, got one that was trained without; "
            "train it with `septum train --prompts`, or leave the prompts out"
        )


def read_prompts(settings: PredictSettings, case: Case, *, grid: Grid, classes: ClassMap) -> ImagePrompts:
    """The prompts for one image; scribbles first, so that clicks correct them.

    Raises:
        ConfigError: as `check_prompts`; scribbles without a mark, or with a value that is no label of `classes`.
        GeometryError: a prompt outside of the image, scribbles on another grid.
        FormatError: scribbles that cannot be read.
    """
    marks = _scribbles(settings, case, grid=grid, classes=classes)
    for text, numbers, index in _clicks(settings, grid.ndim, classes=classes):
        _check_inside(numbers, grid.shape, text=text)
        marks.append(Mark(np.array([numbers], dtype=np.int64), index))
    boxes = []
    for text in settings.boxes:
        numbers, index = _parse(text, 2 * grid.ndim, classes=classes, what="box")
        first, last = numbers[: grid.ndim], numbers[grid.ndim :]
        _check_inside(first, grid.shape, text=text)
        _check_inside(last, grid.shape, text=text)
        boxes.append(_box(first, last, index=index, text=text))
    return ImagePrompts(Prompts(tuple(marks), tuple(boxes)))


def unheeded(classes: NDArray[Any], prompts: ImagePrompts) -> dict[int, tuple[str, ...]]:
    """Which prompts the mask does not follow, in words, by the class that is in doubt: the prompt's own, or where it
    marks background what the mask has there. A network may take a click and change nothing.

    Args:
        classes: the mask, in class numbers, on the grid of the prompts.
        prompts: what was given; of a scribble, half of the voxels must have been followed.
    """
    found: dict[int, tuple[str, ...]] = {}
    for mark in prompts.prompts.marks:
        there = classes[tuple(mark.points.T)]
        if float(np.mean(there == mark.index)) < 0.5:
            doubted = mark.index or int(np.bincount(there[there > 0].astype(np.int64)).argmax())
            where = ",".join(str(v) for v in mark.points[0])
            what = f"the click at {where}" if len(mark.points) == 1 else f"the scribble from {where} on"
            found[doubted] = (*found.get(doubted, ()), f"{what} did not help: the mask does not follow it")
    for box in prompts.prompts.boxes:
        inside = classes[tuple(slice(a, b) for a, b in zip(box.start, box.stop, strict=True))]
        if not (inside == box.index).any():
            where = ",".join(str(v) for v in box.start)
            words = f"the box from {where} on did not help: the mask holds nothing in it"
            found[box.index] = (*found.get(box.index, ()), words)
    return found


def class_of(label: int, classes: ClassMap) -> int:
    """The class of a label value; 0 is the background where it is no other label's value.

    Raises:
        ConfigError: a label that the model does not know.
    """
    if label in classes.values:
        return classes.values.index(label)
    if label == 0:
        return 0
    raise ConfigError(
        f"the label of a prompt must be one of {sorted({0, *classes.values})}, 0 is the background; got {label}"
    )


def _clicks(settings: PredictSettings, ndim: int, *, classes: ClassMap) -> list[tuple[str, list[int], int]]:
    """Each click as it was written, its voxel and its class.

    Raises:
        ConfigError: as `_parse`; a voxel that is clicked for two labels.
    """
    found, meant = [], dict[tuple[int, ...], int]()
    for text in settings.clicks:
        voxel, index = _parse(text, ndim, classes=classes, what="click")
        if meant.setdefault(tuple(voxel), index) != index:
            raise ConfigError(f"a voxel must be clicked for one label, got {text!r} beside another; leave one out")
        found.append((text, voxel, index))
    return found


def _parse(text: str, count: int, *, classes: ClassMap, what: str) -> tuple[list[int], int]:
    """Numbers and class of `Z,Y,X[:LABEL]`; without a label, the model's only one."""
    place, _, label = text.partition(":")
    try:
        numbers = [int(part) for part in place.split(",")]
        value = int(label) if ":" in text else None
    except ValueError:
        numbers, value = [], None
    if len(numbers) != count:
        raise ConfigError(
            f"a {what} must be {count} whole numbers with a comma between, such as "
            f"{','.join(['10'] * count)} or {','.join(['10'] * count)}:1, got {text!r}; count voxels from 0"
        )
    if value is None:
        if classes.n_classes > 2:
            raise ConfigError(
                f"a {what} must name its label where there are several, got {text!r}; "
                f"write {text}:LABEL with one of {list(classes.values)}"
            )
        return numbers, 1
    index = class_of(value, classes)
    if what == "box" and index == 0:
        raise ConfigError(f"a box must hold a label, not the background, got {text!r}; click the background instead")
    return numbers, index


def _check_inside(voxel: Sequence[int], shape: Sequence[int], *, text: str) -> None:
    if not all(0 <= v < n for v, n in zip(voxel, shape, strict=True)):
        raise GeometryError(
            f"prompts must lie inside the image of shape {tuple(shape)}, got {text!r}; "
            "count voxels from 0, slowest axis first, as `septum info` shows them"
        )


def _box(first: Sequence[int], last: Sequence[int], *, index: int, text: str) -> BoxPrompt:
    if any(a > b for a, b in zip(first, last, strict=True)):
        raise GeometryError(f"a box must go from its first to its last voxel, got {text!r}; swap them")
    return BoxPrompt(tuple(first), tuple(v + 1 for v in last), index)


def _scribbles(settings: PredictSettings, case: Case, *, grid: Grid, classes: ClassMap) -> list[Mark]:
    """The marks of the scribbles' file, one per label."""
    drawn = markers_of(settings.scribbles, case, grid=grid, what="scribbles")
    if drawn is None:
        return []
    marks = []
    for value in (int(v) for v in np.unique(drawn) if v != 0):
        index = 0 if value == settings.scribble_background else class_of(value, classes)
        marks.append(Mark(np.argwhere(drawn == value), index))
    if not marks:
        raise ConfigError("scribbles must mark at least one voxel, got none; draw on the image, or leave them out")
    return marks


def _moved(points: NDArray[np.int64], placement: Placement) -> NDArray[np.int64]:
    """Voxels of the image's own grid on the network's grid."""
    coordinates = placement.coordinates()
    moved = []
    for axis, (source, flip) in enumerate(zip(placement.axes, placement.flips, strict=True)):
        own = points[:, source]
        own = placement.source.shape[source] - 1 - own if flip else own
        moved.append(np.rint(coordinates[axis][own]).astype(np.int64))
    return np.stack(moved, axis=1)


def _moved_box(box: BoxPrompt, placement: Placement) -> BoxPrompt:
    """Every voxel of the network's grid that a box of the image's own grid reaches into; never none."""
    start, stop = [], []
    for axis, (source, flip) in enumerate(zip(placement.axes, placement.flips, strict=True)):
        length, into = placement.source.shape[source], placement.shape[axis]
        low, high = box.start[source], box.stop[source]
        low, high = (length - high, length - low) if flip else (low, high)
        start.append(low * into // length)
        stop.append(-(-high * into // length))
    return BoxPrompt(tuple(start), tuple(stop), box.index)
