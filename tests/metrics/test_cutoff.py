"""The cut that best separates passes from fails, against scikit-learn's ROC curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from septum.errors import ConfigError
from septum.metrics.cutoff import separating_cutoff

ITEMS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=30)


@given(ITEMS)
def test_area_and_youden_are_those_of_the_roc_curve(items):
    scores, passed = np.array([s for s, _ in items]) / 12, np.array([p for _, p in items])
    found = separating_cutoff(scores, passed, n_bootstrap=5)
    if passed.all() or not passed.any():
        assert np.isnan([found.value, found.auc, found.sensitivity]).all()
        assert (found.n_pass, found.n_fail) == (passed.sum(), (~passed).sum())
        return
    false, true, _ = roc_curve(passed, scores, drop_intermediate=False)
    assert found.auc == pytest.approx(roc_auc_score(passed, scores))
    assert found.youden == pytest.approx((true - false)[: true.size].max(), abs=1e-9) or found.youden < 1e-9
    called = scores >= found.value
    assert found.sensitivity == pytest.approx(called[passed].mean())
    assert found.specificity == pytest.approx(1 - called[~passed].mean())


def test_a_clean_separation_is_cut_half_way():
    found = separating_cutoff([0.2, 0.6, 0.8, 0.9], [False, False, True, True])
    assert found.value == pytest.approx(0.7)
    assert (found.sensitivity, found.specificity, found.auc) == (1, 1, 1)
    assert found.ci_low <= found.value <= found.ci_high


def test_undefined_scores_are_left_out():
    found = separating_cutoff([0.2, 0.9, np.nan], [False, True, False])
    assert (found.n_pass, found.n_fail) == (1, 1)


def test_whole_groups_are_resampled():
    scores = np.repeat([0.3, 0.5, 0.6, 0.8], 5) + np.tile(np.linspace(0, 0.01, 5), 4)
    passed = np.repeat([False, True, False, True], 5)
    alone = separating_cutoff(scores, passed)
    grouped = separating_cutoff(scores, passed, groups=list(np.repeat(list("abcd"), 5)))
    assert grouped.value == alone.value
    assert grouped.auc_ci_high - grouped.auc_ci_low > alone.auc_ci_high - alone.auc_ci_low
    assert grouped.n_resamples < alone.n_resamples


def test_the_interval_covers_the_true_cut_in_most_studies():
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(60):
        scores = generator.uniform(0.4, 1, 60)
        passed = scores + generator.normal(0, 0.08, 60) > 0.7
        found = separating_cutoff(scores, passed, n_bootstrap=200, seed=seed)
        covered += found.ci_low <= 0.7 <= found.ci_high
    assert covered >= 51


@pytest.mark.parametrize(
    "arguments",
    [
        {"scores": [0.1], "passed": [True, False]},
        {"scores": [0.1, 0.2], "passed": [True, False], "groups": ["a"]},
        {"scores": [0.1, 0.2], "passed": [True, False], "n_bootstrap": 0},
        {"scores": [0.1, 0.2], "passed": [True, False], "confidence": 1.0},
    ],
)
def test_input_that_breaks_its_rule_is_refused(arguments):
    with pytest.raises(ConfigError, match="must be"):
        separating_cutoff(**arguments)
