"""What a network learns of objects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from septum.errors import ConfigError, GeometryError
from septum.instances.targets import object_radii, object_targets, target_names

IDS = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9), elements=st.integers(-1, 4)
)


def disc(shape: tuple[int, ...], centre: tuple[float, ...], radius: float) -> np.ndarray:
    grid = np.indices(shape)
    return sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) <= radius**2


@given(IDS)
@settings(max_examples=60, deadline=None)
def test_the_distance_is_that_of_an_independent_transform_over_the_largest(ids: np.ndarray) -> None:
    found = object_targets(ids)
    for value in np.unique(ids[ids > 0]):
        mask = ids == value
        if mask.all():
            continue
        distance = ndimage.distance_transform_edt(mask)
        np.testing.assert_allclose(found[1][mask], (distance / distance.max())[mask], rtol=1e-5)
        np.testing.assert_array_equal(found[0][mask], distance[mask] <= 1.5)
    assert not found[:, ids <= 0].any()


@given(IDS)
@settings(max_examples=60, deadline=None)
def test_vectors_have_length_one_but_in_the_centre_and_in_objects_at_the_edge(ids: np.ndarray) -> None:
    length = np.sqrt((object_targets(ids)[2:] ** 2).sum(0))
    edge = np.zeros(ids.shape, bool)
    for axis, size in enumerate(ids.shape):
        if size > 1:
            for end in (0, -1):
                np.moveaxis(edge, axis, 0)[end] = True
    touching = set(np.unique(ids[edge & (ids > 0)]).tolist())
    for value in np.unique(ids[ids > 0]).tolist():
        mask = ids == value
        if value in touching:
            assert not length[mask].any()
        else:
            assert (length[mask] == 0).sum() == 1
            np.testing.assert_allclose(length[mask & (length > 0)], 1, rtol=1e-5)


def test_vectors_of_a_disc_lead_to_its_middle_in_millimetres() -> None:
    ids = disc((21, 41), (10, 20), 8).astype(np.int32)
    found = object_targets(ids, spacing=(2.0, 0.5))
    np.testing.assert_allclose(found[2:, 6, 20], (1, 0), atol=1e-6)
    np.testing.assert_allclose(found[2:, 10, 24], (0, -1), atol=1e-6)
    np.testing.assert_allclose(found[2:, 7, 24], np.array([6, -2]) / np.hypot(6, 2), rtol=1e-5)


def test_a_cut_object_is_as_deep_as_it_is_in_the_whole_image() -> None:
    whole = disc((41, 41), (20, 20), 15).astype(np.int32) * 7
    radii = object_radii(whole)
    assert radii.shape == (8,)
    patch = whole[:12]
    np.testing.assert_allclose(object_targets(patch, radii=radii)[1][:6], object_targets(whole)[1][:6], rtol=1e-5)
    assert object_targets(patch)[1].max() == 1


def test_an_image_without_objects_has_targets_of_zero_and_one_that_is_full_has_finite_ones() -> None:
    assert not object_targets(np.zeros((4, 5), np.int64)).any()
    assert np.isfinite(object_targets(np.ones((4, 5), np.uint16))).all()
    assert object_targets(np.ones((3, 4, 5), np.uint16)).shape == (len(target_names(3)), 3, 4, 5)


def test_large_ids_are_ids() -> None:
    ids = np.array([[0, 70000, 70000, 70000, 0]], np.int64)
    np.testing.assert_allclose(object_targets(ids)[1], [[0, 0.5, 1, 0.5, 0]])


@pytest.mark.parametrize(
    ("objects", "spacing", "words"),
    [
        (np.zeros((2, 2)), None, "integer"),
        (np.zeros(3, int), None, "2-D or 3-D"),
        (np.zeros((2, 2), int), (1.0,), "spacing must be 2"),
        (np.zeros((2, 2), int), (1.0, 0.0), "positive"),
    ],
)
def test_what_is_no_map_of_objects_is_refused(objects: np.ndarray, spacing: tuple[float, ...], words: str) -> None:
    with pytest.raises((ConfigError, GeometryError), match=words):
        object_targets(objects, spacing=spacing)
