"""Slices in their order: by position, without gaps, and frames in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from tests.io import dicoms

from septum import io
from septum.errors import FormatError


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("suffix", [".dcm", "", ".IMA"])
def test_slices_are_sorted_by_position_whatever_their_names(tmp_path: Path, syntax: str, suffix: str) -> None:
    samples = dicoms.stored((6, 7, 9))
    folder = dicoms.series(tmp_path / "ct", samples, syntax=syntax, suffix=suffix)
    image = io.read_image(folder)
    np.testing.assert_array_equal(image.array[0], samples)
    np.testing.assert_allclose(image.grid.spacing, (2.5, 0.8, 0.5))
    np.testing.assert_allclose(image.grid.index_to_world((1, 2, 3)), (10 - 3 * 0.5, -20 - 2 * 0.8, 5 + 2.5))
    assert image.grid.orientation == "SPL"


def test_a_missing_slice_is_an_error_that_counts(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((9, 4, 4)), skip=[3, 4])
    with pytest.raises(FormatError, match=r"gap of 7\.50 mm after slice 3 of 7, .* about 2 missing"):
        io.read_image(folder)


def test_uneven_slices_are_an_error(tmp_path: Path) -> None:
    places = [[0, 0, z] for z in (0.0, 1.0, 2.0, 3.3, 4.6)]
    with pytest.raises(FormatError, match=r"distances from 1\.00 to 1\.30 mm"):
        io.read_image(dicoms.series(tmp_path / "ct", dicoms.stored((5, 4, 4)), positions=places))


def test_slices_out_of_line_are_an_error(tmp_path: Path) -> None:
    places = [[0, 0, 0], [9, 0, 1], [0, 0, 2], [0, 0, 3]]
    with pytest.raises(FormatError, match="in line"):
        io.read_image(dicoms.series(tmp_path / "ct", dicoms.stored((4, 4, 4)), positions=places))


def test_slightly_uneven_slices_are_noted(tmp_path: Path) -> None:
    places = [[0, 0, z] for z in (0.0, 1.0, 2.03, 3.0)]
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((4, 4, 4)), positions=places)
    assert any("slice distances vary" in note for note in io.describe(folder).notes)


def test_several_images_at_each_position_are_frames_in_time(tmp_path: Path) -> None:
    phases = [dicoms.stored((4, 5, 5), seed=seed) for seed in range(3)]
    for time, samples in enumerate(phases):
        dicoms.series(
            tmp_path / f"phase{time}",
            samples,
            TemporalPositionIdentifier=time + 1,
            SeriesNumber=1,
            suffix=f"_{time}.dcm",
        )
    folder = tmp_path / "all"
    folder.mkdir()
    for path in tmp_path.glob("phase*/*"):
        path.rename(folder / path.name)
    assert io.count_frames(folder) == 3
    for time, samples in enumerate(phases):
        np.testing.assert_array_equal(io.read_image(folder, frame=time).array[0], samples)
    with pytest.raises(FormatError, match="holds 3 frames"):
        io.read_image(folder)
    next(folder.glob("*_1.dcm")).unlink()
    with pytest.raises(FormatError, match="as many images at every position, got 2 at some and 3"):
        io.read_image(folder, frame=0)
