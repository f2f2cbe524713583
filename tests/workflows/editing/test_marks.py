"""Points, strokes, boxes and seeds of a step: world and voxel positions name the same voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workflows.datasets import VOLUME

from septum.errors import ConfigError, GeometryError
from septum.geometry import Grid, Image
from septum.interactive.session.session import Session
from septum.interactive.tool import UNMARKED, Box, Stroke
from septum.workflows.editing import marks
from septum.workflows.editing.script import EditStep, parse_step

INDICES = st.tuples(*(st.integers(0, n - 1) for n in VOLUME.shape))


@given(INDICES)
def test_positions_in_mm_are_those_in_voxels(index: tuple[int, ...]) -> None:
    world = VOLUME.index_to_world(np.array([index], float))
    found = marks._positions({"points_mm": world.tolist()}, VOLUME)
    assert found == pytest.approx(marks._positions({"points": [list(index)]}, VOLUME))


@given(INDICES, INDICES)
def test_a_region_in_mm_holds_both_corners_whichever_way_the_axes_run(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    world = VOLUME.index_to_world(np.array([a, b], float)).tolist()
    low, high = np.minimum(a, b), np.maximum(a, b) + 1
    expected = Box(tuple(low.tolist()), tuple(high.tolist()))
    assert marks._region({"region_mm": world}, VOLUME) == expected
    assert marks._region({"region": [low.tolist(), high.tolist()]}, VOLUME) == expected


def test_a_region_is_cut_to_the_image_or_refused_and_never_empty() -> None:
    over: dict[str, Any] = {"region": [[2, -3, 4], [99, 5, 6]]}
    assert marks._region(over, VOLUME) == Box((2, 0, 4), (10, 5, 6))
    with pytest.raises(GeometryError, match="must hold voxels"):
        marks._region(over, VOLUME, inside=True)
    with pytest.raises(GeometryError, match="must hold voxels"):
        marks._region({"region": [[3, 3, 3], [3, 5, 5]]}, VOLUME)
    with pytest.raises(GeometryError, match="3 numbers each, got 2"):
        marks._region({"region": [[0, 0], [3, 5]]}, VOLUME)
    with pytest.raises(GeometryError, match="3 numbers each, got 2"):
        marks._positions({"points": [[0, 0]]}, VOLUME)


def test_a_stroke_runs_through_every_voxel_between_its_corners() -> None:
    found = marks._stroke({"points": [[4, 2, 3], [4, 9, 3]], "label": 7}, VOLUME)
    assert found.label == 7
    assert sorted(map(tuple, found.points.tolist())) == [(4, y, 3) for y in range(2, 10)]


def test_a_brush_is_round_in_mm_not_in_voxels() -> None:
    grid = Grid.from_spacing((9, 21, 21), (3.0, 1.0, 1.0))
    points = marks._stroke({"points": [[4, 10, 10]], "label": 1, "radius_mm": 4.0}, grid).points
    reach = np.ptp(points, axis=0) // 2
    assert reach.tolist() == [1, 4, 4]
    distance = np.linalg.norm((points - [4, 10, 10]) * [3.0, 1.0, 1.0], axis=1)
    assert distance.max() <= 4.0


def test_the_extent_says_where_the_image_lies() -> None:
    low, high = VOLUME.corners().min(axis=0), VOLUME.corners().max(axis=0)
    assert marks._extent(VOLUME) == f"from {low.round(1).tolist()} to {high.round(1).tolist()} mm"


def test_a_channel_goes_by_name_or_number() -> None:
    image = Image(np.zeros((2, 3, 4), np.float32), Grid.pixels((3, 4)), ("DAPI", "actin"))
    assert [marks._channel(name, image) for name in ("actin", "DAPI", 1, None)] == [1, 0, 1, None]
    with pytest.raises(ConfigError, match="DAPI, actin, got 'GFP'"):
        marks._channel("GFP", image)


@pytest.fixture
def session() -> Session:
    drawn = np.zeros((3, 4), np.uint8)
    drawn[0], drawn[2, :2] = 5, 9
    return Session({"main": np.zeros((3, 4), np.uint8), "marks": drawn}, spacing=(1.0, 1.0))


def step(**shown: Any) -> EditStep:
    return EditStep(parse_step({"do": "islands"}).tool, shown=shown)


def test_the_marks_of_a_layer_are_seeds_and_its_background_label_is_0(session: Session) -> None:
    found = marks._marks_of_layer(session, step(seeds_layer="marks", seeds_background=9))
    assert found.tolist() == [[5] * 4, [UNMARKED] * 4, [0, 0, UNMARKED, UNMARKED]]
    plain = marks._marks_of_layer(session, step(seeds_layer="marks"))
    assert sorted(np.unique(plain).tolist()) == [UNMARKED, 5, 9]


def test_strokes_lie_on_top_of_the_marks_of_a_layer(session: Session) -> None:
    strokes = [Stroke(np.array([[0, 0], [1, 1]]), 2)]
    found = marks._seeds(session, step(seeds_layer="marks", seeds_background=9), strokes=strokes)
    assert found.tolist() == [[2, 5, 5, 5], [UNMARKED, 2, UNMARKED, UNMARKED], [0, 0, UNMARKED, UNMARKED]]
    alone = marks._seeds(session, step(), strokes=strokes)
    assert int((alone != UNMARKED).sum()) == 2


def test_the_marks_of_a_layer_as_strokes_say_the_same(session: Session) -> None:
    strokes = marks._layer_strokes(session, step(seeds_layer="marks", seeds_background=9))
    assert {one.label: len(one.points) for one in strokes} == {0: 2, 5: 4}
    assert marks._layer_strokes(session, step()) == []
