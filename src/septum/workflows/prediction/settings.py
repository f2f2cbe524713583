"""What `septum predict` can be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from septum.errors import ConfigError

OUTLINES = ("imagej", "geojson")
ENGINES = ("torch", "onnx", "openvino")

PROMPTER_NAMES = ("medsam-lite",)
"""Networks that answer prompts without having been trained here; `septum.workflows.prediction.prompter` opens them."""


@dataclass(frozen=True)
class PredictSettings:
    """What `septum predict` can be told.

    Args:
        folds: "all" averages every trained fold, without those that only judged; "0,2" those.
        tta: average over mirrored copies too, along the axes that the plan allows; None does so where the network has
            an encoder that has seen images.
        probabilities: also write the probability of every class.
        engine: "torch", "onnx" or "openvino".
        axes: meaning of the files' axes where they do not say.
        frame: of a movie, the only one that is segmented, counted from 0; None takes all.
        channel: the one of a colour or multi-channel image that a network of one channel is given, as of
            `septum.classical.smooth.channel`; None takes images as they are.
        overlap: share of a tile that its neighbour covers too; None takes the plan's.
        memory_mb: bound of the working memory; None takes `septum.net.inference.predict.MEMORY_MB`.
        devices: "auto", "cpu", "cuda", "mps".
        precision: of PyTorch, as in Lightning Fabric; "auto" takes the one that is faster in a short trial, so that two
            runs on a busy machine may differ in rounding.
        quality_threshold: Dice from which a mask counts as good in the list of estimates.
        rectify: write masks of sheared grids (CT with a tilted gantry) on rectangular ones.
        page: write a page of pictures beside the masks.
        overwrite: replace masks that exist.
        clicks, boxes: prompts as text, see `septum.workflows.prediction.prompts`; for a model trained with prompts, and
            one image.
        scribbles: a label file with 0 where nothing is marked, or a folder with one of the name of each image.
        scribble_background: value that marks the background in the scribbles.
        semantic: of a model of single objects, also write the mask of its classes.
        outlines: of a model of single objects, also write the outlines of planes: any of "imagej", "geojson".
        prompter: one of `PROMPTER_NAMES`, that draws what prompts point at; None for a trained model.
    """

    folds: str = "all"
    tta: bool | None = None
    probabilities: bool = False
    engine: Literal["torch", "onnx", "openvino"] = "torch"
    axes: str | None = None
    frame: int | None = None
    channel: str | None = None
    overlap: float | None = None
    memory_mb: int | None = None
    devices: str = "auto"
    precision: str = "auto"
    quality_threshold: float = 0.7
    rectify: bool = False
    page: bool = True
    overwrite: bool = False
    clicks: tuple[str, ...] = ()
    boxes: tuple[str, ...] = ()
    scribbles: Path | None = None
    scribble_background: int | None = None
    semantic: bool = False
    outlines: tuple[str, ...] = ()
    prompter: str | None = None

    @property
    def prompted(self) -> bool:
        """Whether any prompt is given."""
        return bool(self.clicks or self.boxes or self.scribbles)

    def __post_init__(self) -> None:
        if not set(self.outlines) <= set(OUTLINES):
            raise ConfigError(f"outlines must be among {', '.join(OUTLINES)}, got {', '.join(self.outlines)}")
        if not 0 < self.quality_threshold < 1:
            raise ConfigError(f"quality_threshold must lie between 0 and 1, got {self.quality_threshold}")
        if self.prompter is not None and self.prompter not in PROMPTER_NAMES:
            raise ConfigError(f"prompter must be one of {', '.join(PROMPTER_NAMES)}, got {self.prompter!r}")
        if self.engine not in ENGINES:
            raise ConfigError(f"engine must be one of {', '.join(ENGINES)}, got {self.engine!r}")
        if self.overlap is not None and not 0 <= self.overlap < 0.95:
            raise ConfigError(f"overlap must lie between 0 and 0.95, got {self.overlap}")
        if self.memory_mb is not None and self.memory_mb < 16:
            raise ConfigError(f"memory must be at least 16 MB, got {self.memory_mb}")
        if self.scribble_background is not None and self.scribbles is None:
            raise ConfigError(
                f"scribble_background must come with scribbles, got {self.scribble_background} alone; give --scribbles"
            )
