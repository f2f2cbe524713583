"""A project of made-up fluorescence images whose masks are known: bright round cells on a dim, uneven ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.geometry import Grid, Image
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import PALETTE, Label

SIZE = 96


def places(seed: int) -> list[tuple[float, float, float]]:
    """Row, column and radius of each cell of an image."""
    rng = np.random.default_rng(seed)
    return [(*rng.uniform(16, SIZE - 16, 2), rng.uniform(8, 13)) for _ in range(4)]


def cells(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image `(y, x)` of 0 to 255 and its mask."""
    y, x = np.mgrid[:SIZE, :SIZE]
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for row, column, radius in places(seed):
        mask[(y + 0.5 - row) ** 2 + (x + 0.5 - column) ** 2 <= radius**2] = 1
    noise = np.random.default_rng(seed + 1000).normal(0, 12, mask.shape)
    image = 45 + 15 * np.sin(x / 17 + seed) + 95 * mask + noise
    return np.clip(image, 0, 255).astype(np.uint8), mask


def make_project(folder: Path, *, count: int = 10) -> Path:
    """A project of `count` images that nobody annotated yet; `cells(i)` is case `cells-NN`."""
    (folder / "images").mkdir(parents=True)
    for i in range(count):
        array = cells(i)[0]
        image = Image(array[None], Grid.from_spacing(array.shape, (1.0, 1.0)), ("intensity",))
        io.write_image(folder / "images" / f"cells-{i:02d}.png", image)
    project = create_project(folder / "project", folder / "images", copy=True, name="Cells")
    project.set_labels([Label(1, "cell", PALETTE[0])])
    project.close()
    return folder / "project"
