"""Feature vectors of voxels: channels, smoothed ones and positions, block by block."""

from __future__ import annotations

import numpy as np
import pytest
from tests.classical.tissues import KINDS, three_tissues

from septum.classical import clustering
from septum.classical.clustering import cluster


@pytest.mark.parametrize("kind", KINDS)
def test_several_channels_are_clustered_together(kind) -> None:
    truth = np.indices((40, 60))[1] // 20
    noise = np.random.default_rng(0).standard_normal((2, 40, 60))
    image = np.stack([np.array([0, 8, 8])[truth], np.array([0, 0, 9])[truth]]) + noise  # neither channel is enough
    assert np.mean(cluster(image, kind=kind) == truth) > 0.99
    np.testing.assert_array_equal(cluster(image, kind=kind, seed=3), cluster(image, kind=kind, seed=3))


def test_a_smoothed_feature_tells_textures_apart() -> None:
    image, truth = three_tissues((48, 60))
    noisy = image + np.random.default_rng(1).normal(0, 30, image.shape)
    plain = np.mean(cluster(noisy[None]) == truth)
    smooth = np.mean(cluster(noisy[None], smoothed_mm=(3.0,), spacing=(1, 1)) == truth)
    assert smooth > plain + 0.1


def test_the_position_pulls_classes_together_in_millimetres() -> None:
    image = np.random.default_rng(0).standard_normal((1, 20, 40))
    labels = cluster(image, classes=2, position=20, spacing=(1, 4))
    columns = np.stack([(labels == k).mean(axis=0) for k in (0, 1)])
    assert np.all((columns > 0.9).any(axis=0).sum() >= 36)  # split across the long side, 160 mm against 20


def test_blocks_do_not_change_the_classes(monkeypatch) -> None:
    image = np.random.default_rng(0).standard_normal((2, 9, 10, 11))
    whole = cluster(image)
    monkeypatch.setattr(clustering, "_BLOCK", 150)
    np.testing.assert_array_equal(whole, cluster(image))
