"""A trained network as a step of an edit script: shown clicks, scribbles and boxes, it proposes labels.

The insight: the tools of `septum.interactive` know no network, so the row that names one stands here, where models are
opened. It says nothing of torch until it is run; listing the tools stays quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.geometry import Grid
from septum.interactive.marks.prompted import prompted_network
from septum.interactive.tool import UNMARKED, Box, Change, IsCancelled, Stroke, points_inside
from septum.options import Method, Option


def prompted(
    image: NDArray[Any],
    labels: ArrayLike,
    *,
    model: str,
    seeds: NDArray[np.int32],
    grid: Grid,
    label: int = 1,
    points: ArrayLike | None = None,
    boxes: Sequence[tuple[Box, int]] = (),
    spacing: Sequence[float] | None = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """The labels that a model, trained with prompts, gives the region when it is told the prompts.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`; with several channels a channel axis before them.
        labels: of the image's shape.
        model: the model's folder.
        seeds: strokes as an array of the image's shape, see `seeds_of`.
        grid: of the image.
        label: of the clicks; 0 is the background.
        points: clicks `(n, ndim)`.
        boxes: each with the label of what it holds.
        spacing, region, cancelled: as of every tool.

    Raises:
        CheckpointError: no such model.
        ConfigError: a model without prompts, a label that it does not know.
        GeometryError: prompts outside of the image.
    """
    from septum.workflows.prediction.live import PromptedModel

    marked = [Stroke(np.argwhere(seeds == v), int(v)) for v in np.unique(seeds) if v != UNMARKED]
    if points is not None:
        marked.append(Stroke(points_inside(points, grid.shape), label))
    return prompted_network(
        image,
        labels,
        predict=PromptedModel(Path(model), grid=grid),
        strokes=marked,
        boxes=boxes,
        spacing=spacing,
        region=region,
        cancelled=cancelled,
    )


PROMPTED = Method(
    "prompted",
    prompted,
    "tool",
    "a network trained with --prompts that is shown clicks, scribbles and boxes",
    "PyTorch",
    (
        Option("model", "text", None, "folder of the model"),
        Option("label", "integer", 1, "the label of the clicks, 0 is the background", low=0, high=2**32 - 1),
    ),
    ("spacing", "points", "seeds", "boxes", "grid"),
    ("model",),
)
