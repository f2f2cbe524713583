"""The field that smooths classes: it ends where no voxel can lower the energy."""

from __future__ import annotations

import numpy as np
import pytest
from tests.classical.tissues import three_tissues

from septum.classical.clustering import cluster
from septum.classical.potts import smooth_classes


def energy(labels: np.ndarray, costs: np.ndarray, weights: list[float]) -> float:
    total = float(np.take_along_axis(costs, labels[None].astype(int), 0).sum())
    return total + sum(w * (np.diff(labels.astype(int), axis=a) != 0).sum() for a, w in enumerate(weights))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (4.0, 1.0, 2.0)])
def test_the_field_ends_where_no_voxel_can_lower_the_energy(spacing) -> None:
    rng = np.random.default_rng(0)
    costs = rng.random((3, 6, 7, 8)).astype(np.float32)
    weights = [0.4 * min(spacing) / s for s in spacing]
    labels = smooth_classes(
        lambda rows: costs[:, rows].reshape(3, -1), (6, 7, 8), spacing=spacing, strength=0.4, sweeps=100
    )
    lowest = energy(labels, costs, weights)
    assert lowest < energy(costs.argmin(axis=0), costs, weights)
    for place in np.ndindex(labels.shape):
        for other in range(3):
            changed = labels.copy()
            changed[place] = other
            assert energy(changed, costs, weights) >= lowest - 1e-4


def test_slabs_give_the_field_of_the_whole(monkeypatch) -> None:
    from septum.classical import potts

    image, truth = three_tissues()
    noisy = image + np.random.default_rng(2).normal(0, 15, image.shape).astype(np.float32)
    whole = cluster(noisy[None], regularity=1.0)
    monkeypatch.setattr(potts, "_BLOCK", 1000)
    slabs = cluster(noisy[None], regularity=1.0)
    assert np.mean(whole == slabs) > 0.99
    assert np.mean(whole == truth) > np.mean(cluster(noisy[None]) == truth) + 0.05
    assert np.mean(cluster(noisy[None], regularity=0.0) == cluster(noisy[None])) == 1
