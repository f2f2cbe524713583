"""Made-up detectors whose misses and inventions are known."""

from __future__ import annotations

import numpy as np

from septum.workflows.quality.counts import HeldObjects
from septum.workflows.quality.doubtful import ObjectRanges, object_forms

RANGES = ObjectRanges(400, 30.0, 60.0, 0.9)


def exact(cells: int, *, missed: float = 0.2, invented: float = 0.1, case: str = "a") -> HeldObjects:
    """A detector that misses a share of the cells, and a share of whose finds are no cells; these are less sure."""
    right = round(cells * (1 - missed))
    wrong = round(right * invented / (1 - invented))
    sure = np.concatenate([np.linspace(0.7, 0.95, right), np.linspace(0.3, 0.6, wrong)])
    return HeldObjects(case, cells, sure, np.arange(right + wrong) < right)


def random(rng: np.random.Generator, *, cells: int | None = None) -> HeldObjects:
    """The same by chance, and not the same in every image."""
    n = int(rng.integers(20, 200)) if cells is None else cells
    right = int(rng.binomial(n, np.clip(0.8 + rng.normal(0, 0.05), 0, 1)))
    wrong = int(rng.poisson(right / 9))
    sure = np.concatenate([rng.beta(8, 2, right), rng.beta(4, 4, wrong)])
    return HeldObjects("x", n, sure, np.arange(right + wrong) < right)


def squares(n: int = 4, *, size: int = 8) -> np.ndarray:
    """Ids of squares apart from each other, of 64 samples where nobody says otherwise."""
    labels = np.zeros((size + 12, (size + 2) * n), np.uint16)
    for number in range(n):
        start = (size + 2) * number + 1
        labels[5 : 5 + size, start : start + size] = number + 1
    return labels


def shaped(cells: int, *, odd: int, found: int | None = None, case: str = "a", judge: int = 0) -> HeldObjects:
    """An image all of whose objects were found, `odd` of them larger than annotated ones are."""
    n = cells if found is None else found
    small, large = squares(n - odd, size=7), squares(odd, size=9)
    forms = object_forms(
        np.hstack([np.pad(small, ((0, 2), (0, 0))), np.where(large, large + n - odd, 0)]), spacing=(1.0, 1.0)
    )
    right = np.arange(n) < min(cells, n - odd)
    return HeldObjects(case, cells, np.where(right, 0.9, 0.3), right, forms, judge)
