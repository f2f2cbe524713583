"""Noise, and one filter of it."""

from __future__ import annotations

import numpy as np

from septum.interactive.pixels.features import (
    FeatureSettings,
    filter_bank,
)


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def one(image: np.ndarray, kind: str, scale: float, spacing=None, unit: str = "voxel") -> np.ndarray:
    return filter_bank(image[None], settings=FeatureSettings((kind,), (scale,), unit), spacing=spacing)
