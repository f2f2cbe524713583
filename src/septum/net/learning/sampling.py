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
INTERPOLATED = 0.5
"""How often a voxel of an interpolated slice is the middle of a patch, for each time that one of a drawn slice is."""


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
        interpolated: `shape` bool, True where the labels were interpolated between slices that a person drew, or None.
    """

    name: str
    image: NDArray[Any]
    labels: NDArray[Any]
    spacing: tuple[float, ...]
    maps: NDArray[Any] | None = None
    objects: SampleObjects | None = None
    interpolated: NDArray[np.bool_] | None = None


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
        self.by_class = [_Pool() for _ in range(n_classes)]
        self.anywhere = _Pool()
        self.shapes = [sample.labels.shape for sample in samples]
        self.unlabelled: list[int] = []
        for case, sample in enumerate(samples):
            flat = np.ravel(sample.labels)
            annotated = np.flatnonzero(flat != ignore_class(n_classes))
            if not annotated.size:
                self.unlabelled.append(case)
                continue
            self.anywhere.add(case, annotated, sample=sample, rng=rng)
            for index in range(n_classes):
                self.by_class[index].add(case, np.flatnonzero(flat == index), sample=sample, rng=rng)
        if not self.anywhere.entries:
            raise DatasetError("no annotated voxel in any training case; every label is the ignore value")
        self.classes = [c for c in range(1, n_classes) if self.by_class[c].entries] or [0]

    def draw(self, generator: np.random.Generator) -> Draw:
        """The next patch centre; all randomness comes from `generator`."""
        pool = self.anywhere
        if generator.random() < self.oversample:
            pool = self.by_class[self.classes[generator.integers(len(self.classes))]]
        case, positions = pool.draw(generator)
        centre = np.unravel_index(int(positions[generator.integers(positions.size)]), self.shapes[case])
        return Draw(case, tuple(int(c) for c in centre))

    def draw_unlabelled(self, generator: np.random.Generator) -> Draw:
        """A patch centre anywhere in one of the samples without any annotation."""
        case = self.unlabelled[generator.integers(len(self.unlabelled))]
        return Draw(case, tuple(int(generator.integers(n)) for n in self.shapes[case]))


class _Pool:
    """Positions of some cases; each case is drawn as often as the others, one that is all interpolated less often."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, NDArray[np.intp]]] = []
        self.weights: list[float] = []

    def add(self, case: int, positions: NDArray[np.intp], *, sample: Sample, rng: np.random.Generator) -> None:
        """Take the positions of a case; of those that were interpolated a share that is drawn by chance."""
        weight = 1.0
        if sample.interpolated is not None and positions.size:
            found = np.ravel(sample.interpolated)[positions]
            if found.all():
                weight = INTERPOLATED
            else:
                positions = positions[~found | (rng.random(positions.size) < INTERPOLATED)]
        chosen = _some(positions, rng)
        if chosen.size:
            self.entries.append((case, chosen))
            self.weights.append(weight)

    def draw(self, generator: np.random.Generator) -> tuple[int, NDArray[np.intp]]:
        """A case with its positions."""
        if min(self.weights) == max(self.weights):
            return self.entries[generator.integers(len(self.entries))]
        shares = np.asarray(self.weights) / sum(self.weights)
        return self.entries[int(generator.choice(len(self.entries), p=shares))]


def _some(positions: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    if positions.size <= POSITIONS_PER_CLASS:
        return positions
    return rng.choice(positions, POSITIONS_PER_CLASS, replace=False)
