"""Graph cut and geodesics: against every labelling of tiny grids, networkx's flows and scipy's shortest paths."""

from __future__ import annotations

import itertools

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse
from scipy.sparse.csgraph import dijkstra
from tests import phantoms

from septum.errors import Cancelled, ConfigError
from septum.interactive.marks import graphcut
from septum.interactive.marks.fronts import Fronts
from septum.interactive.marks.graphcut import geodesic, graph_cut
from septum.interactive.marks.scribbles import level_likelihoods
from septum.interactive.scene import grey_levels
from septum.interactive.tool import UNMARKED, Box

SPACINGS = {1: (1.0,), 2: (2.0, 1.0), 3: (3.0, 1.0, 1.5)}


def scenery(shape: tuple[int, ...], number: int = 0, labels: tuple[int, ...] = (0, 1), each: int = 1):
    """An image and, per label, a few seeds."""
    rng = np.random.default_rng(number)
    image = ndimage.gaussian_filter(rng.standard_normal(shape), 0.7)
    seeds = np.full(shape, UNMARKED, np.int32)
    seeds.flat[rng.choice(image.size, each * len(labels), replace=False)] = np.repeat(labels, each)
    return image, seeds


def found_by(tool, image: np.ndarray, seeds: np.ndarray, **how) -> np.ndarray:
    return tool(image, np.zeros(np.shape(image), np.uint8), seeds=seeds, **how).labels


class Energy:
    """The energy that the cut is the optimum of, from its definition: `-log` likelihoods, and the border's weight."""

    def __init__(self, image, seeds, spacing, smoothness) -> None:
        grey = grey_levels(image)
        self.seeds = seeds
        values = np.unique(seeds[seeds != UNMARKED])
        self.misfit = -np.log(level_likelihoods(grey, seeds, values=values))[:, grey]
        pairs = []
        node = np.arange(grey.size).reshape(grey.shape)
        for axis in range(grey.ndim):
            one, other = (np.moveaxis(node, axis, 0)[cut].ravel() for cut in (slice(None, -1), slice(1, None)))
            step = np.square(grey.flat[one].astype(float) - grey.flat[other])
            pairs.append((one, other, step, np.full(len(one), min(spacing) / spacing[axis])))
        self.one, self.other, step, near = (np.concatenate(column) for column in zip(*pairs, strict=True))
        mean = step.mean() if step.any() else 1.0
        self.weight = smoothness * near * np.exp(-step / (2 * mean))

    def of(self, side: np.ndarray) -> float:
        """Infinite where a seed is on the other side."""
        high = self.seeds.max()
        if (side[self.seeds == high] == 0).any() or side[(self.seeds != high) & (self.seeds != UNMARKED)].any():
            return np.inf
        free = self.seeds == UNMARKED
        flat = side.ravel()
        border = self.weight[flat[self.one] != flat[self.other]].sum()
        return float(np.where(side, self.misfit[1], self.misfit[0])[free].sum() + border)

    def least(self) -> float:
        """By the maximum flow of networkx, in floating point."""
        graph = networkx.DiGraph()
        for one, other, weight in zip(self.one, self.other, self.weight, strict=True):
            graph.add_edge(int(one), int(other), capacity=weight)
            graph.add_edge(int(other), int(one), capacity=weight)
        high = self.seeds.max()
        for node, seed in enumerate(self.seeds.ravel()):
            if seed == UNMARKED:
                graph.add_edge("high", node, capacity=self.misfit[0].flat[node])
                graph.add_edge(node, "low", capacity=self.misfit[1].flat[node])
            else:
                graph.add_edge(*(("high", node) if seed == high else (node, "low")))
        return float(networkx.minimum_cut_value(graph, "high", "low"))


# --- graph cut --------------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.sampled_from([(2, 5), (3, 3), (2, 2, 3), (1, 11)]), st.sampled_from([0.0, 0.5, 4.0]))
def test_of_all_labellings_of_a_tiny_grid_none_has_less_energy(number, shape, smoothness) -> None:
    image, seeds = scenery(shape, number)
    spacing = SPACINGS[len(shape)]
    energy = Energy(image, seeds, spacing, smoothness)
    free = np.flatnonzero(seeds == UNMARKED)
    side, least = np.where(seeds == 1, 1, 0), np.inf
    for choice in itertools.product((0, 1), repeat=len(free)):
        side.flat[free] = choice
        least = min(least, energy.of(side))
    found = found_by(graph_cut, image, seeds, spacing=spacing, smoothness=smoothness)
    assert energy.of(found) <= least + (len(free) + len(energy.one)) / 128  # capacities are rounded to 1/64


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.sampled_from([(9, 8), (4, 5, 4)]))
def test_the_energy_is_that_of_the_least_cut_of_networkx(number, shape) -> None:
    image, seeds = scenery(shape, number, labels=(2, 7), each=3)
    spacing = SPACINGS[len(shape)]
    energy = Energy(image, seeds, spacing, 2.0)
    found = found_by(graph_cut, image, seeds, spacing=spacing, smoothness=2.0)
    assert set(np.unique(found)) <= {2, 7}
    assert energy.of(found == 7) == pytest.approx(energy.least(), abs=(image.size + len(energy.one)) / 128)


def test_without_smoothness_each_voxel_goes_to_its_likelier_label() -> None:
    image, seeds = scenery((12, 13), 3, each=6)
    grey = grey_levels(image)
    likelihoods = level_likelihoods(grey, seeds, values=np.array([0, 1]))[:, grey]
    expected = np.where(seeds == UNMARKED, likelihoods[1] > likelihoods[0], seeds)
    found = found_by(graph_cut, image, seeds, smoothness=0)
    undecided = np.abs(np.log(likelihoods[1] / likelihoods[0])) < 1 / 64
    np.testing.assert_array_equal(found[~undecided], expected[~undecided])
    assert 0 < found.sum() < found.size


@pytest.mark.parametrize("smoothness", [0, 4096])
def test_seeds_keep_their_labels_however_dear_the_border_is(smoothness) -> None:
    image, seeds = scenery((6, 7, 8), 5)
    found = found_by(graph_cut, image, seeds, smoothness=smoothness)
    marked = seeds != UNMARKED
    np.testing.assert_array_equal(found[marked], seeds[marked])


def test_a_constant_image_is_cut_where_the_border_is_shortest() -> None:
    seeds = np.full((5, 9), UNMARKED)
    seeds[:, 0], seeds[:, 8] = 0, 1
    seeds[2, :6] = 0  # a tongue costs two sides more
    found = found_by(graph_cut, np.zeros((5, 9)), seeds)
    assert np.count_nonzero(np.diff(found, axis=0)) == 0
    assert np.count_nonzero(np.diff(found, axis=1)) == 5
    assert found_by(graph_cut, np.zeros((1, 2)), np.array([[3, 0]])).tolist() == [[3, 0]]


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (2.0, 1.0, 1.0)])
@pytest.mark.parametrize("tool", [graph_cut, geodesic])
def test_a_ball_in_millimetres_is_cut_from_noise(tool, spacing) -> None:
    shape = (12, 24, 24)[-len(spacing) :]
    inside = phantoms.ball(shape, spacing, radius_mm=8).array > 0
    image = 100.0 * inside + np.random.default_rng(0).normal(0, 20, shape)
    seeds = np.full(shape, UNMARKED)
    seeds[..., 1, 2:-2] = 0
    seeds[(*(n // 2 for n in shape[:-1]), slice(9, 15))] = 1
    found = found_by(tool, image, seeds, spacing=spacing) == 1
    assert 2 * (found & inside).sum() / (found.sum() + inside.sum()) > 0.95


def test_a_region_cut_in_a_band_is_cut_as_at_once(monkeypatch) -> None:
    inside = phantoms.ball((18, 22, 26), radius_mm=7).array > 0
    image = 100.0 * inside + np.random.default_rng(2).normal(0, 15, inside.shape)
    seeds = np.full(inside.shape, UNMARKED)
    seeds[9, 11, 10:16], seeds[1, 2, 2:24], seeds[16, 20, 2:24] = 1, 0, 0
    at_once = found_by(graph_cut, image, seeds)
    monkeypatch.setattr(graphcut, "_EXACT", 1500)
    sizes, flow = [], graphcut._flow
    monkeypatch.setattr(
        graphcut, "_flow", lambda *given, **named: sizes.append(int(named["free"].sum())) or flow(*given, **named)
    )
    in_band = found_by(graph_cut, image, seeds)
    assert len(sizes) == 2
    assert sizes[1] < image.size / 2
    assert np.count_nonzero(in_band != at_once) <= 0.002 * image.size
    marked = seeds != UNMARKED
    np.testing.assert_array_equal(in_band[marked], seeds[marked])


@settings(max_examples=10)
@given(st.integers(0, 1000), st.permutations([0, 1, 2]))
def test_permuting_the_axes_gives_a_cut_of_the_same_energy_and_fronts_permuted(number, order) -> None:
    image, seeds = scenery((4, 6, 5), number, each=3)
    spacing = (3.0, 1.0, 2.0)
    turned = {"image": image.transpose(order), "seeds": seeds.transpose(order), "spacing": [spacing[a] for a in order]}
    energy = Energy(image, seeds, spacing, 4.0)
    back = np.argsort(order)
    one, other = found_by(graph_cut, image, seeds, spacing=spacing), found_by(graph_cut, **turned).transpose(back)
    assert energy.of(one) == pytest.approx(energy.of(other), abs=(image.size + len(energy.one)) / 64)
    np.testing.assert_array_equal(
        found_by(geodesic, **turned).transpose(back), found_by(geodesic, image, seeds, spacing=spacing)
    )


@given(st.integers(0, 1000), st.sampled_from([2.0**-6, 16.0]))
def test_the_unit_of_the_intensities_does_not_matter(number, factor) -> None:
    image, seeds = scenery((9, 11), number, each=4)
    image = np.rint(100 * image)
    for tool in (graph_cut, geodesic):
        plain = found_by(tool, image, seeds)
        np.testing.assert_array_equal(found_by(tool, factor * (image - 512), seeds), plain)


@pytest.mark.parametrize("tool", [graph_cut, geodesic])
def test_only_the_region_is_seen_and_changed(tool) -> None:
    image, seeds = scenery((20, 22), 1)
    region = Box((3, 4), (15, 18))
    seeds[5, 6], seeds[12, 15] = 0, 1
    labels = np.full(image.shape, 9, np.uint8)
    change = tool(image, labels, seeds=seeds, region=region)
    assert change.box == region
    lone = found_by(tool, image[region.slices], seeds[region.slices])
    np.testing.assert_array_equal(change.labels, lone)
    assert set(np.unique(change.labels)) == {0, 1}


def test_what_cannot_be_cut_is_refused() -> None:
    image, seeds = scenery((6, 7), 0)
    for smoothness in (-1, 4097, np.nan, np.inf):
        with pytest.raises(ConfigError, match="smoothness must be 0 to 4096"):
            found_by(graph_cut, image, seeds, smoothness=smoothness)
    with pytest.raises(ConfigError, match="sigma_mm"):
        found_by(graph_cut, image, seeds, sigma_mm=-1)
    seeds[0, :3] = [0, 1, 4]
    with pytest.raises(ConfigError, match=r"exactly two labels, got \[0, 1, 4\]; use geodesic"):
        found_by(graph_cut, image, seeds)


def test_a_cut_in_steps_is_asked_before_each_flow(monkeypatch) -> None:
    monkeypatch.setattr(graphcut, "_EXACT", 100)
    image, seeds = scenery((16, 16), 0, each=3)
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        found_by(graph_cut, image, seeds, cancelled=lambda: next(asked))
    assert next(asked, None) is None


def test_labels_beyond_the_type_widen_it() -> None:
    for tool in (graph_cut, geodesic):
        found = found_by(tool, [[1.0, 1.0, 9.0, 9.0]], np.array([[300, -1, -1, 0]]))
        assert found.tolist() == [[300, 300, 0, 0]]


# --- geodesics --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.sampled_from([(9, 11), (4, 6, 5), (1, 20)]), st.sampled_from([0.0, 16.0, 64.0]))
def test_fronts_meet_where_scipy_s_shortest_paths_within_each_part_do(number, shape, contrast) -> None:
    image, seeds = scenery(shape, number, labels=(0, 2, 5), each=2)
    spacing, smoothness = SPACINGS[len(shape)], 2.0
    found = found_by(geodesic, image, seeds, contrast=contrast, smoothness=smoothness, spacing=spacing)
    grey, values = grey_levels(image), np.array([0, 2, 5])
    likelihoods = level_likelihoods(grey, seeds, values=values)
    entering = np.rint(contrast * (1 - likelihoods / likelihoods.sum(axis=0)))[:, grey].reshape(3, -1)
    node, own = np.arange(image.size).reshape(shape), np.searchsorted(values, found).ravel()
    ones, others, lengths = [], [], []
    for axis in range(image.ndim):
        a, b = (np.moveaxis(node, axis, 0)[cut].ravel() for cut in (slice(None, -1), slice(1, None)))
        ones += [a, b]
        others += [b, a]
        lengths += [np.full(2 * len(a), max(1, round(smoothness * spacing[axis] / min(spacing))))]
    one, other, length = (np.concatenate(column) for column in (ones, others, lengths))
    away = np.full(image.size, np.inf)
    for index, value in enumerate(values):
        # paths of a label that stay within the part that it got
        within = (own[one] == index) & (own[other] == index)
        cost = (length + entering[index][other])[within]
        graph = sparse.csr_array((cost, (one[within], other[within])), shape=(image.size,) * 2)
        away = np.minimum(away, dijkstra(graph, indices=np.flatnonzero(seeds.ravel() == value), min_only=True))
    assert np.isfinite(away).all()
    # nobody else could have come first: a later arrival, or as late and of a higher label
    foreign = (own[one] != own[other]) & (seeds.ravel()[other] == UNMARKED)
    late = away[one] + length + entering[own[one], other]
    beaten = (away[other] < late) | ((away[other] == late) & (own[other] < own[one]))
    assert beaten[foreign].all()


def test_distances_of_a_single_front_are_scipy_s() -> None:
    grey = np.random.default_rng(0).integers(0, 4, (8, 9)).astype(np.uint8)
    table = np.zeros((256, 256), np.int64)
    table[1, :4] = [0, 3, 10, 50]
    fronts = Fronts(grey, spacing=(2, 1), smoothness=5, slope=0, table=table)
    fronts.run(np.array([[3, 3]]), np.array([1]))
    node = np.arange(72).reshape(8, 9)
    graph = sparse.lil_array((72, 72))
    for axis, length in ((0, 10), (1, 5)):
        for a, b in zip(np.moveaxis(node, axis, 0)[:-1].ravel(), np.moveaxis(node, axis, 0)[1:].ravel(), strict=True):
            graph[a, b] = length + table[1, grey.flat[b]]
            graph[b, a] = length + table[1, grey.flat[a]]
    expected = dijkstra(graph.tocsr(), indices=node[3, 3]).reshape(8, 9)
    np.testing.assert_array_equal(fronts.distances(), expected)


@given(st.integers(0, 1000))
def test_each_voxel_hangs_together_with_a_seed_of_its_label(number) -> None:
    image, seeds = scenery((13, 15), number, labels=(0, 1, 2), each=2)
    found = found_by(geodesic, image, seeds)
    marked = seeds != UNMARKED
    np.testing.assert_array_equal(found[marked], seeds[marked])
    for label in (0, 1, 2):
        parts, count = ndimage.label(found == label)
        assert set(parts[seeds == label]) == set(range(1, count + 1))


def test_without_contrast_the_nearest_seed_in_millimetres_wins_and_the_lower_label_of_two() -> None:
    seeds = np.full((5, 9), UNMARKED)
    seeds[0, 0], seeds[0, 8], seeds[4, 4] = 0, 1, 2
    found = found_by(geodesic, np.zeros((5, 9)), seeds, contrast=0, spacing=(2, 1))
    y, x = np.indices((5, 9))
    away = [2 * np.abs(y - v) + np.abs(x - u) for v, u in ((0, 0), (0, 8), (4, 4))]
    np.testing.assert_array_equal(found, np.argmin(away, axis=0))


def test_more_contrast_lets_a_front_run_along_its_own_intensities() -> None:
    image = np.zeros((9, 30))
    image[4] = 100  # a vessel through dark ground, whose far end is nearer to the seed of the ground
    seeds = np.full(image.shape, UNMARKED)
    seeds[4, :3], seeds[0, 20:], seeds[8, 20:] = 1, 0, 0
    assert (found_by(geodesic, image, seeds, contrast=64)[4] == 1).all()
    assert (found_by(geodesic, image, seeds, contrast=0)[4] == 0).any()


def test_what_geodesics_cannot_do_is_refused() -> None:
    image, seeds = scenery((20, 20), 0)
    for wrong in ({"contrast": -1}, {"contrast": 4097}, {"contrast": np.nan}, {"smoothness": -1}, {"sigma_mm": -1}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            found_by(geodesic, image, seeds, **wrong)
    with pytest.raises(ConfigError, match="at most 255 labels, got 400"):
        found_by(geodesic, image, np.arange(400).reshape(20, 20))
    with pytest.raises(ConfigError, match="2\\^24"):
        found_by(geodesic, image, seeds, smoothness=1e6)
    with pytest.raises(Cancelled):
        found_by(geodesic, image, seeds, cancelled=lambda: True)
