"""Basins of all depths: as many as the minima, and unions of lower ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.classical.waters import SHAPES, noise

from septum.classical import hierarchy, landscape


def test_the_basins_at_a_level_are_as_many_as_the_minima_deeper_than_it() -> None:
    image = (noise((40, 44)) * 2000).astype(np.int16)
    tree = hierarchy.basins(image, on="dark", sigma_mm=0)
    extent = int(image.max()) - int(image.min())
    for depth in (0, 100, 500, 2000):
        pits = landscape.summits(np.invert(image), depth=depth)
        assert tree.at(depth / extent).max() == pits.max()


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_regions_of_a_higher_level_are_unions_of_lower_ones(shape, spacing) -> None:
    tree = hierarchy.basins(noise(shape), spacing=spacing)
    levels = [tree.at(level) for level in (0, 0.05, 0.2, 0.5, 1)]
    for fine, coarse in itertools.pairwise(levels):
        pairs = np.unique(np.stack([fine.ravel(), coarse.ravel()]), axis=1)
        assert pairs.shape[1] == fine.max()
    assert levels[0].max() > levels[1].max() > levels[-1].max() == 1
