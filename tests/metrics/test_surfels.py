"""Surface elements: their areas, and the codes of neighbourhoods."""

from __future__ import annotations

import numpy as np
import pytest
from tests.metrics.shifted import SPACINGS

from septum.metrics.surfels import element_sizes, neighbour_codes


def test_all_neighbourhoods_have_the_areas_of_surface_distance() -> None:
    tables = pytest.importorskip("surface_distance.lookup_tables")
    kernels = tables.ENCODE_NEIGHBOURHOOD_2D_KERNEL, tables.ENCODE_NEIGHBOURHOOD_3D_KERNEL
    make = tables.create_table_neighbour_code_to_contour_length, tables.create_table_neighbour_code_to_surface_area
    for ndim, kernel, table in zip((2, 3), kernels, make, strict=True):
        weights = np.array(kernel).reshape(-1)
        theirs = [sum(int(w) for bit, w in enumerate(weights) if code >> bit & 1) for code in range(2**weights.size)]
        for spacing in SPACINGS[ndim]:
            np.testing.assert_allclose(element_sizes(spacing), table(spacing)[theirs], rtol=1e-12)


def test_a_neighbourhood_and_its_complement_have_the_same_surface() -> None:
    for spacing in ((1.5, 0.4), (0.5, 0.7, 7.5)):
        sizes = element_sizes(spacing)
        np.testing.assert_array_equal(sizes, sizes[::-1])


def test_the_codes_equal_a_loop_over_the_corners() -> None:
    mask = np.random.default_rng(0).random((3, 4, 5)) < 0.5
    padded = np.pad(mask, 1)
    for corner in np.ndindex(4, 5, 6):
        cube = padded[tuple(slice(c, c + 2) for c in corner)].reshape(-1)
        assert neighbour_codes(mask)[corner] == sum(int(bit) << place for place, bit in enumerate(cube))


def test_the_sizes_of_elements_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        element_sizes((1.0, 1.0))[0] = 1
