"""Pictures that are no labels: greys are scattered or rise in steps, classes and objects lie together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from septum.workflows.data.grey import grey_edges, is_picture, value_counts


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_values_are_counted_as_numpy_counts_them(dtype: type) -> None:
    rng = np.random.default_rng(0)
    for array in (rng.integers(0, 9, (20, 30)), rng.integers(0, 100, (4, 5)) * 1000, np.zeros((0, 3), int)):
        found, counts = value_counts(array.astype(dtype))
        expected, numbers = np.unique(array.astype(dtype), return_counts=True)
        assert found.tolist() == expected.tolist()
        assert counts.tolist() == numbers.tolist()


def disc(size: int = 60, radius: float = 20.0) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return ((y - size / 2) ** 2 + (x - size / 2) ** 2 < radius**2).astype(np.uint8)


def edges(array: np.ndarray) -> tuple[int, ...]:
    values, counts = value_counts(array)
    return grey_edges(array, values, counts=counts)


def test_an_antialiased_mask_shows_its_in_between_values_and_a_sharp_one_none() -> None:
    soft = np.round(ndimage.gaussian_filter(255.0 * disc(), 0.7)).astype(np.uint8)
    found = edges(soft)
    assert len(found) >= 3
    assert not {0, 255} & set(found)
    assert edges(255 * disc()) == ()
    assert edges(np.kron(np.arange(100).reshape(10, 10), np.ones((4, 4), int))) == ()  # a hundred small objects


def test_photographs_and_smooth_maps_are_pictures_and_objects_are_none() -> None:
    rng = np.random.default_rng(0)
    assert is_picture(rng.integers(0, 255, (40, 40)))
    assert is_picture(np.round(255 * ndimage.gaussian_filter(disc().astype(float), 6)).astype(int))
    objects = np.zeros((60, 60), int)
    objects[:50, :50] = np.kron(np.arange(1, 26).reshape(5, 5), np.pad(np.ones((8, 8), int), 1))
    assert not is_picture(objects)
    points = np.zeros((60, 60), int)
    points[::6, ::6] = np.arange(1, 101).reshape(10, 10)
    assert not is_picture(points)
    assert not is_picture(np.arange(19).reshape(1, 19))
