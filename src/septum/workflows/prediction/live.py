"""A prompted network that answers while a person clicks: the image is prepared once, one region predicted at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry import Grid, Image
from septum.geometry.placement import Placement
from septum.interactive.tool import Box, Stroke
from septum.net.inference.predict import Listener
from septum.net.prompts import BoxPrompt, Mark, Prompts
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.prepare import to_network
from septum.workflows.prediction.network import predict_prepared
from septum.workflows.prediction.prompts import (
    ImagePrompts,
    _moved_box,
    _refuse_without,
    class_of,
    part_of,
    with_prompts,
)
from septum.workflows.prediction.settings import PredictSettings


class PromptedModel:
    """A trained model as the function that `septum.interactive.marks.prompted` is handed.

    The image is normalised and laid out once, as a whole; a prompt then costs only the tiles of the region and of half
    a patch around it. So a region's labels are close to, not always equal to, those of the whole image.

    Args:
        folder: model folder.
        settings: folds, engine and device.
        grid: of the images; says how a volume lies in the world. None: axes go up, to the front and to the right.

    Raises:
        CheckpointError: a model that cannot be used.
        ConfigError: a model that was trained without prompts.
    """

    def __init__(self, folder: Path, *, settings: PredictSettings | None = None, grid: Grid | None = None) -> None:
        from septum.workflows.prediction.engine import open_segmenter

        self.plan = ModelFolder(folder).read_plan()
        _refuse_without(self.plan)
        self._engine = open_segmenter(ModelFolder(folder), settings or PredictSettings()).engine
        self._grid = grid
        self._open: tuple[NDArray[Any], tuple[float, ...], NDArray[np.float32], Placement] | None = None

    def __call__(
        self,
        image: NDArray[Any],
        *,
        strokes: Sequence[Stroke] = (),
        boxes: Sequence[tuple[Box, int]] = (),
        region: Box,
        spacing: tuple[float, ...],
        cancelled: Callable[[], bool] | None = None,
    ) -> NDArray[Any]:
        """Label values of a region; see `septum.interactive.marks.prompted.Predict`.

        Raises:
            DatasetError: an image of another kind than those of training.
            ConfigError: a label that the model does not know.
            Cancelled: `cancelled` said so.
        """
        classes = self.plan.classes
        channels = image if image.ndim > len(region.start) else image[None]
        array, placement = self._laid_out(image, channels, spacing=spacing)
        prompts = Prompts(
            tuple(Mark(stroke.points, class_of(stroke.label, classes)) for stroke in strokes),
            tuple(BoxPrompt(box.start, box.stop, class_of(label, classes)) for box, label in boxes),
        )
        placed = ImagePrompts(prompts).placed(placement)
        whole = with_prompts(array, self.plan, prompts=placed, spacing=placement.spacing)
        window = _moved_box(BoxPrompt(region.start, region.stop, 1), placement)
        reach = [0] * (len(placement.shape) - len(self.plan.patch)) + [n // 2 for n in self.plan.patch]
        low = [max(0, a - r) for a, r in zip(window.start, reach, strict=True)]
        high = [min(n, b + r) for b, r, n in zip(window.stop, reach, placement.shape, strict=True)]
        part = part_of(whole, tuple(slice(a, b) for a, b in zip(low, high, strict=True)))
        inner = self.plan.placement(placement.source.crop(region.start, region.shape))
        wanted = [
            np.clip(along[_own(region, placement, axis=axis)] - low[axis], 0, high[axis] - low[axis] - 1)
            for axis, along in enumerate(placement.coordinates())
        ]
        listener = Listener() if cancelled is None else Listener(should_stop=cancelled)
        found = predict_prepared(self._engine, part, plan=self.plan, coordinates=wanted, listener=listener)
        return classes.to_values(inner.undo(found))

    def _laid_out(
        self, image: NDArray[Any], channels: NDArray[Any], *, spacing: tuple[float, ...]
    ) -> tuple[NDArray[np.float32], Placement]:
        if self._open is None or self._open[0] is not image or self._open[1] != spacing:
            grid = self._grid or Grid.from_spacing(channels.shape[1:], spacing)
            array, placement = to_network(Image(channels, grid), self.plan)
            self._open = (image, spacing, array, placement)
        return self._open[2], self._open[3]


def _own(region: Box, placement: Placement, *, axis: int) -> slice:
    """The voxels of a region along a canonical axis, in canonical direction."""
    source = placement.axes[axis]
    low, high = region.start[source], region.stop[source]
    length = placement.source.shape[source]
    return slice(length - high, length - low) if placement.flips[axis] else slice(low, high)
