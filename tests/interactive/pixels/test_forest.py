"""A forest as plain arrays: it votes as scikit-learn does, also where a value lies on a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier

from septum.errors import CheckpointError
from septum.interactive.pixels.forest import LEAF, Forest, grow_forest


def test_the_forest_votes_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(300, 6)).astype(np.float32)
    classes = (samples[:, 0] + rng.normal(0, 0.5, 300) > 0).astype(int) + (samples[:, 1] > 1)
    forest, importance = grow_forest(samples, classes, trees=20, depth=6, seed=3)
    peer = ExtraTreesClassifier(20, max_depth=6, min_samples_leaf=LEAF, bootstrap=True, random_state=3)
    peer.fit(samples, classes)
    others = np.concatenate([samples, rng.normal(size=(1000, 6)).astype(np.float32)])
    np.testing.assert_allclose(forest.probabilities(others.T), peer.predict_proba(others).T, atol=1e-6)
    np.testing.assert_allclose(importance, peer.feature_importances_)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("roots", "nodes"),
        ("roots", -1),
        ("depths", 1001),
        ("split", 6),
        ("left", 0),
        ("threshold", np.nan),
        ("prob", 2),
    ],
)
def test_a_forest_whose_numbers_do_not_fit_together_is_refused(name, value):
    rng = np.random.default_rng(0)
    forest, _ = grow_forest(rng.normal(size=(60, 6)).astype(np.float32), np.arange(60) % 2, trees=3, seed=1)
    arrays = {field: column.copy() for field, column in forest.arrays().items()}
    Forest.checked(arrays, features=6, classes=2)
    arrays[name].flat[-1] = len(forest.split) if value == "nodes" else value
    with pytest.raises(CheckpointError, match="damaged"):
        Forest.checked(arrays, features=6, classes=2)


@given(st.integers(0, 1000), st.integers(2, 5))
def test_values_at_a_threshold_go_the_way_that_scikit_learn_sends_them(seed, levels):
    rng = np.random.default_rng(seed)
    samples = (rng.integers(0, levels, (60, 3)) / np.float32(3)).astype(np.float32)
    classes = np.r_[0, 1, rng.integers(0, 2, 58)]
    forest, _ = grow_forest(samples, classes, trees=4, seed=seed)
    peer = ExtraTreesClassifier(4, max_depth=8, min_samples_leaf=LEAF, bootstrap=True, random_state=seed)
    expected = peer.fit(samples, classes).predict_proba(samples)
    np.testing.assert_allclose(forest.probabilities(samples.T), expected.T, atol=1e-6)
    limits = forest.threshold[np.isfinite(forest.threshold)]
    theirs = np.concatenate([t.tree_.threshold[t.tree_.feature >= 0] for t in peer.estimators_])
    below, above = np.sort(limits), np.sort(theirs)
    assert ((below <= above) & (np.nextafter(below, np.float32(np.inf)) > above)).all()
