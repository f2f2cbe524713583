"""Fronts of several labels on a grid, kept so that they can go on: the engine of grow from seeds and of geodesics.

The insight: the padded arrays and the ring of buckets are the whole state of a shortest-path search; who keeps them can
add a seed, take one away, pause, and still end where a search from the start would have ended.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.interactive.tool import Box, IsCancelled, stop_if

_SLICE = 1 << 20  # voxels settled between two questions whether to stop


class Fronts:
    """Fronts on the levels `grey`; a step costs its length, the change of level and what `table` says.

    Args:
        grey: 0 to 255, 2-D or 3-D.
        spacing: mm per axis.
        smoothness: cost of a step of one finest spacing, at least 1 after rounding.
        slope: weight of the difference of levels.
        table: cost of entering a level for each label index, `(256, 256)`; without it nothing.
        full: steps through edges and corners too.
    """

    def __init__(
        self,
        grey: NDArray[np.uint8],
        *,
        spacing: Sequence[float],
        smoothness: float,
        slope: int,
        table: NDArray[np.int64] | None = None,
        full: bool = False,
    ) -> None:
        self._shape = grey.shape
        volume = grey if grey.ndim == 3 else grey[np.newaxis]
        step = spacing if grey.ndim == 3 else (1.0, *spacing)
        self._grey = np.pad(volume, 1).ravel()
        self._padded = tuple(n + 2 for n in volume.shape)
        self._table = np.zeros((256, 256), np.int64) if table is None else table
        self._slope = slope
        self._offsets, self._steps = _neighbours(
            self._padded, step, finest=min(spacing), smoothness=smoothness, full=full
        )
        self._largest = int(self._steps.max() + 255 * slope + self._table.max())
        longest = self._largest * sum(grey.shape)
        if longest >= 1 << 24:
            raise ConfigError(
                f"a region of {' x '.join(map(str, grey.shape))} voxels must not need paths that cost 2^24, "
                f"got {longest}; lower smoothness, or work in a smaller region"
            )
        self._key = np.zeros(0, np.uint32)
        self.reset()

    def reset(self) -> None:
        """Forget every seed."""
        from septum.interactive import compiled

        key = np.zeros(self._padded, np.uint32)
        key[1:-1, 1:-1, 1:-1] = compiled.FREE
        self._key = key.ravel()

    def run(
        self,
        places: NDArray[np.int64],
        indices: NDArray[np.int64],
        *,
        gone: NDArray[np.int64] | None = None,
        cancelled: IsCancelled | None = None,
    ) -> Box:
        """Let the seeds `places` `(n, ndim)` of label indices 1 to 255 grow, those in `gone` being none any more.

        Returns a box that holds every voxel whose label changed, whole along all axes but the first of a volume.
        """
        from septum.interactive import compiled

        state = np.array([0, 0, 0, len(self._key), -1, 0], np.int64)
        around = np.zeros(0, np.int64)
        if gone is not None and len(gone):
            around = compiled.forget(
                self._flat(gone),
                self._key,
                self._grey,
                self._offsets,
                self._steps,
                self._slope,
                self._table,
                state,
            )
        seeds = self._flat(places)
        self._key[seeds] = indices.astype(np.uint32)
        if len(seeds):
            state[3], state[4] = min(state[3], seeds.min()), max(state[4], seeds.max())
        self._spread(np.concatenate([seeds, around]), state, cancelled=cancelled)
        return self._touched(int(state[3]), int(state[4]))

    def labels(self, box: Box) -> NDArray[np.uint8]:
        """Indices of the labels in a box, 0 where no front came."""
        from septum.interactive import compiled

        whole = self._key.reshape(self._padded)[1:-1, 1:-1, 1:-1]
        keys = (whole[0] if len(self._shape) == 2 else whole)[box.slices]
        found: NDArray[np.uint8] = keys.astype(np.uint8)
        found[keys == compiled.FREE] = 0
        return found

    def distances(self) -> NDArray[np.uint32]:
        """What the cheapest path to each voxel costs; 2^24 - 1 where no front came."""
        whole = self._key.reshape(self._padded)[1:-1, 1:-1, 1:-1] >> np.uint32(8)
        return whole[0] if len(self._shape) == 2 else whole

    def _spread(self, begin: NDArray[np.int64], state: NDArray[np.int64], *, cancelled: IsCancelled | None) -> None:
        """Fronts from voxels whose keys are set, each as its distance comes up."""
        from septum.interactive import compiled

        at = (self._key[begin] >> np.uint32(8)).astype(np.int64)
        order = np.argsort(at, kind="stable")
        begin, at = begin[order], at[order]
        heads = np.full(compiled.ring_size(self._largest), -1, np.int32)
        pool = compiled.pool_of(1 << 16)
        answer = compiled.PAUSED
        while answer != compiled.DONE:
            stop_if(cancelled)
            answer = compiled.spread(
                self._key,
                self._grey,
                self._offsets,
                self._steps,
                self._slope,
                self._table,
                begin,
                at,
                heads,
                pool,
                state,
                _SLICE,
            )
            if answer == compiled.FULL:
                pool = compiled.enlarged(pool, state)

    def _flat(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        volume = places if len(self._shape) == 3 else np.insert(places, 0, 0, axis=1)
        flat: NDArray[np.int64] = np.ravel_multi_index(tuple((volume + 1).T), self._padded).astype(np.int64)
        return flat

    def _touched(self, low: int, high: int) -> Box:
        whole = Box.whole(self._shape)
        if high < low:
            return Box(whole.start, whole.start)
        if len(self._shape) == 2:
            rows = low % (self._padded[1] * self._padded[2]), high % (self._padded[1] * self._padded[2])
            first, last = rows[0] // self._padded[2] - 1, rows[1] // self._padded[2] - 1
        else:
            plane = self._padded[1] * self._padded[2]
            first, last = low // plane - 1, high // plane - 1
        return Box((first, *whole.start[1:]), (last + 1, *whole.stop[1:]))


def _neighbours(
    padded: Sequence[int], step: Sequence[float], *, finest: float, smoothness: float, full: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Offsets in the flat padded array, and what a step along each costs by its length."""
    strides = np.array([padded[1] * padded[2], padded[2], 1])
    moves = [
        move
        for move in itertools.product((-1, 0, 1), repeat=3)
        if any(move) and (full or sum(map(abs, move)) == 1) and all(padded[a] > 3 or not m for a, m in enumerate(move))
    ]
    lengths = [math.sqrt(sum((m * s) ** 2 for m, s in zip(move, step, strict=True))) / finest for move in moves]
    costs = [max(1, round(smoothness * length)) for length in lengths]
    return np.array([int(strides @ np.array(move)) for move in moves] or [1], np.int64), np.array(
        costs or [1], np.int64
    )
