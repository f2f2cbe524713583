"""The compact flood: scikit-image's, regular in millimetres."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.segmentation import watershed as skimage_watershed
from tests.classical.waters import noise

from septum.classical import landscape, watershed
from septum.classical.compact import compact_flood


def test_compact_cells_are_those_of_scikit_image_and_regular_in_millimetres() -> None:
    flat = np.zeros((8, 40, 40), np.float32)
    labels = watershed.compact_watershed(flat, size_mm=10, compactness=1, spacing=(5, 1, 1))
    assert labels.max() == 4 * 4 * 4
    image = noise((40, 60))
    seeds = watershed.lattice(image.shape, spacing=(1, 1), size_mm=10)
    slope = landscape.gradient_magnitude(image)
    theirs = skimage_watershed(slope / slope.max(), seeds.astype(int), compactness=0.01)
    np.testing.assert_array_equal(watershed.compact_watershed(image, size_mm=10), theirs)


@pytest.mark.parametrize(("shape", "weight"), [((40, 60), 0.01), ((40, 60), 0.3), ((12, 20, 24), 0.05), ((1, 50), 0.1)])
def test_the_compact_flood_of_one_spacing_is_that_of_scikit_image(shape, weight) -> None:
    slope = landscape.gradient_magnitude(noise(shape))
    seeds = watershed.lattice(shape, spacing=(1,) * len(shape), size_mm=7)
    theirs = skimage_watershed(slope, seeds.astype(int), compactness=weight)
    ours = compact_flood(slope, markers=seeds, weight=weight, step=(1.0,) * len(shape))
    np.testing.assert_array_equal(ours, theirs)


def test_a_compact_flood_on_flat_ground_goes_to_the_nearest_marker_in_millimetres() -> None:
    seeds = np.zeros((9, 30, 40), np.uint32)
    places = np.array([[1, 5, 6], [7, 20, 9], [4, 12, 33], [2, 26, 25]])
    seeds[tuple(places.T)] = [1, 2, 3, 4]
    step = (4.0, 1.0, 1.5)
    labels = compact_flood(np.zeros(seeds.shape, np.float32), markers=seeds, weight=1.0, step=step)
    away = np.indices(seeds.shape)[None] - places[:, :, None, None, None]
    distance = np.sqrt(((away * np.reshape(step, (1, 3, 1, 1, 1))) ** 2).sum(axis=1))
    ordered = np.sort(distance, axis=0)
    sure = ordered[1] - ordered[0] > 1e-6
    assert sure.mean() > 0.98
    np.testing.assert_array_equal(labels[sure], distance.argmin(axis=0)[sure] + 1)


def test_compactness_counts_millimetres_on_thick_slices() -> None:
    image = noise((16, 40))
    labels = watershed.compact_watershed(image, size_mm=12, compactness=0.2, spacing=(1.5, 0.5))
    slope = landscape.gradient_magnitude(image, spacing=(1.5, 0.5))
    slope /= slope.max()
    seeds = watershed.lattice(image.shape, spacing=(1.5, 0.5), size_mm=12)
    np.testing.assert_array_equal(labels, compact_flood(slope, markers=seeds, weight=0.2, step=(3.0, 1.0)))
    in_voxels = skimage_watershed(slope, seeds.astype(int), compactness=0.2)
    assert 0.01 < (labels != in_voxels).mean() < 0.5
