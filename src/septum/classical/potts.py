"""Markov random field on class labels: a class map that is smooth as well as likely (Potts model).

The insight: on a chess board no voxel has a neighbour of its own colour through a face, so half of the voxels can
change at once, as one array operation, and the energy never rises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from septum.geometry.arrays import spacing_mm

Costs = Callable[[slice], NDArray[np.float32]]
_BLOCK = 1 << 19


def smooth_classes(
    costs: Costs, shape: tuple[int, ...], *, spacing: Sequence[float], strength: float, sweeps: int = 10
) -> NDArray[np.uint8]:
    """Classes of low energy: the sum of the voxels' costs, and of `strength` for each pair of unlike neighbours.

    Args:
        costs: gives `(k, N)` costs of the voxels of a slice of the first axis, in array order.
        shape: 2-D or 3-D.
        spacing: mm per axis. A pair's weight falls with its distance: smallest spacing / spacing along its axis.
        strength: of the field, 0 or more.
        sweeps: at most so many; ends when nothing changes.

    Starts from the cheapest classes and changes voxels one colour of a chess board at a time (iterated conditional
    modes, Besag 1986), slab by slab.

    >>> costs = np.ones((2, 3, 3)); costs[0] = 0.0  # class 0 is cheaper, but for the middle
    >>> costs[:, 1, 1] = (1.0, 0.5)
    >>> smooth_classes(lambda z: costs[:, z], (3, 3), spacing=(1.0, 1.0), strength=1.0).tolist()
    [[0, 0, 0], [0, 0, 0], [0, 0, 0]]
    """
    step = spacing_mm(spacing, len(shape))
    weights = [strength * min(step) / s for s in step]
    rows = max(_BLOCK // max(int(np.prod(shape[1:])), 1), 1)
    slabs = [slice(a, min(a + rows, shape[0])) for a in range(0, shape[0], rows)]
    labels = np.zeros(shape, np.uint8)
    for slab in slabs:
        labels[slab] = costs(slab).argmin(axis=0).reshape(labels[slab].shape)
    active = dict.fromkeys(range(len(slabs)), True)
    for _ in range(sweeps):
        changed = dict.fromkeys(range(len(slabs)), False)
        for index, slab in enumerate(slabs):
            if any(active.get(near, False) for near in (index - 1, index, index + 1)):
                changed[index] = _sweep(labels, costs(slab), slab=slab, weights=weights)
        active = changed
        if not any(changed.values()):
            break
    return labels


def _sweep(labels: NDArray[np.uint8], data: NDArray[np.float32], *, slab: slice, weights: Sequence[float]) -> bool:
    """Best class of each voxel of a slab given its neighbours, both colours; whether any changed."""
    shape = labels[slab].shape
    data = data.reshape(len(data), *shape)
    colour = (sum(np.ogrid[tuple(slice(0, n) for n in shape)]) + slab.start) % 2 == 0
    changed = False
    for even in (True, False):
        energy = data.copy()
        for k in range(len(data)):
            _add_agreement(energy[k], labels, slab=slab, weights=weights, k=k)
        best = energy.argmin(axis=0).astype(np.uint8)
        current = labels[slab]
        # A voxel changes only for less energy, so that equal energies cannot swing for ever.
        gain = np.take_along_axis(energy, best[None].astype(np.int64), 0)[0]
        held = np.take_along_axis(energy, current[None].astype(np.int64), 0)[0]
        moves = (colour == even) & (gain < held)
        changed = changed or bool(moves.any())
        current[moves] = best[moves]
    return changed


def _add_agreement(
    energy: NDArray[np.float32], labels: NDArray[np.uint8], *, slab: slice, weights: Sequence[float], k: int
) -> None:
    """Take off the weight of every neighbour that is of class `k` (the same as adding that of every other one)."""
    low, high = max(slab.start - 1, 0), min(slab.stop + 1, labels.shape[0])
    same = labels[low:high] == k
    inner = same[slab.start - low : slab.stop - low]
    for axis, weight in enumerate(weights):
        w = np.float32(weight)
        if axis == 0:
            before = same[: slab.stop - 1 - low]
            energy[len(energy) - len(before) :] -= w * before
            after = same[slab.start + 1 - low :]
            energy[: len(after)] -= w * after
        else:
            view, source = np.moveaxis(energy, axis, 0), np.moveaxis(inner, axis, 0)
            view[1:] -= w * source[:-1]
            view[:-1] -= w * source[1:]
