"""What several tests of this room share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import ndimage

from septum.workflows.quality.learn import References
from septum.workflows.quality.looks import (
    ImageReference,
    ShapeReference,
    image_features,
)


def simulated(n: int, seed: int, *, noise: float = 0.03) -> tuple[np.ndarray, np.ndarray]:
    """Networks that promise too much: true logit = 0.7 · promised - 0.5, with noise."""
    rng = np.random.default_rng(seed)
    promised = rng.uniform(0.5, 0.97, n)
    line = 0.7 * np.log(promised / (1 - promised)) - 0.5
    return promised, np.clip(1 / (1 + np.exp(-line)) + rng.normal(0, noise, n), 0.01, 1)


def picture(seed: int, *, blur: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.indices((64, 64))
    blob = np.exp(-((y - 32 + seed % 5) ** 2 + (x - 30) ** 2) / (180 + 10 * (seed % 4)))
    array = ndimage.gaussian_filter(rng.normal(0, 0.3, (64, 64)), blur) + blob
    return ((array - array.mean()) / array.std()).astype(np.float32)[None]


def make_plan(values: tuple[int, ...] = (0, 1)) -> Any:
    return SimpleNamespace(
        classes=SimpleNamespace(
            values=values, names=("background", *(f"label {v}" for v in values[1:])), n_classes=len(values)
        ),
        fingerprint=SimpleNamespace(spacing_min=(1.0, 1.0), spacing_max=(1.0, 1.0)),
    )


def references(plan: Any) -> References:
    known = ImageReference.of([image_features(picture(seed)) for seed in range(12)])
    return References(known, tuple(ShapeReference(50.0, 400.0, 2, 0.8, 8) for _ in plan.classes.values[1:]))
