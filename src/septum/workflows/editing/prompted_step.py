"""A trained network as a step of an edit script: shown clicks, scribbles and boxes, it proposes labels.

The insight: the tools of `septum.interactive` know no network, so the row that names one stands here, where models are
opened. It says nothing of torch until it is run; listing the tools stays quick. A script opens each model once, and the
marks reach the network as the strokes that the script names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import CheckpointError, ConfigError
from septum.geometry import Grid
from septum.geometry.arrays import Spacing
from septum.interactive.marks.prompted import Predict, prompted_network
from septum.interactive.tool import Box, Change, IsCancelled, Stroke, points_inside
from septum.options import Method, Option, nearest
from septum.workflows.prediction.settings import PROMPTER_NAMES

if TYPE_CHECKING:
    from septum.workflows.prediction.live import PromptedModel
    from septum.workflows.prediction.live_prompter import LivePrompter


class OpenModels:
    """Models by their folders and prompters by their names, each loaded once, for images on one grid."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._open: dict[Path, PromptedModel | LivePrompter] = {}

    def __call__(self, folder: Path) -> PromptedModel | LivePrompter:
        """The model; errors as `PromptedModel` and `LivePrompter`, and `CheckpointError` for what is neither."""
        from septum.workflows.prediction.live import PromptedModel
        from septum.workflows.prediction.live_prompter import LivePrompter

        if folder not in self._open:
            name = str(folder)
            if name in PROMPTER_NAMES:
                self._open[folder] = LivePrompter(name, grid=self._grid)
            else:
                self._open[folder] = _trained(folder, PromptedModel, grid=self._grid)
        return self._open[folder]

    def said(self, folder: Path) -> str:
        """What a prompter tells of its last answer; nothing of a trained model."""
        opened = self._open.get(folder)
        return str(getattr(opened, "said", ""))


def _trained(folder: Path, opened: type[PromptedModel], *, grid: Grid | None) -> PromptedModel:
    """A trained model; of a name that is no folder the prompters are told, too."""
    try:
        return opened(folder, grid=grid)
    except CheckpointError as error:
        if folder.exists():
            raise
        name = str(folder)
        raise CheckpointError(
            f"model must be a model folder or the name of a prompter, got {name!r}, which is neither; "
            f"{nearest(name, PROMPTER_NAMES)}"
        ) from error


def prompted(
    image: NDArray[Any],
    labels: ArrayLike,
    *,
    model: str,
    network: Callable[[Path], Predict],
    strokes: Sequence[Stroke] = (),
    label: int = 1,
    points: ArrayLike | None = None,
    boxes: Sequence[tuple[Box, int]] = (),
    spacing: Spacing = None,
    axis: int = -1,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """The labels that a model, trained with prompts, gives the region when it is told the prompts.

    A prompter in its place knows nothing but what the marks mean, so it adds to the labels and leaves the others.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`; with several channels a channel axis before them.
        labels: of the image's shape.
        model: the model's folder, or the name of a prompter.
        network: opens the model of a folder for this image, such as `OpenModels`.
        strokes: scribbles; where they overlap, the later one counts.
        label: of the clicks; 0 is the background.
        points: clicks `(n, ndim)`.
        boxes: each with the label of what it holds.
        axis: of a volume, across the slices in which a prompter draws; -1: as it finds best.
        spacing, region, cancelled: as of every tool.

    Raises:
        CheckpointError: no such model.
        ConfigError: a model without prompts, a label that it does not know, a prompter without a mark of a label.
        GeometryError: prompts outside of the image.
    """
    marked = list(strokes)
    if points is not None:
        marked.append(Stroke(points_inside(points, np.shape(labels)), label))
    opened: Any = network(Path(model))
    alone = model in PROMPTER_NAMES
    if alone and not boxes and not any(stroke.label for stroke in marked):
        raise ConfigError(f"{model} must be shown what is meant, got no mark of a label; add points, strokes or boxes")
    if alone and region is None and axis >= 0 and np.ndim(labels) == 3:
        region = _slices(np.shape(labels), axis, strokes=marked, boxes=boxes)
    change = prompted_network(
        image,
        labels,
        predict=partial(opened, axis=None if axis < 0 else axis) if alone else opened,
        strokes=marked,
        boxes=boxes,
        spacing=spacing,
        region=region,
        cancelled=cancelled,
    )
    if not alone:
        return change
    before = np.asarray(labels)[change.box.slices]
    return Change(change.box, np.where(change.labels == 0, before, change.labels))


def _slices(
    shape: tuple[int, ...], axis: int, *, strokes: Sequence[Stroke], boxes: Sequence[tuple[Box, int]]
) -> Box | None:
    """The slices across the axis that bear marks, the only ones in which a prompter draws; None without marks."""
    marked = [int(place) for stroke in strokes for place in np.asarray(stroke.points)[:, axis]]
    marked += [place for box, _ in boxes for place in (box.start[axis], box.stop[axis] - 1)]
    if not marked:
        return None
    start, stop = [0] * len(shape), list(shape)
    low, high = np.clip((min(marked), max(marked)), 0, shape[axis] - 1).tolist()  # marks outside are refused later
    start[axis], stop[axis] = low, high + 1
    return Box(tuple(start), tuple(stop))


PROMPTED = Method(
    "prompted",
    prompted,
    "tool",
    "a network that is shown clicks, scribbles and boxes",
    "PyTorch",
    (
        Option("model", "text", None, "folder of a model trained with --prompts, or medsam-lite"),
        Option("label", "integer", 1, "the label of the clicks, 0 is the background", low=0, high=2**32 - 1),
        Option("axis", "integer", -1, "axis across the slices of medsam-lite; -1: found", low=-1, high=2),
    ),
    ("spacing", "points", "strokes", "seeds_layer", "boxes", "network"),
    ("model",),
)
