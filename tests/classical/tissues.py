"""Images of several tissues."""

from __future__ import annotations

import numpy as np

KINDS = ("kmeans", "fuzzy", "mixture")


def three_tissues(shape: tuple[int, ...] = (16, 20, 24), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    truth = np.clip(np.indices(shape)[-1] * 3 // shape[-1], 0, 2)
    noise = np.random.default_rng(seed).standard_normal(shape)
    return (np.array([10.0, 40.0, 90.0])[truth] + 5 * noise).astype(np.float32), truth
