"""Comparisons of methods: equal to independent libraries, to published examples, and to plain loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from septum.errors import ConfigError
from septum.metrics.statistics import bland_altman, compare_all, compare_paired, holm, rank_biserial, rank_methods

NAN = float("nan")
# Peak expiratory flow by two meters, l/min: table 1 of Bland & Altman 1986, first measurements.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
scores = st.lists(st.floats(0, 1).map(lambda v: round(v, 3)), min_size=1, max_size=25)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-12)


def test_undefined_p_values_stay_undefined_and_do_not_count() -> None:
    np.testing.assert_allclose(holm([0.01, NAN, 0.04]), [0.02, NAN, 0.04])
    assert holm([]).size == 0


@given(scores)
def test_the_rank_biserial_is_that_of_scipy_rank_sums(differences: list[float]) -> None:
    values = np.asarray(differences) - 0.4
    nonzero = values[values != 0]
    ranks = stats.rankdata(np.abs(nonzero))
    plus, minus = ranks[nonzero > 0].sum(), ranks[nonzero < 0].sum()
    expected = (plus - minus) / (plus + minus) if nonzero.size else 0.0
    assert math.isclose(rank_biserial(values), expected, abs_tol=1e-12)


def test_the_rank_biserial_of_nothing_is_undefined() -> None:
    assert math.isnan(rank_biserial([]))
    assert rank_biserial([0.0, 0.0]) == 0


@pytest.mark.parametrize("n", [7, 30, 120])
def test_the_test_equals_scipy_and_statsmodels_have_the_same_correction(n: int) -> None:
    rng = np.random.default_rng(n)
    table = {name: rng.normal(mean, 0.05, n) for name, mean in (("a", 0.8), ("b", 0.82), ("c", 0.7))}
    found = compare_all(table, n_bootstrap=20)
    assert [(c.first, c.second) for c in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    expected = [stats.wilcoxon(table[a], table[b]).pvalue for a, b in itertools.combinations(table, 2)]
    np.testing.assert_allclose([c.p_value for c in found], expected)
    np.testing.assert_allclose([c.p_holm for c in found], multipletests(expected, method="holm")[1])


def test_one_comparison_needs_no_correction() -> None:
    (found,) = compare_all({"a": [0.1, 0.2, 0.4], "b": [0.2, 0.1, 0.1]})
    assert found.p_holm == found.p_value
    assert compare_all({"a": [0.1]}) == ()


def test_equal_methods_differ_in_nothing() -> None:
    found = compare_paired([0.5, 0.6, 0.7], [0.5, 0.6, 0.7])
    assert (found.mean_difference, found.p_value, found.effect, found.effect_ci_high) == (0, 1, 0, 0)


def test_undefined_cases_leave_the_comparison_and_are_counted() -> None:
    found = compare_paired([0.5, NAN, 0.7, 0.9], [0.4, 0.6, NAN, 0.6])
    assert (found.n, found.n_undefined, found.n_groups) == (2, 2, 2)
    assert found.mean_difference == pytest.approx(0.2)
    nothing = compare_paired([NAN], [0.5])
    assert (nothing.n, nothing.n_undefined) == (0, 1)
    assert math.isnan(nothing.p_value)


def test_one_patient_gives_no_interval_and_its_slices_one_value() -> None:
    found = compare_paired([0.5, 0.6, 0.7], [0.4, 0.3, 0.2], groups=["p", "p", "p"])
    assert (found.n, found.n_groups, found.p_value) == (3, 1, 1.0)
    assert math.isnan(found.mean_difference_ci_low)
    assert math.isnan(found.effect_ci_low)


def test_slices_of_few_patients_do_not_make_a_difference_significant() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(rng.normal(0.02, 0.02, 5), 20)
    one = 0.8 + patients + rng.normal(0, 0.001, patients.size)
    two = np.full(patients.size, 0.8)
    naive, grouped = compare_paired(one, two), compare_paired(one, two, groups=list(np.repeat(np.arange(5), 20)))
    assert naive.p_value < 1e-4 < 0.05 < grouped.p_value
    width = [c.mean_difference_ci_high - c.mean_difference_ci_low for c in (naive, grouped)]
    assert width[1] > 3 * width[0]


def test_resampled_means_and_effects_equal_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    one, two, groups = rng.random(9).round(1), rng.random(9).round(1), [0, 0, 0, 1, 1, 2, 3, 3, 4]
    found = compare_paired(one, two, groups=groups, seed=7, n_bootstrap=150)
    parts = [(one - two)[np.array(groups) == g] for g in range(5)]
    draws = np.random.default_rng(7).multinomial(5, np.full(5, 0.2), size=150)
    means = [np.concatenate([np.tile(p, t) for p, t in zip(parts, row, strict=True)]).mean() for row in draws]
    effects = [rank_biserial(np.repeat([p.mean() for p in parts], row)) for row in draws]
    expected = [*np.quantile(means, [0.025, 0.975]), *np.quantile(effects, [0.025, 0.975])]
    ours = [found.mean_difference_ci_low, found.mean_difference_ci_high, found.effect_ci_low, found.effect_ci_high]
    np.testing.assert_allclose(ours, expected, atol=1e-12)


@given(scores)
def test_exchanging_the_methods_changes_the_sign_and_nothing_else(values: list[float]) -> None:
    other = values[::-1]
    there, back = compare_paired(values, other, n_bootstrap=10), compare_paired(other, values, n_bootstrap=10)
    assert there.p_value == pytest.approx(back.p_value)
    assert there.effect == pytest.approx(-back.effect)
    assert there.mean_difference == pytest.approx(-back.mean_difference)
    assert -1 <= there.effect <= 1


def test_a_clear_ranking_is_stable_and_a_tie_of_chance_is_not() -> None:
    rng = np.random.default_rng(0)
    clear = rank_methods({"bad": rng.normal(0.5, 0.01, 20), "good": rng.normal(0.9, 0.01, 20)})
    assert [(m.name, m.rank, m.rank_shares) for m in clear.methods] == [("good", 1, (1.0, 0.0)), ("bad", 2, (0.0, 1.0))]
    assert clear.stability == 1
    chance = rank_methods({"a": rng.normal(0.5, 0.1, 20), "b": rng.normal(0.5, 0.1, 20)})
    assert chance.stability < 0.9
    assert sum(chance.methods[0].rank_shares) == pytest.approx(1)


def test_small_distances_rank_first_where_smaller_is_better() -> None:
    found = rank_methods({"far": [3.0, 4.0], "near": [1.0, 1.5]}, larger_is_better=False)
    assert [(m.name, m.mean, m.mean_rank) for m in found.methods] == [("near", 1.25, 1.0), ("far", 3.5, 2.0)]


def test_ranks_within_cases_and_the_stability_equal_scipy() -> None:
    rng = np.random.default_rng(1)
    table = {name: rng.random(8) for name in "abcd"}
    found = rank_methods(table, seed=4, n_bootstrap=60)
    within = stats.rankdata(-np.stack(list(table.values())), axis=0).mean(axis=1)
    assert {m.name: m.mean_rank for m in found.methods} == pytest.approx(dict(zip("abcd", within, strict=True)))
    draws = np.random.default_rng(4).multinomial(8, np.full(8, 1 / 8), size=60)
    means = np.stack([np.stack(list(table.values())) @ row / 8 for row in draws])
    taus = [stats.kendalltau(np.stack(list(table.values())).mean(axis=1), row).statistic for row in means]
    assert found.stability == pytest.approx(float(np.mean(taus)))


def test_methods_are_ranked_on_the_cases_that_all_of_them_define() -> None:
    found = rank_methods({"a": [0.5, NAN, 0.7], "b": [0.4, 1.0, 0.6]})
    assert (found.n, found.n_undefined, found.methods[0].name) == (2, 1, "a")
    nothing = rank_methods({"a": [NAN], "b": [0.5]})
    assert (nothing.n, nothing.n_undefined) == (0, 1)
    assert math.isnan(nothing.stability)
    assert [method.rank for method in rank_methods({"a": [0.5, 0.5], "b": [0.5, 0.5]}).methods] == [1, 1]


def test_one_group_gives_a_rank_but_no_stability() -> None:
    found = rank_methods({"a": [0.5, 0.6], "b": [0.4, 0.5]}, groups=["p", "p"])
    assert found.methods[0].rank == 1
    assert found.methods[0].rank_shares == ()
    assert math.isnan(found.stability)


def test_limits_of_agreement_equal_the_published_example_with_its_2_for_1_96() -> None:
    found = bland_altman(WRIGHT, MINI)
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert (found.lower, found.upper) == (pytest.approx(-78.1, abs=0.05), pytest.approx(73.9, abs=0.05))
    assert (found.bias_ci_low, found.bias_ci_high) == (pytest.approx(-22.0, abs=0.1), pytest.approx(17.8, abs=0.1))


def test_the_interval_of_the_bias_and_the_slope_are_those_of_scipy() -> None:
    found = bland_altman(WRIGHT, MINI)
    difference, mean = np.subtract(WRIGHT, MINI), np.add(WRIGHT, MINI) / 2
    interval = stats.ttest_1samp(difference, 0).confidence_interval()
    np.testing.assert_allclose([found.bias_ci_low, found.bias_ci_high], [interval.low, interval.high])
    line = stats.linregress(mean, difference)
    np.testing.assert_allclose([found.slope, found.slope_p], [line.slope, line.pvalue])


def test_the_intervals_of_the_limits_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    found = [bland_altman(rng.normal(1, 2, 25), np.zeros(25)) for _ in range(400)]
    covered = np.mean([f.upper_ci_low <= 1 + 1.96 * 2 <= f.upper_ci_high for f in found])
    assert 0.91 <= covered <= 0.98


def test_measurements_of_one_patient_widen_the_limits_intervals() -> None:
    patients = np.repeat(np.random.default_rng(1).normal(0, 1, 10), 8)
    single = bland_altman(patients, np.zeros(80))
    grouped = bland_altman(patients, np.zeros(80), groups=list(np.repeat(np.arange(10), 8)))
    assert (grouped.n, grouped.n_groups, grouped.bias, grouped.sd) == (80, 10, single.bias, single.sd)
    assert grouped.bias_ci_high - grouped.bias_ci_low > 2 * (single.bias_ci_high - single.bias_ci_low)


def test_few_measurements_leave_undefined_what_they_cannot_say() -> None:
    assert math.isnan(bland_altman([], []).bias)
    one = bland_altman([3.0, NAN], [1.0, 2.0])
    assert (one.n, one.n_undefined, one.bias) == (1, 1, 2.0)
    assert math.isnan(one.sd)
    assert math.isnan(bland_altman([1.0, 2.0], [1.0, 3.0]).slope)
    assert math.isnan(bland_altman([1.0, 2.0, 3.0], [1.0, 3.0, 2.0], groups="ppp").bias_ci_low)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: holm([0.5, 1.5]), "between 0 and 1"),
        (lambda: compare_paired([0.1], [0.1, 0.2]), r"one score per case \(1\), got 2"),
        (lambda: compare_paired([[0.1]], [[0.2]]), "1-D list"),
        (lambda: compare_paired([math.inf], [0.2]), "1 infinite"),
        (lambda: compare_paired([0.1], [0.2], groups=["a", "b"]), r"one key per case \(1\), got 2"),
        (lambda: compare_paired([0.1], [0.2], n_bootstrap=0), "at least 1, got 0"),
        (lambda: compare_paired([0.1], [0.2], confidence=95), "between 0 and 1, got 95"),
        (lambda: rank_methods({}), "at least one method"),
        (lambda: rank_methods({"a": [0.1], "b": [0.1, 0.2]}), "the same cases"),
        (lambda: bland_altman([1.0], [1.0, 2.0]), r"one value per case \(1\), got 2"),
    ],
)
def test_impossible_input_is_refused(call: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()  # type: ignore[operator]
