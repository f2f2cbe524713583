"""Boundary IoU: by hand, by OpenCV's erosions, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from tests import phantoms

from septum.errors import ConfigError, GeometryError
from septum.metrics import boundary_iou, cl_dice, confusion_counts, iou


def test_the_rim_of_a_box_by_hand() -> None:
    reference, prediction = np.zeros((2, 12, 12), int)
    reference[2:8, 2:8] = 1
    prediction[2:8, 3:9] = 1
    rim = 6 * 6 - 4 * 4
    shared = 2 * 5  # the top and bottom rows overlap in five columns, the sides nowhere else
    assert boundary_iou(reference, prediction, width_px=1) == shared / (2 * rim - shared)
    (counts,) = confusion_counts(reference, prediction, classes=[1])
    assert boundary_iou(reference, prediction, width_px=3) == iou(counts)  # the rim is all there is


@given(st.integers(0, 200), st.integers(1, 4))
def test_boundary_iou_equals_erosions_by_opencv(seed: int, width: int) -> None:
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(seed)
    a, b = (ndimage.gaussian_filter(rng.normal(size=(30, 34)), 3) > 0.01 for _ in range(2))

    def rim(mask: np.ndarray) -> np.ndarray:
        padded = np.pad(mask, 1).astype(np.uint8)
        return mask & (cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1] == 0)

    expected = (rim(a) & rim(b)).sum() / (rim(a) | rim(b)).sum()
    assert math.isclose(boundary_iou(a, b, width_px=width), expected)


def test_the_default_width_is_two_percent_of_the_diagonal() -> None:
    a = phantoms.box((90, 120), size=(40, 40), start=(20, 20)).array
    b = np.roll(a, 2, axis=1)
    assert boundary_iou(a, b) == boundary_iou(a, b, width_px=3) != boundary_iou(a, b, width_px=2)


def test_a_large_structure_keeps_its_iou_and_loses_its_boundary() -> None:
    a = phantoms.box((60, 60, 60), size=(40, 40, 40), start=(10, 10, 10)).array
    b = ndimage.binary_erosion(a).astype(np.uint8)
    (counts,) = confusion_counts(a, b, classes=[1])
    assert iou(counts) > 0.85
    assert boundary_iou(a, b, width_px=1) == 0


@pytest.mark.parametrize("metric", [cl_dice, boundary_iou])
def test_what_is_no_pair_of_masks_is_refused(metric: Callable[..., float]) -> None:
    with pytest.raises(GeometryError, match="same shape"):
        metric(np.ones((3, 3), bool), np.ones((3, 4), bool))
    with pytest.raises(GeometryError, match="2-D or 3-D, got 4 axes"):
        metric(np.ones((2, 2, 2, 2), bool), np.ones((2, 2, 2, 2), bool))
    with pytest.raises(GeometryError, match="reference must hold integer labels, got float64"):
        metric(np.ones((3, 3)), np.ones((3, 3), bool))


def test_a_rim_without_width_is_refused() -> None:
    with pytest.raises(ConfigError, match="width_px must be at least 1, got 0"):
        boundary_iou([[1]], [[1]], width_px=0)
