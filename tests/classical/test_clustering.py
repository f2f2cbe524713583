"""Clustering: scikit-learn where own code runs, own arithmetic where scikit-learn runs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from sklearn.cluster import KMeans
from tests import phantoms
from tests.classical.tissues import KINDS, three_tissues

from septum.classical.clustering import cluster
from septum.errors import ConfigError, DatasetError, GeometryError


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


@pytest.mark.parametrize("kind", KINDS)
def test_the_data_choose_three_classes_where_there_are_three(kind) -> None:
    image, truth = three_tissues()
    chosen = cluster(image[None], kind=kind, classes=0, most=6)
    assert chosen.max() == 2
    assert np.mean(chosen == truth) > 0.99


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
