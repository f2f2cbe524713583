"""Images spoiled on purpose: the truth moves with the image, and what is promised to be spoiled is."""

from __future__ import annotations

import numpy as np
import pytest

from septum.workflows.quality.spoil import WAYS, spoil


def ball(shape: tuple[int, ...] = (40, 48)) -> tuple[np.ndarray, np.ndarray]:
    """A bright ball on a dark, slightly noisy ground; its labels are what is bright."""
    far = np.sqrt(sum((x - n / 2) ** 2 for x, n in zip(np.indices(shape), shape, strict=True)))
    labels = (far < min(shape) / 4).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 0.02, shape)
    return (labels + noise).astype(np.float32)[None], labels


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(40, 48), (12, 40, 48)])
def test_every_way_gives_a_finite_image_with_labels_of_its_shape_and_leaves_the_given_ones(
    way: str, shape: tuple[int, ...]
) -> None:
    image, labels = ball(shape)
    kept, known = image.copy(), labels.copy()
    for seed in range(4):
        array, truth = spoil(image, labels, way=way, rng=np.random.default_rng(seed))
        assert array.shape == (1, *truth.shape)
        assert np.isfinite(array).all()
        assert array.shape != image.shape or np.abs(array - image).max() > 0.01
        again, _ = spoil(image, labels, way=way, rng=np.random.default_rng(seed))
        assert np.array_equal(again, array)
    assert np.array_equal(image, kept)
    assert np.array_equal(labels, known)


@pytest.mark.parametrize("way", ["scale", "cropped"])
def test_the_truth_moves_with_the_image(way: str) -> None:
    image, labels = ball()
    for seed in range(6):
        array, truth = spoil(image, labels, way=way, rng=np.random.default_rng(seed))
        assert truth.any()
        assert dice(array[0] > 0.5, truth > 0) > 0.85  # half the magnification blurs the edge


def test_a_doubled_scale_makes_the_object_larger_and_a_crop_cuts_it() -> None:
    image, labels = ball()
    shares = [
        spoil(image, labels, way="scale", rng=np.random.default_rng(s))[1].mean() / labels.mean() for s in range(8)
    ]
    assert any(share > 1.8 for share in shares)
    for seed in range(4):
        _, truth = spoil(image, labels, way="cropped", rng=np.random.default_rng(seed))
        edges = [truth[0], truth[-1], truth[:, 0], truth[:, -1]]
        assert sum(edge.any() for edge in edges) == 1
        assert 0.3 < truth.sum() / labels.sum() < 0.7


def test_an_inverted_image_is_dark_where_it_was_bright_and_an_empty_one_holds_nothing() -> None:
    image, labels = ball()
    array, truth = spoil(image, labels, way="inverted", rng=np.random.default_rng(0))
    assert array[0][truth > 0].max() < array[0][truth == 0].min()
    array, truth = spoil(image, labels, way="empty", rng=np.random.default_rng(0))
    assert not truth.any()
    assert abs(array[0][labels > 0].mean() - array[0][labels == 0].mean()) < 0.1


def test_another_modality_does_not_keep_the_order_of_the_intensities() -> None:
    ramp = np.linspace(0, 1, 64)[None, None].repeat(8, axis=1)
    changed = [
        spoil(ramp, np.ones((8, 64), int), way="modality", rng=np.random.default_rng(s))[0][0, 0] for s in range(5)
    ]
    assert all((np.diff(line) > 0).any() and (np.diff(line) < 0).any() for line in changed)


def test_voxels_that_are_not_finite_and_images_of_one_value_are_spoiled_too() -> None:
    image = np.full((1, 16, 16), 5.0)
    image[0, 3, 3] = np.nan
    for way in WAYS:
        assert np.isfinite(spoil(image, np.zeros((16, 16), int), way=way, rng=np.random.default_rng(0))[0]).all()
