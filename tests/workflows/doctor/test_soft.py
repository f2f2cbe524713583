"""Whole numbers from fractions: near ones rounded, edges decided, areas that are no class asked about."""

from __future__ import annotations

import numpy as np
import pytest

from septum.errors import DatasetError
from septum.workflows.doctor.soft import harden, is_one_mask


def squares(*values: float) -> np.ndarray:
    """Squares of 8 × 8 with these values, apart from each other."""
    array = np.zeros((12, 12 * len(values)))
    for place, value in enumerate(values):
        array[2:10, 12 * place + 2 : 12 * place + 10] = value
    return array


def test_a_soft_mask_of_one_structure_is_cut_in_the_middle() -> None:
    array = squares(1.0)
    array[1, 2:10], array[10, 2:10] = 0.4, 0.6
    assert is_one_mask(array, ())
    labels, said = harden(array, ())
    assert labels[1].max() == 0
    assert (labels[10, 2:10] == 1).all()
    assert said


def test_values_of_a_scaled_header_are_rounded_to_their_classes() -> None:
    labels, _ = harden(squares(0.98, 2.02, 3.01), (1, 2, 3))
    assert np.array_equal(labels, squares(1, 2, 3))


def test_an_edge_between_classes_takes_the_number_of_the_nearest_and_never_a_third_one() -> None:
    array = squares(2.0, 3.0)
    array[1, 2:10] = 1.0  # half way between 0 and 2: no class
    array[1, 14:22] = 1.5
    labels, _ = harden(array, ())
    assert set(np.unique(labels)) == {0, 2, 3}
    assert np.array_equal(labels[2:10], squares(2, 3)[2:10])


def test_a_fraction_that_fills_an_area_is_a_class_that_nobody_knows() -> None:
    with pytest.raises(DatasetError):
        harden(squares(1.0, 2.0, 2.5), (1, 2))
    smallest = squares(1.0, 2.0)
    smallest[4:6, 16:18] = 2.5
    with pytest.raises(DatasetError, match="fill areas"):
        harden(smallest, (1, 2))


def test_a_small_soft_structure_that_the_cut_loses_is_named() -> None:
    array = squares(1.0, 0.0)
    array[4:6, 20:22] = 0.4
    said = harden(array, ())[1]
    assert "1 of 2 separate parts nowhere reach the middle and are gone (4 samples, at most 0.4" in said
    assert "near (4, 20)" in said
    assert "separate parts" not in harden(squares(1.0, 1.0) * 0.9, ())[1]
