"""Scribbles on a brain: few pixels, each of its tissue, and a perceptron learns from them as well as scikit-learn's."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier

from septum.lessons import perceptron
from septum.lessons.perceptron import Perceptron
from septum.workflows.teaching import pictures
from septum.workflows.teaching.scribbles import STROKE, brain_scribbles, pixel_features

needs_nilearn = pytest.mark.skipif(importlib.util.find_spec("nilearn") is None, reason="the brain comes with nilearn")


@needs_nilearn
def test_a_perceptron_learns_a_real_image_from_three_scribbles_as_well_as_scikit_learns():
    image, tissue = pictures.brain_slice(90)
    features = pixel_features(image)
    scribbles = brain_scribbles(image, tissue).ravel()
    marked = scribbles > 0
    assert set(np.unique(scribbles)) == {0, 1, 2, 3}
    assert marked.mean() < 0.01
    x, y = features[marked], scribbles[marked] - 1
    start = Perceptron.create((4, 12, 3), generator=np.random.default_rng(0))
    trained, _ = perceptron.train(start, x, targets=y, rate=0.5, steps=1500)
    own = (perceptron.predict(trained, features) == tissue.ravel()).mean()
    other = MLPClassifier((12,), activation="tanh", max_iter=2000, random_state=0).fit(x, y)
    theirs = (other.predict(features) == tissue.ravel()).mean()
    assert own > theirs - 0.02
    assert own > 0.75


def made(side: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Bands of three tissues, the middle one widest."""
    tissue = np.zeros((side, 80), np.uint8)
    tissue[:, 20:45], tissue[25:35, 45:70] = 1, 2
    return 10.0 * tissue, tissue


def test_each_scribble_lies_in_its_tissue_along_one_row_and_is_short() -> None:
    image, tissue = made()
    marked = brain_scribbles(image, tissue)
    for value in range(3):
        places = np.argwhere(marked == value + 1)
        assert len(places) > 0
        assert len(set(places[:, 0])) == 1
        assert set(tissue[marked == value + 1]) == {value}
        assert len(places) <= 2 * STROKE


def test_features_are_scaled_and_a_flat_image_gives_zeros() -> None:
    image, _ = made()
    rows = pixel_features(image)
    assert rows.shape == (image.size, 4)
    assert rows.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert rows.std(axis=0) == pytest.approx(1, abs=1e-9)
    assert np.array_equal(pixel_features(np.full((5, 6), 3.0)), np.zeros((30, 4)))
    smooth = rows[:, 0].reshape(image.shape), rows[:, 2].reshape(image.shape)
    assert np.abs(np.diff(smooth[1], axis=1)).max() < np.abs(np.diff(smooth[0], axis=1)).max()
