"""Interpolation as a tool: the whole of a region is answered, and slices are counted in the whole volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from septum.errors import ConfigError
from septum.interactive.slices.fill import fill_between_slices
from septum.interactive.slices.interpolate import interpolate
from septum.interactive.tool import Box


def drawn() -> np.ndarray:
    labels = np.zeros((9, 12, 12), np.uint8)
    labels[[0, 4, 8], 3:9, 3:9] = 2
    return labels


def filled(**given: Any) -> Any:
    labels = given.pop("labels", drawn())
    return fill_between_slices(np.zeros(labels.shape), labels, **given)


def test_it_is_interpolation_of_the_slices_that_hold_a_label() -> None:
    labels = drawn()
    change = filled()
    assert change.box == Box.whole(labels.shape)
    assert np.array_equal(change.labels, interpolate(labels))
    assert (change.labels[:, 5, 5] == 2).all()
    assert np.array_equal(labels, drawn())


def test_named_slices_and_axes_decide() -> None:
    two = filled(axis=0, slices=[0, 4], ends="none")
    assert (two.labels[:5, 5, 5] == 2).all()
    turned = fill_between_slices(np.zeros((12, 9, 12)), np.swapaxes(drawn(), 0, 1), axis=1)
    assert np.array_equal(np.swapaxes(turned.labels, 0, 1), filled(axis=0).labels)
    assert np.array_equal(filled(slices=[0, 4, 8]).labels, filled(axis=0).labels)  # slices alone: along the first axis


def test_slices_of_a_region_are_counted_in_the_volume() -> None:
    region = Box((3, 0, 0), (9, 12, 12))
    change = filled(axis=0, slices=[4, 8], region=region)
    assert change.box == region
    assert (change.labels[1:6, 5, 5] == 2).all()
    assert np.array_equal(change.labels, filled(axis=0, region=region).labels)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"axis": 3}, "axis must be 0, 1 or 2 of a volume, got 3"),
        ({"slices": [0, 1.5]}, "whole numbers"),
        ({"axis": -1}, "axis"),
        ({"axis": 0, "labels": np.zeros((4, 5), np.uint8)}, "give a volume"),
        ({"slices": [4]}, "two"),
    ],
)
def test_what_cannot_be_filled_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        filled(**given)
