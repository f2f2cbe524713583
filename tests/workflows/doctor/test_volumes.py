"""What must still be true after a repair: every class is there, about as large, and only edges changed."""

from __future__ import annotations

import numpy as np
import pytest

from septum.errors import DatasetError
from septum.workflows.doctor.volumes import MOST_CHANGE, blended_volumes, check_edges, check_volumes, volumes_of


def test_volumes_are_samples_times_their_size_without_the_background() -> None:
    assert volumes_of(np.array([[0, 3, 3], [7, 0, 0]]), 0.5) == {3: 1.0, 7: 0.5}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({1: 10.0}, {}, "label 1 .10 ml. would vanish"),
        ({1: 10.0}, {1: 10 * (1 + MOST_CHANGE) + 0.01}, "would have"),
        ({1: 10.0}, {1: 10 * (1 - MOST_CHANGE) - 0.01}, "would have"),
    ],
)
def test_a_class_that_vanishes_or_changes_too_much_is_refused(before: dict, after: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        check_volumes(before, after, unit="ml")


def test_a_change_at_the_limit_and_a_new_class_are_taken() -> None:
    check_volumes({1: 10.0}, {1: 10 * (1 + MOST_CHANGE), 2: 4.0})
    check_volumes({}, {1: 3.0})


def test_a_sample_between_two_values_counts_for_both_by_its_nearness() -> None:
    found = blended_volumes(np.array([0, 0, 50, 200, 200]), np.array([0, 0, 0, 200, 200]))
    assert found == {200: pytest.approx(2.25)}


def test_a_repair_may_change_edges_but_no_areas() -> None:
    mended = np.zeros((12, 12), int)
    mended[3:9, 3:9] = 100
    soft = mended.copy()
    soft[3, 3:9] = 60  # an edge
    check_edges(soft, mended)
    soft[5:7, 5:7] = 40  # the middle
    with pytest.raises(DatasetError, match="4 samples away from every edge"):
        check_edges(soft, mended)
