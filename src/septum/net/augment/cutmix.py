"""CutMix: a box of one patch pasted into another, and what is known of its pixels goes with them.

The insight: a cut needs no new image, only a mask. The same mask mixes images, labels and maps, so that no label can
leave its pixels; and because a box hides what lay around it, a network must tell what it sees from a part.

Yun et al. 2019 for classes of images; French et al. 2020 for segmentation, where boxes without any blending are what
makes consistency between an averaged network and its pupil work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SHARES = (0.1, 0.5)
"""Least and largest share of a patch that comes from the other one."""


LONGER = 2.0
"""By how much a side of the box may be longer, or shorter, than those of a box of the patch's proportions."""


def draw_boxes(count: int, *, patch: Sequence[int], share: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Masks `(count, *patch)`, a `share` of them True in a box of a drawn size, proportion and place, the others empty.

    >>> masks = draw_boxes(2, patch=(64, 64), share=1.0, generator=np.random.default_rng(0))
    >>> [bool(0.05 < mask.mean() < 0.55) for mask in masks]
    [True, True]
    """
    masks = np.zeros((count, *patch), bool)
    for mask in masks:
        if generator.random() < share:
            mask[_box(patch, generator)] = True
    return masks


def _box(patch: Sequence[int], generator: np.random.Generator) -> tuple[slice, ...]:
    covered = generator.uniform(*SHARES)
    stretch = generator.uniform(-math.log(LONGER), math.log(LONGER), len(patch))
    sides = np.exp(stretch - stretch.mean()) * covered ** (1 / len(patch))
    lengths = [min(size, max(1, round(size * side))) for size, side in zip(patch, sides, strict=True)]
    starts = [int(generator.integers(size - length + 1)) for size, length in zip(patch, lengths, strict=True)]
    return tuple(slice(start, start + length) for start, length in zip(starts, lengths, strict=True))


def mix(values: Tensor, masks: Tensor) -> Tensor:
    """Every patch of a batch with the inside of its mask taken from the patch before it (the first from the last).

    Args:
        values: `(N, *patch)` or `(N, C, *patch)` of any type.
        masks: `(N, *patch)` bool on the same device.

    >>> batch, masks = torch.tensor([[1, 1], [2, 2]]), torch.tensor([[True, False], [False, False]])
    >>> mix(batch, masks).tolist()
    [[2, 1], [2, 2]]
    """
    inside = masks if values.ndim == masks.ndim else masks[:, None]
    return torch.where(inside, values.roll(1, 0), values)
