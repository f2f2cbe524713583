"""Landscapes to flood."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SHAPES = [((40, 51), (1.0, 2.0)), ((16, 20, 24), (3.0, 1.0, 0.5))]


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.5)
    return (smooth / smooth.std()).astype(np.float32)
