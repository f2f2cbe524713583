"""What the notebooks lean on: a U-Net that learns in seconds, and threads that are given back."""

from __future__ import annotations

import pytest
import torch

from septum.metrics import confusion_counts, dice
from septum.workflows.teaching import pictures
from septum.workflows.teaching.small import one_thread, segment_small, train_small


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


def test_threads_are_restored_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="inside"), one_thread():
        raise ValueError("inside")
    assert torch.get_num_threads() == before
