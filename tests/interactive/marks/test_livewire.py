"""Live-wire and level tracing: against the searches of scipy and scikit-image, and outlines that are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra
from skimage.graph import MCP_Geometric
from skimage.segmentation import flood
from tests import phantoms

from septum.errors import Cancelled, ConfigError, DatasetError, GeometryError
from septum.interactive import compiled
from septum.interactive.marks import livewire
from septum.interactive.marks.livewire import LiveWire, level_tracing, live_wire
from septum.interactive.tool import Box

MOVES = {(0, 1): 0, (1, 0): 1, (1, 1): 2, (1, -1): 3}


def scenery(shape: tuple[int, ...], number: int = 0) -> np.ndarray:
    return 100 * ndimage.gaussian_filter(np.random.default_rng(number).standard_normal(shape), 1.2)


def costs(image: np.ndarray, spacing: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """What a step into each pixel costs along a row, a column and both diagonals, `(Y, X, 4)`."""
    padded = livewire._costs(np.asarray(image, float), spacing, sigma_mm=0.0)
    return padded.reshape(image.shape[0] + 2, image.shape[1] + 2, 4)[1:-1, 1:-1].astype(np.int64)


def price(path: np.ndarray, cost: np.ndarray) -> int:
    """The sum along a path, whose steps must all be to a neighbour."""
    total = 0
    for one, other in itertools.pairwise(path):
        step = tuple(int(v) for v in other - one)
        total += int(cost[(*other, MOVES[step if step in MOVES else (-step[0], -step[1])])])
    return total


def by_dijkstra(cost: np.ndarray, start: tuple[int, int]) -> np.ndarray:
    """Distances from a pixel with scipy on the explicit directed graph."""
    node = np.arange(cost.shape[0] * cost.shape[1]).reshape(cost.shape[:2])
    rows, columns, values = [], [], []
    for y, x in [*MOVES, *((-y, -x) for y, x in MOVES)]:
        kind = MOVES[(y, x) if (y, x) in MOVES else (-y, -x)]
        here, there = (
            tuple(slice(max(0, s * v), n + min(0, s * v)) for v, n in zip((y, x), node.shape, strict=True))
            for s in (-1, 1)
        )
        rows.append(node[here].ravel())
        columns.append(node[there].ravel())
        values.append(cost[there][..., kind].ravel())
    graph = sparse.csr_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (node.size,) * 2
    )
    return dijkstra(graph, indices=node[start]).reshape(node.shape)


def mask_of(tool, image: np.ndarray, **how) -> np.ndarray:
    labels = np.zeros(np.shape(image), np.uint8)
    return tool(image, labels, **how).applied_to(labels) == 1


# --- the path ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.sampled_from([(1.0, 1.0), (1.0, 3.0), (0.4, 0.3)]))
def test_no_path_is_cheaper_than_the_wire_s_and_it_joins_the_anchor_to_the_cursor(number, spacing) -> None:
    rng = np.random.default_rng(number)
    image = scenery((13, 17), number)
    start = (int(rng.integers(13)), int(rng.integers(17)))
    wire = LiveWire(image, spacing=spacing, sigma_mm=0)
    wire.anchor(start)
    cost = costs(image, spacing)
    distance = by_dijkstra(cost, start)
    for end in zip(rng.integers(0, 13, 6), rng.integers(0, 17, 6), strict=True):
        path = wire.path_to(end)
        assert tuple(path[0]) == start
        assert tuple(path[-1]) == end
        assert price(path, cost) == distance[end]


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (1.0, 1.3), (2.0, 1.0)])
def test_on_a_constant_image_the_wire_is_as_short_as_scikit_image_s_path(spacing) -> None:
    wire = LiveWire(np.zeros((15, 18)), spacing=spacing)
    wire.anchor((4, 3))
    away, _ = MCP_Geometric(np.ones((15, 18)), sampling=spacing).find_costs([(4, 3)])
    for end in ((4, 3), (0, 0), (14, 17), (9, 1), (4, 17)):
        path = wire.path_to(end)
        length = np.sqrt(np.diff(path, axis=0) ** 2 @ np.square(spacing)).sum()
        assert length == pytest.approx(away[end], rel=0.01)


def test_costs_are_those_of_the_paper_on_a_slope_and_at_an_edge() -> None:
    # a ramp along x: no zero crossing, the strongest gradient everywhere; along the edge is free but for the floor
    ramp = np.tile(10.0 * np.arange(9), (7, 1))
    inner = costs(ramp)[3, 4]
    diagonal = 100 * np.sqrt(2)
    assert inner.tolist() == [
        86,
        43,
        round(diagonal * (0.43 + 0.43 / np.sqrt(2))),
        round(diagonal * (0.43 + 0.43 / np.sqrt(2))),
    ]
    # a step smoothed by hand: its Laplacian crosses zero between columns 3 and 4
    step = np.tile([0.0, 0, 0, 1, 9, 10, 10, 10], (6, 1))
    down = costs(step)[3, :, 1]
    assert down.argmin() in (3, 4)
    assert down.min() == 3
    assert down[0] == 100  # flat: nothing is cheap


def test_the_search_goes_on_where_the_cursor_was_as_if_it_had_begun_anew(monkeypatch) -> None:
    image = scenery((20, 24), 4)
    ends = [(3, 3), (19, 23), (0, 0), (10, 12), (19, 0)]
    wire = LiveWire(image)
    wire.anchor((10, 10))
    went_on = [wire.path_to(end) for end in ends]
    whole = compiled.pool_of
    monkeypatch.setattr(compiled, "pool_of", lambda _: whole(16))  # too small: enlarged on the way
    for end, path in zip(ends, went_on, strict=True):
        wire.anchor((10, 10))
        np.testing.assert_array_equal(wire.path_to(end), path)


def test_the_wire_clings_to_a_circle_between_clicks_far_apart() -> None:
    y, x = np.indices((80, 80)) - 40
    image = 100.0 * (np.hypot(y, x) < 25) + np.random.default_rng(0).normal(0, 5, y.shape)
    wire = LiveWire(image)
    wire.anchor((15, 40))
    path = wire.path_to((40, 65)) - 40
    assert np.abs(np.hypot(*path.T) - 25).max() < 2.5
    assert len(path) > 25


@given(st.integers(0, 1000))
def test_a_turned_picture_has_a_turned_wire_of_the_same_price(number) -> None:
    image = scenery((11, 14), number)
    wires = LiveWire(image, spacing=(2, 1), sigma_mm=0), LiveWire(image.T, spacing=(1, 2), sigma_mm=0)
    wires[0].anchor((1, 2))
    wires[1].anchor((2, 1))
    one, other = wires[0].path_to((9, 12)), wires[1].path_to((12, 9))
    assert price(one, costs(image, (2.0, 1.0))) == price(other[:, ::-1], costs(image, (2.0, 1.0)))


@pytest.mark.parametrize("factor", [2.0**-12, 2.0**12])
def test_the_unit_of_the_intensities_does_not_matter_even_where_nearly_all_is_flat(factor) -> None:
    small = np.zeros((120, 120))
    small[20:24, 30:34] = 1
    for image in (scenery((20, 20)), small):
        np.testing.assert_array_equal(costs(factor * image), costs(image))


def test_lines_and_single_pixels_have_wires() -> None:
    for shape in ((1, 1), (1, 9), (9, 1), (2, 2)):
        wire = LiveWire(np.arange(np.prod(shape), dtype=float).reshape(shape))
        wire.anchor((0, 0))
        assert len(wire.path_to((shape[0] - 1, shape[1] - 1))) == max(shape)


def test_a_wire_that_cannot_be_is_refused() -> None:
    with pytest.raises(GeometryError, match="picture"):
        LiveWire(np.zeros((3, 4, 5)))
    with pytest.raises(DatasetError, match="finite"):
        LiveWire([[0.0, np.nan]])
    with pytest.raises(ConfigError, match="sigma_mm"):
        LiveWire(np.zeros((4, 4)), sigma_mm=-1)
    with pytest.raises(GeometryError, match="like spacing"):
        LiveWire(np.zeros((400, 400)), spacing=(500, 1))
    wire = LiveWire(np.zeros((4, 4)))
    with pytest.raises(ConfigError, match="call anchor"):
        wire.path_to((0, 0))
    for outside in ((4, 0), (-1, 0), (0.5, 0)):
        with pytest.raises(GeometryError, match="point"):
            wire.anchor(outside)
    wire.anchor((0, 0))
    with pytest.raises(GeometryError, match="point"):
        wire.path_to((0, 4))


# --- the outline ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0)])
def test_four_clicks_outline_a_disc_in_millimetres(spacing) -> None:
    shape = (int(64 / spacing[0]) + 1, int(64 / spacing[1]) + 1)
    inside = phantoms.ball(shape, spacing, radius_mm=20).array > 0
    image = 100.0 * inside + np.random.default_rng(0).normal(0, 5, shape)
    rows, columns = np.nonzero(inside)
    middle = [n // 2 for n in shape]
    clicks = [
        [rows.min(), middle[1]],
        [middle[0], columns.max()],
        [rows.max(), middle[1]],
        [middle[0], columns.min()],
    ]
    found = mask_of(live_wire, image, points=clicks, spacing=spacing)
    assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.95


def test_the_open_path_is_the_wire_through_the_points_and_the_closed_one_is_filled() -> None:
    image = scenery((20, 22), 2)
    points = [[3, 3], [4, 17], [15, 12]]
    wire, expected = LiveWire(image), np.zeros(image.shape, bool)
    for start, end in (points[:2], points[1:], (points[2], points[0])):
        if end == points[0]:
            np.testing.assert_array_equal(mask_of(live_wire, image, points=points, filled=False), expected)
        wire.anchor(start)
        expected[tuple(wire.path_to(end).T)] = True
    outside = flood(np.pad(expected, 1), (0, 0), connectivity=1)[1:-1, 1:-1]
    np.testing.assert_array_equal(mask_of(live_wire, image, points=points), ~outside)
    assert outside.any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_in_a_volume_the_outline_is_that_of_the_slice_and_its_spacing(axis) -> None:
    volume, spacing = scenery((12, 13, 14), 7), (3.0, 2.0, 1.0)
    points = np.array([[2, 2, 2], [3, 9, 10], [9, 5, 11]])
    points[:, axis] = 6
    found = mask_of(live_wire, volume, points=points, axis=axis, spacing=spacing, sigma_mm=1.0)
    flat = mask_of(
        live_wire,
        volume.take(6, axis),
        points=np.delete(points, axis, axis=1),
        spacing=np.delete(spacing, axis),
        sigma_mm=1.0,
    )
    np.testing.assert_array_equal(found.take(6, axis), flat)
    assert found.sum() == flat.sum() > 20


def test_paths_stay_in_the_region_and_leave_other_labels_beside_the_outline() -> None:
    y, x = np.indices((40, 40)) - 20
    image, labels = 100.0 * (np.hypot(y, x) < 14), np.full((40, 40), 6, np.uint8)
    region = Box((18, 4), (32, 36))
    points = [[20, 6], [20, 34], [30, 20]]
    now = live_wire(image, labels, points=points, label=2, region=region).applied_to(labels)
    assert all(now[tuple(p)] == 2 for p in points)
    outside = np.ones(now.shape, bool)
    outside[region.slices] = False
    assert (now[outside] == 6).all()
    assert set(np.unique(now)) == {2, 6}


def test_outlines_that_cannot_be_are_refused() -> None:
    image, labels = np.zeros((6, 6)), np.zeros((6, 6), np.uint8)
    with pytest.raises(ConfigError, match="3 voxels or more, got 2"):
        live_wire(image, labels, points=[[0, 0], [1, 1]])
    with pytest.raises(ConfigError, match="2 voxels or more, got 1"):
        live_wire(image, labels, points=[[0, 0]], filled=False)
    volume = np.zeros((6, 6, 6))
    with pytest.raises(GeometryError, match=r"one slice across axis 0, got slices \[2, 3\]"):
        live_wire(
            volume, volume.astype(int), points=[[2, 0, 0], [3, 1, 1], [2, 4, 4]], region=Box((1, 0, 0), (6, 6, 6))
        )
    with pytest.raises(ConfigError, match="axis must be 0 to 2, got -1"):
        live_wire(volume, volume.astype(int), points=[[2, 0, 0], [2, 1, 1], [2, 4, 4]], axis=-1)
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        live_wire(image, labels, points=[[0, 0], [0, 5], [5, 5]], cancelled=lambda: next(asked))
    assert next(asked, None) is None


# --- level tracing ----------------------------------------------------------------------------------------------------


def enclosed(plane: np.ndarray, place: tuple[int, ...], side: str) -> np.ndarray:
    """The part and its holes, by the floods of scikit-image."""
    like = plane >= plane[place] if side == "bright" else plane <= plane[place]
    part = np.pad(flood(like, place, connectivity=1), 1)
    return ~flood(part, (0, 0), connectivity=1)[1:-1, 1:-1]


@given(st.integers(0, 10_000), st.sampled_from(["bright", "dark"]), st.sampled_from([(12, 15), (1, 12)]))
def test_a_level_encloses_what_scikit_image_floods_and_its_holes(number, side, shape) -> None:
    image = np.rint(scenery(shape, number) / 10)
    rng = np.random.default_rng(number)
    place = tuple(int(rng.integers(n)) for n in shape)
    np.testing.assert_array_equal(
        mask_of(level_tracing, image, points=[place], side=side), enclosed(image, place, side)
    )


@given(st.integers(0, 10_000))
def test_by_itself_it_takes_the_side_off_the_border_and_the_smaller_one(number) -> None:
    image = scenery((14, 15), number)
    rng = np.random.default_rng(number)
    place = (int(rng.integers(14)), int(rng.integers(15)))
    parts = [enclosed(image, place, side) for side in ("bright", "dark")]
    rims = [bool(p[[0, -1]].any() or p[:, [0, -1]].any()) for p in parts]
    expected = min(zip(rims, [int(p.sum()) for p in parts], strict=True))
    found = mask_of(level_tracing, image, points=[place])
    assert any(np.array_equal(found, p) for p in parts)
    assert found.sum() == expected[1]


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0)])
def test_the_level_half_way_down_an_edge_is_its_outline(spacing) -> None:
    shape = (int(40 / spacing[0]) + 1, int(40 / spacing[1]) + 1)
    inside = phantoms.ball(shape, spacing, radius_mm=12.25).array > 0
    row, column = shape[0] // 2, shape[1] // 2
    image = 100.0 * inside
    image[row - 1 : row + 2, column - 2 : column + 3] = 0  # a hole belongs to it
    for sign in (1, -1):
        found = mask_of(
            level_tracing,
            sign * image,
            points=[[row, np.flatnonzero(inside[row]).max()]],
            sigma_mm=1.0,
            spacing=spacing,
        )
        assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.93
        assert found[row, column]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_each_point_is_traced_in_a_slice_of_its_own(axis) -> None:
    volume = scenery((8, 9, 10), 11)
    points = [(2, 3, 4), (5, 6, 7)]
    expected = np.zeros(volume.shape, bool)
    for point in points:
        cut = tuple(v if a == axis else slice(None) for a, v in enumerate(point))
        expected[cut] |= enclosed(volume[cut], tuple(np.delete(point, axis)), "bright")
    np.testing.assert_array_equal(mask_of(level_tracing, volume, points=points, axis=axis, side="bright"), expected)


@given(st.integers(0, 1000), st.sampled_from([0.25, 8.0]), st.sampled_from([0.0, -1024.0]))
def test_turning_and_other_units_turn_the_outline_and_no_more(number, factor, shift) -> None:
    image = np.rint(scenery((12, 14), number))
    plain = mask_of(level_tracing, image, points=[[5, 6]])
    np.testing.assert_array_equal(mask_of(level_tracing, factor * image + shift, points=[[5, 6]]), plain)
    np.testing.assert_array_equal(mask_of(level_tracing, image.T, points=[[6, 5]]), plain.T)


def test_a_level_sees_and_changes_its_region_only_and_a_constant_picture_is_all_inside() -> None:
    image, labels = scenery((20, 20), 5), np.full((20, 20), 9, np.uint8)
    region = Box((4, 5), (15, 16))
    now = level_tracing(image, labels, points=[[8, 8]], side="bright", region=region).applied_to(labels)
    expected = labels.copy()
    expected[region.slices][enclosed(image[region.slices], (4, 3), "bright")] = 1
    np.testing.assert_array_equal(now, expected)
    for shape in ((1, 1), (1, 6), (5, 4)):
        assert mask_of(level_tracing, np.zeros(shape), points=[[0, 0]]).all()


def test_levels_that_cannot_be_traced_are_refused() -> None:
    image, labels = np.zeros((6, 6)), np.zeros((6, 6), np.uint8)
    for wrong in ({"side": "left"}, {"sigma_mm": -1}, {"label": -1}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            level_tracing(image, labels, points=[[1, 1]], **wrong)
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        level_tracing(image, labels, points=[[0, 0], [1, 1]], cancelled=lambda: next(asked))
    assert next(asked, None) is None
