"""A small data set and a model of two steps, which most complaints about models need."""

from __future__ import annotations

import contextlib
import io as streams
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from septum import io
from septum.cli.main import main
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.model.settings import TrainSettings
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import train as training

Train = Callable[..., training.TrainResult]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def septum(*words: object) -> Ended:
    """Run a command in this process."""
    out, err = streams.StringIO(), streams.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def write_case(root: Path, name: str, labels: np.ndarray, *, seed: int = 0) -> None:
    """An image whose brightness follows its labels, and the labels, as TIFF below `root`."""
    grid = Grid.from_spacing(labels.shape, (1.0,) * labels.ndim)
    image = np.random.default_rng(seed).normal(0, 8, labels.shape) + 60.0 * labels
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True, exist_ok=True)
    io.write_image(root / "images" / f"{name}.tif", Image(image.astype(np.float32)[None], grid))
    io.write_labels(root / "labels" / f"{name}.tif", LabelMap(labels, grid))


def square(seed: int, shape: tuple[int, int] = (32, 32)) -> np.ndarray:
    """A mask with one square at a place that depends on the seed."""
    top, left = np.random.default_rng(seed).integers(2, 18, 2)
    labels = np.zeros(shape, np.uint8)
    labels[top : top + 10, left : left + 12] = 1
    return labels


def train(data: Path, model: Path, **options: object) -> training.TrainResult:
    """`septum train` on the CPU, two steps unless told otherwise; `notes` collects what it says."""
    keywords = {key: options.pop(key) for key in ("resume", "overwrite", "should_stop", "notes") if key in options}
    notes: list[str] = keywords.get("notes", [])  # type: ignore[assignment]
    settings = {"steps": 2, "precision": "32-true", "devices": "cpu", **options}
    return training.train(
        data,
        model,
        settings=TrainSettings(**settings),  # type: ignore[arg-type]
        hooks=Hooks(on_note=notes.append, should_stop=keywords.get("should_stop", lambda: False)),  # type: ignore[arg-type]
        resume=bool(keywords.get("resume", False)),
        overwrite=bool(keywords.get("overwrite", False)),
    )


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set of three planes and a model of two steps; copy the model before changing it."""
    root = tmp_path_factory.mktemp("small")
    for number in range(3):
        write_case(root / "data", f"s{number}", square(number), seed=number)
    train(root / "data", root / "model")
    return root / "data", root / "model"
