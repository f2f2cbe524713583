"""A box of one patch in another: labels follow their pixels, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from septum.net.augment.cutmix import SHARES, draw_boxes, mix


@given(st.integers(1, 4), st.sampled_from([(16, 16), (5, 40), (1, 9), (6, 12, 10)]), st.integers(0, 1000))
def test_every_pixel_keeps_its_label_and_comes_from_its_patch_or_the_one_before(
    count: int, patch: tuple[int, ...], seed: int
) -> None:
    masks = torch.from_numpy(draw_boxes(count, patch=patch, share=0.8, generator=np.random.default_rng(seed)))
    number = torch.arange(count).reshape(-1, *(1,) * len(patch)).expand(count, *patch)
    place = torch.arange(number[0].numel()).reshape(patch).expand(count, *patch)
    labels = 1000 * number + place  # a name for every pixel
    images = torch.stack([labels.double(), -labels.double()], 1)
    mixed, followed = mix(images, masks), mix(labels, masks)
    assert torch.equal(mixed[:, 0], followed.double())
    assert torch.equal(mixed[:, 1], -followed.double())
    assert torch.equal(followed % 1000, place)
    assert torch.equal(followed // 1000, torch.where(masks, (number - 1) % count, number))


@pytest.mark.parametrize("patch", [(64, 64), (32, 96), (24, 24, 24)])
def test_a_mask_is_one_box_of_a_share_within_bounds(patch: tuple[int, ...]) -> None:
    masks = draw_boxes(200, patch=patch, share=1.0, generator=np.random.default_rng(0))
    shares = masks.reshape(200, -1).mean(1)
    assert SHARES[0] - 0.05 < shares.min() < 0.15
    assert 0.4 < shares.max() < SHARES[1] + 0.05
    for mask in masks[:20]:
        sides = [np.flatnonzero(mask.any(tuple(a for a in range(mask.ndim) if a != axis))) for axis in range(mask.ndim)]
        assert mask.sum() == np.prod([len(side) for side in sides])
        assert all(np.array_equal(side, np.arange(side[0], side[-1] + 1)) for side in sides)


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.3, 20, 40), (1.0, 100, 100)])
def test_the_share_says_how_many_patches_get_a_box(share: float, low: int, high: int) -> None:
    masks = draw_boxes(100, patch=(8, 8), share=share, generator=np.random.default_rng(0))
    assert low <= masks.any((1, 2)).sum() <= high


def test_boxes_lie_everywhere() -> None:
    masks = draw_boxes(400, patch=(16, 16), share=1.0, generator=np.random.default_rng(0))
    assert masks.any(0).all()
    assert abs(float((masks.mean(0) * np.linspace(-1, 1, 16)).mean())) < 0.02  # left as often as right
