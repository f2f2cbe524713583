"""Grow from seeds: every label's front runs at once, and the one that arrives first keeps the voxel.

The insight: GrowCut's cellular automaton converges to a shortest-path tree (Zhu et al. 2014), so one search gives the
end state, and a new stroke needs a search only where it wins ground. An erased stroke frees the voxels whose path came
from it, and the fronts around them run again; the answer is the one of a full run, voxel by voxel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.adjacency import CONNECTIVITY
from septum.classical.landscape import smoothed
from septum.errors import Cancelled, ConfigError
from septum.geometry.arrays import Spacing
from septum.interactive.marks.fronts import Fronts
from septum.interactive.scene import grey_levels, label_type, marks_of, scene, shifted
from septum.interactive.tool import UNMARKED, Box, Change, IsCancelled
from septum.options import at_least, one_of


def grow_cut(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    seeds: ArrayLike,
    smoothness: float = 1.0,
    sigma_mm: float = 0.0,
    connectivity: str = "faces",
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Each voxel gets the label of the seed that is nearest along a path without edges.

    A step costs the difference of the two intensities (in 1/255 of the image's range) and `smoothness` for its length.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite.
        labels: label map of the image's shape; only its type matters.
        seeds: integer array of the image's shape, -1 without a mark, 0 for the background (`seeds_of`).
        smoothness: cost of one step along the finest spacing, in 1/255 of the range of intensities; 0 or more (a step
            costs at least 1).
        sigma_mm: Gaussian smoothing before, 0 for none.
        connectivity: steps through "faces", or "full": through edges and corners too.
        spacing: mm per axis.
        region: box of interest; only its voxels are seen and changed.
        cancelled: asked every quarter of a second or so.

    Returns:
        The region with its new labels. Seeds keep theirs; where two labels arrive at once the lower one wins.

    Raises:
        GeometryError: shapes that differ, an empty region.
        ConfigError: no seeds, seeds of one label only, more than 255 labels, options out of range.
        Cancelled: `cancelled` said so.

    Source: Vezhnevets and Konouchine 2005, GraphiCon (GrowCut); Zhu et al. 2014, MICCAI IMIC (shortest-path form).

    >>> grow_cut([[1, 1, 9, 9]], [[0, 0, 0, 0]], seeds=[[2, -1, -1, 0]]).labels.tolist()
    [[2, 2, 0, 0]]
    """
    tool = GrowCut(
        image,
        labels,
        smoothness=smoothness,
        sigma_mm=sigma_mm,
        connectivity=connectivity,
        spacing=spacing,
        region=region,
    )
    tool.update(seeds, cancelled=cancelled)
    return tool.whole()


class GrowCut:
    """Grow from seeds, kept ready: `update` after each stroke costs what the stroke changes.

    Arguments and errors as `grow_cut`. The image must not be modified while this lives.
    """

    def __init__(
        self,
        image: ArrayLike,
        labels: ArrayLike,
        *,
        smoothness: float = 1.0,
        sigma_mm: float = 0.0,
        connectivity: str = "faces",
        spacing: Spacing = None,
        region: Box | None = None,
    ) -> None:
        self._scene = scene(image, labels, spacing=spacing, region=region)
        at_least(smoothness, 0, name="smoothness")
        at_least(sigma_mm, 0, name="sigma_mm")
        one_of(connectivity, CONNECTIVITY, name="connectivity")
        grey = grey_levels(smoothed(self._scene.image, spacing=self._scene.spacing, sigma_mm=sigma_mm))
        self._fronts = Fronts(
            grey, spacing=self._scene.spacing, smoothness=smoothness, slope=1, full=connectivity == "full"
        )
        self._marks = np.zeros(0, np.int32)
        self._ready = False
        self._values = np.zeros(0, np.int64)

    def update(self, seeds: ArrayLike, *, cancelled: IsCancelled | None = None) -> Change:
        """The box in which labels changed since the last update (all of the region the first time).

        Args:
            seeds: all seeds, old and new; what is missing now was erased.

        Raises:
            GeometryError, ConfigError, Cancelled: as `grow_cut`; after `Cancelled` the next update starts anew.
        """
        marks = marks_of(seeds, self._scene)
        places = np.argwhere(marks != self._marks) if self._ready else np.argwhere(marks != UNMARKED)
        now = marks[tuple(places.T)]
        fresh = self._ready and np.isin(now[now != UNMARKED], self._values).all()
        if self._ready and not fresh:
            places = np.argwhere(marks != UNMARKED)
            now = marks[tuple(places.T)]
        try:
            # a run that is stopped leaves nothing to go on from
            self._ready, going_on = False, bool(fresh)
            changed = (
                self._go_on(places, now, cancelled=cancelled)
                if going_on
                else self._anew(places, now, cancelled=cancelled)
            )
        except Cancelled:
            self._fronts.reset()
            raise
        if going_on:
            self._marks[tuple(places.T)] = now
        else:
            self._marks = marks.copy()
        self._ready = True
        return self._change(changed)

    def whole(self) -> Change:
        """All labels of the region, after an update."""
        return self._change(Box.whole(self._scene.box.shape))

    def _anew(self, places: NDArray[np.int64], now: NDArray[np.int32], *, cancelled: IsCancelled | None) -> Box:
        self._values = np.unique(now).astype(np.int64)
        if len(self._values) > 255:
            raise ConfigError(f"seeds must hold at most 255 labels, got {len(self._values)}; work in a smaller region")
        self._fronts.reset()
        self._fronts.run(places, self._indices(now), cancelled=cancelled)
        return Box.whole(self._scene.box.shape)

    def _go_on(self, places: NDArray[np.int64], now: NDArray[np.int32], *, cancelled: IsCancelled | None) -> Box:
        gone = places[self._marks[tuple(places.T)] != UNMARKED]
        kept = now != UNMARKED
        return self._fronts.run(places[kept], self._indices(now[kept]), gone=gone, cancelled=cancelled)

    def _indices(self, marks: NDArray[np.int32]) -> NDArray[np.int64]:
        return np.searchsorted(self._values, marks) + 1

    def _change(self, inner: Box) -> Change:
        if not len(self._values):
            raise ConfigError("seeds must be given first, got none; call update")
        kind = label_type(self._scene.labels.dtype, int(self._values[-1]))
        names: NDArray[Any] = np.concatenate([[0], self._values]).astype(kind)
        return Change(shifted(inner, self._scene.box), names[self._fronts.labels(inner)])
