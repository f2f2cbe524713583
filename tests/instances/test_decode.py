"""From a network's maps to objects: with perfect maps, the objects come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.segmentation import expand_labels

from septum.errors import ConfigError
from septum.instances.decode import METHODS, Decoding, ObjectMaps, decode
from septum.instances.targets import object_targets
from septum.metrics.instances import instance_overlap, match_instances


def cells(shape: tuple[int, ...], count: int, seed: int, radius: float = 8.0) -> np.ndarray:
    """Touching objects: points grown until they meet."""
    rng = np.random.default_rng(seed)
    points = np.zeros(shape, np.int32)
    for number in range(count):
        points[tuple(rng.integers(0, n) for n in shape)] = number + 1
    return expand_labels(points, radius)


def logit(share: np.ndarray) -> np.ndarray:
    kept = np.clip(share, 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))


def perfect(labels: np.ndarray, *, noise: float = 0.0, seed: int = 0) -> ObjectMaps:
    targets = object_targets(labels)
    outputs = np.concatenate([logit(targets[:2]), targets[2:]])
    outputs += noise * np.random.default_rng(seed).standard_normal(outputs.shape)
    maps = ObjectMaps.empty(labels.shape)
    for row in range(0, len(labels), 10):  # as they arrive: in blocks
        place = (slice(row, row + 10),)
        maps.put(place, (labels[place] > 0).astype(float), outputs=outputs[(slice(None), *place)])
    return maps


@given(seed=st.integers(0, 500), count=st.integers(1, 25), method=st.sampled_from(METHODS))
@settings(max_examples=40, deadline=None)
def test_perfect_maps_give_the_objects_back(seed: int, count: int, method: str) -> None:
    inner = cells((70, 70), count, seed)
    labels = np.pad(inner, 20)  # away from the edge, where vectors are not taught
    found = decode(perfect(labels), Decoding(method=method, share=0.7))  # type: ignore[arg-type]
    matched = match_instances(instance_overlap(labels, found.labels), threshold=0.5)
    thin = count - matched.tp
    assert thin <= 0.1 * count + 1  # slivers of a voxel or two between others are no objects of their own
    assert matched.fp <= 0.1 * count + 1
    assert found.size.sum() == (found.labels > 0).sum()


def test_touching_balls_in_three_dimensions_part_at_their_plane() -> None:
    z, y, x = np.indices((24, 24, 44))
    first = (z - 12) ** 2 + (y - 12) ** 2 + (x - 13) ** 2 <= 81
    second = (z - 12) ** 2 + (y - 12) ** 2 + (x - 30) ** 2 <= 81
    labels = first * 1 + (second & ~first) * 2
    for method in METHODS:
        found = decode(perfect(labels, noise=0.1), Decoding(method=method))  # type: ignore[arg-type]
        assert found.count == 2
        assert match_instances(instance_overlap(labels, found.labels), threshold=0.9).tp == 2


def test_noise_does_not_make_objects() -> None:
    labels = np.pad(cells((100, 100), 12, 3, radius=12), 10)
    found = decode(perfect(labels, noise=0.5), Decoding(share=0.6))
    assert match_instances(instance_overlap(labels, found.labels), threshold=0.5).average_precision > 0.9


def test_objects_smaller_than_the_least_size_in_mm2_are_left_out() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[2:5, 2:5], labels[10:18, 10:25] = 1, 2
    maps = perfect(labels)
    assert decode(maps, Decoding(smallest=9)).count == 2
    assert decode(maps, Decoding(smallest=10)).count == 1
    assert decode(maps, Decoding(smallest=9), spacing=(0.5, 0.5)).count == 1
    assert decode(maps, Decoding(smallest=2.25), spacing=(0.5, 0.5)).count == 2


def test_confidence_is_that_of_probability_and_height() -> None:
    maps = ObjectMaps.empty((1, 3))
    maps.foreground[:], maps.altitude[:] = 204, [[51, 153, 51]]
    found = decode(maps, Decoding())
    np.testing.assert_allclose(found.confidence, [0.8 * 0.6])
    assert found.size.tolist() == [3]


def test_a_network_on_slices_says_nothing_about_the_axis_across() -> None:
    maps = ObjectMaps.empty((2, 1, 3))
    maps.put((slice(0, 1),), np.ones((1, 1, 3)), outputs=np.ones((4, 1, 1, 3)))
    assert (maps.steps[0] == 9 + 6 + 2).all()


def test_nothing_is_decoded_from_nothing() -> None:
    found = decode(ObjectMaps.empty((6, 7)), Decoding())
    assert found.count == 0
    assert found.labels.dtype == np.uint32
    assert not found.labels.any()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"method": "magic"}, "method must be one of"),
        ({"foreground": 0.0}, "foreground must be above 0"),
        ({"marker": 1.1}, "marker must be above 0"),
        ({"share": -1.0}, "share must be above 0"),
        ({"smallest": float("nan")}, "smallest must be a size"),
    ],
)
def test_thresholds_out_of_range_are_refused(wrong: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Decoding(**wrong)
