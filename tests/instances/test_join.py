"""Basins and their merging: the blocks must not show, and an independent library must agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from septum.errors import Cancelled, ConfigError
from septum.instances.join import BasinGraph, find_basins, merge_basins, paint_objects, step_codes

FIELDS = ("labels", "peak", "size", "first", "second", "saddle")


def landscape(shape: tuple[int, ...], seed: int, levels: int = 255) -> np.ndarray:
    rough = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.5)
    scaled = (rough - rough.min()) / max(float(np.ptp(rough)), 1e-9)
    return np.rint(scaled * levels).astype(np.uint8)


def assert_same(one: BasinGraph, other: BasinGraph) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@given(
    shape=st.one_of(st.tuples(*[st.integers(1, 40)] * 2), st.tuples(*[st.integers(1, 14)] * 3)),
    seed=st.integers(0, 1000),
    levels=st.sampled_from([1, 4, 255]),
    follow=st.booleans(),
    sides=st.tuples(*[st.integers(1, 30)] * 3),
)
@settings(max_examples=80, deadline=None)
def test_the_result_does_not_depend_on_the_blocks(
    shape: tuple[int, ...], seed: int, levels: int, follow: bool, sides: tuple[int, ...]
) -> None:
    altitude = landscape(shape, seed, levels)
    mask = altitude >= levels // 3
    codes = None
    if follow:
        flat = len(shape) == 2
        codes = np.random.default_rng(seed).integers(9 if flat else 0, 18 if flat else 27, shape).astype(np.uint8)
    whole = find_basins(altitude, mask, steps=codes, block=shape)
    parts = find_basins(altitude, mask, steps=codes, block=sides[: len(shape)])
    assert_same(whole, parts)
    merged = [merge_basins(one, marker=0.5 * levels, share=0.8, smallest=3) for one in (whole, parts)]
    np.testing.assert_array_equal(paint_objects(whole, merged[0]), paint_objects(parts, merged[1]))


@given(seed=st.integers(0, 1000), levels=st.sampled_from([6, 255]))
@settings(max_examples=30, deadline=None)
def test_basins_have_the_maxima_of_an_independent_library(seed: int, levels: int) -> None:
    altitude = landscape((30, 40), seed, levels)
    found = find_basins(altitude, np.ones(altitude.shape, bool), block=(7, 11))
    # A flat top of odd shape may give several basins; merged at passes as high as themselves they are one maximum.
    tops = merge_basins(found, marker=0, share=1.0)
    maxima = ndimage.label(local_maxima(altitude, connectivity=2), np.ones((3, 3)))[1]
    assert tops.count == maxima


@given(seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_cores_are_the_connected_parts_above_the_marker(seed: int) -> None:
    """With passes that join from the marker on, objects are the components of the thresholded map, grown."""
    altitude = landscape((40, 40), seed)
    mask = altitude > 60
    found = find_basins(altitude, mask, block=(13, 9))
    cores, count = ndimage.label(altitude >= 150, np.ones((3, 3)))
    joined = merge_basins(found, marker=150, share=1e-9)
    together, parts = ndimage.label(mask, np.ones((3, 3)))
    assert joined.count == len(set(together[cores > 0].tolist()))
    apart = paint_objects(found, merge_basins(found, marker=150, share=1.0))
    flooded = watershed(-altitude.astype(int), cores, mask=mask, connectivity=2)
    assert set(np.unique(apart[cores > 0])) == set(range(1, int(apart.max()) + 1))
    assert ((apart > 0) <= mask).all()
    assert ((flooded > 0) == (apart > 0)).all()  # what is reached from a core is the same
    assert parts >= joined.count
    assert count <= int(apart.max())


def test_two_hills_part_where_the_saddle_is_low_and_join_where_it_is_high() -> None:
    found = find_basins(np.array([[10, 200, 100, 160, 10]], np.uint8), np.ones((1, 5), bool))
    assert merge_basins(found, marker=50, share=0.7).count == 2
    assert merge_basins(found, marker=50, share=0.6).count == 1
    assert merge_basins(found, marker=180, share=0.99).count == 1
    assert merge_basins(found, marker=201, share=0.99).count == 0
    assert merge_basins(found, marker=50, share=0.7, smallest=3).peak.tolist() == [200]


def test_a_winding_path_through_many_blocks_is_one_basin() -> None:
    mask = np.zeros((31, 31), bool)
    mask[::2] = True
    mask[1::4, -1] = True
    mask[3::4, 0] = True
    order = (
        np.where(np.arange(31)[:, None] // 2 % 2 == 0, np.arange(31), 30 - np.arange(31)) + 31 * np.arange(31)[:, None]
    )
    altitude = (order / order.max() * 255).astype(np.uint8)
    found = find_basins(altitude, mask, block=(2, 3))
    merged = merge_basins(found, marker=1, share=0.5)
    assert merged.count == 1
    assert_same(found, find_basins(altitude, mask))


def test_vectors_lead_to_the_neighbour_they_point_at() -> None:
    codes = step_codes(np.array([[1.0, 0.0, -0.9, 0.05], [0.2, -1.0, 0.8, 0.0]]).reshape(2, 1, 4))
    moves = [(code // 9 - 1, code // 3 % 3 - 1, code % 3 - 1) for code in codes.ravel().tolist()]
    assert moves == [(0, 1, 0), (0, 0, -1), (0, -1, 1), (0, 0, 0)]


def test_a_circle_of_vectors_ends() -> None:
    codes = np.array([[14, 16], [10, 12]], np.uint8)  # right, down, up, left: round and round
    found = find_basins(np.full((2, 2), 9, np.uint8), np.ones((2, 2), bool), steps=codes)
    assert found.peak.tolist() == [9]


def test_an_empty_mask_has_no_basins() -> None:
    found = find_basins(np.zeros((5, 6), np.uint8), np.zeros((5, 6), bool))
    merged = merge_basins(found, marker=10, share=0.5)
    assert merged.count == 0
    assert not paint_objects(found, merged).any()


@pytest.mark.parametrize(
    ("altitude", "mask", "block", "words"),
    [
        (np.zeros((3, 3)), np.ones((3, 3), bool), None, "altitude must be uint8"),
        (np.zeros((3, 3), np.uint8), np.ones((3, 3), int), None, "mask boolean"),
        (np.zeros((3, 4), np.uint8), np.ones((3, 3), bool), None, "shape of the mask"),
        (np.zeros(3, np.uint8), np.ones(3, bool), None, "2-D or 3-D"),
        (np.zeros((0, 3), np.uint8), np.ones((0, 3), bool), None, "not empty"),
        (np.zeros((3, 3), np.uint8), np.ones((3, 3), bool), (4,), "block must be 2"),
        (np.zeros((3, 3), np.uint8), np.ones((3, 3), bool), (4, 0), "positive"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    altitude: np.ndarray, mask: np.ndarray, block: tuple[int, ...] | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        find_basins(altitude, mask, block=block)


def test_it_stops_between_blocks() -> None:
    with pytest.raises(Cancelled):
        find_basins(np.zeros((9, 9), np.uint8), np.ones((9, 9), bool), block=(3, 3), should_stop=lambda: True)
