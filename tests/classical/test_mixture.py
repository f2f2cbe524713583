"""Mixtures and means of one channel: the exact division, scikit-learn's answers, fixed points."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture
from tests.classical.tissues import three_tissues

from septum.classical import clustering, mixture
from septum.classical.clustering import cluster


@given(st.lists(st.integers(0, 30), min_size=3, max_size=8, unique=True), st.integers(1, 3))
def test_the_exact_division_is_the_best_of_all(values: list[int], k: int) -> None:
    values, weights = np.sort(np.array(values, float)), np.arange(1.0, len(values) + 1)

    def cost(cuts: tuple[int, ...]) -> float:
        parts = zip((0, *cuts), (*cuts, len(values)), strict=True)
        return sum(
            float((weights[a:b] * (values[a:b] - np.average(values[a:b], weights=weights[a:b])) ** 2).sum())
            for a, b in parts
        )

    member = mixture.exact_kmeans(values, weights, k=k)
    ours = cost(tuple(np.flatnonzero(np.diff(member)) + 1))
    best = min(cost(cuts) for cuts in itertools.combinations(range(1, len(values)), k - 1))
    assert member.max() == k - 1
    assert ours <= best + 1e-9 * (1 + best)


def test_a_mixture_of_one_channel_equals_scikit_learn() -> None:
    image, _ = three_tissues()
    image = image * 0.3 + 20
    theirs = GaussianMixture(3, random_state=0, n_init=2, tol=1e-6, max_iter=500).fit(image.reshape(-1, 1))
    rank = theirs.means_.ravel().argsort().argsort()
    assert np.mean(cluster(image[None], kind="mixture").ravel() == rank[theirs.predict(image.reshape(-1, 1))]) > 0.998


def test_the_fixed_point_of_fuzzy_c_means_is_met() -> None:
    image, _ = three_tissues()
    values = np.unique(image.astype(int)).astype(float)[:, None]
    weights = np.ones(len(values))
    members = mixture.fuzzy_members(values, weights, start=np.array([[10.0], [40.0], [90.0]]))
    means = (members**2 @ values) / (members**2).sum(axis=1, keepdims=True)
    expected = 1 / sum((np.abs(values - means[0]) / np.abs(values - m)) ** 2 for m in means)
    np.testing.assert_allclose(members.sum(axis=0), 1)
    np.testing.assert_allclose(members[0], expected[:, 0], atol=1e-3)


def test_the_criterion_that_chooses_is_the_one_stated() -> None:
    values = np.array([[0.0], [2.0], [10.0], [14.0]])
    found = clustering._kmeans(values, np.ones(4), 2, 0)
    within = (1 + 1 + 4 + 4) / 4
    assert clustering._score(found, values, weights=np.ones(4)) == pytest.approx(-np.log(2**2 * within), abs=1e-4)
    model = GaussianMixture(2, random_state=0).fit(three_tissues()[0].reshape(-1, 1)[:500])
    sample = three_tissues()[0].reshape(-1, 1)[:500].astype(float)
    ours = clustering.Clusters("mixture", model.means_, model.covariances_, model.weights_)
    assert -clustering._score(ours, sample, weights=np.ones(500)) == pytest.approx(model.bic(sample), rel=1e-4)
