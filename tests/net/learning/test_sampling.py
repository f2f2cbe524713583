"""Where patches are cut: rare classes as often as common ones, annotated voxels only."""

from __future__ import annotations

import numpy as np
import pytest

from septum.errors import DatasetError
from septum.net.learning.sampling import INTERPOLATED, PatchSampler, Sample


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


def test_samples_without_any_annotation_are_drawn_apart_and_evenly() -> None:
    labels = np.zeros((8, 8), np.uint8)
    labelled = Sample("a", labels[None].astype(np.float32), labels, (1, 1))
    free = [Sample(name, np.zeros((1, *shape), np.float32), np.full(shape, 255, np.uint8), (1, 1)) for name, shape in
            (("b", (4, 90)), ("c", (30, 5)))]  # fmt: skip
    sampler = PatchSampler([free[0], labelled, free[1]], n_classes=2, oversample=0.5)
    rng = np.random.default_rng(0)
    drawn = [sampler.draw_unlabelled(rng) for _ in range(400)]
    assert {draw.case for draw in drawn} == {0, 2}
    assert 150 < sum(draw.case == 0 for draw in drawn) < 250
    assert all(c < n for draw in drawn for c, n in zip(draw.centre, sampler.shapes[draw.case], strict=True))
    assert {draw.centre[1] for draw in drawn if draw.case == 2} == set(range(5))
    assert {sampler.draw(rng).case for _ in range(50)} == {1}


def test_interpolated_voxels_are_seen_half_as_often_in_a_volume_and_as_planes() -> None:
    labels = np.ones((4, 10, 10), np.uint8)
    between = np.zeros(labels.shape, bool)
    between[1:3] = True
    image = labels[None].astype(np.float32)
    volume = Sample("a", image, labels, (1, 1, 1), interpolated=between)
    planes = [
        Sample(str(i), image[:, i], labels[i], (1, 1), interpolated=between[i] if i in (1, 2) else None)
        for i in range(4)
    ]
    rng = np.random.default_rng(0)
    whole, flat = (PatchSampler(given, n_classes=2, oversample=0.5) for given in ([volume], planes))
    drawn = np.bincount([whole.draw(rng).centre[0] for _ in range(4000)], minlength=4)
    seen = np.bincount([flat.draw(rng).case for _ in range(4000)], minlength=4)
    for counts in (drawn, seen):
        assert (counts[1] + counts[2]) / (counts[0] + counts[3]) == pytest.approx(INTERPOLATED, abs=0.06)


def test_all_interpolated_is_as_good_as_nothing_interpolated_where_there_is_nothing_else() -> None:
    labels = np.ones((6, 6), np.uint8)
    image = labels[None].astype(np.float32)
    plain, between = (
        PatchSampler([Sample("a", image, labels, (1, 1), interpolated=one)] * 2, n_classes=2, oversample=0.5)
        for one in (None, np.ones((6, 6), bool))
    )
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    assert [plain.draw(one) for _ in range(20)] == [between.draw(other) for _ in range(20)]
