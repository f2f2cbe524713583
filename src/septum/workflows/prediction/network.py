"""What a network makes of a prepared image: a 2-D network goes through the slices of a volume, others see it whole.

The insight: training asks it on the network's own grid, prediction at the voxels of the image and a live tool in a
region; only the places at which the output is wanted differ, so there is one loop over slices for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.net.engines.evidence import Evidence
from septum.net.engines.protocol import Engine
from septum.net.inference.decide import Sink
from septum.net.inference.predict import MEMORY_MB, Listener, TileSettings, predict_classes
from septum.net.inference.tiles import ChannelArray
from septum.workflows.model.plan import Plan, prediction_tile
from septum.workflows.prediction.prompts import plane_of

Coordinates = Sequence[NDArray[np.float64]]


def predict_prepared(
    engine: Engine,
    array: ChannelArray,
    *,
    plan: Plan,
    coordinates: Coordinates | None = None,
    overlap: float | None = None,
    memory_mb: int | None = None,
    **told: Any,
) -> NDArray[Any]:
    """The class of each voxel of an image that lies on the network's grid.

    Args:
        engine: runs the network.
        array: `(C, *spatial)` as `with_prompts` gives it.
        plan: of the network.
        coordinates: fractional indices along each axis at which the output is wanted; None: every voxel. A 2-D network
            takes the nearest slices of a volume.
        overlap, memory_mb: of the tiles; None as the plan has it, and `MEMORY_MB`.
        told: `listener`, `probabilities` and `evidence` of `predict_classes`.

    Raises:
        Cancelled: `should_stop` said so.
    """
    tiles = TileSettings(
        patch=prediction_tile(plan),
        overlap=plan.overlap if overlap is None else overlap,
        memory_mb=memory_mb or MEMORY_MB,
    )
    if plan.slices and array.ndim == 4:
        return _through_slices(engine, array, tiles=tiles, coordinates=coordinates, **told)
    places = None if coordinates is None else tuple(coordinates)
    return predict_classes(engine, array, settings=tiles, coordinates=places, **told)


def _through_slices(
    engine: Engine,
    array: ChannelArray,
    *,
    tiles: TileSettings,
    coordinates: Coordinates | None,
    listener: Listener | None = None,
    probabilities: Sink | None = None,
    evidence: Evidence | None = None,
) -> NDArray[Any]:
    """A 2-D network on the slices of a volume `(C, Z, Y, X)`, one after the other."""
    listener = listener or Listener()
    depth = range(array.shape[1]) if coordinates is None else np.rint(coordinates[0]).astype(int).tolist()
    within = None if coordinates is None else tuple(coordinates[1:])
    planes: list[NDArray[Any]] = []
    for number, index in enumerate(depth):
        planes.append(
            predict_classes(
                engine,
                plane_of(array, index),
                settings=tiles,
                coordinates=within,
                listener=replace(listener, on_progress=_quiet),
                probabilities=_at_slice(probabilities, number),
                evidence=evidence,
            )
        )
        listener.on_progress((number + 1) / len(depth))
    return np.stack(planes)


def _quiet(fraction: float) -> None:
    """The progress within one slice is nobody's business."""


def _at_slice(sink: Sink | None, number: int) -> Sink | None:
    """The sink of a volume as that of its slice `number`."""
    if sink is None:
        return None

    def inner(place: tuple[slice, ...], block: NDArray[np.float32]) -> None:
        sink((slice(number, number + 1), *place), block[:, None])

    return inner
