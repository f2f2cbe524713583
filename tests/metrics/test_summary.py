"""The table of empty cases, cell by cell, and intervals that mean what they say."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import ConfigError
from septum.metrics import EMPTY_CASES, SCORES, Counts, empty_case, summarise

NAN = float("nan")
CELLS = {
    "both empty": (Counts(0, 0, 0, 9), {"dice": NAN, "iou": NAN, "precision": NAN, "sensitivity": NAN}),
    "reference empty": (Counts(0, 4, 0, 5), {"dice": 0, "iou": 0, "precision": 0, "sensitivity": NAN}),
    "prediction empty": (Counts(0, 0, 3, 6), {"dice": 0, "iou": 0, "precision": NAN, "sensitivity": 0}),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("score", SCORES)
def test_every_cell_of_the_table_of_empty_cases(name: str, score: str) -> None:
    counts, expected = CELLS[name]
    assert counts.empty is not None
    assert counts.empty.name == name
    np.testing.assert_equal(SCORES[score](counts), expected[score])


def test_the_table_has_a_row_for_every_empty_case_and_a_value_for_every_score() -> None:
    assert {row.name for row in EMPTY_CASES} == set(CELLS)
    assert all(set(SCORES) <= set(row.values) for row in EMPTY_CASES)
    assert all(row.meaning for row in EMPTY_CASES)


def test_masks_that_both_hold_something_are_in_no_row_even_without_overlap() -> None:
    counts = Counts(tp=0, fp=2, fn=2, tn=0)
    assert counts.empty is None
    assert empty_case(reference_empty=False, prediction_empty=False) is None
    assert [score(counts) for score in SCORES.values()] == [0, 0, 0, 0]


def test_a_summary_of_known_values() -> None:
    found = summarise([1.0, 0.0, NAN, 0.5, 0.25, 0.75, NAN])
    assert (found.n, found.n_undefined, found.n_groups) == (5, 2, 5)
    assert (found.mean, found.median, found.q1, found.q3) == (0.5, 0.5, 0.25, 0.75)
    assert (found.minimum, found.maximum) == (0.0, 1.0)


def test_nothing_defined_gives_a_count_and_undefined_numbers() -> None:
    found = summarise([NAN, NAN])
    assert (found.n, found.n_undefined, found.n_groups) == (0, 2, 0)
    assert all(math.isnan(v) for k, v in dataclasses.asdict(found).items() if not k.startswith("n"))
    assert summarise([]).n == 0


def test_one_case_or_one_group_has_no_interval() -> None:
    assert math.isnan(summarise([0.8]).mean_ci_low)
    found = summarise([0.8, 0.9], groups=["a", "a"])
    assert found.n_groups == 1
    assert math.isnan(found.median_ci_high)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(0).random(30)
    assert summarise(values, seed=3) == summarise(values, seed=3)
    assert summarise(values, seed=3) != summarise(values, seed=4)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.integers(0, 5))
def test_intervals_lie_within_the_range_and_hold_together(values: list[float], seed: int) -> None:
    found = summarise(values, seed=seed, n_bootstrap=50)
    tolerance = 1e-12
    for low, high in ((found.mean_ci_low, found.mean_ci_high), (found.median_ci_low, found.median_ci_high)):
        assert found.minimum - tolerance <= low <= high <= found.maximum + tolerance


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_the_order_of_the_cases_does_not_matter_without_ties_in_chance(values: list[float]) -> None:
    forth, back = summarise(values, n_bootstrap=20), summarise(values[::-1], n_bootstrap=20)
    assert (forth.median, forth.minimum, forth.q1) == (back.median, back.minimum, back.q1)
    assert math.isclose(forth.mean, back.mean, abs_tol=1e-12)


def test_the_resampled_medians_equal_a_plain_loop() -> None:
    rng = np.random.default_rng(5)
    scores, keys = rng.random(11), np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4, 4])
    found = summarise(scores, groups=list(keys), seed=1, n_bootstrap=200)
    draws = np.random.default_rng(1).multinomial(5, np.full(5, 0.2), size=200)
    resamples = [np.concatenate([np.tile(scores[keys == g], times) for g, times in enumerate(row)]) for row in draws]
    medians, means = [np.median(r) for r in resamples], [r.mean() for r in resamples]
    expected = [*np.quantile(means, [0.025, 0.975]), *np.quantile(medians, [0.025, 0.975])]
    ours = [found.mean_ci_low, found.mean_ci_high, found.median_ci_low, found.median_ci_high]
    np.testing.assert_allclose(ours, expected)


def test_the_interval_of_the_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    trials = [summarise(rng.normal(0.8, 0.05, 30), seed=i, n_bootstrap=300) for i in range(200)]
    mean = np.mean([s.mean_ci_low <= 0.8 <= s.mean_ci_high for s in trials])
    median = np.mean([s.median_ci_low <= 0.8 <= s.median_ci_high for s in trials])
    assert 0.89 <= mean <= 0.99
    assert 0.89 <= median <= 1.0


def test_cases_of_one_patient_widen_the_interval() -> None:
    patients = np.random.default_rng(2).random(8)
    values, groups = np.repeat(patients, 6), list(np.repeat(np.arange(8), 6))
    grouped, single = summarise(values, groups=groups), summarise(values)
    assert grouped.n_groups == 8
    assert grouped.mean_ci_high - grouped.mean_ci_low > 1.8 * (single.mean_ci_high - single.mean_ci_low)


def test_groups_may_be_of_any_type_and_groups_without_a_defined_value_are_not_drawn() -> None:
    found = summarise([0.1, 0.2, NAN], groups=["p1", ("p", 2), None])
    assert (found.n, found.n_groups, found.n_undefined) == (2, 2, 1)


def test_resampling_in_parts_gives_the_same_interval_as_at_once() -> None:
    values = np.random.default_rng(0).random(2000)
    found = summarise(values, n_bootstrap=1500)  # two parts
    assert 0.45 < found.mean_ci_low < found.mean < found.mean_ci_high < 0.55


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        ([[0.1], [0.2]], {}, "1-D list"),
        ([0.1, math.inf], {}, "1 infinite"),
        ([0.1, 0.2], {"groups": ["a"]}, r"one key per value \(2\), got 1"),
        ([0.1], {"n_bootstrap": 0}, "at least 1, got 0"),
        ([0.1], {"confidence": 95}, "between 0 and 1, got 95"),
    ],
)
def test_impossible_settings_are_refused(values: object, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        summarise(values, **settings)  # type: ignore[arg-type]
