"""What scribbles say about intensities: histograms that sum to 1, near what was marked, and nothing is impossible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.interactive.marks.scribbles import level_likelihoods


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 2)), min_size=1, max_size=20))
def test_rows_are_probabilities_and_every_level_is_possible(marked: list[tuple[int, int]]) -> None:
    grey, marks = (np.array(column) for column in zip(*marked, strict=True))
    values = np.unique(marks)
    rows = level_likelihoods(grey.astype(np.uint8)[None], marks.astype(np.int32)[None], values=values)
    assert rows.shape == (len(values), 256)
    assert rows.sum(axis=1) == pytest.approx(1)
    assert rows.min() >= 0.02 / 256 - 1e-12


def test_a_level_is_most_probable_under_the_label_whose_scribble_shows_it() -> None:
    grey = np.array([[20, 22, 24, 200, 202, 90]], np.uint8)
    marks = np.array([[1, 1, 1, 5, 5, -1]], np.int32)
    low, high = level_likelihoods(grey, marks, values=np.array([1, 5]))
    assert low.argmax() == 22
    assert high.argmax() == 201
    assert low[22] > 50 * high[22]
    assert low[90] == pytest.approx(high[90])  # nobody marked the like of it
    assert low[22] > low[40] > low[90]  # smoothed: near levels are likely too
