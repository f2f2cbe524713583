"""A project of images whose answers are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Picture

from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import PALETTE, Label

SHAPE, SPACING = (24, 64, 56), (2.0, 1.0, 1.0)
CENTRE, RADIUS_MM = (12, 32, 28), 15.0
SLIDE = (4300, 5200)
MOVED = 6


def ball() -> np.ndarray:
    """The voxels of the ball."""
    z, y, x = np.indices(SHAPE)
    squared = sum(((a - c) * s) ** 2 for a, c, s in zip((z, y, x), CENTRE, SPACING, strict=True))
    return np.asarray(squared <= RADIUS_MM**2)


def phantom_project(folder: Path) -> Path:
    """A project of a CT-like volume with a ball, an image of two channels and a photograph that travels in tiles."""
    rng = np.random.default_rng(0)
    values = np.where(ball(), 100, -80) + rng.normal(0, 8, SHAPE)
    values[:, :4], values[:, 60:] = -1000, 700
    io.write_image(
        folder / "ball.nii.gz", Image(values.astype(np.int16)[None], Grid.from_spacing(SHAPE, SPACING), ("CT",))
    )
    cells = rng.integers(0, 40, (2, 90, 120), dtype=np.uint16)
    cells[0, 20:40, 30:60] += 900
    cells[1, 50:70, 60:100] += 400
    io.write_image(
        folder / "cells.tif", Image(cells, Grid.from_spacing((90, 120), (0.5, 0.5)), ("nucleus", "membrane"))
    )
    slide = np.full((*SLIDE, 3), (236, 220, 232), np.uint8)
    slide[2000:2100, 2500:2700] = (110, 70, 160)
    Picture.fromarray(slide).save(folder / "slide.png", compress_level=1)
    rows = ["id,image,label", "ball,ball.nii.gz,", "cells,cells.tif,", "slide,slide.png,"]
    (folder / "cases.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    project = create_project(folder / "project", folder / "cases.csv", copy=True, name="Phantoms")
    project.set_labels([Label(1, "ball", PALETTE[0]), Label(2, "rim", PALETTE[1])])
    _predictions(project.predictions)
    project.close()
    return folder / "project"


def _predictions(folder: Path) -> None:
    """The ball as it is by one model; by another moved by `MOVED` rows, with a probability of 0.8 and 0.5 around it."""
    grid = Grid.from_spacing(SHAPE, SPACING)
    moved = np.roll(ball(), MOVED, axis=1)
    share = np.where(moved, 0.8, np.where(np.roll(moved, 3, axis=2) | np.roll(moved, -3, axis=2), 0.5, 0.0))
    for name, mask in (("right", ball()), ("moved", moved)):
        (folder / name).mkdir(parents=True)
        io.write_labels(folder / name / "ball.nii.gz", LabelMap(mask.astype(np.uint8), grid))
    for value, one in ((0, 1 - share), (1, share)):
        path = folder / "moved" / f"ball_probability_{value}.nii.gz"
        io.write_image(path, Image(one[None].astype(np.float32), grid, ("share",)))
