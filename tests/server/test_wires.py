"""The kept live-wire gives the path of the tool, whatever was asked before, and forgets old slices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from septum.errors import ConfigError, GeometryError
from septum.interactive.marks import livewire
from septum.interactive.marks.livewire import live_wire
from septum.interactive.tool import Box
from septum.server import wires as module
from septum.server.wires import Wires

RNG = np.random.default_rng(0)
VOLUME = RNG.normal(0, 1, (7, 24, 20))
VOLUME[:, 6:18, 5:15] += 6
SPACING = (3.0, 0.8, 0.8)
KEPT = Wires()


def marked(change: Any, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[change.box.slices] = change.labels != 0
    return mask


@settings(max_examples=40)
@given(st.integers(0, 2), st.lists(st.integers(0, 10**6), min_size=2, max_size=4), st.integers(0, 6))
def test_the_path_is_that_of_the_tool_however_often_wires_are_used_again(axis: int, places: list[int], at: int) -> None:
    shape = [n for a, n in enumerate(VOLUME.shape) if a != axis]
    flat = [np.unravel_index(place % (shape[0] * shape[1]), shape) for place in places]
    points = np.insert(np.array(flat), axis, at, axis=1)
    found = KEPT.path(VOLUME, points, axis=axis, spacing=SPACING, label=3)
    wanted = live_wire(VOLUME, np.zeros(VOLUME.shape, int), points=points, axis=axis, filled=False, spacing=SPACING)
    assert np.array_equal(marked(found, VOLUME.shape), marked(wanted, VOLUME.shape))
    assert set(np.unique(found.labels)) <= {0, 3}


def test_a_region_bounds_the_path() -> None:
    region = Box((1, 4, 4), (5, 20, 16))
    points = [[2, 5, 5], [2, 18, 15]]
    found = Wires().path(VOLUME, points, axis=0, spacing=SPACING, region=region)
    given = {"axis": 0, "filled": False, "spacing": SPACING, "region": region}
    wanted = live_wire(VOLUME, np.zeros(VOLUME.shape, int), points=points, **given)
    assert np.array_equal(marked(found, VOLUME.shape), marked(wanted, VOLUME.shape))


def test_costs_are_worked_out_once_per_slice_and_old_slices_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    whole = livewire._costs
    monkeypatch.setattr(livewire, "_costs", lambda *given, **more: (asked.append(1), whole(*given, **more))[1])
    wires = Wires()
    for column in range(6, 16):
        wires.path(VOLUME, [[3, 6, 5], [3, 12, column]], axis=0, spacing=SPACING)
    assert len(asked) == 1
    for index in range(module.MOST + 1):
        wires.path(VOLUME, [[index, 6, 5], [index, 12, 9]], axis=0, spacing=SPACING)
    assert len(wires._kept) == module.MOST


@pytest.mark.parametrize(
    ("points", "more", "kind"),
    [
        ([[1, 2, 3]], {}, ConfigError),
        ([[1, 2, 3], [1, 2, 99]], {}, GeometryError),
        ([[1, 2, 3], [2, 2, 3]], {}, GeometryError),
        ([[1, 2, 3], [1, 2, 5]], {"axis": 3}, ConfigError),
        ([[1, 2, 3], [1, 2, 5]], {"region": Box((0, 4, 4), (7, 20, 16))}, GeometryError),
        ([[1, 2, 3], [1, 2, 5]], {"region": Box((0, 0, 0), (7, 20, 99))}, GeometryError),
    ],
)
def test_what_cannot_be_is_said(points: list[list[int]], more: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        Wires().path(VOLUME, points, **{"axis": 0, "spacing": SPACING, **more})


def test_values_that_are_no_numbers_are_said_as_by_the_tool() -> None:
    image = VOLUME.copy()
    image[3, 4, 4] = np.nan
    with pytest.raises(Exception, match="finite"):
        Wires().path(image, [[3, 6, 5], [3, 12, 9]], axis=0, spacing=SPACING)
    assert Wires().path(image, [[2, 6, 5], [2, 12, 9]], axis=0, spacing=SPACING).labels.any()
