"""Points, strokes, boxes and seeds of a script step as voxels of the image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError, GeometryError
from septum.geometry import Grid, Image
from septum.interactive.edits.paint import Brush, brush_mask
from septum.interactive.session.session import Session
from septum.interactive.tool import UNMARKED, Box, Stroke, seeds_of
from septum.workflows.editing.script import EditStep


def _seeds(session: Session, step: EditStep, *, strokes: Sequence[Stroke]) -> NDArray[np.int32]:
    """The marks of a layer, and strokes on top of them."""
    seeds = seeds_of(strokes, session.shape)
    if "seeds_layer" in step.shown:
        marks = _marks_of_layer(session, step)
        drawn = (marks != UNMARKED) & (seeds == UNMARKED)
        seeds[drawn] = marks[drawn]
    return seeds


def _layer_strokes(session: Session, step: EditStep) -> list[Stroke]:
    """The marks of a layer as strokes, one per label; none where the step names no layer."""
    if "seeds_layer" not in step.shown:
        return []
    marks = _marks_of_layer(session, step)
    return [Stroke(np.argwhere(marks == value), int(value)) for value in np.unique(marks) if value != UNMARKED]


def _marks_of_layer(session: Session, step: EditStep) -> NDArray[Any]:
    """The labels of a layer as marks: `UNMARKED` where there is none, 0 for the background's label."""
    labels = session.labels(step.shown["seeds_layer"])
    marks = np.where(labels == 0, UNMARKED, labels.astype(np.int64))
    marks[labels == (step.shown.get("seeds_background") or UNMARKED)] = 0
    return marks


def _positions(plain: Mapping[str, Any], grid: Grid) -> NDArray[Any]:
    given = np.asarray(plain["points"] if "points" in plain else plain["points_mm"])
    if given.shape[1] != grid.ndim:
        raise GeometryError(
            f"points must have {grid.ndim} numbers each, got {given.shape[1]}; the image is {grid.ndim}-D"
        )
    return given if "points" in plain else grid.world_to_index(given)


def _extent(grid: Grid) -> str:
    """Where the image lies in the world, for people whose positions do not."""
    low, high = (ends.round(1).tolist() for ends in (grid.corners().min(axis=0), grid.corners().max(axis=0)))
    return f"from {low} to {high} mm"


def _stroke(plain: Mapping[str, Any], grid: Grid) -> Stroke:
    """A line of corners as the voxels that it runs through, or that its brush covers."""
    box, mask = brush_mask(
        grid.shape, _positions(plain, grid), brush=Brush(plain.get("radius_mm", 0.0)), spacing=grid.spacing
    )
    return Stroke(np.argwhere(mask) + np.asarray(box.start), plain["label"])


def _region(plain: Mapping[str, Any], grid: Grid, *, inside: bool = False) -> Box:
    """The voxels between two corners; what reaches out of the image is cut off, or with `inside` refused."""
    corners = np.asarray(plain["region"] if "region" in plain else plain["region_mm"], dtype=np.float64)
    if corners.shape[1] != grid.ndim:
        raise GeometryError(f"region must have {grid.ndim} numbers each, got {corners.shape[1]}")
    if "region_mm" in plain:
        ends = np.floor(grid.world_to_index(corners) + 0.5)
        corners = np.stack([ends.min(axis=0), ends.max(axis=0) + 1])
    start, stop = (np.clip(c, 0, grid.shape).astype(int) for c in corners)
    cut = inside and not np.array_equal(np.stack([start, stop]), corners)
    if cut or (stop <= start).any():
        raise GeometryError(f"region must hold voxels of the image of shape {grid.shape}, got {corners.tolist()}")
    return Box(tuple(start.tolist()), tuple(stop.tolist()))


def _channel(channel: str | int | None, image: Image) -> int | None:
    if channel is None or isinstance(channel, int):
        return channel
    if channel in image.channels:
        return image.channels.index(channel)
    raise ConfigError(f"channel must be one of {', '.join(image.channels)}, got {channel!r}")
