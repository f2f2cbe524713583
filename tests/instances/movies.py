"""Synthetic movies of discs or balls with known lineage: they wander, drift, divide, cross, leave and come."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from septum.instances.detections import Detections


@dataclass
class Cell:
    """A track: label, parent, first frame, and its centre and radius in each of its frames."""

    label: int
    parent: int
    first: int
    places: list[tuple[np.ndarray, float]] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.first + len(self.places) - 1


def wandering(seed, *, shape=(160, 200), frames=12, cells=14, step=2.0, drift=(0.0, 0.0), divisions=4):
    """Cells that wander apart from each other; some divide, and what leaves the frame ends."""
    rng = np.random.default_rng(seed)
    ndim, radius = len(shape), 7.0
    lattice = np.stack(np.meshgrid(*[np.arange(14, n - 14, 34) for n in shape], indexing="ij"), -1).reshape(-1, ndim)
    starts = rng.permutation(lattice)[:cells].astype(float)
    done, label = [], 0
    alive = []
    for start in starts:
        label += 1
        alive.append(Cell(label, 0, 0, [(start, radius)]))
    dividing = {
        int(c): int(f)
        for c, f in zip(rng.permutation(cells)[:divisions] + 1, rng.integers(3, frames - 3, divisions), strict=True)
    }
    for frame in range(1, frames):
        following = []
        for cell in alive:
            centre, size = cell.places[-1]
            moved = centre + rng.normal(0, step, ndim) + np.resize(drift, ndim)
            if dividing.get(cell.label) == frame:
                done.append(cell)
                way = rng.standard_normal(ndim)
                way *= 7.5 / np.linalg.norm(way)
                for sign in (-1, 1):
                    label += 1
                    following.append(Cell(label, cell.label, frame, [(moved + sign * way, size * 0.75)]))
            elif (moved < 2).any() or (moved > np.array(shape) - 3).any():
                done.append(cell)
            else:
                cell.places.append((moved, size))
                following.append(cell)
        alive = following
    return done + alive


def crossing():
    """Two cells of different size and brightness that pass each other closely."""
    a, b = Cell(1, 0, 0), Cell(2, 0, 0)
    for t in range(11):
        a.places.append((np.array([40.0, 20 + 8 * t]), 9.0))
        b.places.append((np.array([55.0, 100 - 8 * t]), 5.0))
    return [a, b]


def draw(cells, *, shape, frames):
    """Label maps with the tracks' numbers, images, and rows `L B E P` of those that are seen."""
    mesh = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    labels = [np.zeros(shape, np.uint16) for _ in range(frames)]
    images = [np.zeros(shape, np.float32) for _ in range(frames)]
    parent = {cell.label: cell.parent for cell in cells}
    rng = np.random.default_rng(0)
    for cell in cells:
        root = cell.label
        while parent[root]:
            root = parent[root]  # daughters are as bright as their mother
        for place, (centre, radius) in enumerate(cell.places):
            inside = np.linalg.norm(mesh - centre, axis=-1) <= radius
            labels[cell.first + place][inside] = cell.label
            images[cell.first + place][inside] = 100 + 10 * (root % 5) + rng.normal(0, 2)
    rows = np.array(sorted([c.label, c.first, c.last, c.parent] for c in cells))
    return labels, images, rows


def shuffled(labels, seed):
    """The same objects under ids that mean nothing between frames, some beyond 8 bits."""
    rng = np.random.default_rng(seed)
    found = []
    for frame in labels:
        ids = np.concatenate([[0], rng.permutation(np.arange(1, 500))[: int(frame.max())]])
        found.append(ids[frame].astype(np.uint32))
    return found


def detections(places):
    """Detections of `(frames, cells, 2)` places, in the order of frames."""
    frames, cells, _ = places.shape
    n = frames * cells
    return Detections(
        np.repeat(np.arange(frames), cells), np.tile(np.arange(1, cells + 1), frames), places.reshape(n, 2),
        np.full(n, 12.0), np.full(n, np.nan), np.full(n, 50.0), np.zeros(n, bool), {}, frames,
    )  # fmt: skip
