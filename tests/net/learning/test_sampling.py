"""Where patches are cut: rare classes as often as common ones, annotated voxels only."""

from __future__ import annotations

import numpy as np
import pytest

from septum.errors import DatasetError
from septum.net.learning.sampling import PatchSampler, Sample


def test_the_sampler_draws_rare_classes_as_often_as_common_ones() -> None:
    labels = np.zeros((64, 64), np.uint8)
    labels[0, 0], labels[32:, :] = 2, 1
    sampler = PatchSampler([Sample("a", labels[None].astype(np.float32), labels, (1, 1))], n_classes=3, oversample=1.0)
    rng = np.random.default_rng(0)
    drawn = [labels[sampler.draw(rng).centre] for _ in range(400)]
    assert 0.4 < np.mean(np.array(drawn) == 2) < 0.6
    assert 0 not in drawn


def test_patches_are_centred_on_annotated_voxels_only() -> None:
    labels = np.full((32, 32), 255, np.uint8)
    labels[5, 7], labels[6, 7] = 0, 1
    empty = Sample("b", np.zeros((1, 32, 32), np.float32), np.full((32, 32), 255, np.uint8), (1, 1))
    sampler = PatchSampler([Sample("a", empty.image, labels, (1, 1)), empty], n_classes=2, oversample=0.5)
    rng = np.random.default_rng(0)
    assert {(d.case, *d.centre) for d in (sampler.draw(rng) for _ in range(50))} == {(0, 5, 7), (0, 6, 7)}


def test_cases_without_any_annotation_are_refused() -> None:
    nothing = np.full((8, 8), 255, np.uint8)
    with pytest.raises(DatasetError, match="no annotated voxel"):
        PatchSampler([Sample("a", nothing[None].astype(np.float32), nothing, (1, 1))], n_classes=2, oversample=0.5)
