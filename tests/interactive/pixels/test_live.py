"""A classifier while a person scribbles: the same as training anew."""

from __future__ import annotations

import numpy as np
import pytest
from tests.interactive.pixels.textures import SMALL, scene

from septum.errors import ConfigError
from septum.interactive.pixels.classifier import (
    Example,
    train_classifier,
)
from septum.interactive.pixels.forest import ForestSettings
from septum.interactive.pixels.live import LivePixels
from septum.interactive.tool import Box


def test_live_is_the_same_as_training_and_keeps_its_features_within_its_bound():
    image, seeds, reference = scene()
    region = Box((4, 0), (40, 60))
    expected = train_classifier([Example(image, seeds)], settings=SMALL, forest=ForestSettings(keep=9), forecast=False)
    for memory in (100, 0):
        live = LivePixels(image, settings=SMALL, region=region, memory_mb=memory, forest=ForestSettings(keep=9))
        with pytest.raises(ConfigError, match="after update"):
            live.probabilities()
        assert live.update(seeds).names == expected.names
        got = live.probabilities()
        assert np.abs(got - expected.probabilities(image, region=region)).mean() < 5e-3
        assert bool(live._made) == (memory > 0)
    more = seeds.copy()
    more[5:12, 40:44] = 9
    assert live.update(more).labels == (0, 4, 9)
    assert (reference[region.slices][live.probabilities().argmax(axis=0) == 1] == 4).mean() > 0.9
