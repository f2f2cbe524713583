"""Touching objects of a mask are cut at their necks, whatever the spacing, class by class."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from septum.errors import ConfigError, GeometryError
from septum.instances.split import renumbered, split_objects


def balls(shape, centres, radius, spacing=None):
    """Balls of `radius` (in the unit of the spacing) on a grid, as one boolean mask, and as ids."""
    step = np.array(spacing or (1.0,) * len(shape))
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) * step
    far = np.stack([np.linalg.norm(places - np.array(c), axis=-1) for c in centres])
    return far.min(0) <= radius, np.where(far.min(0) <= radius, far.argmin(0) + 1, 0)


@pytest.mark.parametrize(
    ("shape", "centres", "spacing"),
    [
        ((40, 70), [(20, 20), (20, 38)], None),
        ((40, 35), [(20, 10), (20, 28)], (1.0, 2.0)),
        ((24, 40, 60), [(12, 20, 20), (12, 20, 37)], None),
        ((12, 40, 60), [(12, 20, 20), (12, 20, 37)], (2.0, 1.0, 1.0)),
    ],
)
def test_two_touching_balls_become_two_objects(shape, centres, spacing):
    if spacing and len(shape) == 2:
        centres = [(y, x * 2) for y, x in centres]
        mask, truth = balls(shape, centres, 19, spacing)
    else:
        mask, truth = balls(shape, centres, 10, spacing)
    assert ndimage.label(mask)[1] == 1
    found = split_objects(mask, spacing=spacing)
    assert found.count == 2
    assert np.array_equal(found.labels > 0, mask)
    agree = max(np.mean(found.labels[mask] == truth[mask]), np.mean(3 - found.labels[mask] == truth[mask]))
    assert agree > 0.97


def test_a_deep_enough_demand_leaves_them_together():
    mask, _ = balls((40, 70), [(20, 20), (20, 38)], 10)
    assert split_objects(mask, depth=9.0).count == 1


def test_classes_stay_apart_even_where_they_touch():
    mask = np.zeros((10, 20), np.uint8)
    mask[2:8, 2:10], mask[2:8, 10:18] = 4, 9
    found = split_objects(mask)
    assert found.classes.tolist() == [4, 9]
    assert np.array_equal(found.classes[found.labels[mask > 0] - 1], mask[mask > 0])


def test_small_objects_are_left_out_by_their_size_in_the_unit():
    mask = np.zeros((20, 20), np.uint8)
    mask[2:4, 2:4], mask[8:18, 8:18] = 1, 1
    assert split_objects(mask, spacing=(0.5, 0.5), smallest=1.0).count == 2
    assert split_objects(mask, spacing=(0.5, 0.5), smallest=1.01).count == 1


@pytest.mark.parametrize("value", [0, 1])
def test_empty_and_full_masks(value):
    found = split_objects(np.full((6, 7), value, np.uint8))
    assert found.count == value
    assert found.labels.dtype == np.uint32


@given(st.integers(0, 2**32 - 1))
def test_ids_are_consecutive_and_cover_exactly_the_mask(seed):
    rng = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(rng.standard_normal((24, 24)), 2) > 0.05
    found = split_objects(mask)
    assert np.array_equal(found.labels > 0, mask)
    assert np.unique(found.labels[mask]).tolist() == list(range(1, found.count + 1))


def test_what_is_no_mask_is_refused():
    with pytest.raises(GeometryError, match="boolean or integer"):
        split_objects(np.zeros((4, 4)))
    with pytest.raises(ConfigError, match="smallest"):
        split_objects(np.zeros((4, 4), int), smallest=-1)
    with pytest.raises(ConfigError, match="depth"):
        split_objects(np.ones((4, 4), int), depth=-1)


def test_ids_beyond_16_bits_and_with_holes_become_consecutive():
    new, old = renumbered(np.array([[70000, 0], [5, 70000]], np.uint32))
    assert new.tolist() == [[2, 0], [1, 2]]
    assert old.tolist() == [5, 70000]
