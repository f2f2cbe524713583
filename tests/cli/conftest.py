"""The command line in process: `septum("train", ...)` returns exit code, stdout and stderr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import phantoms
from tests.workflows.datasets import mask, planes, write_labels

from septum import Grid, Image, LabelMap, io
from septum.cli.main import main
from septum.workflows.review import study as review
from septum.workflows.review.sample import StudySettings


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def septum(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command line as the installed command does; arguments may be paths."""

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ending:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Result(int(ending.value.code or 0), captured.out, captured.err)

    return run


def write_dataset(folder: Path, names: tuple[str, ...] = ("a", "b", "c", "d"), *, size: int = 48) -> Path:
    """Discs on noise as PNG pairs in images/ and labels/."""
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for number, name in enumerate(names):
        disc = phantoms.ball((size, size), radius_mm=size / 5 + number)
        grey = np.clip(60 + 30 * disc.image(seed=number).array, 0, 255).astype(np.uint8)
        grid = Grid.from_spacing((size, size), (1.0, 1.0))
        io.write_image(folder / "images" / f"{name}.png", Image(grey, grid))
        io.write_labels(folder / "labels" / f"{name}.png", LabelMap(disc.array, grid))
    return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A small data set of four pairs."""
    return write_dataset(tmp_path / "data")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few steps: good enough to run, not to segment."""
    from septum.workflows.model.settings import TrainSettings
    from septum.workflows.training.train import train

    folder = tmp_path_factory.mktemp("model")
    train(
        write_dataset(folder / "data"),
        folder / "model",
        settings=TrainSettings(network="lecture", steps=2, precision="32-true", folds="none"),
    )
    return folder / "model"


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Any, Grid, Callable[[str], Path]]:
    """A folder with image.nii.gz and labels.nii.gz; the labels, their grid, and a function that writes a script."""
    pair = phantoms.touching_pair((12, 32, 36), (3.0, 1.0, 1.0))
    turned = Grid(pair.array.shape, np.array([[0, 0, -1, 30], [0, 1, 0, -20], [3, 0, 0, 50], [0, 0, 0, 1.0]]))
    io.write_image(tmp_path / "image.nii.gz", Image(pair.image().array, turned))
    io.write_labels(tmp_path / "labels.nii.gz", LabelMap(pair.array, turned))

    def script(text: str) -> Path:
        path = tmp_path / "steps.toml"
        path.write_text(text)
        return path

    return tmp_path, pair.array, turned, script


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    root = planes(tmp_path_factory.mktemp("data"), 4)
    for i in range(4):
        write_labels(root / "model" / f"case{i}.png", mask(i + 2))
    return root


@pytest.fixture
def folder(rated, tmp_path):
    sources = {"human": rated / "labels", "model": rated / "model"}
    review.create_study(rated / "images", sources, output=tmp_path / "study", settings=StudySettings(n=3))
    return tmp_path / "study"
