"""Images in which seeds grow."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from septum.interactive.tool import UNMARKED


def scenery(shape: tuple[int, ...], seed: int = 0, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """An image and seeds of several labels, the background among them."""
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.standard_normal(shape), 1.5)
    seeds = np.full(shape, UNMARKED, np.int32)
    places = rng.choice(image.size, 3 * labels, replace=False)
    seeds.flat[places] = np.arange(3 * labels) % labels * 2
    return image, seeds
