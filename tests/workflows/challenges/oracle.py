"""A method that knows the truth, and membranes to try it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tests.workflows.datasets import write_image, write_labels

from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.challenges.table import find_challenge
from septum.workflows.data.cases import load_image, load_labels
from septum.workflows.runs.hooks import Hooks

QUIET = Hooks()


class Oracle:
    """A method that knows the truth, but for what a test spoils."""

    def __init__(self, spoil: Any = lambda array: array, *, membranes: bool = False) -> None:
        self.spoil, self.membranes = spoil, membranes

    def masks(self, cases: Any, folder: Path, *, hooks: Hooks) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for case in cases:
            labels = np.zeros(load_image(case).grid.shape, np.uint16) if case.label is None else load_labels(case).array
            found = self.spoil(np.maximum(labels, 0)).astype(np.uint16)
            path = folder / f"{case.id}{io.label_suffix(case.images[0].path)}"
            io.write_labels(path, LabelMap(found, load_image(case).grid))

    def maps(self, cases: Any, folder: Path, *, hooks: Hooks) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for case in cases:
            labels = load_labels(case).array
            chances = self.spoil((labels == 0 if self.membranes else labels > 0).astype(np.float32))
            io.write_image(folder / f"{case.id}.tif", Image(chances[None], Grid.pixels(chances.shape)))


def membranes(root: Path, sections: int = 10, size: int = 48) -> Path:
    """Sections of square cells with membranes of two pixels, as the challenge labels them."""
    rng = np.random.default_rng(0)
    for number in range(sections):
        labels = np.full((size, size), 255, np.uint8)
        for at in range(number % 3 + 8, size, 16):
            labels[at : at + 2], labels[:, at : at + 2] = 0, 0
        image = (labels // 2 + rng.integers(0, 60, labels.shape)).astype(np.uint8)
        write_image(root / "images" / f"{number:02d}.png", image)
        write_labels(root / "labels" / f"{number:02d}.png", labels)
    return root


def taken(name: str, data: Path, work: Path, solver: Oracle) -> Any:
    """What a solver reaches in a challenge."""
    challenge = find_challenge(name)
    division = challenge.divide(data, work / "division")
    for part in division.parts:
        challenge.predict(solver, part, folder=work, hooks=QUIET)
    return division, challenge.score(division, work, hooks=QUIET)
