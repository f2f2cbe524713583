"""What a network tells about its own mask, added up while the mask is made.

The one insight: everything that predicts a mask's quality is a *sum over voxels*: the probability that the mask holds,
the probability in all, the voxels on which two networks agree, the network's own features. Sums stream with the tiles;
no map of them is kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from septum.geometry.arrays import Float64Array


class Evidence:
    """Sums over an image, per class; one object per image.

    held: probability of a class over the voxels decided for it. total: its probability over all voxels.
    count: voxels decided for it. doubtful: those of them with a probability below 0.8.
    shared, marked: over all pairs of views (networks, mirrored copies), the voxels on which both decide for a class,
    and the mean of the voxels that they mark; 0 where there is one view only. They are sums over tiles, in which voxels
    under several tiles count several times.
    sums, squares, voxels: by network, its last feature map before the head, (F,), and how many voxels were summed.
    """

    def __init__(self, n_classes: int) -> None:
        self.held: Float64Array = np.zeros(n_classes)
        self.total: Float64Array = np.zeros(n_classes)
        self.count: Float64Array = np.zeros(n_classes)
        self.doubtful: Float64Array = np.zeros(n_classes)
        self.shared: Float64Array = np.zeros(n_classes)
        self.marked: Float64Array = np.zeros(n_classes)
        self.sums: dict[int, Float64Array] = {}
        self.squares: dict[int, Float64Array] = {}
        self.voxels: dict[int, int] = {}

    @torch.inference_mode()
    def decided(self, chances: Tensor, winner: Tensor) -> None:
        """Probabilities (K, *block) of voxels that are decided once and for all, and their classes."""
        classes = winner.long().ravel()
        kept = chances.flatten(1).gather(0, classes[None])[0]
        k = len(self.count)
        self.held += _numpy(torch.bincount(classes, weights=kept, minlength=k))
        self.count += _numpy(torch.bincount(classes, minlength=k))
        self.doubtful += _numpy(torch.bincount(classes[kept < 0.8], minlength=k))
        self.total += _numpy(chances.flatten(1).sum(1, dtype=torch.float64))

    @torch.inference_mode()
    def voted(self, votes: list[Tensor]) -> None:
        """Classes of the same tiles by each view, each (N, *out)."""
        pairs = len(votes) * (len(votes) - 1) / 2
        if not pairs:
            return
        stack = torch.stack([vote.ravel() for vote in votes])
        for index in torch.unique(stack).tolist():
            each = (stack == index).sum(0, dtype=torch.float64)
            self.shared[index] += float((each * (each - 1) / 2).sum())
            self.marked[index] += float(each.sum()) / len(votes) * pairs

    @torch.inference_mode()
    def felt(self, network: int, features: Tensor) -> None:
        """Features (N, F, *out) of tiles by one of the networks, the image as it is (not mirrored)."""
        axes = [0, *range(2, features.ndim)]
        norm = torch.linalg.vector_norm(features, dim=axes, dtype=torch.float64)  # without a copy of the features
        self.sums[network] = self.sums.get(network, 0.0) + _numpy(features.sum(axes, dtype=torch.float64))
        self.squares[network] = self.squares.get(network, 0.0) + _numpy(norm) ** 2
        self.voxels[network] = self.voxels.get(network, 0) + features.numel() // features.shape[1]

    @property
    def signatures(self) -> tuple[Float64Array, ...]:
        """Mean and deviation of each feature over the image, (2 F,), one row per network; none without voxels."""
        found = []
        for network in sorted(self.voxels):
            mean = self.sums[network] / self.voxels[network]
            spread = np.sqrt(np.maximum(self.squares[network] / self.voxels[network] - mean**2, 0.0))
            found.append(np.concatenate([mean, spread]))
        return tuple(found)

    @property
    def expected_dice(self) -> Float64Array:
        """The Dice that a mask has if the probabilities are right: 2 · held / (total + count); nan without voxels."""
        return _ratio(2 * self.held, self.total + self.count, where=self.count > 0)

    @property
    def agreement(self) -> Float64Array:
        """Mean Dice between two views of the image; nan where no view marks the class, or there is one view only."""
        return _ratio(self.shared, self.marked, where=self.marked > 0)

    @property
    def doubt(self) -> Float64Array:
        """Share of a class's voxels with a probability below 0.8; nan without voxels."""
        return _ratio(self.doubtful, self.count, where=self.count > 0)


def _ratio(above: Float64Array, below: Float64Array, *, where: npt.NDArray[np.bool_]) -> Float64Array:
    ratio: Float64Array = np.divide(above, below, out=np.full(len(above), np.nan), where=where)
    return ratio


def _numpy(values: Tensor) -> Float64Array:
    found: Float64Array = values.double().cpu().numpy()
    return found
