"""Where training patches are cut: half of them at a voxel of a class drawn uniformly, the others anywhere.

A small structure (a vessel, a tumour) covers a per cent of an image; drawn uniformly the network would hardly see it.
The positions of every class are collected once per case, so that drawing costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import DatasetError
from septum.geometry.class_maps import ignore_class

POSITIONS_PER_CLASS = 5000


@dataclass(frozen=True, eq=False)
class SampleObjects:
    """The single objects of a case.

    Args:
        ids: `shape` int32, 0 for background, objects from 1 to n, -1 where nothing is annotated.
        classes: `(n + 2,)` int64 class by id; the last is the ignored class, which the id -1 finds.
        radii: `(n + 1,)` float32 largest distance from the border by id.
    """

    ids: NDArray[Any]
    classes: NDArray[Any]
    radii: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Sample:
    """One case as the network sees it.

    Args:
        name: case id.
        image: `(C, *shape)` float32, normalised; may be memory-mapped.
        labels: `shape` class map, `ignore_class` where nothing is annotated.
        spacing: mm per array axis.
        maps: `(M, *shape)` float32 that travel with the labels through augmentation (border weights), or None.
        objects: the single objects, where they are what is learnt.
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[Any]
    spacing: tuple[float, ...]
    maps: NDArray[Any] | None = None
    objects: SampleObjects | None = None


@dataclass(frozen=True)
class Draw:
    """Which case, and the voxel at which the patch is centred."""

    case: int
    centre: tuple[int, ...]


class PatchSampler:
    """Draws patch centres from annotated voxels.

    Args:
        samples: the training cases; each must hold at least one annotated voxel to take part.
        oversample: share of patches centred on a class drawn uniformly (background included only when it is alone).
        n_classes: number of classes, background is 0.

    Raises:
        DatasetError: when no case has an annotated voxel.
    """

    def __init__(self, samples: Sequence[Sample], *, n_classes: int, oversample: float) -> None:
        rng = np.random.default_rng(0)
        self.oversample = oversample
        self.by_class: list[list[tuple[int, NDArray[np.intp]]]] = [[] for _ in range(n_classes)]
        self.anywhere: list[tuple[int, NDArray[np.intp]]] = []
        self.shapes = [sample.labels.shape for sample in samples]
        for case, sample in enumerate(samples):
            flat = np.ravel(sample.labels)
            annotated = _some(np.flatnonzero(flat != ignore_class(n_classes)), rng)
            if annotated.size:
                self.anywhere.append((case, annotated))
            for index in range(n_classes):
                positions = _some(np.flatnonzero(flat == index), rng)
                if positions.size:
                    self.by_class[index].append((case, positions))
        if not self.anywhere:
            raise DatasetError("no annotated voxel in any training case; every label is the ignore value")
        self.classes = [c for c in range(1, n_classes) if self.by_class[c]] or [0]

    def draw(self, generator: np.random.Generator) -> Draw:
        """The next patch centre; all randomness comes from `generator`."""
        pool = self.anywhere
        if generator.random() < self.oversample:
            pool = self.by_class[self.classes[generator.integers(len(self.classes))]]
        case, positions = pool[generator.integers(len(pool))]
        centre = np.unravel_index(int(positions[generator.integers(positions.size)]), self.shapes[case])
        return Draw(case, tuple(int(c) for c in centre))


def _some(positions: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    if positions.size <= POSITIONS_PER_CLASS:
        return positions
    return rng.choice(positions, POSITIONS_PER_CLASS, replace=False)
