"""What a person sees of a file before anything is computed from it."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid, Image, LabelMap


def test_a_volume_of_labels_is_described_with_counts_and_sizes(tmp_path: Path) -> None:
    array = np.zeros((4, 5, 6), np.int32)
    array[1:3, 2, 2] = 7
    io.write_labels(tmp_path / "m.nii.gz", LabelMap(array, Grid.from_spacing((4, 5, 6), (2.0, 0.5, 0.5))))
    found = io.describe(tmp_path / "m.nii.gz")
    assert (found.format, found.shape, found.axes, found.dtype) == ("NIfTI", (4, 5, 6), "ZYX", "uint8")
    assert (found.spacing, found.units, found.orientation) == ((2.0, 0.5, 0.5), "mm", "SAR")
    assert (found.minimum, found.maximum, found.frames) == (0, 7, 1)
    assert found.labels == {0: 118, 7: 2}
    assert found.voxel_volume == pytest.approx(0.5)
    assert found.notes == ()


def test_many_values_are_no_labels(tmp_path: Path) -> None:
    grid = Grid.from_spacing((10, 10), (1, 1))
    io.write_image(tmp_path / "i.png", Image(np.arange(100, dtype=np.uint8).reshape(1, 10, 10), grid))
    assert io.describe(tmp_path / "i.png").labels is None


def test_whole_floats_are_counted_and_others_are_not(tmp_path: Path) -> None:
    grid = Grid.from_spacing((2, 2, 2), (1, 1, 1))
    io.write_image(tmp_path / "i.nii", Image(np.array([0, 1, 2, 2, 0, 0, 0, 0.0]).reshape(1, 2, 2, 2), grid))
    assert io.describe(tmp_path / "i.nii").labels == {0: 5, 1: 1, 2: 2}
    io.write_image(tmp_path / "i.nii", Image(np.array([0, 1, 2, 2.5, 0, 0, 0, 0.0]).reshape(1, 2, 2, 2), grid))
    assert io.describe(tmp_path / "i.nii").labels is None


def test_values_that_are_not_finite_and_constant_images_are_noted(tmp_path: Path) -> None:
    grid = Grid.from_spacing((2, 2, 2), (1, 1, 1))
    array = np.full((1, 2, 2, 2), 1.5, np.float32)
    array[0, 0, 0, 0] = np.nan
    io.write_image(tmp_path / "i.nii", Image(array, grid))
    found = io.describe(tmp_path / "i.nii")
    assert (found.minimum, found.maximum) == (1.5, 1.5)
    assert found.notes == ("1 values are NaN or infinite", "all values are equal")
    io.write_image(tmp_path / "i.nii", Image(array * np.nan, grid))
    found = io.describe(tmp_path / "i.nii")
    assert np.isnan(found.minimum)
    assert found.notes == ("8 values are NaN or infinite",)


def test_channels_without_names_are_numbered(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).random((4, 5, 6, 3)).astype(np.float32)
    nibabel.Nifti1Image(samples, np.eye(4)).to_filename(tmp_path / "four.nii")
    found = io.describe(tmp_path / "four.nii")
    assert (found.axes, found.shape) == ("CZYX", (3, 6, 5, 4))
    assert found.channels == ("channel 0", "channel 1", "channel 2")


def test_channels_are_part_of_the_shape_only_when_there_are_several(tmp_path: Path) -> None:
    io.write_image(tmp_path / "i.tif", Image(np.zeros((2, 4, 5), np.uint8), Grid.from_spacing((4, 5), (1, 1))))
    assert io.describe(tmp_path / "i.tif").shape == (2, 4, 5)


def test_a_folder_without_images_cannot_be_described(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="folder without DICOM"):
        io.describe(tmp_path)
