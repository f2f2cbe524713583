"""Slices and tiles of images and labels, as raw values."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath

from septum.geometry.surfaces import label_meshes
from septum.server import pictures
from septum.server.layers import difference
from septum.server.meshes import encoded_meshes
from septum.server.routes.common import DeskHere, raw
from septum.workflows.projects.store import MissingError

router = APIRouter(prefix="/api/cases/{case_id}", tags=["looking"])
CACHED = "private, max-age=3600"
Axis = Annotated[int, InPath(ge=0, le=2)]
Place = Annotated[int, InPath(ge=0, le=2**31)]
Text = Annotated[str, Query(max_length=120)]
Level = Annotated[int, InPath(ge=0, le=16)]
VersionNumber = Annotated[int | None, Query(ge=0, le=2**53)]


@router.get("/slices/{axis}/{index}", response_class=Response)
def image_slice(
    case_id: str, axis: Axis, *, index: Place, request: Request, desk: DeskHere, channel: Text = "0"
) -> Response:
    """A slice of the image, little-endian, C order; `X-Septum-Shape` and `X-Septum-Dtype` say how."""
    found = desk.case(case_id)
    tag = f'"{found.source_digest}/{axis}/{index}/{channel}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag, "Cache-Control": CACHED})
    response = raw(pictures.image_slice(found, axis, index=index, channel=channel), found, cache=CACHED)
    response.headers["ETag"] = tag
    return response


@router.get("/labels/{axis}/{index}", response_class=Response)
def label_slice(case_id: str, axis: Axis, *, index: Place, desk: DeskHere, layer: Text = "current") -> Response:
    """A slice of a layer of labels."""
    found = desk.case(case_id)
    with found.lock:
        return raw(pictures.plane(pictures.layer(found, layer), axis, index=index), found, labels=True)


@router.get("/layers/compare")
def compare_layers(case_id: str, desk: DeskHere, *, base: Text, other: Text) -> dict[str, Any]:
    """How a layer differs from another: voxels missed, extra, of another label; mean Dice; the worst slices."""
    found = desk.case(case_id)
    with found.lock:
        first, second = (pictures.layer(found, name) for name in (base, other))
        first = first.copy() if base == "current" else first
        second = second.copy() if other == "current" else second
    return difference(first, second)


@router.get("/surfaces", response_class=Response)
def surfaces(case_id: str, desk: DeskHere, *, layer: Text = "current") -> Response:
    """The surfaces of the labels of a volume in mm, packed as `septum.server.meshes` says."""
    found = desk.case(case_id)
    with found.lock:
        labels = pictures.layer(found, layer)
        labels = labels.copy() if layer == "current" else labels
    body = encoded_meshes(label_meshes(labels, affine=found.image.grid.affine))
    return Response(body, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})


@router.get("/maps/{axis}/{index}", response_class=Response)
def map_slice(
    case_id: str, axis: Axis, *, index: Place, desk: DeskHere, name: Text, version: VersionNumber = None
) -> Response:
    """A slice of a heat map as bytes, 255 for 1: a probability, or how unsure a model is."""
    found = desk.case(case_id)
    pictures.check_plane(found.shape, axis, index=index)
    across = axis if len(found.shape) == 3 else -1
    place = tuple(index if a == across else slice(None) for a in range(len(found.shape)))
    part = found.heat.part(desk.project, case_id, name=name, grid=found.image.grid, place=place, version=version)
    return raw(part, found)


@router.get("/maptiles/{level}/{row}/{column}", response_class=Response)
def map_tile(
    case_id: str, level: Level, *, row: Place, column: Place, desk: DeskHere, name: Text, version: VersionNumber = None
) -> Response:
    """A tile of a heat map of a plane, every 2^level-th pixel."""
    found = desk.case(case_id)
    step, grid = 2**level, found.image.grid
    if grid.ndim != 2:
        raise MissingError("tiles must be those of a plane, got a volume; ask for its slices")
    size = [-(-n // step) for n in grid.shape]
    top, left = row * pictures.TILE, column * pictures.TILE
    if top >= size[0] or left >= size[1]:
        raise MissingError(f"tile must be one of the image, got row {row} and column {column}")
    place = tuple(slice(first * step, (first + pictures.TILE) * step, step) for first in (top, left))
    return raw(found.heat.part(desk.project, case_id, name=name, grid=grid, place=place, version=version), found)


@router.get("/tiles/{level}/{row}/{column}", response_class=Response)
def tile(
    case_id: str, level: Place, *, row: Place, column: Place, desk: DeskHere, channel: Text = "0",
    format: Text = "raw",
) -> Response:  # fmt: skip
    """A tile of 512 × 512 pixels of a plane at 1/2^level of its size."""
    found = desk.case(case_id)
    whole = pictures.pyramid_level(found, level)
    if pictures.is_rgb(found.image):
        part = np.moveaxis(pictures.tile(whole, row, column=column), 0, -1)
        if format != "raw":
            headers = {"Cache-Control": CACHED}
            return Response(pictures.encoded(part, format), media_type=f"image/{format}", headers=headers)
        return raw(part, found, cache=CACHED)
    number = int(channel) if channel.isascii() and channel.isdigit() and len(channel) < 6 else len(whole)
    if number >= len(whole):
        raise MissingError(f"channel must be from 0 to {len(whole) - 1}, got {channel[:20]!r}")
    return raw(pictures.tile(whole[number], row, column=column), found, cache=CACHED)


@router.get("/labeltiles/{level}/{row}/{column}", response_class=Response)
def label_tile(
    case_id: str, level: Level, *, row: Place, column: Place, desk: DeskHere,
    layer: Text = "current",
) -> Response:  # fmt: skip
    """A tile of labels, every 2^level-th pixel."""
    found = desk.case(case_id)
    with found.lock:
        labels = pictures.layer(found, layer)
        step = 2**level
        if labels.ndim != 2:
            raise MissingError("tiles must be those of a plane, got a volume; ask for its slices")
        return raw(pictures.tile(labels[::step, ::step], row, column=column), found, labels=True)
