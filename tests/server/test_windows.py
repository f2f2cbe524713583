"""The first window shows what lies within the body: air, rims and rare values do not stretch it."""

from __future__ import annotations

import numpy as np
import pytest

from septum.geometry import Grid, Image
from septum.server import windows

GRID = Grid((3, 4, 5), np.array([[0, 0, 0.8, 0], [0, 0.5, 0, 0], [3.0, 0, 0, 0], [0, 0, 0, 1.0]]))


def test_a_window_leaves_out_the_rarest_values_and_survives_what_is_no_number() -> None:
    values = np.r_[np.linspace(0, 100, 1000), 1e6, np.nan, np.inf].astype(np.float32)
    found = windows.window(values)
    assert (found["low"], found["high"]) == (0.0, 1e6)
    assert found["window"][1] == pytest.approx(99.6, abs=0.5)
    assert windows.window(np.full(9, 3))["window"] == [3.0, 4.0]
    assert windows.window(np.full(9, np.nan))["window"] == [0.0, 1.0]
    assert windows.window(np.full((9, 9), np.nan))["window"] == [0.0, 1.0]


def test_only_values_like_those_of_a_scanner_are_taken_for_ct() -> None:
    ct = np.full((1, *GRID.shape), -1000, np.int16)
    ct[0, 1] = 600
    assert windows.modality(Image(ct, GRID, ("x",))) == "ct"
    assert windows.modality(Image(ct + 1000, GRID, ("x",))) == ""
    assert windows.modality(Image(np.full((1, *GRID.shape), np.nan), GRID, ("x",))) == ""


def test_air_does_not_make_a_ct_pale_and_the_whole_range_stays_in_reach() -> None:
    rng = np.random.default_rng(0)
    body = rng.normal(40, 30, (3, 40, 40))
    values = np.full((3, 60, 60), -1000.0)
    values[:, 10:50, 10:50] = body
    grid = Grid.from_spacing(values.shape, (3.0, 1.0, 1.0))
    values[0, 0, 0] = 900.0
    (found,) = windows.windows_of(Image(values[None], grid, ("ct",)))
    first, last = found["window"]
    assert first > -100
    assert last < 200
    assert (found["low"], found["high"]) == (-1000.0, 900.0)
    first, _ = windows.window(values)["window"]
    assert first == -1000.0  # without Hounsfield units nobody knows that it is air


def test_the_dark_rim_of_a_radiograph_is_left_out_but_not_the_ground_of_small_objects() -> None:
    rng = np.random.default_rng(1)
    chest = rng.normal(200, 8, (120, 120))
    chest[40:90, 25:50] = chest[40:90, 70:95] = 130  # lungs: dark, but within the body
    chest[:, :10] = chest[:, 112:] = 5
    first, last = windows.window(chest)["window"]
    assert 90 < first < 130
    assert last < 240
    cells = rng.normal(20, 3, (120, 120))
    cells[50:60, 50:60] = 200
    first, _ = windows.window(cells)["window"]
    assert first < 15  # what is dim lies on the ground: it stays to be seen
