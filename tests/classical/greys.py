"""Images to threshold, and what independent libraries make of them."""

from __future__ import annotations

import math

import numpy as np

from septum.classical import histogram

METHODS = sorted(histogram.METHODS)


def two_tissues(shape=(90, 100), seed=1) -> np.ndarray:
    """Dark ground with a third of brighter samples, 8 bits, the whole range in use."""
    rng = np.random.default_rng(seed)
    n = math.prod(shape)
    values = np.concatenate([rng.normal(60, 12, n - n // 3), rng.normal(150, 20, n // 3)])
    values[:2] = 0, 255
    return rng.permutation(np.clip(values, 0, 255)).astype(np.uint8).reshape(shape)
