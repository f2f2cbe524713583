"""Made-up images as large as those people bring, each in a project of its own; a folder that is there is used again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as Picture
from scipy import ndimage

from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import PALETTE, Label

VOLUME, SPACING = (300, 512, 512), (1.0, 0.8, 0.8)
SLIDE = 10_000
OBJECTS, PLANE = 5_000, 2_048


def volume_project(folder: Path) -> Path:
    """A CT with a bright ball, `plain` as .nii and `zipped` as .nii.gz."""

    def write(data: Path) -> None:
        image = Image(ct(VOLUME)[None], Grid.from_spacing(VOLUME, SPACING), ("CT",))
        for name in ("plain.nii", "zipped.nii.gz"):
            io.write_image(data / name, image)

    return _project(folder, write)


def slide_project(folder: Path) -> Path:
    """A photograph of 10,000² pixels, as a TIFF in tiles and as a PNG."""

    def write(data: Path) -> None:
        rng = np.random.default_rng(0)
        small = ndimage.gaussian_filter(rng.normal(0, 1, (SLIDE // 40, SLIDE // 40)), 3)
        small = (small / np.abs(small).max())[..., None] * (20, 50, 30) + (220, 190, 210)
        pixels = np.kron(small.astype(np.uint8), np.ones((40, 40, 1), np.uint8))
        pixels += rng.integers(0, 12, (SLIDE, SLIDE, 1), np.uint8)
        Picture.fromarray(pixels).save(data / "png.png", compress_level=1)
        tifffile.imwrite(data / "tiled.tif", pixels, photometric="rgb", tile=(512, 512), compression="jpeg")

    return _project(folder, write)


def objects_project(folder: Path) -> Path:
    """5,000 round objects with a number each."""

    def write(data: Path) -> None:
        labels = discs(OBJECTS, PLANE)
        grid = Grid.from_spacing(labels.shape, (1.0, 1.0))
        noise = np.random.default_rng(1).integers(0, 40, labels.shape)
        grey = np.where(labels > 0, 170, 30) + noise
        for part, thing in (("images", Image(grey.astype(np.uint8)[None], grid, ("intensity",))), ("labels", None)):
            (data / part).mkdir()
            if thing is not None:
                io.write_image(data / part / "nuclei.tif", thing)
        io.write_labels(data / "labels" / "nuclei.tif", LabelMap(labels, grid))
        (data / "dataset.json").write_text('{"instances": true}')

    return _project(folder, write)


def prompts_project(folder: Path) -> Path:
    """Five images of 512² with discs, of which four are annotated."""

    def write(data: Path) -> None:
        for part in ("images", "labels"):
            (data / part).mkdir()
        for number in range(5):
            labels = (discs(60, 512, seed=number) > 0).astype(np.uint8)
            grid = Grid.from_spacing(labels.shape, (1.0, 1.0))
            noise = np.random.default_rng(number).integers(0, 60, labels.shape)
            grey = (np.where(labels > 0, 150, 40) + noise).astype(np.uint8)
            io.write_image(data / "images" / f"image-{number}.png", Image(grey[None], grid, ("intensity",)))
            if number < 4:
                io.write_labels(data / "labels" / f"image-{number}.png", LabelMap(labels, grid))

    return _project(folder, write)


def crowd_project(folder: Path, *, count: int) -> Path:
    """A small volume for each person."""

    def write(data: Path) -> None:
        shape = (32, 128, 128)
        image = Image(ct(shape)[None], Grid.from_spacing(shape, SPACING), ("CT",))
        for number in range(count):
            io.write_image(data / f"case-{number:02d}.nii.gz", image)

    return _project(folder, write)


def ct(shape: tuple[int, ...]) -> NDArray[np.int16]:
    """Noise of soft tissue with a ball of 60 HU more, of a third of the volume's width."""
    rng = np.random.default_rng(0)
    values = rng.normal(20, 12, shape).astype(np.float32)
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    centre, radius = [n / 2 for n in shape], min(shape[1:]) / 6
    inside = ((z - centre[0]) * shape[1] / shape[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 < radius**2
    values[inside] += 60
    values[:, : shape[1] // 16] = -1000
    return values.astype(np.int16)


def discs(count: int, side: int, *, seed: int = 0) -> NDArray[Any]:
    """Discs on a jittered raster, numbered."""
    rng = np.random.default_rng(seed)
    rows = int(np.ceil(np.sqrt(count)))
    pitch = side / rows
    labels = np.zeros((side, side), np.uint16)
    for number in range(count):
        row, column = ((np.array(divmod(number, rows)) + 0.5) * pitch + rng.uniform(-0.1, 0.1, 2) * pitch).tolist()
        radius = rng.uniform(0.25, 0.38) * pitch
        top, left = max(0, int(row - radius)), max(0, int(column - radius))
        part = labels[top : int(row + radius) + 2, left : int(column + radius) + 2]
        y, x = np.ogrid[: part.shape[0], : part.shape[1]]
        part[(y + top - row) ** 2 + (x + left - column) ** 2 <= radius**2] = number + 1
    return labels


def _project(folder: Path, write: Callable[[Path], None]) -> Path:
    """The project in `folder`, made of the images that `write` writes where it is not there yet."""
    project, data = folder / "project", folder / "data"
    if not project.is_dir():
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        write(data)
        made = create_project(project, data, name=folder.name)
        made.set_labels([Label(1, "object", PALETTE[0])])
        made.close()
    return project
