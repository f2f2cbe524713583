"""TIFF files of any kind."""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(0)


STACK = RNG.integers(0, 60000, (6, 9, 11)).astype(np.uint16)
