"""From blended logits on the network's grid to classes (and probabilities) on the grid that was asked for.

The one insight: linear interpolation treats every class alike, so one class at a time is interpolated and compared with
the best so far; all classes together never exist at the output's size. Probabilities, when somebody wants them, are
made slab by slab and handed over at once.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from septum.errors import SeptumError
from septum.geometry.arrays import Float32Array
from septum.net.engines.evidence import Evidence
from septum.net.inference.tiles import Extent, split_box

ClassArray = npt.NDArray[np.unsignedinteger]


Sink = Callable[[tuple[slice, ...], Float32Array], None]


_SLAB_VOXELS = 2 << 20
"""Output voxels decided at a time; their few temporary float arrays stay below 50 MB and partly in cache."""


_SLAB_FLOATS = 4 << 20
"""Probabilities of all classes that exist at a time: 16 MB."""


@dataclass(frozen=True)
class Outputs:
    """How a network's outputs are read.

    activation: "softmax" or "sigmoid", how interpolated logits become probabilities.
    n_maps: the last so many outputs are no classes: they decide nothing, and reach the sink as they are.
    """

    activation: str = "softmax"
    n_maps: int = 0


class OutputGrid:
    """Which output voxels a block of the network's grid decides: those whose coordinate rounds down into it."""

    def __init__(self, source: tuple[int, ...], coordinates: tuple[npt.NDArray[np.float64], ...] | None) -> None:
        self.source = source
        self.coordinates = coordinates
        self.halo = 0 if coordinates is None else 1
        self.shape = source if coordinates is None else tuple(len(axis) for axis in coordinates)

    def output(self, block: Extent) -> Extent:
        """The output voxels, as a box, whose coordinates lie in a block of the source."""
        if self.coordinates is None:
            return block
        bounds = zip(self.coordinates, block, strict=True)
        return tuple((int(np.searchsorted(c, low)), int(np.searchsorted(c, high))) for c, (low, high) in bounds)

    def is_empty(self, block: Extent) -> bool:
        """Whether no output voxel has its coordinates in the block."""
        return any(low >= high for low, high in self.output(block))

    def needed(self, block: Extent) -> Extent:
        """The block with the voxels beyond its end that interpolation needs."""
        return tuple((low, min(high + self.halo, size)) for (low, high), size in zip(block, self.source, strict=True))

    def positions(self, block: Extent, output: Extent) -> list[npt.NDArray[np.float64] | slice]:
        """Where the output voxels lie in the needed block: a slice where they are voxels in a row, else coordinates."""
        if self.coordinates is None:
            return [slice(a - low, b - low) for (low, _), (a, b) in zip(block, output, strict=True)]
        found: list[npt.NDArray[np.float64] | slice] = []
        for axis, (low, _), (a, b) in zip(self.coordinates, block, output, strict=True):
            at = axis[a:b] - low
            first = int(at[0])
            in_a_row = np.array_equal(at, np.arange(first, first + len(at)))
            found.append(slice(first, first + len(at)) if in_a_row else at)
        return found


@torch.inference_mode()
def decide_block(
    logits: Tensor,
    block: Extent,
    *,
    grid: OutputGrid,
    out: ClassArray,
    outputs: Outputs,
    sink: Sink | None = None,
    evidence: Evidence | None = None,
) -> None:
    """Arg-max a block's logits (K, *needed) into `out`, slab by slab; hand probabilities to the sink and the evidence.

    Raises:
        SeptumError: logits that are NaN or infinite.
    """
    if grid.is_empty(block):
        return
    _refuse_not_finite(logits)
    whole = sink is None and evidence is None
    n_classes = len(logits) - outputs.n_maps
    limit = _SLAB_VOXELS if whole else max(1, _SLAB_FLOATS // len(logits))
    for slab in split_box(grid.output(block), min(limit, _SLAB_VOXELS)):
        positions = grid.positions(block, slab)
        place = tuple(slice(low, high) for low, high in slab)
        sampled = (_sample(one, positions) for one in logits)
        if whole:
            out[place] = _running_best(itertools.islice(sampled, n_classes)).cpu().numpy()
            continue
        stacked = torch.stack(list(sampled))
        winner = _running_best(iter(stacked[:n_classes]))
        out[place] = winner.cpu().numpy()
        classes = stacked[:n_classes]
        chances = classes.sigmoid() if outputs.activation == "sigmoid" else classes.softmax(0)
        if evidence is not None:
            evidence.decided(chances, winner)
        if sink is not None:
            sink(place, (torch.cat([chances, stacked[n_classes:]]) if outputs.n_maps else chances).cpu().numpy())


def _refuse_not_finite(logits: Tensor) -> None:
    """An arg-max of NaN is class 0 or whatever was there: it would look like a mask. One sum finds them all."""
    if not all(math.isfinite(float(one.sum())) for one in logits):
        wrong = int((~torch.isfinite(logits)).sum())
        if wrong:
            raise SeptumError(
                f"the network's output must be finite, got {wrong} NaN or infinite values; the model's weights or its "
                "normalisation are broken, or the precision is too low: try --precision 32-true, or train again"
            )


def _running_best(values: Iterator[Tensor]) -> Tensor:
    """Arg-max over an iterator of equal shapes; the first of equals wins (undefined where a value is not a number)."""
    best: Tensor | None = None
    for index, value in enumerate(values):
        if best is None:
            best, winner = value.clone(), torch.zeros(value.shape, dtype=torch.int16, device=value.device)
            continue
        winner.masked_fill_(value > best, index)
        torch.maximum(best, value, out=best)
    return winner


def _sample(values: Tensor, positions: Sequence[npt.NDArray[np.float64] | slice]) -> Tensor:
    """Linear interpolation of one class at the product of `positions`, axis by axis."""
    for axis, position in enumerate(positions):
        if isinstance(position, slice):
            values = values.narrow(axis, position.start, position.stop - position.start)
            continue
        low = np.minimum(np.floor(position).astype(np.int64), values.shape[axis] - 1)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        fraction = torch.from_numpy((position - low).astype(np.float32)).to(values.device)
        fraction = fraction.reshape([-1 if i == axis else 1 for i in range(values.ndim)])
        ends = [values.index_select(axis, torch.from_numpy(index).to(values.device)) for index in (low, high)]
        values = torch.lerp(ends[0], ends[1], fraction)
    return values
