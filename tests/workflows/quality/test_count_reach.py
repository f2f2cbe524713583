"""How far counts may be off: by a factor, to either side for itself, whatever one failed image says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.workflows.quality.count_reach import Reach, usual_ratio

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=30)


@given(COUNTS, st.floats(0, 1000))
def test_the_interval_holds_the_expected_count_and_is_never_below_nothing(
    pairs: list[tuple[int, int]], expected: float
) -> None:
    guess, truth = zip(*pairs, strict=True)
    low, high = Reach.of(guess, truth).interval(expected)
    assert 0 <= low <= expected + 1e-9 <= high + 2e-9
    assert math.isfinite(high)


@given(COUNTS)
def test_the_ratio_lies_between_those_of_the_images_and_turns_around_with_them(pairs: list[tuple[int, int]]) -> None:
    truth, found = (np.array(side, float) for side in zip(*pairs, strict=True))
    each = (truth + 1) / (found + 1)
    assert each.min() * (1 - 1e-9) <= usual_ratio(truth, found) <= each.max() * (1 + 1e-9)
    assert usual_ratio(truth, found) * usual_ratio(found, truth) == pytest.approx(1)


def test_one_failed_image_of_ten_hardly_moves_the_ratio_and_the_ends() -> None:
    rng = np.random.default_rng(0)
    found = rng.integers(20, 100, 20)
    truth = np.round(found * np.exp(rng.normal(0.2, 0.1, 20)))
    spoiled = np.append(found, [900, 0]), np.append(truth, [3, 700])
    assert usual_ratio(spoiled[1], spoiled[0]) == pytest.approx(usual_ratio(truth, found), rel=0.05)
    before = Reach.of(found * 1.22, truth).interval(60.0)
    after = Reach.of(np.append(found * 1.22, [900, 1]), spoiled[1]).interval(60.0)
    assert after[0] > 0.75 * before[0]
    assert after[1] < 1.35 * before[1]


def test_without_images_nothing_is_corrected() -> None:
    assert usual_ratio([], []) == 1.0


def test_few_objects_reach_farther_in_proportion_and_many_not() -> None:
    reach = Reach(0.2, 0.3, usual=60.0)
    sparse, usual, many = (reach.interval(count) for count in (9.0, 60.0, 600.0))
    assert sparse[1] / 9 > usual[1] / 60
    assert many[1] / 600 == pytest.approx(math.exp(0.3), rel=0.01)
    assert many[0] / 600 == pytest.approx(math.exp(-0.2), rel=0.01)


def test_fewer_images_reach_farther() -> None:
    rng = np.random.default_rng(3)
    guess = rng.integers(20, 100, 400)
    truth = np.round(guess * np.exp(rng.normal(0, 0.2, 400)))

    def width(n: int) -> float:
        cut = [Reach.of(guess[at : at + n], truth[at : at + n]).interval(50.0) for at in range(0, 400 - n + 1, n)]
        return float(np.mean([high - low for low, high in cut]))

    assert width(6) > 1.1 * width(20) > 1.1 * 1.01 * width(200)
