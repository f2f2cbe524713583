"""Agreement of readers: published worked examples, scikit-learn and statsmodels as oracles, and the undefined cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from septum.errors import ConfigError
from septum.metrics.agreement import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    intraclass_correlation,
    wilson_interval,
)

NAN = math.nan
# The example with which Gwet 2008 shows the paradox: 125 subjects, two raters, nearly all of them positive.
GWET_2008 = np.array([[1, 1]] * 118 + [[1, 0]] * 5 + [[0, 1]] * 2, dtype=float)
# Data set cac.raw4raters of the R package irrCAC 1.0 (K. L. Gwet): twelve units, four raters, missing ratings.
TWELVE_UNITS = np.array(
    [
        [1, 1, NAN, 1],
        [2, 2, 3, 2],
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [2, 2, 2, 2],
        [1, 2, 3, 4],
        [4, 4, 4, 4],
        [1, 1, 2, 1],
        [2, 2, 2, 2],
        [NAN, 5, 5, 5],
        [NAN, NAN, 1, 1],
        [NAN, NAN, 3, NAN],
    ]
)
# Shrout & Fleiss 1979, Psychol Bull 86:420, table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
# Fleiss 1971, Psychol Bull 76:378, table 1: thirty patients, six psychiatrists each; how many gave which diagnosis.
FLEISS_1971 = np.array(
    [
        [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0],
        [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0],
        [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0],
        [0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0],
        [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
    ]
)  # fmt: skip
tables = st.tuples(st.integers(2, 30), st.integers(2, 5)).flatmap(
    lambda shape: hnp.arrays(np.float64, shape, elements=st.sampled_from([0.0, 1.0, 2.0]))
)


def test_kappa_collapses_where_nearly_all_pass_and_ac1_does_not_as_gwet_published() -> None:
    kappa, ac1 = cohen_kappa(GWET_2008), gwet_ac1(GWET_2008)
    assert kappa.observed == pytest.approx(0.944)
    assert kappa.value == pytest.approx(-0.0234, abs=5e-5)
    assert ac1.value == pytest.approx(0.9408, abs=5e-5)
    assert ac1.expected == pytest.approx(2 * 0.972 * 0.028)


def test_many_raters_with_missing_ratings_give_the_published_coefficients_and_errors() -> None:
    """As the README of irrCAC 1.0 prints them."""
    ac1, kappa = gwet_ac1(TWELVE_UNITS), fleiss_kappa(TWELVE_UNITS)
    assert (ac1.value, ac1.standard_error) == pytest.approx((0.77544, 0.14295), abs=5e-6)
    assert (ac1.ci_low, ac1.ci_high) == pytest.approx((0.461, 1.0), abs=5e-4)
    assert (kappa.value, kappa.standard_error) == pytest.approx((0.76117, 0.15302), abs=5e-6)
    assert (kappa.ci_low, kappa.ci_high) == pytest.approx((0.424, 1.0), abs=5e-4)
    assert (ac1.n_subjects, ac1.n_raters) == (11, 4)


def test_fleiss_kappa_gives_the_diagnoses_that_fleiss_published() -> None:
    """Shares of the diagnoses, observed and expected agreement and κ as printed in the paper."""
    ratings = np.stack([np.repeat(np.arange(5), row) for row in FLEISS_1971]).astype(float)
    assert FLEISS_1971.sum(axis=0).tolist() == [26, 26, 30, 55, 43]
    kappa = fleiss_kappa(ratings)
    assert round(kappa.observed, 3) == 0.556
    assert round(kappa.expected, 3) == 0.220
    assert round(kappa.value, 3) == 0.430


def test_coefficients_of_tables_are_those_that_irrcac_prints() -> None:
    """Its README: `distrib.6raters` (the first fifteen patients of Fleiss 1971) and `cont3x3abstractors`."""
    fifteen = np.stack([np.repeat(np.arange(5), row) for row in FLEISS_1971[:15]]).astype(float)
    ac1, kappa = gwet_ac1(fifteen), fleiss_kappa(fifteen)
    assert (ac1.value, ac1.standard_error) == pytest.approx((0.4448007, 0.08418757), abs=5e-8)
    assert (ac1.observed, ac1.expected) == pytest.approx((0.5511111, 0.1914815), abs=5e-8)
    assert (kappa.value, kappa.standard_error) == pytest.approx((0.4139265, 0.08119291), abs=5e-8)
    table = np.array([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    two = np.repeat(np.argwhere(table >= 0), table.ravel(), axis=0).astype(float)
    assert cohen_kappa(two).value == pytest.approx(0.7964094, abs=5e-8)
    both = gwet_ac1(two)
    # For tables irrCAC divides the variance by n, for raw ratings (and so do we) by n − 1.
    assert (both.value, both.standard_error * math.sqrt(99 / 100)) == pytest.approx((0.8493305, 0.04321747), abs=5e-8)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_cohen_kappa_equals_scikit_learn_and_its_error_equals_statsmodels(weights: str) -> None:
    from sklearn.metrics import cohen_kappa_score
    from statsmodels.stats.inter_rater import cohens_kappa

    rng = np.random.default_rng(3)
    first = rng.integers(0, 4, 80)
    second = np.where(rng.random(80) < 0.6, first, rng.integers(0, 4, 80))
    ours = cohen_kappa(np.stack([first, second], axis=1), weights=weights)  # type: ignore[arg-type]
    sklearn_name = None if weights == "none" else weights
    assert ours.value == pytest.approx(cohen_kappa_score(first, second, weights=sklearn_name), abs=1e-12)
    joint = np.zeros((4, 4))
    np.add.at(joint, (first, second), 1)
    theirs = cohens_kappa(joint, wt=sklearn_name)
    assert ours.standard_error == pytest.approx(theirs.std_kappa, abs=1e-10)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp), abs=1e-10)


@given(tables)
def test_fleiss_kappa_equals_statsmodels(ratings: np.ndarray) -> None:
    from statsmodels.stats.inter_rater import aggregate_raters
    from statsmodels.stats.inter_rater import fleiss_kappa as theirs

    ours = fleiss_kappa(ratings)
    if np.unique(ratings).size == 1:
        assert math.isnan(ours.value)
    else:
        assert ours.value == pytest.approx(theirs(aggregate_raters(ratings)[0]), abs=1e-9)


@given(tables, st.permutations([0.0, 1.0, 2.0]))
def test_agreement_depends_neither_on_the_order_of_raters_nor_on_the_names_of_categories(
    ratings: np.ndarray, names: list[float]
) -> None:
    renamed = np.asarray(names)[ratings.astype(int)][:, ::-1]
    for coefficient in (fleiss_kappa, gwet_ac1):
        before = coefficient(ratings, categories=[0, 1, 2])
        after = coefficient(renamed, categories=[0, 1, 2])
        assert after.value == pytest.approx(before.value, abs=1e-9, nan_ok=True)
        assert not before.value > 1.0


def test_full_agreement_is_one_and_one_category_throughout_leaves_kappa_undefined() -> None:
    assert gwet_ac1([[1, 1], [0, 0], [1, 1]]).value == 1.0
    assert cohen_kappa([[1, 1], [0, 0], [1, 1]]).value == 1.0
    always = [[1, 1], [1, 1], [1, 1]]
    assert gwet_ac1(always).value == 1.0
    assert math.isnan(fleiss_kappa(always).value)
    assert math.isnan(cohen_kappa(always).value)
    assert cohen_kappa(always).observed == 1.0


def test_categories_that_nobody_used_lower_the_chance_agreement_of_ac1() -> None:
    ratings = [[1, 1], [1, 2], [2, 2], [1, 1]]
    assert gwet_ac1(ratings, categories=[1, 2, 3, 4, 5]).expected < gwet_ac1(ratings).expected


def test_subjects_with_fewer_than_two_ratings_cannot_show_agreement() -> None:
    assert gwet_ac1([[1, NAN], [NAN, 0]]).n_subjects == 0
    assert math.isnan(gwet_ac1([[1, NAN], [NAN, 0]]).value)
    assert math.isnan(cohen_kappa([[1, NAN], [NAN, 0]]).value)
    assert cohen_kappa([[1, 1], [0, 0], [1, NAN]]).n_subjects == 2
    assert math.isnan(gwet_ac1([[1, 0]]).standard_error)


@pytest.mark.parametrize(
    ("model", "value", "low", "high"), [("2,1", 0.2898, 0.0188, 0.7611), ("3,1", 0.7148, 0.3425, 0.9459)]
)
def test_intraclass_correlation_gives_the_published_example(model: str, value: float, low: float, high: float) -> None:
    """Values of Shrout & Fleiss 1979 (0.29, 0.71); intervals as the R package psych 2.4 prints them for this table."""
    ours = intraclass_correlation(SHROUT_FLEISS, model=model)  # type: ignore[arg-type]
    assert ours.value == pytest.approx(value, abs=5e-5)
    assert (ours.ci_low, ours.ci_high) == pytest.approx((low, high), abs=5e-4)


def test_a_constant_bias_lowers_absolute_agreement_and_leaves_consistency() -> None:
    biased = SHROUT_FLEISS + np.array([0.0, 5.0, 0.0, 0.0])
    assert intraclass_correlation(biased, model="3,1").value == pytest.approx(
        intraclass_correlation(SHROUT_FLEISS, model="3,1").value
    )
    shifted = np.array([[1.0, 6.0], [2.0, 7.5], [3.0, 8.0], [4.0, 9.0]])
    assert intraclass_correlation(shifted).value < 0.2 < intraclass_correlation(shifted, model="3,1").value


def test_the_intraclass_correlation_of_equal_raters_is_one_and_without_spread_undefined() -> None:
    same = np.array([[1.0, 1.0], [2.0, 2.0], [5.0, 5.0]])
    for model in ("2,1", "3,1"):
        ours = intraclass_correlation(same, model=model)  # type: ignore[arg-type]
        assert (ours.value, ours.ci_low, ours.ci_high) == (1.0, 1.0, 1.0)
    assert math.isnan(intraclass_correlation(np.full((4, 2), 0.1)).value)
    assert math.isnan(intraclass_correlation([[1.0, 2.0]]).value)
    assert intraclass_correlation([*same.tolist(), [NAN, 1.0]]).n_dropped == 1


@given(st.integers(0, 40), st.integers(1, 40), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_interval_equals_statsmodels(successes: int, more: int, confidence: float) -> None:
    from statsmodels.stats.proportion import proportion_confint

    n = successes + more - 1
    if n == 0:
        return
    ours = wilson_interval(successes, n=n, confidence=confidence)
    theirs = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    assert (ours.ci_low, ours.ci_high) == pytest.approx(theirs, abs=1e-9)


def test_no_trials_say_nothing_about_a_proportion() -> None:
    nothing = wilson_interval(0, n=0)
    assert math.isnan(nothing.value)
    assert (nothing.ci_low, nothing.ci_high) == (0.0, 1.0)


def test_bad_ratings_are_refused() -> None:
    with pytest.raises(ConfigError, match="successes must lie between 0 and n, got 4 of 3"):
        wilson_interval(4, n=3)
    with pytest.raises(ConfigError, match="confidence must lie between 0 and 1, got 95"):
        wilson_interval(1, n=3, confidence=95)
    with pytest.raises(ConfigError, match=r"two raters or more, got shape \(3,\)"):
        gwet_ac1([1, 0, 1])
    with pytest.raises(ConfigError, match="two columns for Cohen's kappa, got 3"):
        cohen_kappa([[1, 0, 1]])
    with pytest.raises(ConfigError, match=r"among the categories \[0.0, 1.0\], got \[2.0\]"):
        fleiss_kappa([[1, 2]], categories=[0, 1])
    with pytest.raises(ConfigError, match="categories must be distinct"):
        fleiss_kappa([[1, 2]], categories=[1, 1, 2])
    with pytest.raises(ConfigError, match="1 infinite values"):
        intraclass_correlation([[1.0, math.inf]])
    with pytest.raises(ConfigError, match='model must be "2,1" or "3,1"'):
        intraclass_correlation([[1.0, 2.0]], model="1,1")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="weights must be"):
        cohen_kappa([[1, 0]], weights="cubic")  # type: ignore[arg-type]
