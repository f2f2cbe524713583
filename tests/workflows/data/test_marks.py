"""Marks and labels from files must lie where their image lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.workflows.datasets import VOLUME, mask, write_labels

from septum import io
from septum.errors import ConfigError, GeometryError
from septum.geometry import Grid, LabelMap
from septum.interactive.tool import UNMARKED
from septum.workflows.data.cases import Case
from septum.workflows.data.marks import find_beside, markers_of, on_grid, seeds_from

CASE = Case("scan", ())
PLAIN = Grid.from_spacing(VOLUME.shape, (1.0, 1.0, 1.0))


def moved(voxels: float) -> Grid:
    affine = VOLUME.affine.copy()
    affine[:-1, -1] += voxels * VOLUME.affine[:-1, 0]
    return Grid(VOLUME.shape, affine)


def test_labels_on_the_images_grid_are_returned_as_they_are() -> None:
    notes: list[str] = []
    labels = LabelMap(mask(1, VOLUME.shape), VOLUME)
    assert on_grid(labels, VOLUME, path=Path("a.nii"), on_note=notes.append) is labels
    assert notes == []


def test_a_file_that_lost_its_geometry_takes_the_images_and_that_is_said() -> None:
    notes: list[str] = []
    identity = Grid(VOLUME.shape, np.eye(4))
    found = on_grid(
        LabelMap(mask(1, VOLUME.shape), identity, {1: "x"}), VOLUME, path=Path("a.nii"), on_note=notes.append
    )
    assert found.grid == VOLUME
    assert found.names == {1: "x"}
    assert notes == ["a.nii holds no geometry; it is taken to lie on the image"]


@pytest.mark.parametrize("grid", [moved(0.5), moved(3.0), Grid.from_spacing((2, 3, 4), (1.0, 1.0, 1.0))])
def test_labels_elsewhere_are_refused_with_how_far(grid: Grid) -> None:
    with pytest.raises(GeometryError, match=r"corners differ by|shape"):
        on_grid(LabelMap(mask(1, grid.shape), grid), VOLUME, path=Path("a.nii"), on_note=lambda note: None)


def test_seeds_tell_unmarked_background_and_labels_apart() -> None:
    drawn = np.array([[0, 1], [5, 2]], np.uint8)
    assert seeds_from(drawn, 5).tolist() == [[UNMARKED, 1], [0, 2]]
    assert seeds_from(drawn, None).tolist() == [[UNMARKED, 1], [5, 2]]
    with pytest.raises(ConfigError, match="other than 0"):
        seeds_from(drawn, 0)


def test_markers_come_from_a_file_or_from_the_file_of_the_cases_name(tmp_path: Path) -> None:
    labels = mask(2, VOLUME.shape)
    write_labels(tmp_path / "scan.nii.gz", labels, VOLUME)
    write_labels(tmp_path / "other.nii.gz", labels * 0, VOLUME)
    assert markers_of(None, CASE, grid=VOLUME) is None
    for path in (tmp_path, tmp_path / "scan.nii.gz"):
        assert np.array_equal(markers_of(path, CASE, grid=VOLUME), labels)
    assert find_beside(tmp_path, CASE) == tmp_path / "scan.nii.gz"
    assert find_beside(tmp_path, Case("nobody", ())) is None
    with pytest.raises(ConfigError, match="scribbles named nobody"):
        markers_of(tmp_path, Case("nobody", ()), grid=VOLUME, what="scribbles")


def test_markers_on_another_grid_are_refused(tmp_path: Path) -> None:
    io.write_labels(tmp_path / "scan.nii.gz", LabelMap(mask(1, VOLUME.shape), moved(2.0)))
    with pytest.raises(GeometryError, match="markers must lie on the grid"):
        markers_of(tmp_path, CASE, grid=VOLUME)
