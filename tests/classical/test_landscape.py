"""What is flooded: summits, gradients in millimetres, heights in order."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage
from skimage.morphology import h_maxima, local_maxima
from tests.classical.waters import SHAPES, noise

from septum.classical import landscape, watershed


@pytest.mark.parametrize(("shape", "spacing"), SHAPES)
def test_summits_are_the_h_maxima_of_scikit_image(shape, spacing) -> None:
    image = (noise(shape) * 40).astype(np.int16)
    for depth in (0, 1, 20, 60):
        theirs = h_maxima(image, depth, footprint=ndimage.generate_binary_structure(image.ndim, 1)) if depth else None
        theirs = local_maxima(image, connectivity=1) if theirs is None else theirs
        count = ndimage.label(theirs)[1]
        ours = landscape.summits(image, depth=max(depth - 1, 0))  # theirs keeps those of exactly h
        assert ours.max() == count


def test_the_gradient_is_that_of_simpleitk_in_millimetres() -> None:
    image = ndimage.gaussian_filter(noise((20, 30, 30)), 2)
    given = SimpleITK.GetImageFromArray(image)
    given.SetSpacing((0.5, 1.0, 2.0))
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.GradientMagnitude(given))
    ours = landscape.gradient_magnitude(image, spacing=(2, 1, 0.5), sigma_mm=0)
    inner = (slice(1, -1),) * 3
    np.testing.assert_allclose(ours[inner], theirs[inner], rtol=1e-4, atol=1e-6)


def test_large_integers_and_floats_become_sixteen_bit_heights_in_order() -> None:
    for values in ([-(2**40), 0, 2**40], [-1e9, 0.0, 1e9], [-3, 0, 3], [0, 1, 65534]):
        ground = watershed.heights(np.array([values]))
        assert ground.dtype == np.uint16
        assert ground[0, 0] == 0
        assert np.all(np.diff(ground[0].astype(int)) > 0)
    assert watershed.heights(np.array([[-128, 127]], np.int8)).tolist() == [[0, 255]]
