"""Copies of an image that a network also looks at, and the way back: test-time augmentation.

The insight: what a network says of a mirrored or slightly larger copy errs in other places, so that the mean of all
copies errs less. A copy is made of each tile, not of the whole image, so that memory stays bounded.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

ZOOMS = (0.9, 1.1)
"""Sizes of the zoomed copies. In a cross-validation within nine hippocampus volumes (n = 9) they raised the mean Dice
of each of five networks, by 0.003 on average, and of three together from 0.880 to 0.883; on four held-out sections of
membranes, next to mirrored copies, they changed nothing."""


@dataclass(frozen=True)
class Copy:
    """The image mirrored along spatial `axes`, or `zoom` times as large (1: as it is)."""

    axes: tuple[int, ...] = ()
    zoom: float = 1.0

    def view(self, x: Tensor, divisor: Sequence[int]) -> Tensor:
        """The copy of a batch `(N, C, *spatial)`; a zoomed one is filled up at its ends to multiples of `divisor`."""
        x = x.flip([axis + 2 for axis in self.axes]) if self.axes else x
        if self.zoom == 1.0:
            return x
        size = self._size(x.shape[2:])
        x = _resized(x, size)
        missing = [-n % d for n, d in zip(size, divisor, strict=True)]
        ends = [side for n in reversed(missing) for side in (0, n)]
        mirrored = all(n < m for n, m in zip(missing, size, strict=True))
        return F.pad(x, ends, mode="reflect" if mirrored else "replicate")

    def back(self, y: Tensor, size: Sequence[int]) -> Tensor:
        """What was found on the copy, of a batch of that spatial `size`, in the place of the batch itself."""
        if self.zoom != 1.0:
            inner = self._size(size)
            y = _resized(y[(slice(None), slice(None), *(slice(n) for n in inner))], size)
        return y.flip([axis + 2 for axis in self.axes]) if self.axes else y

    def _size(self, size: Sequence[int]) -> tuple[int, ...]:
        return tuple(max(1, round(n * self.zoom)) for n in size)


def mirrors(axes: Sequence[int]) -> tuple[Copy, ...]:
    """Every combination of mirrored spatial axes, the image as it is included as the first.

    >>> [copy.axes for copy in mirrors((0, 1))]
    [(), (0,), (1,), (0, 1)]
    """
    chosen = itertools.chain.from_iterable(itertools.combinations(axes, n) for n in range(len(axes) + 1))
    return tuple(Copy(axes) for axes in chosen)


def _resized(x: Tensor, size: Sequence[int]) -> Tensor:
    mode = "bilinear" if x.ndim == 4 else "trilinear"
    return F.interpolate(x, size=tuple(size), mode=mode, align_corners=False)
