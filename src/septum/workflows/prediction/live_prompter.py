"""A prompter that answers while a person clicks, in the place of a trained model.

The insight: what it sees of a slice is kept, so that the first mark on a slice costs the encoder and every further one
the decoder alone. It knows no labels: whatever label a mark bears, that label is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.geometry import Grid
from septum.interactive.tool import Box, Stroke
from septum.net.inference.predict import Listener
from septum.net.inference.promptable import MedSamLite, Prompter
from septum.net.inference.prompted_planes import PromptedClasses, PromptedPlanes
from septum.net.prompts import BoxPrompt, Mark, Prompts
from septum.workflows.model.machine import choose_device

PROMPTERS: Mapping[str, Callable[[str], Prompter]] = {"medsam-lite": MedSamLite}
"""What opens the prompters of `PROMPTER_NAMES` on a device. A network that is asked in two steps becomes a row here."""

THICK = 1.5
"""By how much voxels must be longer along one axis for the slices to be taken across it."""


def open_prompter(name: str, *, devices: str = "auto") -> Prompter:
    """The prompter of a name.

    Raises:
        ConfigError: none of this name.
        CheckpointError: its weights are missing or not the known ones.
    """
    if name not in PROMPTERS:
        raise ConfigError(f"prompter must be one of {', '.join(PROMPTERS)}, got {name!r}")
    return PROMPTERS[name](choose_device(devices))


def across(grid: Grid, prompts: Prompts) -> int:
    """The array axis across the slices of a volume; 0 for a picture.

    That in which a box is one voxel thin, else that of the longest voxels where they are much longer, else the slowest.

    Raises:
        ConfigError: boxes that are thin in different axes, since one of them would be drawn across its plane.
    """
    if grid.ndim == 2:
        return 0
    thin = {flat[0] for box in prompts.boxes if len(flat := _thin_axes(box)) == 1}
    if len(thin) > 1:
        raise ConfigError(
            f"boxes of one slice must lie across one axis, got boxes that are thin in axes {sorted(thin)}; ask for the "
            "one and then for the other"
        )
    if thin:
        return thin.pop()
    longest = int(np.argmax(grid.spacing))
    return longest if grid.spacing[longest] > THICK * float(np.median(grid.spacing)) else 0


def _thin_axes(box: BoxPrompt) -> list[int]:
    return [axis for axis, (a, b) in enumerate(zip(box.start, box.stop, strict=True)) if b - a == 1]


class LivePrompter:
    """A prompter as the function that `septum.interactive.marks.prompted` is handed; `said` tells of its last answer
    across which axis the slices lay and what overlap the network expects.

    Args:
        name: of the prompter.
        grid: of the images, for the direction of the slices; None: by the spacing.
        devices: as of `PredictSettings`.

    Raises:
        ConfigError: no prompter of this name.
        CheckpointError: its weights are missing or not the known ones.
    """

    def __init__(self, name: str, *, grid: Grid | None = None, devices: str = "auto") -> None:
        self._prompter = open_prompter(name, devices=devices)
        self._grid = grid
        self.said = ""
        self._open: tuple[Any, int, PromptedPlanes] | None = None

    def __call__(
        self,
        image: NDArray[Any],
        *,
        strokes: Sequence[Stroke] = (),
        boxes: Sequence[tuple[Box, int]] = (),
        region: Box,
        spacing: Sequence[float],
        cancelled: Callable[[], bool] | None = None,
        axis: int | None = None,
    ) -> NDArray[Any]:
        """Label values of a region, 0 where no mark means anything; see `septum.interactive.marks.prompted.Predict`.

        Args:
            axis: of a volume, across its slices; None: as `across` says.

        Raises:
            ConfigError: an image of other channels than a prompter takes.
            Cancelled: `cancelled` said so.
        """
        values = sorted({0, *(stroke.label for stroke in strokes), *(label for _, label in boxes)})
        prompts = Prompts(
            tuple(Mark(stroke.points, values.index(stroke.label)) for stroke in strokes),
            tuple(BoxPrompt(box.start, box.stop, values.index(label)) for box, label in boxes),
        )
        channels = image if image.ndim > len(region.start) else image[None]
        grid = self._grid or Grid.from_spacing(channels.shape[1:], tuple(spacing))
        taken = across(grid, prompts) if axis is None else axis
        listener = Listener() if cancelled is None else Listener(should_stop=cancelled)
        found = self._planes(channels, taken).find(prompts, listener=listener)
        self.said = _describe(found, values, axis=taken if grid.ndim == 3 else None)
        return np.array(values)[found.classes[region.slices]]

    def _planes(self, channels: NDArray[Any], axis: int) -> PromptedPlanes:
        """The image as it is known already, or as a new one."""
        data = channels.__array_interface__["data"], channels.shape, channels.strides
        if self._open is None or self._open[:2] != (data, axis):
            self._open = data, axis, PromptedPlanes(channels, prompter=self._prompter, axis=axis)
        return self._open[2]


def _describe(found: PromptedClasses, values: Sequence[int], *, axis: int | None) -> str:
    """Across which axis the slices of a volume lay, and the overlap that the network expects of each label.

    >>> found = PromptedClasses(np.zeros((1, 1, 1), np.uint16), {1: (0.5, 0.75)}, ())
    >>> _describe(found, [0, 7], axis=2)
    'slices across axis 2 (x); the network itself expects an overlap (IoU) of 0.62 for label 7, unchecked'
    """
    guesses = ", ".join(f"{np.mean(found.expected[index]):.2f} for label {values[index]}" for index in found.expected)
    expects = f"the network itself expects an overlap (IoU) of {guesses}, unchecked" if guesses else ""
    return "; ".join(filter(None, ("" if axis is None else f"slices across axis {axis} ({'zyx'[axis]})", expects)))
