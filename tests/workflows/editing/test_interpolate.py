"""A mask file with a few drawn slices: what was drawn stays, the slices between are marked, the estimate is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.datasets import write_image, write_labels

from septum import io
from septum.errors import ConfigError, FormatError, GeometryError
from septum.geometry import Grid, Image
from septum.workflows.data.slices import read_slices, write_slices
from septum.workflows.editing.interpolate import RECORD, SETTINGS, interpolate_file
from septum.workflows.editing.settings import InterpolateSettings
from septum.workflows.runs.hooks import Hooks

GRID = Grid((9, 20, 20), np.diag([2.0, 1, 1, 1]))


def block(slices: list[int], *, always: bool = False) -> np.ndarray:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[slices, 5:15, 5:15] = 1
    if always:
        labels[:, :3, :3] = 2
    return labels


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "sparse.nii.gz", block([0, 4, 8]), GRID)


def filled(mask: Path, output: Path, image: Path | None = None, **given: Any) -> Any:
    return interpolate_file(mask, output, image=image, settings=InterpolateSettings(**given))


def test_the_slices_between_are_filled_marked_and_estimated(sparse: Path, tmp_path: Path) -> None:
    done = filled(sparse, tmp_path / "out")
    assert done.path == tmp_path / "out" / "sparse.nii.gz"
    found = io.read_labels(done.path)
    assert np.array_equal(found.array, block(list(range(9))))
    assert found.grid.matches(GRID)
    assert done.drawn == {0: [0, 4, 8]}
    assert read_slices(done.path, GRID.shape) == {0: "diiidiiid"}
    record = json.loads(done.path.with_name(f"sparse{RECORD}").read_text())
    assert record["expected"]["dice"] == pytest.approx(done.estimate.dice, abs=1e-4)
    assert (record["method"], record["drawn"]) == ("distance", {"0": [0, 4, 8]})
    assert done.path.with_name(f"sparse{SETTINGS}").is_file()


def test_two_slices_are_filled_without_an_estimate(tmp_path: Path) -> None:
    mask = write_labels(tmp_path / "two.nii.gz", block([2, 6]), GRID)
    done = filled(mask, tmp_path / "out.nii.gz", ends="none")
    assert done.estimate is None
    assert np.array_equal(io.read_labels(done.path).array, block([2, 3, 4, 5, 6]))
    assert json.loads((tmp_path / f"out{RECORD}").read_text())["expected"] is None


def test_named_slices_come_before_the_file_beside_and_that_before_what_is_found(sparse: Path, tmp_path: Path) -> None:
    write_slices(sparse, {0: "d...c...."})
    assert filled(sparse, tmp_path / "a.nii.gz").drawn == {0: [0, 4]}
    assert filled(sparse, tmp_path / "b.nii.gz", drawn=("z:4,8",)).drawn == {0: [4, 8]}
    sparse.with_name("sparse.slices.json").write_text("{")
    with pytest.raises(FormatError, match="list of slices"):
        filled(sparse, tmp_path / "c.nii.gz")


def test_a_label_on_every_slice_stays_and_is_told(tmp_path: Path) -> None:
    mask = write_labels(tmp_path / "both.nii.gz", block([0, 4, 8], always=True), GRID)
    notes: list[str] = []
    done = interpolate_file(mask, tmp_path / "out.nii.gz", hooks=Hooks(on_note=notes.append))
    assert any("label 2 is on every slice" in note for note in notes)
    assert np.array_equal(io.read_labels(done.path).array, block(list(range(9)), always=True))


def test_an_image_is_the_default_method_and_lies_on_the_grid_of_the_mask(sparse: Path, tmp_path: Path) -> None:
    image = write_image(tmp_path / "image.nii.gz", 100 * block(list(range(9))), GRID)
    done = filled(sparse, tmp_path / "out.nii.gz", image)
    assert json.loads((tmp_path / f"out{RECORD}").read_text())["method"] == "image"
    assert np.array_equal(io.read_labels(done.path).array[[0, 4, 8]], block([0, 4, 8])[[0, 4, 8]])
    two = tmp_path / "two.nii.gz"
    io.write_image(two, Image(np.zeros((2, *GRID.shape), np.float32), GRID))
    with pytest.raises(GeometryError, match="one channel, got 2"):
        filled(sparse, tmp_path / "b.nii.gz", two)
    far = write_image(tmp_path / "far.nii.gz", block([0]), Grid(GRID.shape, np.diag([4.0, 1, 1, 1])))
    with pytest.raises(GeometryError, match="must lie on the grid"):
        filled(sparse, tmp_path / "b.nii.gz", far)
    assert not (tmp_path / "b.nii.gz").exists()


def test_the_mask_before_is_kept_and_a_plane_has_nothing_between(sparse: Path, tmp_path: Path) -> None:
    before = sparse.read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        filled(sparse, sparse)
    done = filled(sparse, sparse, overwrite=True)
    assert done.kept is not None
    assert done.kept.read_bytes() == before
    plane = write_labels(tmp_path / "plane.png", block([0])[0])
    with pytest.raises(GeometryError, match="must be a volume"):
        filled(plane, tmp_path / "x.png")
