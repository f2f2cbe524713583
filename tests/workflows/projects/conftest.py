"""A project of three volumes of which one came with labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.projects.annotations import save_annotation
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import Project

GRID = Grid.from_spacing((6, 8, 10), (3.0, 1.0, 1.0))
BOX = np.zeros(GRID.shape, np.uint8)
BOX[2:4, 2:6, 3:7] = 3


def data(root: Path) -> Path:
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    for name in ("a", "b", "c d/e".replace("/", "_")):
        io.write_image(root / "images" / f"{name}.nii.gz", Image(BOX[None] * 50, GRID, ("intensity",)))
    io.write_labels(root / "labels" / "a.nii.gz", LabelMap(BOX, GRID))
    return root


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return create_project(tmp_path / "p", data(tmp_path / "data"))


def save(project: Project, labels: np.ndarray, case: str = "b", letters: str = "......") -> str:
    slices = {0: letters, 1: "." * 8, 2: "." * 10}
    version = save_annotation(project, case, labels=LabelMap(labels, GRID), slices=slices, author="ada", origin="drawn")
    return version.file
