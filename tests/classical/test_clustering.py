"""Clustering: scikit-learn where own code runs, own arithmetic where scikit-learn runs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from tests import phantoms

from septum.classical import clustering, mixture
from septum.classical.clustering import cluster
from septum.classical.potts import smooth_classes
from septum.errors import ConfigError, DatasetError, GeometryError

KINDS = ("kmeans", "fuzzy", "mixture")


def three_tissues(shape: tuple[int, ...] = (16, 20, 24), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    truth = np.clip(np.indices(shape)[-1] * 3 // shape[-1], 0, 2)
    noise = np.random.default_rng(seed).standard_normal(shape)
    return (np.array([10.0, 40.0, 90.0])[truth] + 5 * noise).astype(np.float32), truth


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(40, 60), (16, 20, 24)])
def test_three_tissues_are_found_and_numbered_from_dark_to_bright(kind, shape) -> None:
    image, truth = three_tissues(shape)
    assert np.mean(cluster(image[None], kind=kind) == truth) > 0.99
    turned = cluster(-image[None], kind=kind)
    assert np.mean(turned == 2 - truth) > 0.99


def test_kmeans_of_one_channel_equals_scikit_learn() -> None:
    image, _ = three_tissues()
    for k in (2, 3, 6):
        theirs = KMeans(k, n_init=5, random_state=0).fit(image.reshape(-1, 1))
        rank = theirs.cluster_centers_.ravel().argsort().argsort()
        ours = cluster(image[None], classes=k)
        within = ndimage.variance(image, ours, range(k)) * np.bincount(ours.ravel())
        assert within.sum() < 1.001 * theirs.inertia_  # theirs may stay in a worse division
        if k < 6:
            assert np.mean(ours.ravel() == rank[theirs.labels_]) > 0.995


@given(st.lists(st.integers(0, 30), min_size=3, max_size=8, unique=True), st.integers(1, 3))
def test_the_exact_division_is_the_best_of_all(values: list[int], k: int) -> None:
    values, weights = np.sort(np.array(values, float)), np.arange(1.0, len(values) + 1)

    def cost(cuts: tuple[int, ...]) -> float:
        parts = zip((0, *cuts), (*cuts, len(values)), strict=True)
        return sum(
            float((weights[a:b] * (values[a:b] - np.average(values[a:b], weights=weights[a:b])) ** 2).sum())
            for a, b in parts
        )

    member = mixture.exact_kmeans(values, weights, k=k)
    ours = cost(tuple(np.flatnonzero(np.diff(member)) + 1))
    best = min(cost(cuts) for cuts in itertools.combinations(range(1, len(values)), k - 1))
    assert member.max() == k - 1
    assert ours <= best + 1e-9 * (1 + best)


def test_a_mixture_of_one_channel_equals_scikit_learn() -> None:
    image, _ = three_tissues()
    image = image * 0.3 + 20
    theirs = GaussianMixture(3, random_state=0, n_init=2, tol=1e-6, max_iter=500).fit(image.reshape(-1, 1))
    rank = theirs.means_.ravel().argsort().argsort()
    assert np.mean(cluster(image[None], kind="mixture").ravel() == rank[theirs.predict(image.reshape(-1, 1))]) > 0.998


def test_the_fixed_point_of_fuzzy_c_means_is_met() -> None:
    image, _ = three_tissues()
    values = np.unique(image.astype(int)).astype(float)[:, None]
    weights = np.ones(len(values))
    members = mixture.fuzzy_members(values, weights, start=np.array([[10.0], [40.0], [90.0]]))
    means = (members**2 @ values) / (members**2).sum(axis=1, keepdims=True)
    expected = 1 / sum((np.abs(values - means[0]) / np.abs(values - m)) ** 2 for m in means)
    np.testing.assert_allclose(members.sum(axis=0), 1)
    np.testing.assert_allclose(members[0], expected[:, 0], atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_several_channels_are_clustered_together(kind) -> None:
    truth = np.indices((40, 60))[1] // 20
    noise = np.random.default_rng(0).standard_normal((2, 40, 60))
    image = np.stack([np.array([0, 8, 8])[truth], np.array([0, 0, 9])[truth]]) + noise  # neither channel is enough
    assert np.mean(cluster(image, kind=kind) == truth) > 0.99
    np.testing.assert_array_equal(cluster(image, kind=kind, seed=3), cluster(image, kind=kind, seed=3))


def test_a_smoothed_feature_tells_textures_apart() -> None:
    image, truth = three_tissues((48, 60))
    noisy = image + np.random.default_rng(1).normal(0, 30, image.shape)
    plain = np.mean(cluster(noisy[None]) == truth)
    smooth = np.mean(cluster(noisy[None], smoothed_mm=(3.0,), spacing=(1, 1)) == truth)
    assert smooth > plain + 0.1


def test_the_position_pulls_classes_together_in_millimetres() -> None:
    image = np.random.default_rng(0).standard_normal((1, 20, 40))
    labels = cluster(image, classes=2, position=20, spacing=(1, 4))
    columns = np.stack([(labels == k).mean(axis=0) for k in (0, 1)])
    assert np.all((columns > 0.9).any(axis=0).sum() >= 36)  # split across the long side, 160 mm against 20


@pytest.mark.parametrize("kind", KINDS)
def test_the_data_choose_three_classes_where_there_are_three(kind) -> None:
    image, truth = three_tissues()
    chosen = cluster(image[None], kind=kind, classes=0, most=6)
    assert chosen.max() == 2
    assert np.mean(chosen == truth) > 0.99


def test_the_criterion_that_chooses_is_the_one_stated() -> None:
    values = np.array([[0.0], [2.0], [10.0], [14.0]])
    found = clustering._kmeans(values, np.ones(4), 2, 0)
    within = (1 + 1 + 4 + 4) / 4
    assert clustering._score(found, values, weights=np.ones(4)) == pytest.approx(-np.log(2**2 * within), abs=1e-4)
    model = GaussianMixture(2, random_state=0).fit(three_tissues()[0].reshape(-1, 1)[:500])
    sample = three_tissues()[0].reshape(-1, 1)[:500].astype(float)
    ours = clustering.Clusters("mixture", model.means_, model.covariances_, model.weights_)
    assert -clustering._score(ours, sample, weights=np.ones(500)) == pytest.approx(model.bic(sample), rel=1e-4)


def energy(labels: np.ndarray, costs: np.ndarray, weights: list[float]) -> float:
    total = float(np.take_along_axis(costs, labels[None].astype(int), 0).sum())
    return total + sum(w * (np.diff(labels.astype(int), axis=a) != 0).sum() for a, w in enumerate(weights))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (4.0, 1.0, 2.0)])
def test_the_field_ends_where_no_voxel_can_lower_the_energy(spacing) -> None:
    rng = np.random.default_rng(0)
    costs = rng.random((3, 6, 7, 8)).astype(np.float32)
    weights = [0.4 * min(spacing) / s for s in spacing]
    labels = smooth_classes(
        lambda rows: costs[:, rows].reshape(3, -1), (6, 7, 8), spacing=spacing, strength=0.4, sweeps=100
    )
    lowest = energy(labels, costs, weights)
    assert lowest < energy(costs.argmin(axis=0), costs, weights)
    for place in np.ndindex(labels.shape):
        for other in range(3):
            changed = labels.copy()
            changed[place] = other
            assert energy(changed, costs, weights) >= lowest - 1e-4


def test_slabs_give_the_field_of_the_whole(monkeypatch) -> None:
    from septum.classical import potts

    image, truth = three_tissues()
    noisy = image + np.random.default_rng(2).normal(0, 15, image.shape).astype(np.float32)
    whole = cluster(noisy[None], regularity=1.0)
    monkeypatch.setattr(potts, "_BLOCK", 1000)
    slabs = cluster(noisy[None], regularity=1.0)
    assert np.mean(whole == slabs) > 0.99
    assert np.mean(whole == truth) > np.mean(cluster(noisy[None]) == truth) + 0.05
    assert np.mean(cluster(noisy[None], regularity=0.0) == cluster(noisy[None])) == 1


def test_blocks_do_not_change_the_classes(monkeypatch) -> None:
    image = np.random.default_rng(0).standard_normal((2, 9, 10, 11))
    whole = cluster(image)
    monkeypatch.setattr(clustering, "_BLOCK", 150)
    np.testing.assert_array_equal(whole, cluster(image))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float64])
def test_the_number_type_does_not_matter(dtype) -> None:
    image, truth = three_tissues()
    assert np.mean(cluster((image + 30).astype(dtype)[None]) == truth) > 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_permuting_the_axes_permutes_the_classes(kind) -> None:
    image, _ = three_tissues()
    for options in ({}, {"regularity": 0.5, "spacing": (3.0, 1.0, 2.0)}):
        moved = {**options, "spacing": (1.0, 2.0, 3.0)} if options else {}
        one = cluster(image[None], kind=kind, **options).transpose(1, 2, 0)
        other = cluster(image.transpose(1, 2, 0)[None], kind=kind, **moved)
        assert np.mean(one != other) < 1e-3


def test_a_ball_comes_back_within_a_voxel_layer() -> None:
    shape = phantoms.ball((24, 32, 32), (2, 1, 1), radius_mm=11)
    found = cluster(shape.image().array, classes=2, regularity=1.0, spacing=shape.spacing) == 1
    assert found[ndimage.binary_erosion(shape.mask)].mean() > 0.998
    assert found[~ndimage.binary_dilation(shape.mask)].mean() < 0.004


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 5), (3, 1, 4)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_image_is_class_0_when_the_data_choose(shape, kind) -> None:
    assert not cluster(np.full((1, *shape), 7), kind=kind, classes=0).any()
    assert not cluster(np.full((1, *shape), 7), kind=kind, classes=1, regularity=0.5).any()


@pytest.mark.parametrize("kind", KINDS)
def test_more_classes_than_distinct_values_are_refused(kind) -> None:
    with pytest.raises(ConfigError, match="distinct values, 2, got 3"):
        cluster(np.array([[[0, 1, 1, 0]]]), kind=kind, classes=3)


def test_impossible_options_are_refused() -> None:
    image = np.arange(20.0).reshape(1, 4, 5)
    with pytest.raises(ConfigError, match="kind must be one of"):
        cluster(image, kind="means")
    with pytest.raises(ConfigError, match="classes must be 1 to 64"):
        cluster(image, classes=65)
    with pytest.raises(ConfigError, match="most must be 2 to 64"):
        cluster(image, classes=0, most=1)
    with pytest.raises(ConfigError, match="regularity must be"):
        cluster(image, regularity=-1)
    with pytest.raises(ConfigError, match="position must be"):
        cluster(image, position=-1)
    with pytest.raises(ConfigError, match="smoothed_mm must be above 0"):
        cluster(image, smoothed_mm=(0,))
    with pytest.raises(GeometryError, match="positive numbers"):
        cluster(image, spacing=(0, 1))
    with pytest.raises(DatasetError, match="finite"):
        cluster(image * np.nan)
