"""Thresholds from histograms against SimpleITK and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK
import skimage.filters
from tests.classical.greys import METHODS, two_tissues

from septum.classical import histogram, threshold
from septum.errors import DatasetError

ITK = {
    "intermodes": "Intermodes",
    "isodata": "IsoData",
    "li": "Li",
    "maximum-entropy": "MaximumEntropy",
    "moments": "Moments",
    "otsu": "Otsu",
    "renyi-entropy": "RenyiEntropy",
    "shanbhag": "Shanbhag",
    "yen": "Yen",
}


def skewed(seed=2) -> np.ndarray:
    """A peak at the dark end, a long tail and a small bright population."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.exponential(12, 8000), rng.normal(170, 20, 1000)])
    values[:2] = 0, 255
    return np.clip(values, 0, 255).astype(np.uint8).reshape(90, 100)


@pytest.mark.parametrize("method", sorted(ITK))
@pytest.mark.parametrize("image", [two_tissues(), two_tissues((20, 21, 22)), skewed()], ids=["2-D", "3-D", "skewed"])
def test_automatic_thresholds_are_those_of_simpleitk_to_within_three_grey_values(method, image):
    peer = getattr(SimpleITK, ITK[method] + "ThresholdImageFilter")()
    peer.Execute(SimpleITK.GetImageFromArray(image))
    assert threshold.automatic_value(image, method=method) == pytest.approx(peer.GetThreshold(), abs=3.0)


@pytest.mark.parametrize("image", [two_tissues(), skewed(), 255 - skewed()], ids=["two", "skewed", "mirrored"])
def test_triangle_is_that_of_scikit_image(image):
    assert threshold.automatic_value(image, method="triangle") == pytest.approx(
        skimage.filters.threshold_triangle(image), abs=1.0
    )


def test_minimum_is_that_of_scikit_image():
    image = two_tissues()
    assert threshold.automatic_value(image, method="minimum") == pytest.approx(
        skimage.filters.threshold_minimum(image), abs=3.0
    )


def by_loop(counts: np.ndarray, cost) -> int:
    """The threshold of least cost over every division into two classes that hold samples."""
    values = np.repeat(np.arange(counts.size), counts).astype(float)
    held = np.flatnonzero(counts)
    costs = {t: cost(values[values <= t], values[values > t], values) for t in range(held[0], held[-1])}
    return min(costs, key=costs.get)


def fuzziness(low: np.ndarray, high: np.ndarray, values: np.ndarray) -> float:
    width = values.max() - values.min()
    total = 0.0
    for part in (low, high):
        for value, count in zip(*np.unique(part, return_counts=True), strict=True):
            m = 1 / (1 + abs(value - part.mean()) / width)
            total += count * -(m * math.log(m) + ((1 - m) * math.log(1 - m) if m < 1 else 0))
    return total


def error_of_normals(low: np.ndarray, high: np.ndarray, values: np.ndarray) -> float:
    cost = 0.0
    for part in (low, high):
        share = part.size / values.size
        cost += share * math.log(part.var() + 1 / 12) - 2 * share * math.log(share)
    return cost


@pytest.mark.parametrize(("method", "cost"), [("huang", fuzziness), ("kittler-illingworth", error_of_normals)])
def test_criteria_that_libraries_search_only_in_part_are_minimal_over_all_thresholds(method, cost):
    image = two_tissues()[::3, ::3] // 4
    counts, _, _ = histogram.count_bins(image, bins=256)
    assert histogram.METHODS[method](counts) == by_loop(counts, cost)


def test_kittler_illingworth_finds_the_crossing_of_two_normal_densities():
    rng = np.random.default_rng(0)
    image = np.concatenate([rng.normal(100, 10, 40000), rng.normal(160, 10, 40000)]).reshape(200, 400)
    assert threshold.automatic_value(image, method="kittler-illingworth") == pytest.approx(130, abs=1.5)


def test_two_values_are_divided_between_them():
    for method in set(METHODS) - {"minimum", "intermodes"}:
        image = np.array([[0, 0, 5], [0, 5, 5]])
        assert np.array_equal(threshold.automatic(image, method=method), image == 5), method


@pytest.mark.parametrize("method", ["intermodes", "minimum"])
def test_a_peak_with_a_flat_top_is_one_peak(method):
    """Two values side by side that occur equally often."""
    image = np.repeat([2, 3, 4, 5, 12, 13, 14], [10, 40, 40, 10, 10, 30, 10])[None]
    assert 5 <= threshold.automatic_value(image, method=method) < 12


@pytest.mark.parametrize("method", ["intermodes", "minimum"])
def test_one_peak_is_refused_by_the_methods_of_two_peaks(method):
    image = np.repeat(np.arange(20), np.arange(60, 20, -2))[None]  # ever fewer samples
    with pytest.raises(DatasetError, match="two peaks"):
        threshold.automatic(image, method=method)
