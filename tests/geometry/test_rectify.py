"""A sheared series becomes rectangular: nothing is lost, positions stay, and ITK opens it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.geometry.rectify import is_sheared, rectangular, rectify_image, rectify_labels


def tilted(degrees: float, shape: tuple[int, int, int] = (12, 30, 24)) -> Grid:
    affine = np.diag([2.0, 0.8, 0.8, 1.0])[[2, 1, 0, 3]]
    affine[1, 0] = 2.0 * np.tan(np.radians(degrees))
    return Grid(shape, affine)


@pytest.mark.parametrize("degrees", [-20, -3, 12, 25])
def test_a_ball_in_the_world_keeps_its_place_and_volume(degrees: float) -> None:
    grid = tilted(degrees)
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    centre = grid.index_to_world((6, 15, 12))
    inside = np.linalg.norm(grid.index_to_world(index) - centre, axis=-1) < 6
    found = rectify_labels(LabelMap(inside, grid))
    assert not is_sheared(found.grid)
    assert found.array.sum() * found.grid.voxel_volume == pytest.approx(inside.sum() * grid.voxel_volume, rel=0.02)
    middle = found.grid.index_to_world(np.argwhere(found.array)).mean(axis=0)
    np.testing.assert_allclose(middle, centre, atol=0.2)


def test_a_ramp_in_the_world_stays_a_ramp() -> None:
    grid = tilted(12)
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    ramp = (grid.index_to_world(index) @ (1.0, 2.0, 3.0)).astype(np.float32)
    found = rectify_image(Image(ramp[None], grid), outside=np.nan)
    place = np.argwhere(np.isfinite(found.array[0]))
    expected = found.grid.index_to_world(place) @ (1.0, 2.0, 3.0)
    off = np.abs(found.array[0][tuple(place.T)] - expected)
    assert len(place) > 0.9 * ramp.size
    assert np.quantile(off, 0.9) < 1e-3  # the rest lies in the outermost half voxel, where the border is repeated


def test_every_corner_lies_inside_and_a_straight_grid_is_untouched() -> None:
    grid = tilted(18)
    found = rectangular(grid)
    corners = found.world_to_index(grid.corners())
    assert (corners > -1e-3).all()
    assert (corners < np.array(found.shape) - 1 + 1e-3).all()
    np.testing.assert_allclose(found.spacing, (2.0, 0.8, 0.8))
    assert rectangular(tilted(0)) == tilted(0)


def test_itk_opens_the_rectified_mask_and_refuses_the_sheared_one(tmp_path: Path) -> None:
    labels = LabelMap(np.ones((12, 30, 24), np.uint8), tilted(12))
    io.write_labels(tmp_path / "sheared.nii.gz", labels)
    with pytest.raises(RuntimeError, match="orthonormal"):
        SimpleITK.ReadImage(str(tmp_path / "sheared.nii.gz"))
    made = rectify_labels(labels)
    io.write_labels(tmp_path / "straight.nii.gz", made)
    oracle = SimpleITK.ReadImage(str(tmp_path / "straight.nii.gz"))
    assert oracle.GetSize() == made.array.shape[::-1]
