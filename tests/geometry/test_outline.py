"""Which pixels lie inside an outline; the drawing tools' tests compare the same rule where centres lie on edges."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path

from septum.geometry.outline import inside_outline


@pytest.mark.parametrize("count", [3, 5, 9])
def test_an_outline_holds_the_centres_that_matplotlib_finds_inside(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(20):
        angles = np.sort(rng.uniform(0, 2 * np.pi, count))  # a star: it does not cross itself, so all rules agree
        corners = np.stack([6 + 8 * np.cos(angles) * rng.random(), 8 + 9 * np.sin(angles) * rng.random()], axis=1)
        (row, column), inside = inside_outline(corners, (13, 16))
        mask = np.zeros((13, 16), bool)
        mask[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
        centres = np.stack(np.meshgrid(range(13), range(16), indexing="ij"), axis=-1).reshape(-1, 2)
        assert np.array_equal(mask.reshape(-1), Path(corners).contains_points(centres))


def test_an_outline_beside_the_plane_is_empty() -> None:
    assert inside_outline([[20, 20], [20, 22], [22, 22]], (5, 5))[1].size == 0
