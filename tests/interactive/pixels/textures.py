"""Two textures with strokes in them."""

from __future__ import annotations

import numpy as np

from septum.interactive.pixels.features import FeatureSettings
from septum.interactive.tool import UNMARKED

SMALL = FeatureSettings(scales=(0.3, 0.7, 1.6))


def scene(shape: tuple[int, ...] = (48, 60), *, seed: int = 0, channels: int = 1) -> tuple[np.ndarray, ...]:
    """Two textures of one mean, left smooth and right rough; two strokes of each (labels 0 and 4)."""
    rng = np.random.default_rng(seed)
    reference = np.zeros(shape, int)
    reference[..., shape[-1] // 2 :] = 4
    image = 100 + rng.normal(0, 1, (channels, *shape)) * np.where(reference, 30, 5)
    seeds = np.full(shape, UNMARKED, np.int32)
    middle = shape[0] // 2
    for place in (middle - 8, middle + 8) if len(shape) == 2 else (middle - 2, middle + 2):
        line = (place, *(n // 2 for n in shape[1:-1]))
        seeds[(*line, slice(3, shape[-1] // 2 - 4))] = 0
        seeds[(*line, slice(shape[-1] // 2 + 4, shape[-1] - 3))] = 4
    return image, seeds, reference
