"""The table of objects, against sums made by hand and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.measure import regionprops_table
from tests import phantoms

from septum.errors import GeometryError
from septum.geometry import Grid, Image, LabelMap

PAIR = phantoms.touching_pair((12, 32, 36), (3.0, 1.0, 0.5))


def test_sizes_places_and_intensities_are_those_of_scikit_image_in_millimetres() -> None:
    image = PAIR.image(seed=3)
    table = PAIR.labels.objects(image)
    expected = regionprops_table(
        PAIR.array, image.array[0], properties=("label", "area", "centroid", "bbox", "intensity_mean", "intensity_max")
    )
    assert table["label"].tolist() == expected["label"].tolist()
    assert table["voxels"].tolist() == expected["area"].tolist()
    assert np.allclose(table["volume_mm3"], expected["area"] * 1.5)
    for i, axis in enumerate("zyx"):
        assert np.allclose(table[f"centroid_{axis}"], expected[f"centroid-{i}"])
        assert table[f"first_{axis}"].tolist() == expected[f"bbox-{i}"].tolist()
        assert (table[f"last_{axis}"] + 1).tolist() == expected[f"bbox-{i + 3}"].tolist()
    assert np.allclose(table["mean_intensity"], expected["intensity_mean"], rtol=1e-5)
    assert np.allclose(table["max_intensity"], expected["intensity_max"])
    world = PAIR.grid.index_to_world(table[["centroid_z", "centroid_y", "centroid_x"]].to_numpy())
    assert np.allclose(table[["world_x", "world_y", "world_z"]], world)


def test_the_equivalent_diameter_of_a_ball_is_its_diameter() -> None:
    ball = phantoms.ball((40, 40, 40), radius_mm=15.0)
    assert ball.labels.objects()["equivalent_diameter_mm"][0] == pytest.approx(30.0, rel=0.01)
    disc = phantoms.ball((80, 80), radius_mm=30.0)
    table = disc.labels.objects()
    assert table["equivalent_diameter_mm"][0] == pytest.approx(60.0, rel=0.01)
    assert table["area_mm2"][0] == pytest.approx(math.pi * 900, rel=0.01)


def test_ids_that_are_far_apart_and_names_are_kept() -> None:
    array = np.array([[0, 70_000, 70_000], [3, 0, 0]])
    table = LabelMap(array, Grid.from_spacing((2, 3), (1.0, 1.0)), {3: "three"}).objects()
    assert table["label"].tolist() == [3, 70_000]
    assert table["name"].tolist() == ["three", ""]
    assert table["voxels"].tolist() == [1, 2]


def test_several_channels_get_columns_of_their_own() -> None:
    image = Image(np.stack([PAIR.array * 2.0, PAIR.array * 5.0]), PAIR.grid, ("dapi", "actin"))
    table = PAIR.labels.objects(image)
    assert table["mean_intensity dapi"].tolist() == [2.0, 4.0]
    assert table["mean_intensity actin"].tolist() == [5.0, 10.0]


def test_nothing_marked_is_an_empty_table_with_its_columns() -> None:
    empty = LabelMap(np.zeros((4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    table = empty.objects(Image(np.zeros((1, 4, 5)), empty.grid))
    assert len(table) == 0
    assert {"label", "area_mm2", "mean_intensity"} <= set(table.columns)


def test_an_image_elsewhere_is_refused() -> None:
    other = Image(np.zeros((1, *PAIR.array.shape)), Grid.from_spacing(PAIR.array.shape, (1.0, 1.0, 1.0)))
    with pytest.raises(GeometryError, match="must lie on one grid"):
        PAIR.labels.objects(other)


def test_objects_of_unknown_size_are_measured_in_pixels() -> None:
    labels = LabelMap(np.array([[1, 1, 0], [1, 1, 2]]), Grid.pixels((2, 3)))
    table = labels.objects()
    assert table["area_px2"].tolist() == [4.0, 1.0]
    assert "equivalent_diameter_px" in table
    assert not [name for name in table if "mm" in name]
    assert repr(labels) == "LabelMap(2 × 3, no physical size, int64)"
