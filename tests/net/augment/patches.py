"""Warps, noise and configurations to cut patches with."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from septum.net.augment import augment
from septum.net.augment.augment import (
    Warp,
)
from septum.net.augment.cut import cut_patch


def warp_of(patch: Sequence[int], matrix: Any = None, bends: tuple[Any, ...] = (), **changes: Any) -> Warp:
    rows = None if matrix is None else tuple(tuple(float(v) for v in row) for row in matrix)
    plain = Warp(tuple(patch), tuple(range(len(patch))), (False,) * len(patch), rows, bends)
    return dataclasses.replace(plain, **changes)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def smooth(*shape: int, seed: int = 0) -> np.ndarray:
    return ndimage.gaussian_filter(noise(*shape, seed=seed), 2.0) * 5


def take(image: np.ndarray, warp: Warp, centre: Sequence[int], how: str = "linear") -> np.ndarray:
    return cut_patch(warp, [(image[None], how)], centre=centre)[0][0].numpy()


CONFIGS = {
    "none": augment.none(3),
    "paper": augment.paper_augmentation((388, 388)),
    "paper, small volume": augment.paper_augmentation((44, 60, 60)),
    "microscopy 3-D": augment.microscopy_3d((31, 61, 57), (2.0, 1.0, 1.0)),
    "microscopy": augment.microscopy_2d((256, 256)),
    "medical 2-D": augment.medical_2d((256, 192)),
    "medical 3-D": augment.medical_3d((48, 48, 48), (1.0, 1.0, 1.0)),
    "thick slices": augment.medical_3d((12, 96, 96), (5.0, 0.8, 0.8)),
}
