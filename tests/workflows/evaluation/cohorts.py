"""Masks of discs in folders, and an evaluation of them in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.geometry import Grid, LabelMap
from septum.metrics import Counts
from septum.workflows.evaluation.evaluate import evaluate
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.scores.scores import Score

N = 8


def disc(radius: float, *, shift: int = 0, value: int = 1, shape: tuple[int, int] = (40, 44)) -> NDArray[np.uint8]:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (((y - 20) ** 2 + (x - 20 - shift) ** 2) < radius**2).astype(np.uint8) * np.uint8(value)


def save(folder: Path, masks: dict[str, NDArray[Any]], suffix: str = ".png", grid: Grid | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in masks.items():
        own = grid or Grid.from_spacing(array.shape, (1.0,) * array.ndim)
        io.write_labels(folder / f"{name}{suffix}", LabelMap(array, own))
    return folder


def cohort(folder: Path, *, shift: int = 0, grow: float = 0.0, value: int = 1) -> Path:
    """Discs of eight sizes, moved and grown."""
    return save(folder, {f"c{i}": disc(8 + i / 2 + grow, shift=shift, value=value) for i in range(N)})


def run(predictions: Any, references: Path, output: Path, **settings: Any) -> Any:
    own = {name: settings.pop(name) for name in ("readers", "images", "hooks") if name in settings}
    settings = {"metrics": ("overlap",), "gallery": 1} | settings
    return evaluate(predictions, references, output=output, settings=EvaluateSettings(workers="1", **settings), **own)


def score(case: str, tp: int, *, label: int = 1, method: str = "m") -> Score:
    return Score(case, label, f"l{label}", Counts(tp, 10 - tp, 10 - tp, 50), 0.0, method=method)
