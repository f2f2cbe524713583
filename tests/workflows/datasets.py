"""Small data sets on disk, sound unless a test breaks them on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.geometry import Grid, Image, LabelMap


def picture(seed: int, shape: tuple[int, ...] = (24, 32)) -> NDArray[np.uint8]:
    """Noise in which a mask of the same seed can be seen."""
    noise = np.random.default_rng(seed).integers(0, 60, shape)
    return (noise + 120 * (mask(seed, shape) > 0)).astype(np.uint8)


def mask(seed: int, shape: tuple[int, ...] = (24, 32)) -> NDArray[np.uint8]:
    """A box whose place depends on the seed."""
    result = np.zeros(shape, dtype=np.uint8)
    start = 3 + seed % 7
    result[tuple(slice(start, start + n // 3) for n in shape)] = 1
    return result


def write_image(path: Path, array: NDArray[np.generic], grid: Grid | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write_image(path, Image(array[None], grid or Grid.from_spacing(array.shape, (1.0,) * array.ndim)))
    return path


def write_labels(path: Path, array: NDArray[np.generic], grid: Grid | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    io.write_labels(path, LabelMap(array, grid or Grid.from_spacing(array.shape, (1.0,) * array.ndim)))
    return path


def planes(root: Path, n: int = 4, *, images: str = "images", labels: str = "labels") -> Path:
    """`n` PNG images with PNG masks (0 and 1), named case0 …"""
    for i in range(n):
        write_image(root / images / f"case{i}.png", picture(i))
        write_labels(root / labels / f"case{i}.png", mask(i))
    return root


VOLUME = Grid(
    (10, 12, 14), np.array([[0.0, 0.0, -0.8, 30.0], [0.0, -0.8, 0.0, 20.0], [3.0, 0.0, 0.0, -10.0], [0, 0, 0, 1]])
)
"""An anisotropic grid whose axes run to superior, posterior and left."""


def volumes(root: Path, n: int = 3, *, grid: Grid = VOLUME) -> Path:
    """`n` NIfTI volumes with labels 0 and 1 on one grid."""
    for i in range(n):
        write_image(root / "images" / f"scan{i}.nii.gz", picture(i, grid.shape), grid)
        write_labels(root / "labels" / f"scan{i}.nii.gz", mask(i, grid.shape), grid)
    return root
