"""Made-up movies of known lineage for `benchmarks.accuracy.tracking`, and detections of them with known faults.

The insight: what makes tracking hard is how far cells move against how far apart they are, so movies are described by
these two, in units of a cell. Cells wander with or without a direction that they keep, push each other apart, divide,
cross and leave; what a segmentation does wrong (misses, merges, splits) is done to the true labels at a known rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

DIAMETER = {2: 14.0, 3: 11.0}
SHAPE = {2: (224, 224), 3: (36, 96, 96)}
LEAST_PX = 10  # less of a cell than this within the frame is not drawn

Labels = list[NDArray[np.uint16]]


@dataclass(frozen=True)
class Kind:
    """A family of movies.

    Args:
        ndim: 2 or 3.
        apart: distance of neighbours at the beginning, in diameters.
        step: standard deviation of a movement, in distances of neighbours.
        keeps: correlation of a movement with the one before.
        flow: common movement of all cells, in distances of neighbours; with `streams` of every other cell backwards.
        streams: whether two streams run through each other.
        divides: share of the cells that divide in a frame.
        missed, merged, split: share of the detections with this fault.
    """

    ndim: int = 2
    apart: float = 2.0
    step: float = 0.1
    keeps: float = 0.0
    flow: float = 0.0
    streams: bool = False
    divides: float = 0.0
    missed: float = 0.0
    merged: float = 0.0
    split: float = 0.0
    frames: int = 20


KINDS = {
    "apart": Kind(apart=3.0),
    "dense": Kind(apart=1.3),
    "fast": Kind(step=0.3),
    "very fast": Kind(step=0.45),
    "keeping their way": Kind(step=0.35, keeps=0.95),
    "drifting, leaving, coming": Kind(flow=0.4),
    "crossing": Kind(flow=0.3, streams=True),
    "flowing far": Kind(flow=1.2),
    "crossing far": Kind(flow=0.8, streams=True),
    "dividing": Kind(divides=0.03),
    "dividing, dense, fast": Kind(apart=1.5, step=0.2, divides=0.03),
    "cells missed": Kind(missed=0.05, divides=0.01),
    "cells merged": Kind(apart=1.3, merged=0.05, divides=0.01),
    "cells split": Kind(split=0.05, divides=0.01),
    "all faults": Kind(apart=1.5, step=0.2, divides=0.02, missed=0.04, merged=0.04, split=0.04),
    "3-D": Kind(ndim=3, apart=1.5, step=0.2),
    "3-D, dividing": Kind(ndim=3, divides=0.03),
    "3-D, all faults": Kind(ndim=3, apart=1.5, step=0.2, divides=0.02, missed=0.04, merged=0.04, split=0.04),
}


@dataclass(frozen=True)
class Film:
    """The truth (labels are tracks, rows `L B E P`), and what a segmentation would hand on (ids mean nothing)."""

    truth: Labels
    rows: NDArray[np.int64]
    given: Labels


@dataclass
class _Cell:
    parent: int
    born: int
    at: NDArray[np.float64]
    going: NDArray[np.float64]
    radius: float
    way: float
    seen: list[int] = field(default_factory=list)  # frames
    places: dict[int, tuple[NDArray[np.float64], float]] = field(default_factory=dict)


def film(kind: Kind, *, seed: int) -> Film:
    """A movie of the kind."""
    rng = np.random.default_rng(seed)
    cells = _lives(kind, rng=rng)
    drawn = [_draw(cells, t, shape=SHAPE[kind.ndim]) for t in range(kind.frames)]
    truth, rows = _tracks(cells, drawn)
    given = [_spoilt(labels, kind, rng=rng) for labels in truth]
    return Film(truth, rows, given)


def _lives(kind: Kind, *, rng: np.random.Generator) -> list[_Cell]:
    """Cells and where they are in each frame, in a world that is larger than the frame."""
    shape, full = np.array(SHAPE[kind.ndim]), DIAMETER[kind.ndim] / 2
    far = 2 * full * kind.apart
    margin = np.full(kind.ndim, far)
    margin[-1] += abs(kind.flow) * far * kind.frames
    sides = [np.arange(-m, n + m, far) for m, n in zip(margin, shape, strict=True)]
    starts = np.stack(np.meshgrid(*sides, indexing="ij"), -1).reshape(-1, kind.ndim)
    sigma = kind.step * far / np.sqrt(kind.ndim)
    cells = [
        _Cell(-1, 0, at + rng.normal(0, 0.15 * far, kind.ndim), rng.normal(0, sigma, kind.ndim), full,
              -1.0 if kind.streams and n % 2 else 1.0)
        for n, at in enumerate(starts)
    ]  # fmt: skip
    alive = list(range(len(cells)))
    for t in range(kind.frames):
        if t:
            alive = _next_frame(cells, alive, kind=kind, frame=t, rng=rng)
        _push_apart([cells[i] for i in alive])
        for i in alive:
            cells[i].places[t] = (cells[i].at.copy(), cells[i].radius)
    return cells


def _next_frame(cells: list[_Cell], alive: list[int], *, kind: Kind, frame: int, rng: np.random.Generator) -> list[int]:
    """Everyone moves and grows, some divide; who is alive then."""
    full = DIAMETER[kind.ndim] / 2
    far = 2 * full * kind.apart
    sigma = kind.step * far / np.sqrt(kind.ndim)
    following = []
    for i in alive:
        cell = cells[i]
        cell.going = kind.keeps * cell.going + np.sqrt(1 - kind.keeps**2) * rng.normal(0, sigma, kind.ndim)
        cell.at = cell.at + cell.going
        cell.at[-1] += cell.way * kind.flow * far
        cell.radius = min(full, cell.radius * 1.05)
        if frame - cell.born < 4 or rng.random() >= kind.divides:
            following.append(i)
            continue
        way = rng.standard_normal(kind.ndim)
        way *= 0.7 * full / np.linalg.norm(way)
        for sign in (-1, 1):
            following.append(len(cells))
            cells.append(_Cell(i, frame, cell.at + sign * way, cell.going.copy(), 0.78 * full, cell.way))
    return following


def _push_apart(cells: list[_Cell]) -> None:
    """Cells that overlap move away from each other, half the way each."""
    for _ in range(4):
        places = np.array([cell.at for cell in cells])
        for i, j in cKDTree(places).query_pairs(2.1 * max(cell.radius for cell in cells)):
            between = cells[j].at - cells[i].at
            distance = max(float(np.linalg.norm(between)), 1e-6)
            lacking = 1.02 * (cells[i].radius + cells[j].radius) - distance
            if lacking > 0:
                cells[i].at = cells[i].at - between / distance * lacking / 2
                cells[j].at = cells[j].at + between / distance * lacking / 2


def _draw(cells: list[_Cell], frame: int, *, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The cells of a frame under their numbers from 1; a voxel belongs to the nearest."""
    labels, nearest = np.zeros(shape, np.int64), np.ones(shape)
    for number, cell in enumerate(cells, 1):
        if frame not in cell.places:
            continue
        centre, radius = cell.places[frame]
        low = np.maximum(np.floor(centre - radius).astype(int), 0)
        high = np.minimum(np.ceil(centre + radius).astype(int) + 1, shape)
        if (low >= high).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        mesh = np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij")
        distance = np.linalg.norm(np.stack(mesh, -1) - centre, axis=-1) / radius
        closer = distance < nearest[box]
        if closer.sum() >= LEAST_PX:
            labels[box][closer] = number
            nearest[box][closer] = distance[closer]
    return labels


def _tracks(cells: list[_Cell], drawn: list[NDArray[np.int64]]) -> tuple[Labels, NDArray[np.int64]]:
    """A track for each time that a cell is within the frame; what comes back is a new one, as in the challenge."""
    for frame, labels in enumerate(drawn):
        for number in np.unique(labels[labels > 0]).tolist():
            cells[number - 1].seen.append(frame)
    tables = np.zeros((len(drawn), len(cells) + 1), np.uint16)
    rows: list[list[int]] = []
    ends: dict[tuple[int, int], int] = {}  # cell and last frame of a track
    for number, cell in enumerate(cells):
        for run in np.split(np.array(cell.seen, int), np.flatnonzero(np.diff(cell.seen) > 1) + 1):
            if not len(run):
                continue
            first, last = int(run[0]), int(run[-1])
            parent = ends.get((cell.parent, first - 1), 0) if first == cell.born else 0
            rows.append([len(rows) + 1, first, last, parent])
            ends[number, last] = len(rows)
            tables[first : last + 1, number + 1] = len(rows)
    return [table[labels] for table, labels in zip(tables, drawn, strict=True)], np.array(rows, np.int64)


def _spoilt(truth: NDArray[np.uint16], kind: Kind, *, rng: np.random.Generator) -> NDArray[np.uint16]:
    """The labels of a frame with the kind's faults, under ids that mean nothing."""
    labels = truth.astype(np.int64)
    ids = np.unique(labels[labels > 0])
    places = {int(i): np.argwhere(labels == i) for i in ids} if kind.merged or kind.split else {}
    if kind.merged and len(ids) > 1:
        centres = np.array([places[int(i)].mean(axis=0) for i in ids])
        far, near = cKDTree(centres).query(centres, k=2)
        for i in np.flatnonzero((rng.random(len(ids)) < kind.merged) & (far[:, 1] < 1.5 * DIAMETER[kind.ndim])):
            labels[truth == ids[i]] = ids[near[i, 1]]
    for i in ids:
        if kind.split and rng.random() < kind.split:
            voxels = places[int(i)]
            side = (voxels - voxels.mean(axis=0)) @ rng.standard_normal(kind.ndim) > 0
            labels[tuple(voxels[side].T)] = labels.max() + 1
        elif kind.missed and rng.random() < kind.missed:
            labels[truth == i] = 0
    table: NDArray[Any] = np.concatenate([[0], rng.permutation(int(labels.max())) + 1])
    return table[labels].astype(np.uint16)
