"""Objects are measured in the unit that the grid knows, and doubtful rows are marked."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import GeometryError
from septum.instances.measure import measure_objects


def ellipsoid(shape, spacing, radii):
    mesh = np.meshgrid(*[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij")
    return (sum((m / r) ** 2 for m, r in zip(mesh, radii, strict=True)) <= 1).astype(np.uint16)


def test_an_ellipse_of_microns_has_its_size_shape_and_place():
    mask = ellipsoid((121, 161), (0.0005, 0.001), (0.02, 0.06))
    row = measure_objects(mask, spacing=(0.0005, 0.001)).iloc[0]
    assert row["area_um2"] == pytest.approx(math.pi * 20 * 60, rel=0.01)
    assert row["major_axis_um"] == pytest.approx(120, rel=0.01)
    assert row["minor_axis_um"] == pytest.approx(40, rel=0.02)
    assert row["elongation"] == pytest.approx(3, rel=0.02)
    assert row["centroid_x_um"] == pytest.approx(80.0)
    assert "perimeter_um" not in row  # samples are not square


def test_a_disc_is_round_and_a_ball_has_its_volume():
    disc = measure_objects(ellipsoid((81, 81), (1, 1), (30, 30)), spacing=(1.0, 1.0), unit="px").iloc[0]
    assert disc["circularity"] == pytest.approx(1, abs=0.05)
    assert disc["equivalent_diameter_px"] == pytest.approx(60, rel=0.01)
    ball = measure_objects(ellipsoid((30, 60, 60), (2.0, 1.0, 1.0), (20, 25, 25)), spacing=(2.0, 1.0, 1.0)).iloc[0]
    assert ball["volume_mm3"] == pytest.approx(4 / 3 * math.pi * 20 * 25 * 25, rel=0.02)
    assert ball["major_axis_mm"] == pytest.approx(50, rel=0.02)
    assert ball["minor_axis_mm"] == pytest.approx(40, rel=0.03)


@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_scaling_the_spacing_scales_lengths_and_areas(factor, seed):
    labels = np.kron(np.random.default_rng(seed).integers(0, 4, (4, 5)), np.ones((5, 5), int))
    one = measure_objects(labels, spacing=(1.0, 1.0), unit="px")
    other = measure_objects(labels, spacing=(factor, factor), unit="px")
    for column in one.columns:
        if column.endswith("_px2"):
            np.testing.assert_allclose(other[column], one[column] * factor**2)
        elif column.endswith("_px"):
            np.testing.assert_allclose(other[column], one[column] * factor)
        elif column != "orientation_deg":  # of a square it means nothing
            np.testing.assert_allclose(other[column], one[column], rtol=1e-6, atol=1e-6)


def test_what_is_doubtful_is_marked():
    labels = np.zeros((12, 30), np.uint32)
    labels[0:3, 5:9], labels[5:8, 5:9], labels[5:8, 15:18], labels[10, 25:27] = 70000, 3, 3, 9
    table = measure_objects(labels, spacing=(1.0, 1.0)).set_index("label")
    assert table["touches_edge"].to_dict() == {3: False, 9: False, 70000: True}
    assert table["pieces"].to_dict() == {3: 2, 9: 1, 70000: 1}


def test_single_samples_rows_and_full_images_are_measured():
    labels = np.zeros((6, 9), int)
    labels[1, 1], labels[4, 2:8] = 1, 2
    table = measure_objects(labels, spacing=(1.0, 1.0), unit="px")
    assert np.isfinite(table[["elongation", "solidity", "minor_axis_px"]].to_numpy()).all()
    assert table["elongation"].tolist() == pytest.approx([1.0, 6.0])
    assert len(measure_objects(np.ones((4, 4), int), spacing=(1.0, 1.0))) == 1
    assert len(measure_objects(np.ones((1, 4, 4), int), spacing=(1.0, 1.0, 1.0))) == 1


@pytest.mark.parametrize("ndim", [2, 3])
def test_nothing_gives_the_same_columns_without_rows(ndim):
    shape = (8,) * ndim
    labels, image = np.zeros(shape, int), np.ones((2, *shape))
    given = {"spacing": (1.0,) * ndim, "image": image, "channels": ("a", "b")}
    empty = measure_objects(labels, **given)
    labels[(slice(2, 5),) * ndim] = 4
    full = measure_objects(labels, **given)
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert np.isnan(full["nearest_mm"]).all()


def test_brightness_is_that_of_the_object():
    labels = np.array([[1, 1, 0, 5]])
    image = np.array([[[2, 4, 100, 7]]], np.uint8)
    table = measure_objects(labels, spacing=(1.0, 1.0), image=image, channels=("dapi",))
    assert table["mean_intensity"].tolist() == [3, 7]
    assert table["sum_intensity"].tolist() == [6, 7]
    assert table["max_intensity"].tolist() == [4, 7]


def test_an_image_of_another_shape_is_refused():
    with pytest.raises(GeometryError, match="shape of its labels"):
        measure_objects(np.ones((4, 4), int), spacing=(1.0, 1.0), image=np.ones((1, 4, 5)))
