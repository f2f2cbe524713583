"""The kept pixel classifier answers as the tool does, makes its features once, and tells what it thinks."""

from __future__ import annotations

import numpy as np
import pytest

from septum.interactive.pixels import live
from septum.interactive.pixels.live import pixel_classifier
from septum.server.pixels import Pixels


def scene() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (32, 32))
    image[8:24, 8:24] += 6
    seeds = np.full(image.shape, -1)
    seeds[15, 10:22], seeds[2, 2:30] = 4, 0
    return image, seeds


def test_it_proposes_what_the_tool_proposes_and_tells_the_probabilities() -> None:
    image, seeds = scene()
    told: list[tuple[tuple[int, ...], np.ndarray]] = []
    pixels = Pixels(lambda labels, prob, *, box: told.append((labels, prob)))
    options = {"spacing": (1.0, 1.0), "trees": 10, "depth": 4, "scales": [1.0]}
    labels = np.zeros(image.shape, np.uint8)
    found = pixels.propose(image, labels, seeds=seeds, **options)
    wanted = pixel_classifier(image, labels, seeds=seeds, **options)  # type: ignore[arg-type]
    assert found.box == wanted.box
    assert np.array_equal(found.labels, wanted.labels)
    (heard,) = told
    assert tuple(heard[0]) == (0, 4)
    assert np.allclose(heard[1].sum(axis=0), 1, atol=1e-5)


def test_features_are_made_once_for_many_scribbles(monkeypatch: pytest.MonkeyPatch) -> None:
    image, seeds = scene()
    made: list[int] = []
    make = live.LivePixels._make
    monkeypatch.setattr(live.LivePixels, "_make", lambda self, cancelled: (made.append(1), make(self, cancelled))[1])
    pixels = Pixels(lambda *given, **more: None)
    labels = np.zeros(image.shape, np.uint8)
    for row in (15, 16, 17):
        seeds[row, 10:22] = 4
        pixels.propose(image, labels, seeds=seeds, trees=5, scales=[1.0])
    assert len(made) == 1
    pixels.propose(image, labels, seeds=seeds, trees=5, scales=[2.0])
    assert len(made) == 2
