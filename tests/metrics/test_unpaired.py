"""Groups of different cases: the test of Mann and Whitney, Cliff's delta, and what few units can show at all."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from septum.errors import ConfigError
from septum.metrics.statistics import holm
from septum.metrics.unpaired import cliffs_delta, compare_groups

numbers = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=12)


@given(numbers, numbers)
def test_cliffs_delta_counts_pairs(first, second):
    pairs = list(itertools.product(first, second))
    expected = (sum(a > b for a, b in pairs) - sum(a < b for a, b in pairs)) / len(pairs)
    assert cliffs_delta(first, second) == pytest.approx(expected)
    assert cliffs_delta(second, first) == pytest.approx(-expected)


@given(numbers, numbers)
def test_the_test_is_scipys_and_no_p_is_below_the_least(first, second):
    found = compare_groups({"a": first, "b": second}, n_bootstrap=10)[0]
    if len(set(first + second)) > 1:
        assert found.p_value == pytest.approx(mannwhitneyu(first, second).pvalue)
    if len(set(first + second)) == len(first + second) and len(first + second) < 9:
        assert found.p_value >= found.p_least - 1e-12


def test_all_pairs_are_corrected_together():
    rng = np.random.default_rng(1)
    found = compare_groups({name: rng.normal(shift, 1, 12) for name, shift in (("a", 0), ("b", 1), ("c", 3))})
    assert [(f.first, f.second) for f in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [f.p_holm for f in found] == pytest.approx(holm([f.p_value for f in found]).tolist())
    assert found[1].difference_ci_low < found[1].difference < found[1].difference_ci_high < 0


def test_undefined_values_empty_groups_and_single_units():
    found = compare_groups({"a": [1.0, np.nan], "b": [np.nan], "c": [2.0, 3.0]})
    assert (found[0].n_first, found[0].n_second) == (1, 0)
    assert np.isnan(found[0].p_value)
    assert found[1].p_value == pytest.approx(2 / 3)
    assert np.isnan(found[1].difference_ci_low)
    assert compare_groups({"a": [1.0, 1.0], "b": [1.0]})[0].p_value == 1.0


def test_infinite_values_are_refused():
    with pytest.raises(ConfigError, match="finite"):
        compare_groups({"a": [np.inf], "b": [1.0]})
