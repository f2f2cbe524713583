"""Images to grow in."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.5)
    return (smooth / smooth.std()).astype(np.float32)
