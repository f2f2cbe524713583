"""Grow from seeds: every label's front runs at once, and the one that arrives first keeps the voxel.

The insight: GrowCut's cellular automaton converges to a shortest-path tree (Zhu et al. 2014), so one search gives the
end state, and a new stroke needs a search only where it wins ground. An erased stroke frees the voxels whose path came
from it, and the fronts around them run again; the answer is the one of a full run, voxel by voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.classical.inputs import at_least, one_of
from septum.classical.landscape import smoothed
from septum.errors import ConfigError
from septum.interactive.fronts import Fronts
from septum.interactive.scene import label_type, levels, marks_of, scene, shifted
from septum.interactive.tool import UNMARKED, Box, Cancelled, Change, IsCancelled

CONNECTIVITY = ("faces", "full")


def grow_cut(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    seeds: ArrayLike,
    smoothness: float = 1.0,
    sigma_mm: float = 0.0,
    connectivity: str = "faces",
    spacing: Sequence[float] | None = None,
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
        spacing: Sequence[float] | None = None,
        region: Box | None = None,
    ) -> None:
        self._scene = scene(image, labels, spacing=spacing, region=region)
        at_least(smoothness, 0, "smoothness")
        at_least(sigma_mm, 0, "sigma_mm")
        one_of(connectivity, CONNECTIVITY, "connectivity")
        grey = levels(smoothed(self._scene.image, spacing=self._scene.spacing, sigma_mm=sigma_mm))
        self._fronts = Fronts(
            grey, spacing=self._scene.spacing, smoothness=smoothness, slope=1, full=connectivity == "full"
        )
        self._marks: NDArray[np.int32] | None = None
        self._values = np.zeros(0, np.int64)

    def update(self, seeds: ArrayLike, *, cancelled: IsCancelled | None = None) -> Change:
        """The box in which labels changed since the last update (all of the region the first time).

        Args:
            seeds: all seeds, old and new; what is missing now was erased.

        Raises:
            as `grow_cut`; after `Cancelled` the next update starts anew.
        """
        marks = marks_of(seeds, self._scene)
        old = self._marks
        values = self._values if old is None else _known(self._values, marks[marks != old])
        if old is None or values is None:
            values, old = np.unique(marks[marks != UNMARKED]).astype(np.int64), None
        if len(values) > 255:
            raise ConfigError(f"seeds must hold at most 255 labels, got {len(values)}; work in a smaller region")
        self._values = values
        self._marks = None  # a run that is stopped leaves nothing to go on from
        try:
            changed = self._run(marks, old, cancelled)
        except Cancelled:
            self._fronts.reset()
            raise
        self._marks = marks.copy()
        return self._change(changed)

    def whole(self) -> Change:
        """All labels of the region, after an update."""
        return self._change(Box.whole(self._scene.box.shape))

    def _run(self, marks: NDArray[np.int32], old: NDArray[np.int32] | None, cancelled: IsCancelled | None) -> Box:
        if old is None:
            self._fronts.reset()
            places = np.argwhere(marks != UNMARKED)
            self._fronts.run(places, self._indices(marks, places), cancelled=cancelled)
            return Box.whole(marks.shape)
        places = np.argwhere(marks != old)
        if not len(places):
            return Box((0,) * marks.ndim, (0,) * marks.ndim)
        kept = marks[tuple(places.T)] != UNMARKED
        gone = places[old[tuple(places.T)] != UNMARKED]
        fresh = places[kept]
        return self._fronts.run(fresh, self._indices(marks, fresh), gone=gone, cancelled=cancelled)

    def _indices(self, marks: NDArray[np.int32], places: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(self._values, marks[tuple(places.T)]) + 1

    def _change(self, inner: Box) -> Change:
        if not len(self._values):
            raise ConfigError("seeds must be given first, got none; call update")
        kind = label_type(self._scene.labels.dtype, int(self._values[-1]))
        names: NDArray[Any] = np.concatenate([[0], self._values]).astype(kind)
        return Change(shifted(inner, self._scene.box), names[self._fronts.labels(inner)])


def _known(values: NDArray[np.int64], changed: NDArray[np.int32]) -> NDArray[np.int64] | None:
    """The known labels when the changed marks hold no other."""
    return values if np.isin(changed[changed != UNMARKED], values).all() else None
