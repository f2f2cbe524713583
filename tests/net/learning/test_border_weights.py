"""Border weights against numbers worked out by hand and against the formula evaluated voxel by voxel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from septum.errors import ConfigError, GeometryError
from septum.net.learning.border_weights import NEGLIGIBLE, border_weights


def brute_force(labels: NDArray[Any], w0: float, sigma: float, spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """The paper's equation 2 with every distance computed: no boxes, no reach."""
    objects = []
    for value in np.unique(labels[labels != 0]):
        pieces, count = ndimage.label(labels == value, structure=np.ones((3,) * labels.ndim))
        objects += [pieces == number for number in range(1, count + 1)]
    weights = np.ones(labels.shape)
    foreground = labels != 0
    if foreground.any() and not foreground.all():
        weights[foreground] = labels.size / (2 * foreground.sum())
        weights[~foreground] = labels.size / (2 * (~foreground).sum())
    for voxel in np.argwhere(~foreground):
        distances = sorted(
            min(math.dist(voxel * np.array(spacing), other * np.array(spacing)) for other in np.argwhere(mask))
            for mask in objects
        )
        if len(distances) >= 2:
            weights[tuple(voxel)] += w0 * math.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weights


def test_the_weight_map_of_two_cells_worked_out_by_hand() -> None:
    """A row: cell 1 at 0-1, gap at 2-4, cell 2 at 5. d1 + d2 = 4 in the gap, at each of its voxels.

    Balance: 3 of 6 voxels are background, so w_c = 1 everywhere; 10 exp(-16 / 50) = 7.2615.
    """
    row = np.array([[1, 1, 0, 0, 0, 2]])
    np.testing.assert_allclose(border_weights(row), [[1, 1, 8.26149, 8.26149, 8.26149, 1]], rtol=1e-6)


def test_the_weight_map_in_the_plane_worked_out_by_hand() -> None:
    """Cells of one voxel at (0, 0) and (0, 2). At (0, 1): d = 1 + 1. At (1, 0): 1 + sqrt(5). At (1, 1): 2 sqrt(2).

    Balance: 2 of 6 voxels are cells: w_c = 6 / (2 × 2) there and 6 / (2 × 4) elsewhere.
    """
    plane = np.array([[3, 0, 7], [0, 0, 0]])
    gap, side, below = (10 * math.exp(-(d**2) / 50) for d in (2, 1 + math.sqrt(5), 2 * math.sqrt(2)))
    expected = [[1.5, 0.75 + gap, 1.5], [0.75 + side, 0.75 + below, 0.75 + side]]
    np.testing.assert_allclose(border_weights(plane), expected, rtol=1e-6)


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 8)), elements=st.integers(0, 3)),
    st.sampled_from([(1.0, 1.0), (0.5, 2.0), (3.0, 1.0)]),
    st.sampled_from([0.4, 1.5, 5.0]),
)
def test_the_map_equals_the_formula_evaluated_voxel_by_voxel(
    labels: NDArray[np.uint8], spacing: tuple[float, float], sigma: float
) -> None:
    expected = brute_force(labels, 10.0, sigma, spacing)
    result = border_weights(labels, sigma=sigma, spacing=spacing)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=10 * NEGLIGIBLE)


def test_the_map_equals_the_formula_in_a_volume() -> None:
    labels = np.zeros((4, 5, 6), dtype=np.int32)
    labels[0, :2, :2], labels[3, 3:, 4:], labels[1:3, 0, 5] = 1, 2, 900_000_000
    spacing = (2.0, 1.0, 0.5)
    np.testing.assert_allclose(
        border_weights(labels, w0=4, sigma=2, spacing=spacing), brute_force(labels, 4, 2, spacing), rtol=1e-5, atol=4e-4
    )


def test_pieces_of_one_class_and_touching_instances_are_objects_alike() -> None:
    as_classes = np.array([[1, 0, 0, 1]])
    as_instances = np.array([[5, 0, 0, 6]])
    np.testing.assert_array_equal(border_weights(as_classes), border_weights(as_instances))
    assert border_weights(as_classes)[0, 1] > 8


def test_scaling_spacing_and_sigma_together_changes_nothing() -> None:
    labels = np.array([[1, 0, 0, 0, 2], [1, 0, 0, 2, 2]])
    np.testing.assert_allclose(
        border_weights(labels, sigma=3), border_weights(labels, sigma=0.75, spacing=(0.25, 0.25)), rtol=1e-6
    )


def test_classes_weigh_the_same_in_total_and_one_on_average() -> None:
    classes = np.array([[0, 0, 0, 0, 0, 1, 1, 2]])
    balance = border_weights(classes, w0=0, classes=classes)
    for value in range(3):
        assert balance[classes == value].sum() == pytest.approx(8 / 3)
    assert balance.mean() == pytest.approx(1)


@pytest.mark.parametrize("fill", [0, 1])
def test_an_image_without_object_or_without_background_weighs_one_everywhere(fill: int) -> None:
    result = border_weights(np.full((4, 5), fill))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, np.ones((4, 5)))


def test_a_single_object_has_no_border_term() -> None:
    labels = np.zeros((5, 5), dtype=int)
    labels[2, 2] = 1
    np.testing.assert_allclose(border_weights(labels)[labels == 0], 25 / 48, rtol=1e-6)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (np.zeros((2, 2)), {}, "labels must be integer"),
        (np.zeros((2, 2), int), {"sigma": 0}, "sigma must be > 0"),
        (np.zeros((2, 2), int), {"w0": -1}, "w0 >= 0"),
        (np.zeros((2, 2), int), {"spacing": (1.0,)}, "spacing must be 2 positive numbers"),
        (np.zeros((2, 2), int), {"spacing": (1.0, 0.0)}, "spacing must be 2 positive numbers"),
        (np.zeros((2, 2), int), {"classes": np.zeros((3, 2), int)}, "classes must have the shape"),
    ],
)
def test_wrong_input_is_refused(labels: NDArray[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, GeometryError), match=message):
        border_weights(labels, **options)
