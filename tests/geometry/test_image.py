"""An image and a label map: an array and its grid that fit each other, one line of text, and a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from septum.errors import GeometryError
from septum.geometry import Grid, Image, LabelMap

GRID = Grid.from_spacing((3, 4, 5), (2.0, 1.0, 0.5))
PLANE = Grid.from_spacing((4, 5), (1.0, 0.5))


def test_an_array_must_fit_its_grid_and_its_names() -> None:
    with pytest.raises(GeometryError, match="add a channel axis"):
        Image(np.zeros((3, 4, 5)), GRID)
    with pytest.raises(GeometryError, match="2 channels need as many names"):
        Image(np.zeros((2, 3, 4, 5)), GRID, ("a",))
    assert Image(np.zeros((2, 3, 4, 5)), GRID).channels == ("channel 0", "channel 1")
    with pytest.raises(GeometryError, match="must have the grid's shape"):
        LabelMap(np.zeros((4, 5), int), GRID)
    with pytest.raises(GeometryError, match="labels must be integers, got float64"):
        LabelMap(np.zeros((4, 5)), PLANE)


def test_truth_values_become_0_and_1_and_names_are_fixed() -> None:
    labels = LabelMap(np.ones((4, 5), bool), PLANE, {1: "cell"})
    assert labels.array.dtype == np.uint8
    with pytest.raises(TypeError):
        labels.names[1] = "x"  # type: ignore[index]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (Image(np.zeros((1, 3, 4, 5), np.int16), GRID), "Image(3 × 4 × 5, 2 × 1 × 0.5 mm, SAR, int16)"),
        (Image(np.zeros((6, 4, 5), np.uint8), PLANE, tuple("abcdef")),
         "Image(4 × 5, 1 × 0.5 mm, 6 channels (a, b, c, d, …), uint8)"),
        (Image(np.zeros((1, 4, 5), np.uint8), Grid.pixels((4, 5))), "Image(4 × 5, no physical size, uint8)"),
        (LabelMap(np.zeros((4, 5), np.uint8), PLANE, {n: f"n{n}" for n in range(9)}),
         "LabelMap(4 × 5, 1 × 0.5 mm, 1 n1, 2 n2, 3 n3, 4 n4, 5 n5, 6 n6, …, uint8)"),
    ],
)  # fmt: skip
def test_one_line_says_what_it_is(shown: Any, text: str) -> None:
    assert repr(shown) == text


@pytest.mark.parametrize(
    ("grid", "text"),
    [(PLANE, "3 mm²"), (Grid.pixels((4, 5)), "6 pixels"),
     (Grid.from_spacing((2, 4, 5), (100.0, 1.0, 1.0)), "1.2 ml"), (Grid.pixels((2, 4, 5)), "12 voxels")],
)  # fmt: skip
def test_sizes_of_labels_are_in_the_unit_of_the_grid(grid: Grid, text: str) -> None:
    array = np.zeros(grid.shape, np.uint8)
    array[..., :2, :3] = 7
    assert LabelMap(array, grid)._sizes() == {7: text}


def test_a_notebook_shows_a_picture_with_its_line_and_escaped_names() -> None:
    array = np.zeros((4, 5), np.uint8)
    array[1:3, 1:3] = 1
    shown = LabelMap(array, PLANE, {1: "<b>"})._repr_html_()
    assert 'src="data:image/png;base64,' in shown
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown


def test_labels_of_other_libraries_are_whole_numbers_of_one_channel() -> None:
    import SimpleITK as sitk  # noqa: N813

    labels = LabelMap(np.arange(60, dtype=np.uint8).reshape(3, 4, 5), GRID, {3: "x"})
    again = LabelMap.from_simpleitk(labels.to_simpleitk(), names={3: "x"})
    assert np.array_equal(again.array, labels.array)
    assert again.grid.matches(GRID)
    floats = sitk.Cast(labels.to_simpleitk(), sitk.sitkFloat32)
    assert LabelMap.from_simpleitk(floats).array.dtype == np.int32
    with pytest.raises(GeometryError, match="whole numbers, got fractions"):
        LabelMap.from_simpleitk(floats + 0.5)
    with pytest.raises(GeometryError, match="must have one channel, got 2"):
        LabelMap.from_simpleitk(Image(np.zeros((2, 3, 4, 5), np.uint8), GRID).to_simpleitk())


def test_objects_of_another_grid_are_refused() -> None:
    labels = LabelMap(np.ones((4, 5), np.uint8), PLANE)
    far = Image(np.zeros((1, 3, 4, 5)), GRID)
    with pytest.raises(GeometryError, match="must lie on one grid"):
        labels.objects(far)
    table = labels.objects(Image(np.full((2, 4, 5), 3.0), PLANE, ("DAPI", "actin")))
    assert table["voxels"].tolist() == [20]
    assert any("DAPI" in column for column in table.columns)
