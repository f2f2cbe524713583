"""What the notebooks lean on: a perceptron on scribbles as good as scikit-learn's, a U-Net that learns in seconds."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier

from septum.lessons import perceptron
from septum.lessons.perceptron import Perceptron
from septum.metrics import confusion_counts, dice
from septum.workflows.teaching import pictures
from septum.workflows.teaching.scribbles import brain_scribbles, pixel_features
from septum.workflows.teaching.small import one_thread, segment_small, train_small

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


def test_a_small_network_learns_and_the_same_seed_gives_the_same_weights():
    pairs = [pictures.made_nuclei(seed) for seed in (2, 3)]
    images, labels = [image for image, _ in pairs], [truth > 0 for _, truth in pairs]
    two = [train_small(images, labels, features=(4, 8), steps=5) for _ in range(2)]
    assert all(torch.equal(a, b) for a, b in zip(two[0].parameters(), two[1].parameters(), strict=True))
    network = train_small(images, labels, features=(8, 16), steps=120)
    picture, truth = pictures.made_nuclei(5)
    mask = segment_small(network, picture[:101, :99])
    assert mask.shape == (101, 99)
    assert dice(confusion_counts(truth[:101, :99] > 0, mask, classes=[1])[0]) > 0.85


def test_made_nuclei_are_numbered_without_gaps_and_the_same_for_a_seed():
    picture, truth = pictures.made_nuclei(7)
    assert sorted(np.unique(truth)) == list(range(truth.max() + 1))
    assert 0 <= picture.min() <= picture.max() <= 1
    assert picture[truth > 0].mean() > 2 * picture[truth == 0].mean()
    assert np.array_equal(pictures.made_nuclei(7)[0], picture)


def test_threads_are_restored_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="inside"), one_thread():
        raise ValueError("inside")
    assert torch.get_num_threads() == before
