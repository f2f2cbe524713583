"""Grow from seeds: against shortest paths of other libraries, and updates against full runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from tests.interactive.marks.growing import scenery

from septum.errors import Cancelled, ConfigError
from septum.interactive.marks.growcut import GrowCut, grow_cut
from septum.interactive.scene import grey_levels
from septum.interactive.tool import UNMARKED, Box, Stroke, seeds_of


def by_dijkstra(image: np.ndarray, seeds: np.ndarray, spacing: tuple[float, ...], smoothness: float) -> np.ndarray:
    """Distances (labels, *shape) with scipy on the explicit graph of faces."""
    grey = grey_levels(image).astype(np.int64)
    node = np.arange(image.size).reshape(image.shape)
    rows, columns, costs = [], [], []
    for axis in range(image.ndim):
        one, other = (np.moveaxis(node, axis, 0)[cut].ravel() for cut in (slice(None, -1), slice(1, None)))
        length = max(1, round(smoothness * spacing[axis] / min(spacing)))
        rows.append(one)
        columns.append(other)
        costs.append(np.abs(grey.flat[one] - grey.flat[other]) + length)
    graph = sparse.csr_array(
        (np.concatenate(costs), (np.concatenate(rows), np.concatenate(columns))), (image.size,) * 2
    )
    found = []
    for label in np.unique(seeds[seeds >= 0]):
        starts = np.flatnonzero(seeds.ravel() == label)
        found.append(dijkstra(graph, directed=False, indices=starts, min_only=True).reshape(image.shape))
    return np.array(found)


@pytest.mark.parametrize(
    ("shape", "spacing", "smoothness"), [((23, 31), (2.0, 1.0), 1.0), ((9, 14, 11), (3.0, 1.0, 1.5), 4.0)]
)
def test_each_voxel_gets_the_nearest_label_and_the_lower_one_of_two_as_near(shape, spacing, smoothness) -> None:
    image, seeds = scenery(shape)
    # the seeds block nothing that their own front would not reach as early
    distance = by_dijkstra(image, seeds, spacing, smoothness)
    expected = np.array([0, 2, 4])[distance.argmin(axis=0)]
    change = grow_cut(image, np.zeros(shape, np.uint8), seeds=seeds, spacing=spacing, smoothness=smoothness)
    assert change.box == Box.whole(shape)
    np.testing.assert_array_equal(change.labels, expected)
    assert len(np.unique(expected)) == 3


def test_a_stroke_of_a_new_label_joins_and_a_label_may_vanish() -> None:
    image, seeds = scenery((12, 12))
    labels = np.zeros((12, 12), np.uint8)
    tool = GrowCut(image, labels)
    tool.update(seeds)
    more = seeds.copy()
    more[0, :5] = 9
    assert (tool.update(more).labels[0, :5] == 9).all()
    less = np.where(more == 4, UNMARKED, more)
    tool.update(less)
    np.testing.assert_array_equal(tool.whole().labels, grow_cut(image, labels, seeds=less).labels)
    assert 4 not in tool.whole().labels
    nothing = tool.update(less)
    assert nothing.labels.size == 0


def test_a_change_of_a_stroke_reports_a_box_around_what_changed_only() -> None:
    image = np.zeros((40, 30, 30))
    image[20:] = 100
    seeds = np.full(image.shape, UNMARKED, np.int32)
    seeds[0, 0, 0], seeds[39, 0, 0] = 0, 1
    tool = GrowCut(image, np.zeros(image.shape, np.uint8))
    tool.update(seeds)
    seeds[35, 10, 10] = 0
    box = tool.update(seeds).box
    assert box.start[0] >= 20
    assert box.stop[0] <= 40


@given(st.integers(0, 1000), st.permutations([0, 1, 2]))
def test_permuting_the_axes_permutes_the_labels(number, order) -> None:
    image, seeds = scenery((6, 8, 7), number)
    spacing = (3.0, 1.0, 2.0)
    plain = grow_cut(image, np.zeros(image.shape, np.uint8), seeds=seeds, spacing=spacing).labels
    turned = grow_cut(
        image.transpose(order),
        np.zeros(image.shape, np.uint8).transpose(order),
        seeds=seeds.transpose(order),
        spacing=[spacing[a] for a in order],
    ).labels
    np.testing.assert_array_equal(turned, plain.transpose(order))


def test_later_strokes_win_where_strokes_contradict() -> None:
    strokes = [Stroke(np.array([[0, 0], [0, 3]]), 1), Stroke(np.array([[0, 3]]), 0)]
    seeds = seeds_of(strokes, (1, 4))
    assert grow_cut(np.zeros((1, 4)), np.zeros((1, 4), int), seeds=seeds).labels[0, 3] == 0


def test_a_tool_that_was_stopped_starts_anew_and_ends_right() -> None:
    image, seeds = scenery((20, 20))
    labels = np.zeros((20, 20), np.uint8)
    tool = GrowCut(image, labels)
    with pytest.raises(Cancelled):
        tool.update(seeds, cancelled=lambda: True)
    expected = tool.update(seeds).labels
    more = seeds.copy()
    more[5, 5] = 4
    with pytest.raises(Cancelled):
        tool.update(more, cancelled=lambda: True)
    tool.update(seeds)
    np.testing.assert_array_equal(tool.whole().labels, expected)


def test_what_cannot_be_grown_is_refused() -> None:
    image, seeds = scenery((8, 8))
    labels = np.zeros((8, 8), np.uint8)
    with pytest.raises(ConfigError, match="smoothness"):
        grow_cut(image, labels, seeds=seeds, smoothness=-1)
    with pytest.raises(ConfigError, match="connectivity"):
        grow_cut(image, labels, seeds=seeds, connectivity="corners")
    with pytest.raises(ConfigError, match="call update"):
        GrowCut(image, labels).whole()
    with pytest.raises(ConfigError, match="2\\^24"):
        grow_cut(image, labels, seeds=seeds, smoothness=2e6)
    many = np.arange(400).reshape(20, 20)
    with pytest.raises(ConfigError, match="255 labels, got 400"):
        grow_cut(np.zeros((20, 20)), np.zeros((20, 20), np.uint16), seeds=many)


def test_labels_that_do_not_fit_widen_the_type() -> None:
    change = grow_cut([[0.0, 9.0]], np.zeros((1, 2), np.uint8), seeds=[[0, 300]])
    assert change.labels.tolist() == [[0, 300]]
