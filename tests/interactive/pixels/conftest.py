"""A classifier that was trained once."""

from __future__ import annotations

import pytest
from tests.interactive.pixels.textures import SMALL, scene

from septum.interactive.pixels.classifier import (
    Example,
    PixelClassifier,
    train_classifier,
)
from septum.interactive.pixels.forest import ForestSettings


@pytest.fixture(scope="session")
def trained() -> PixelClassifier:
    image, seeds, _ = scene(channels=2)
    return train_classifier([Example(image, seeds)], settings=SMALL, forest=ForestSettings(keep=12))
