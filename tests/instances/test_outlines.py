"""Outlines of objects: drawn again they give the object back, pieces apart, holes left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon
from scipy import ndimage

from septum.errors import ConfigError
from septum.instances.outlines import area, outlines


def drawn(rings: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose centre lies in one of the rings."""
    places = np.argwhere(np.ones(shape, bool))
    inside = np.zeros(len(places), bool)
    for ring in rings:
        inside |= Polygon(ring).contains_points(places)
    return inside.reshape(shape)


@given(st.integers(0, 999))
def test_an_outline_drawn_again_is_the_object_with_its_holes_filled(seed: int) -> None:
    labels = np.random.default_rng(seed).choice([0, 0, 3, 7], (9, 11))
    found = outlines(labels)
    assert set(found) == set(np.unique(labels)) - {0}
    for value, rings in found.items():
        assert np.array_equal(drawn(rings, labels.shape), ndimage.binary_fill_holes(labels == value))
        assert all(np.array_equal(ring[0], ring[-1]) for ring in rings)


def test_pieces_come_with_the_largest_first_and_reach_over_the_edge() -> None:
    labels = np.zeros((8, 9), int)
    labels[0, 0], labels[3:7, 3:8] = 5, 5
    large, small = outlines(labels)[5]
    assert area(large) > area(small) == pytest.approx(0.5)
    assert small.min() == -0.5


def test_no_object_has_no_outline_and_only_planes_of_integers_have_some() -> None:
    assert outlines(np.zeros((3, 3), int)) == {}
    for wrong in (np.zeros((3, 3)), np.zeros((2, 3, 3), int)):
        with pytest.raises(ConfigError, match="must be a plane of integers"):
            outlines(wrong)  # type: ignore[arg-type]
