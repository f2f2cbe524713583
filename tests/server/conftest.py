"""A project of a small volume, a photograph and an empty plane, and a client that is let in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.server.app import create_app
from septum.server.settings import ServerSettings
from septum.workflows.projects.create import create_project

TOKEN = "a-token-for-tests-only"
PAGE = "page-one-1234"


def write_data(folder: Path) -> Path:
    """Three images; the volume has a labelled box."""
    rng = np.random.default_rng(3)
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    grid = Grid((9, 24, 20), np.array([[0, 0, 0.8, -8.0], [0, 0.8, 0, -9.0], [3.0, 0, 0, 5.0], [0, 0, 0, 1]]))
    array = rng.normal(100, 5, grid.shape).astype(np.int16)
    labels = np.zeros(grid.shape, np.uint8)
    labels[3:6, 8:16, 6:14] = 1
    array[labels == 1] += 200
    io.write_image(folder / "images" / "volume.nii.gz", Image(array[None], grid, ("intensity",)))
    io.write_labels(folder / "labels" / "volume.nii.gz", LabelMap(labels, grid))
    plane = Grid.from_spacing((40, 50), (1.0, 1.0))
    photo = rng.integers(0, 255, (3, 40, 50)).astype(np.uint8)
    io.write_image(folder / "images" / "photo.png", Image(photo, plane, ("red", "green", "blue")))
    grey = np.zeros((1, 40, 50), np.uint8)
    grey[0, 10:30, 15:35] = 200
    io.write_image(folder / "images" / "square.png", Image(grey, plane, ("intensity",)))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_project(tmp_path / "project", write_data(tmp_path / "data")).close()
    return tmp_path / "project"


def open_client(folder: Path, **changes: object) -> TestClient:
    settings = ServerSettings(folder, TOKEN, hosts=("testserver",), **changes)  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Septum-Client": PAGE, "X-Septum-Author": "ada"}
    return TestClient(create_app(settings), headers=headers)


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with open_client(folder) as found:
        yield found
