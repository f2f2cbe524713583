"""The simulated user: prompts as a person might give them, drawn from the true mask and from a prediction's errors.

The insight: a network learns to obey prompts only when they tell it something that it did not know. Some prompts come
before any prediction (a click into an object, a scribble along it, a box around it), the others are put into what the
present network gets wrong (Xu et al. 2016; Sofiiuk et al. 2021), and a share of the patches gets none, so that the
network also works alone. All randomness comes from the generators that are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cc3d
import edt
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from septum.geometry.arrays import Spacing, spacing_mm
from septum.geometry.class_maps import ignore_class
from septum.net.prompts import BoxPrompt, Mark, PromptConfig, Prompts, paint_prompts, unfold

SCRIBBLES = 0.25
"""Share of the marks that are scribbles instead of clicks."""


BOXES = 0.5
"""Share of boxes among the first prompts that come before any prediction (Kirillov et al. 2023 give as many)."""


MORE = 0.6
"""Chance that one more prompt follows: most people stop after a few, so a network must obey a single one."""


BACKGROUND = 0.15
"""Share of the marks before any prediction that show the background."""


JITTER = 0.1
"""How far the sides of a box may lie off the object, as a share of its size."""


@dataclass(frozen=True, eq=False)
class ClassRegion:
    """A connected region of voxels of one class: its box in the patch, its mask there, and the class."""

    place: tuple[slice, ...]
    mask: NDArray[np.bool_]
    index: int

    @property
    def origin(self) -> NDArray[np.int64]:
        """The first voxel of its box."""
        return np.array([cut.start for cut in self.place], dtype=np.int64)


def correct(
    truth: NDArray[Any],
    guess: NDArray[Any],
    *,
    ignore: int | None = None,
    spacing: Spacing = None,
) -> Mark | None:
    """The click of a careful person: the deepest voxel of the largest connected region that is wrong.

    Args:
        truth, guess: class maps of one shape; a region is of one true class, connected by faces.
        ignore: class of `truth` that is not looked at.
        spacing: mm per axis, for what is deepest.

    Returns:
        The click with the true class there; None when nothing is wrong.

    >>> correct(np.pad(np.ones((3, 3), int), 1), np.zeros((5, 5), int)).points.tolist()
    [[2, 2]]
    """
    region = _pick(_wrong(truth, guess, ignore=ignore), None)
    return None if region is None else _click(region, None, spacing=spacing)


def box_around_largest(truth: NDArray[Any], *, ignore: int | None = None) -> BoxPrompt | None:
    """The box that fits tightly around the largest connected object (any class but 0), or None without one.

    Args:
        truth: class map; an object is of one class, connected by faces.
        ignore: class that is not looked at.

    >>> box_around_largest(np.array([[0, 1, 1], [2, 0, 0]]))
    BoxPrompt(start=(0, 1), stop=(1, 3), index=1)
    """
    objects = truth.astype(np.int32)
    region = _pick(np.where((objects == 0) | (objects == ignore), 0, objects + 1), None)
    if region is None:
        return None
    start, stop = (tuple(int(getattr(cut, end)) for cut in region.place) for end in ("start", "stop"))
    return BoxPrompt(start, stop, region.index)


def prompt_batch(
    images: Tensor,
    labels: Tensor,
    *,
    config: PromptConfig,
    n_classes: int,
    spacings: Sequence[Sequence[float]],
    generators: Sequence[np.random.Generator],
    predict: Callable[[Tensor], Tensor],
) -> Tensor:
    """A batch of training patches with the prompts of the simulated user appended as channels.

    Args:
        images: `(N, C, *patch)`.
        labels: class maps `(N, *inner)`; smaller than the patch where the network eats its margin.
        config, n_classes: of the prompts; voxels without annotation are `ignore_class(n_classes)`.
        spacings, generators: one per patch.
        predict: class maps `(N, *inner)` of a batch with prompts, by the network as it is.

    Returns:
        `(N, C + prompt_channels(n_classes), *patch)`, on the device of `images`.
    """
    truths, ignore = list(labels.cpu().numpy()), ignore_class(n_classes)
    planned = [_numbers(config, generator) for generator in generators]
    prompts = [
        _before(truth, first, ignore=ignore, spacing=spacing, generator=generator)
        for truth, (first, _), spacing, generator in zip(truths, planned, spacings, generators, strict=True)
    ]
    margin = [(n - m) // 2 for n, m in zip(images.shape[2:], labels.shape[1:], strict=True)]
    grow = [side for size in reversed(margin) for side in (size, size)]

    def appended() -> Tensor:
        drawn = [
            unfold(paint_prompts(given, truth.shape, config=config, spacing=spacing), n_classes)
            for given, truth, spacing in zip(prompts, truths, spacings, strict=True)
        ]
        channels = torch.from_numpy(np.stack(drawn)).to(images.device, images.dtype)
        return torch.cat([images, torch.nn.functional.pad(channels, grow)], dim=1)

    if any(later for _, later in planned):
        guesses = predict(appended()).cpu().numpy()
        for number, ((_, later), generator) in enumerate(zip(planned, generators, strict=True)):
            wrong = _wrong(truths[number], guesses[number], ignore=ignore)
            prompts[number] = _after(prompts[number], wrong, count=later, spacing=spacings[number], generator=generator)
    return appended()


def _numbers(config: PromptConfig, generator: np.random.Generator) -> tuple[int, int]:
    """How many prompts come before a prediction and how many after it; both 0 in a share of the patches."""
    if generator.random() < config.none:
        return 0, 0
    total = min(int(generator.geometric(1 - MORE)), config.most)
    first = min(int(generator.integers(0, 3)), total)
    return first, total - first


def _before(
    truth: NDArray[Any], count: int, *, ignore: int, spacing: Sequence[float], generator: np.random.Generator
) -> Prompts:
    """Prompts from the true mask alone."""
    objects = np.where(truth == ignore, 0, truth)
    ground = (truth == 0).astype(np.int32)  # value 1 stands for class 0, as in `_wrong`
    prompts = Prompts()
    for number in range(count):
        boxed = number == 0 and objects.any() and generator.random() < BOXES
        empty = not boxed and (generator.random() < BACKGROUND or not objects.any())
        region = _pick(ground if empty else objects + (objects > 0), generator, evenly=True)
        if region is None:
            continue
        if boxed:
            prompts = Prompts(prompts.marks, (*prompts.boxes, _box(region, truth.shape, generator=generator)))
        else:
            prompts = prompts.with_mark(_mark(region, generator, spacing=spacing))
    return prompts


def _after(
    prompts: Prompts,
    wrong: NDArray[np.int32],
    *,
    count: int,
    spacing: Sequence[float],
    generator: np.random.Generator,
) -> Prompts:
    """Marks in regions that are wrong, one region after the other."""
    left = wrong.copy()
    for _ in range(count):
        region = _pick(left, generator)
        if region is None:
            break
        prompts = prompts.with_mark(_mark(region, generator, spacing=spacing))
        left[region.place][region.mask] = 0
    return prompts


def _wrong(truth: NDArray[Any], guess: NDArray[Any], *, ignore: int | None) -> NDArray[np.int32]:
    """1 + the true class where the guess is wrong, 0 elsewhere."""
    found = np.where(truth == guess, 0, truth.astype(np.int32) + 1)
    if ignore is not None:
        found[truth == ignore] = 0
    return found.astype(np.int32)


def _pick(values: NDArray[Any], generator: np.random.Generator | None, *, evenly: bool = False) -> ClassRegion | None:
    """A connected region of equal values (1 + class): the largest, or drawn by size, or evenly; None without any."""
    parts = cc3d.connected_components(values.astype(np.int32), connectivity=4 if values.ndim == 2 else 6)
    found = cc3d.statistics(parts)
    sizes = np.asarray(found["voxel_counts"], dtype=np.float64)[1:]
    if not len(sizes):
        return None
    if generator is None:
        chosen = int(sizes.argmax())
    else:
        chosen = int(generator.choice(len(sizes), p=None if evenly else sizes / sizes.sum()))
    place = tuple(found["bounding_boxes"][chosen + 1])[: values.ndim]
    mask = parts[place] == chosen + 1
    return ClassRegion(place, mask, int(values[place][mask][0]) - 1)


def _depth(region: ClassRegion, spacing: Spacing) -> NDArray[np.float32]:
    """Distance of each voxel of a region from its rim; the side of the patch is a rim, too."""
    step = spacing_mm(spacing, region.mask.ndim)
    found: NDArray[np.float32] = edt.edt(
        np.ascontiguousarray(region.mask), anisotropy=step, black_border=True, parallel=1
    )
    return found


def _click(region: ClassRegion, generator: np.random.Generator | None, *, spacing: Spacing) -> Mark:
    """The deepest voxel, or one that is at least half as deep."""
    depth = _depth(region, spacing)
    if generator is None:
        place = np.array(np.unravel_index(int(depth.argmax()), depth.shape))
    else:
        deep = np.argwhere(depth >= 0.5 * depth.max())
        place = deep[generator.integers(len(deep))]
    return Mark((place + region.origin)[None].astype(np.int64), region.index)


def _mark(region: ClassRegion, generator: np.random.Generator, *, spacing: Sequence[float]) -> Mark:
    """A click, or a stroke from it towards another voxel of the region, for as long as it stays inside."""
    click = _click(region, generator, spacing=spacing)
    if generator.random() >= SCRIBBLES:
        return click
    inside = np.argwhere(region.mask)
    start, end = click.points[0] - region.origin, inside[generator.integers(len(inside))]
    steps = int(np.abs(end - start).max()) + 1
    line = np.unique(np.rint(np.linspace(start, end, steps)).astype(np.int64), axis=0)
    kept = line[region.mask[tuple(line.T)]]
    return Mark(kept + region.origin, region.index)


def _box(region: ClassRegion, shape: Sequence[int], *, generator: np.random.Generator) -> BoxPrompt:
    """The region's box, each side moved by up to a tenth of its length (at least a voxel)."""
    start, stop = [], []
    for cut, size in zip(region.place, shape, strict=True):
        reach = max(1, round(JITTER * (cut.stop - cut.start)))
        low = cut.start + int(generator.integers(-reach, reach + 1))
        high = cut.stop + int(generator.integers(-reach, reach + 1))
        low = min(max(low, 0), size - 1)
        start.append(low)
        stop.append(min(max(high, low + 1), size))
    return BoxPrompt(tuple(start), tuple(stop), region.index)
