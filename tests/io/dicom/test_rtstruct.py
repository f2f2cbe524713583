"""Contours of an RTSTRUCT become the voxels whose centres they enclose, wherever the slices lie."""

from __future__ import annotations

import numpy as np
import pytest
from tests.io.structures import rtstruct, square

from septum.errors import FormatError
from septum.geometry import Grid
from septum.io.dicom.rtstruct import contoured, roi_names

GRID = Grid((6, 40, 50), np.array([[0, 0, -1.0, 0], [0, -1.0, 0, 0], [2.0, 0, 0, 100.0], [0, 0, 0, 1.0]]), unit="mm")
"""Slices 2 mm apart from z 100, x to the left and y to the back: index = (z / 2 - 50, y, x) of LPS millimetres."""


def voxels(made: object, name: str = "GTV") -> np.ndarray:
    mask = np.zeros(GRID.shape, bool)
    mask.flat[contoured(made, GRID).voxels[name]] = True
    return mask


def test_contours_on_the_slices_enclose_the_centres_inside() -> None:
    found = voxels(rtstruct({"GTV": [square(20, 15, z=102, half=3.5), square(20, 15, z=104, half=3.5)]}))
    expected = np.zeros(GRID.shape, bool)
    expected[1:3, 12:19, 17:24] = True
    assert np.array_equal(found, expected)


def test_an_inner_contour_is_a_hole() -> None:
    found = voxels(rtstruct({"GTV": [square(20, 15, z=102, half=5.5), square(20, 15, z=102, half=2.5)]}))
    assert found.sum() == 11 * 11 - 5 * 5
    assert not found[1, 15, 20]


def test_slices_between_the_planes_take_the_nearest_and_it_is_said() -> None:
    made = rtstruct({"GTV": [square(20, 15, z=z, half=3.5) for z in (102.8, 104.8, 106.8)]})
    assert np.unique(np.nonzero(voxels(made))[0]).tolist() == [1, 2, 3]
    assert "up to 0.8 mm beside the slices" in contoured(made, GRID).doubts[0]


def test_every_second_slice_drawn_fills_those_between_and_leaves_a_real_gap() -> None:
    made = rtstruct({"GTV": [square(20, 15, z=z, half=3.5) for z in (100.0, 104.0, 108.0)]})
    assert np.unique(np.nonzero(voxels(made))[0]).tolist() == [0, 1, 2, 3, 4]
    made = rtstruct({"GTV": [square(20, 15, z=z, half=3.5) for z in (100.0, 102.0, 108.0)]})
    assert np.unique(np.nonzero(voxels(made))[0]).tolist() == [0, 1, 4]
    made = rtstruct({"GTV": [square(20, 15, z=z, half=3.5) for z in (100.0, 110.0)]})
    assert np.unique(np.nonzero(voxels(made))[0]).tolist() == [0, 5]
    assert "5 slices apart" in contoured(made, GRID).doubts[0]


def test_what_lies_outside_or_holds_no_area_is_left_out_and_said() -> None:
    made = rtstruct({"GTV": [square(20, 15, z=102, half=3.5), square(20, 15, z=300, half=3.5)]})
    assert voxels(made).sum() == 49
    assert "1 contours lie outside the image and are left out" in contoured(made, GRID).doubts
    points = rtstruct({"iso": [np.array([[1.0, 2.0, 3.0]])]}, geometry="POINT")
    assert len(contoured(points, GRID).voxels["iso"]) == 0
    assert "hold no area" in contoured(points, GRID).doubts[0]
    assert roi_names(points) == {1: "iso"}


def test_contours_across_the_slices_or_damaged_ones_are_refused() -> None:
    tilted = square(20, 15, z=102, half=3.5)
    tilted[2, 2] += 4
    with pytest.raises(FormatError, match="in the planes of the image"):
        contoured(rtstruct({"GTV": [tilted]}), GRID)
    broken = rtstruct({"GTV": [square(20, 15, z=102, half=3.5)]})
    broken.ROIContourSequence[0].ContourSequence[0].ContourData = [1.0] * 10
    with pytest.raises(FormatError, match="triples"):
        contoured(broken, GRID)


def test_drawn_sagittally_they_lie_in_the_sagittal_slices() -> None:
    outline = square(0, 0, z=20, half=3.5)  # (a, b, 20) becomes (x 20, y 15 + a, z 104 + b)
    sagittal = np.stack([outline[:, 2], 15 + outline[:, 0], 104 + outline[:, 1]], axis=1)
    found = np.nonzero(voxels(rtstruct({"GTV": [sagittal]})))
    assert set(found[2].tolist()) == {20}
    assert (found[0].min(), found[0].max(), found[1].min(), found[1].max()) == (1, 3, 12, 18)
