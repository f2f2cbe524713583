"""Seeds as masks, coordinates and millimetres, and a box that grows with them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from tests import phantoms
from tests.classical.grown import noise

from septum.classical import growing
from septum.classical import seeds as seeds_module
from septum.classical.seeds import seeds_from_mm
from septum.errors import ConfigError, GeometryError


def test_seeds_can_be_a_mask_coordinates_or_millimetres() -> None:
    image = phantoms.touching_pair().array
    mask = image == 2
    by_mask = growing.connected_threshold(image, seeds=mask, low=2)
    by_voxel = growing.connected_threshold(image, seeds=np.argwhere(mask)[:1], low=2)
    by_mm = seeds_from_mm(np.argwhere(mask)[:1] * (2.0, 0.5, 1.0) + 0.2, spacing=(2, 0.5, 1))
    np.testing.assert_array_equal(by_mask, mask)
    np.testing.assert_array_equal(by_voxel, mask)
    np.testing.assert_array_equal(by_mm, np.argwhere(mask)[:1])


@pytest.mark.parametrize("spacing", [(1, 1, 1), (3, 1, 2)])
def test_a_box_that_grows_finds_what_the_whole_image_holds(spacing, monkeypatch) -> None:
    image = noise((30, 34, 38))
    seed = np.unravel_index(ndimage.uniform_filter(image, 5).argmax(), image.shape)
    for low in (-0.3, 0.4, 1.0):
        whole = growing.connected_threshold(image, seeds=[seed], low=low)
        near = growing.neighbourhood_connected(image, seeds=[seed], low=low - 1, radius_mm=3, spacing=spacing)
        with monkeypatch.context() as patch:
            patch.setattr(seeds_module, "_ROOM", 1)
            np.testing.assert_array_equal(growing.connected_threshold(image, seeds=[seed], low=low), whole)
            again = growing.neighbourhood_connected(image, seeds=[seed], low=low - 1, radius_mm=3, spacing=spacing)
            np.testing.assert_array_equal(again, near)
        assert whole.any()


@pytest.mark.parametrize(
    ("seeds", "error", "message"),
    [
        ([[9, 0]], GeometryError, r"inside the image of shape \(4, 5\), got \[9, 0\]"),
        ([[-1, 0]], GeometryError, "inside the image"),
        ([], ConfigError, "at least one voxel"),
        (np.zeros((4, 5), bool), ConfigError, "at least one voxel"),
        (np.ones((5, 4), bool), GeometryError, "must have the image's shape"),
        ([[1, 2, 3]], GeometryError, r"of shape \(n, 2\)"),
        ([[0.5, 1.0]], GeometryError, "seeds_from_mm"),
    ],
)
def test_impossible_seeds_are_refused(seeds, error, message) -> None:
    with pytest.raises(error, match=message):
        growing.connected_threshold(np.ones((4, 5)), seeds=seeds, low=0)
