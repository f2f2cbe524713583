"""Pixel classifiers on files: what is learnt of scribbles, what is refused, and what is written beside the masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.datasets import write_image, write_labels

from septum import io
from septum.errors import Cancelled, ConfigError, DatasetError, GeometryError
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.jobs import Job
from septum.workflows.pipelines.pixels import ApplySettings, PixelSettings, apply_classifier, further, train_pixels
from septum.workflows.pipelines.segment import RECORD
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.hooks import Hooks

SHAPE = (24, 28)
FAST = {"scales": (0.3, 1.0), "trees": 5, "background": 5}


def truth(shift: int) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (y - 12) ** 2 + (x - 12 - shift) ** 2 < 7**2


def scribbled(folder: Path, name: str, *, shift: int = 0, marked: bool = True) -> None:
    noise = np.random.default_rng(shift).integers(0, 30, SHAPE)
    write_image(folder / "images" / f"{name}.png", (50 + 150 * truth(shift) + noise).astype(np.uint8))
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[[10, 14], 8 + shift : 16 + shift] = 3
    drawn[[1, 22], 2:26] = 5
    if marked:
        write_labels(folder / "scribbles" / f"{name}.png", drawn)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate("abc"):
        scribbled(tmp_path, name, shift=number, marked=name != "c")
    return tmp_path


def trained(folder: Path, hooks: Hooks | None = None, failures: Failures | None = None, **given: Any) -> Any:
    output = given.pop("output", folder / "k.npz")
    scribbles = given.pop("scribbles", folder / "scribbles")
    settings = PixelSettings(**FAST | given)  # type: ignore[arg-type]
    return train_pixels(
        [folder / "images"], scribbles, output=output, settings=settings, hooks=hooks or Hooks(), failures=failures
    )


def test_the_disc_is_found_in_an_image_without_scribbles_and_maps_go_beside(folder: Path) -> None:
    notes: list[str] = []
    classifier = trained(folder, Hooks(on_note=notes.append))
    assert tuple(classifier.labels) == (0, 3)
    assert "left out: 1 image without scribbles" in notes
    record = json.loads((folder / "k.json").read_text())
    assert set(record["images"]) == set(record["scribbles"]) == {"a", "b"}
    settings = ApplySettings(probabilities=True, uncertainty=True, page=False, clean=("keep-largest",))
    (folder / "images" / "d.png").write_bytes(b"no picture")
    done = apply_classifier(
        [folder / "images"], folder / "out", classifier=folder / "k.npz", settings=settings,
        hooks=Hooks(on_note=notes.append),
    )  # fmt: skip
    assert [name for name, _ in done.failures] == ["d"]
    for shift, name in enumerate("abc"):
        found = io.read_labels(folder / "out" / f"{name}.png").array
        assert ((found == 3) == truth(shift)).mean() > 0.97
        prob = io.read_image(folder / "out" / "probabilities" / f"{name}.tif").array
        assert prob.sum(axis=0) == pytest.approx(1, abs=1e-5)
        assert io.read_image(folder / "out" / "uncertainty" / f"{name}.tif").array.shape == (1, *SHAPE)
    record = json.loads((folder / "out" / RECORD).read_text())
    assert set(record["scribble_next"]) == {"a", "b", "c"}
    assert any(note.startswith("c: scribble next near voxel") for note in notes)
    with pytest.raises(ConfigError, match="already"):
        apply_classifier(
            [folder / "images"], folder / "out", classifier=folder / "k.npz", settings=settings, hooks=Hooks()
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"output": "k.txt"}, "must end in .npz"),
        ({"background": 9}, "must mark background with 9"),
        ({"background": 0}, "other than 0"),
        ({"scribbles": "none"}, "scribbles must exist"),
        ({"scribbles": "scribbles/a.png"}, "scribbles of 3 images must be a folder"),
        ({"scribbles": "empty"}, "must hold scribbles of the name"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused_and_nothing_is_written(
    folder: Path, given: dict[str, Any], message: str
) -> None:
    (folder / "empty").mkdir()
    paths = {name: folder / value if isinstance(value, str) else value for name, value in given.items()}
    with pytest.raises(ConfigError, match=message):
        trained(folder, **paths)
    assert not (folder / "k.npz").exists()


def test_the_scribbles_of_one_image_may_be_one_file(folder: Path) -> None:
    alone = folder / "alone"
    scribbled(alone, "a")
    (mask,) = (alone / "scribbles").iterdir()
    assert tuple(trained(alone, scribbles=mask).labels) == (0, 3)
    with pytest.raises(ConfigError, match="scribbles of 3 images must be a folder"):
        trained(folder, scribbles=mask)


def test_a_classifier_is_replaced_only_when_told(folder: Path) -> None:
    (folder / "k.npz").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="exists already"):
        trained(folder)
    assert (folder / "k.npz").read_bytes() == b"mine"
    trained(folder, overwrite=True)
    assert (folder / "k.npz").read_bytes() != b"mine"


def test_unreadable_images_are_left_out_where_told_but_never_all(folder: Path) -> None:
    (folder / "images" / "a.png").write_bytes(b"no picture")
    failures = Failures()
    trained(folder, failures=failures)
    assert failures.names == {"a"}
    assert set(json.loads((folder / "k.json").read_text())["images"]) == {"b"}
    (folder / "images" / "b.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="none that are; a: "):
        trained(folder, failures=Failures(), overwrite=True)


def test_scribbles_on_another_grid_are_refused(folder: Path) -> None:
    write_labels(folder / "scribbles" / "a.png", np.ones((5, 5), np.uint8))
    with pytest.raises(GeometryError, match="scribbles must lie on the grid"):
        trained(folder)


def test_a_stop_writes_nothing(folder: Path) -> None:
    with pytest.raises(Cancelled):
        trained(folder, Hooks(should_stop=lambda: True))
    assert not (folder / "k.npz").exists()


@pytest.mark.parametrize(
    ("suffix", "expected"), [(".png", "maps/a.tif"), (".nii.gz", "maps/a.nii.gz"), (".jpg", "maps/a.tif")]
)
def test_maps_take_a_format_that_holds_fractions(suffix: str, expected: str) -> None:
    job = Job(Case("a", (Source(Path(f"a{suffix}")),)), Path("out/a.png"))
    assert further(job, "maps") == Path("out") / expected
