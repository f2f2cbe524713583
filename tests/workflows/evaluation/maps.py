"""Probability maps as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.geometry import Grid, Image

SHAPE = (12, 16)


def save_maps(folder: Path, maps: dict[str, NDArray[Any]], suffix: str = ".tif") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in maps.items():
        io.write_image(folder / (name + suffix), Image(array[None], Grid.from_spacing(array.shape, (1.0, 1.0))))
    return folder


def labels(n_classes: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, n_classes, SHAPE).astype(np.uint8)


def softmax(n_classes: int, seed: int) -> NDArray[np.float32]:
    found = np.exp(np.random.default_rng(seed).normal(size=(n_classes, *SHAPE)))
    return (found / found.sum(axis=0)).astype(np.float32)


def of_classes(case: str, prob: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    return {f"{case}_probability_{value}": channel for value, channel in enumerate(prob)}
