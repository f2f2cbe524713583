"""Regions that are alike inside: what they promise, and other libraries where they have the method."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage import graph
from skimage.segmentation import slic
from tests import phantoms

from septum.classical import regions
from septum.classical.adjacency import connected_parts, touching
from septum.errors import ConfigError, DatasetError, GeometryError

images = hnp.array_shapes(min_dims=2, max_dims=3, max_side=9).flatmap(
    lambda shape: hnp.arrays(np.uint8, shape, elements=st.integers(0, 40))
)


def stats(image: np.ndarray, labels: np.ndarray, criterion: str) -> np.ndarray:
    index = np.arange(1, labels.max() + 1)
    if criterion == "range":
        return ndimage.maximum(image, labels, index) - ndimage.minimum(image, labels, index)
    return np.array([image[labels == k].std() for k in index])


@pytest.mark.parametrize("criterion", ["range", "deviation"])
@given(images)
def test_split_and_merge_keeps_its_promise(criterion: str, image: np.ndarray) -> None:
    labels = regions.split_and_merge(image, tolerance=6, criterion=criterion)
    assert labels.shape == image.shape
    assert np.unique(labels).tolist() == list(range(1, int(labels.max()) + 1))
    assert (stats(image, labels, criterion) <= 6 + 1e-3).all()
    for a, b in touching(labels)[0]:
        both = np.where((labels == a) | (labels == b), 1, 0)
        unlike = stats(image, both, criterion)[0]
        if criterion == "deviation":
            means = ndimage.mean(image, labels, [a, b])
            unlike = max(unlike, abs(means[0] - means[1]) / 2)
        assert unlike > 6 - 1e-3
    for k in range(1, int(labels.max()) + 1):
        assert ndimage.label(labels == k)[1] == 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 1.0, 1.0)])
def test_split_and_merge_finds_boxes_exactly(spacing) -> None:
    shape = phantoms.touching_pair((13, 40, 70), spacing)
    labels = regions.split_and_merge(shape.array * 10.0, tolerance=3, criterion="range", spacing=spacing)
    assert labels.max() == 3
    for value in range(3):
        assert len(np.unique(labels[shape.array == value])) == 1


def test_a_noisy_ball_comes_back_within_a_voxel_layer() -> None:
    shape = phantoms.ball((24, 32, 32), (2, 1, 1), radius_mm=11)
    labels = regions.split_and_merge(shape.image(contrast=20).array[0], tolerance=3, spacing=shape.spacing)
    found = labels == np.bincount(labels[shape.mask]).argmax()
    assert found[ndimage.binary_erosion(shape.mask)].mean() > 0.99
    assert found[~ndimage.binary_dilation(shape.mask)].mean() < 0.01


def test_the_graph_of_touching_regions_is_that_of_scikit_image() -> None:
    labels = ndimage.zoom(np.random.default_rng(0).integers(1, 30, (5, 6)), 5, order=0)
    theirs = graph.rag_mean_color(np.zeros((*labels.shape, 3)), labels, connectivity=1)
    pairs, faces = touching(labels)
    assert {tuple(p) for p in pairs.tolist()} == {(min(e), max(e)) for e in theirs.edges}
    assert faces.sum() == sum((np.diff(labels, axis=a) != 0).sum() for a in (0, 1))


def test_merging_regions_gives_what_scikit_image_gives() -> None:
    rng = np.random.default_rng(1)
    labels = ndimage.zoom(np.arange(1, 31).reshape(5, 6), 5, order=0)
    level = rng.choice([0.0, 50.0, 120.0], 31) + rng.uniform(-4, 4, 31)
    image = np.stack([level[labels]] * 3)
    theirs = graph.merge_hierarchical(
        labels,
        graph.rag_mean_color(np.moveaxis(image, 0, -1), labels, connectivity=1),
        thresh=20 * np.sqrt(3),
        rag_copy=False,
        in_place_merge=True,
        merge_func=_merge_means,
        weight_func=_mean_weight,
    )
    ours = regions.merge_regions(labels, image, tolerance=20 * np.sqrt(3))
    assert 2 < ours.max() < 30
    pairs = np.unique(np.stack([ours.ravel(), theirs.ravel()]), axis=1)
    assert pairs.shape[1] == ours.max() == len(np.unique(theirs))


def _mean_weight(rag, src, dst, n):
    return {"weight": np.linalg.norm(rag.nodes[dst]["mean color"] - rag.nodes[n]["mean color"])}


def _merge_means(rag, src, dst):
    for key in ("total color", "pixel count"):
        rag.nodes[dst][key] += rag.nodes[src][key]
    rag.nodes[dst]["mean color"] = rag.nodes[dst]["total color"] / rag.nodes[dst]["pixel count"]


def test_flat_images_merge_whatever_the_order_of_their_regions() -> None:
    labels = np.arange(1, 2501).reshape(50, 50)
    assert (regions.merge_regions(labels, np.zeros((1, 50, 50)), tolerance=0) == 1).all()


def test_superpixels_are_cubic_in_millimetres_and_hang_together() -> None:
    image = np.random.default_rng(0).normal(size=(1, 8, 40, 40)).astype(np.float32) * 1e-3
    image[0, :, :, 20:] += 1
    labels = regions.superpixels(image, size_mm=10, compactness=1, spacing=(5, 1, 1))
    assert 48 <= labels.max() <= 80
    assert connected_parts(labels)[1] == labels.max()
    assert np.unique(labels).tolist() == list(range(1, int(labels.max()) + 1))
    size = np.bincount(labels.ravel())[1:] * 5
    assert 500 < np.median(size) < 1500


def test_superpixels_keep_to_edges_as_those_of_scikit_image_do() -> None:
    shape = phantoms.ball((64, 64), radius_mm=20)
    image = shape.image(contrast=8).array.astype(np.float32)
    ours = regions.superpixels(image, size_mm=8, compactness=0.5)
    theirs = slic(image[0], n_segments=64, compactness=0.5, channel_axis=None, start_label=1)
    for labels in (ours, theirs):
        inside = ndimage.mean(shape.array, labels, np.arange(1, labels.max() + 1))
        explained = np.abs(np.round(inside)[labels - 1] - shape.array).mean()
        assert explained < 0.03


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(60, 70), (20, 30, 34)])
def test_merged_superpixels_find_a_bright_object(channels, shape) -> None:
    shape = phantoms.box(shape)
    image = shape.image(contrast=15, channels=channels).array
    labels = regions.merged_superpixels(image, size_mm=6, tolerance=0.7)
    found = labels == np.bincount(labels[shape.mask]).argmax()
    assert 2 * (found & shape.mask).sum() / (found.sum() + shape.mask.sum()) > 0.97


def test_felzenszwalb_finds_three_flat_regions_in_two_dimensions() -> None:
    image = np.zeros((1, 40, 60))
    image[0, :, 20:] = 5
    image[0, 20:, 40:] = 9
    labels = regions.felzenszwalb(image, scale=1, sigma_mm=0)
    assert labels.max() == 3
    assert len(np.unique(np.stack([labels.ravel(), image.ravel()]), axis=1).T) == 3
    assert (regions.felzenszwalb(np.ones((3, 1, 9))) == 1).all()


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0)])
def test_permuting_the_axes_permutes_the_regions(order) -> None:
    image = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((16, 16, 32)), 1)
    one = regions.split_and_merge(image, tolerance=0.1).transpose(order)
    other = regions.split_and_merge(image.transpose(order), tolerance=0.1)
    assert one.max() == other.max() > 1
    assert len(np.unique(np.stack([one.ravel(), other.ravel()]), axis=1).T) == one.max()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 5), (3, 1, 4)])
def test_a_constant_image_is_one_region(shape) -> None:
    image = np.full(shape, 3)
    assert (regions.split_and_merge(image) == 1).all()
    assert (regions.merged_superpixels(image[None], size_mm=2) == 1).all()


def test_impossible_input_is_refused() -> None:
    image = np.ones((1, 4, 5))
    with pytest.raises(ConfigError, match="tolerance must be"):
        regions.split_and_merge(image[0], tolerance=-1)
    with pytest.raises(ConfigError, match="criterion must be one of"):
        regions.split_and_merge(image[0], criterion="mean")
    with pytest.raises(ConfigError, match="size_mm must be above 0"):
        regions.superpixels(image, size_mm=0)
    with pytest.raises(ConfigError, match="compactness must be above 0"):
        regions.superpixels(image, size_mm=2, compactness=0)
    with pytest.raises(ConfigError, match="iterations must be"):
        regions.superpixels(image, size_mm=2, iterations=0)
    with pytest.raises(ConfigError, match="tolerance must be"):
        regions.merged_superpixels(image, size_mm=2, tolerance=-1)
    with pytest.raises(ConfigError, match="scale must be above 0"):
        regions.felzenszwalb(image, scale=0)
    with pytest.raises(GeometryError, match="use split-and-merge in 3-D"):
        regions.felzenszwalb(np.ones((1, 3, 4, 5)))
    with pytest.raises(GeometryError, match="labels must be integers of the image's spatial shape"):
        regions.merge_regions(np.ones((5, 4), int), image, tolerance=1)
    with pytest.raises(GeometryError, match="one channel"):
        regions.split_and_merge(np.ones((3, 4, 5, 6)))
    with pytest.raises(GeometryError, match="positive numbers"):
        regions.superpixels(image, size_mm=2, spacing=(1, -1))
    with pytest.raises(DatasetError, match="finite"):
        regions.split_and_merge(image[0] * np.inf)
