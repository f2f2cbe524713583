"""How unsure a classifier is, and where to ask next."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy

from septum.errors import ConfigError
from septum.interactive.pixels.uncertainty import most_uncertain, uncertainty


def test_uncertainty_is_the_entropy_over_that_of_a_guess():
    prob = np.random.default_rng(0).dirichlet([1, 1, 1], 50).T.astype(np.float32)
    np.testing.assert_allclose(uncertainty(prob), entropy(prob, base=3, axis=0), atol=1e-5)
    lead = np.sort(prob, axis=0)
    np.testing.assert_allclose(uncertainty(prob, kind="margin"), 1 - lead[-1] + lead[-2], atol=1e-6)
    with pytest.raises(ConfigError, match="kind must be"):
        uncertainty(prob, kind="variance")
    with pytest.raises(ConfigError, match="two labels"):
        uncertainty(prob[:1])


def test_the_next_scribble_is_asked_for_in_the_largest_unsure_neighbourhood():
    unsure = np.zeros((30, 40), np.float32)
    unsure[5, 5] = 1.0
    unsure[18:25, 28:35] = 0.8
    assert most_uncertain(unsure) == (5, 5)
    assert most_uncertain(unsure, radius_mm=4.0, spacing=(2.0, 2.0)) == (21, 31)
    assert most_uncertain(unsure, without=unsure > 0.9) == (18, 28)
    with pytest.raises(ConfigError, match="radius_mm"):
        most_uncertain(unsure, radius_mm=-1)
    with pytest.raises(ConfigError, match="not marked"):
        most_uncertain(unsure, without=np.ones(unsure.shape, bool))
