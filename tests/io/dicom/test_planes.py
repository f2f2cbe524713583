"""Where slices and frames lie: functional groups, tilted gantries, loops without positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.io import dicoms

from septum import io
from septum.errors import Cancelled, FormatError
from septum.io.dicom.planes import read_header


def test_a_tilted_gantry_gives_a_sheared_grid(tmp_path: Path) -> None:
    places = [[0.0, 0.5 * z, 2.0 * z] for z in range(5)]
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((5, 4, 4)), positions=places)
    image = io.read_image(folder)
    np.testing.assert_allclose(image.grid.index_to_world((4, 0, 0)), (0, -2.0, 8.0), atol=1e-6)
    assert any("tilt of 14.0 degrees" in note for note in io.describe(folder).notes)


def test_sagittal_slices_lie_where_they_were_taken(tmp_path: Path) -> None:
    places = [[3.0 * z, 0.0, 0.0] for z in range(4)]
    folder = dicoms.series(
        tmp_path / "mr", dicoms.stored((4, 5, 6)), positions=places, ImageOrientationPatient=[0.0, 1, 0, 0, 0, -1]
    )
    image = io.read_image(folder)
    # Rows run down, columns to the back; slices are stacked along row x column = to the patient's right.
    assert image.grid.orientation == "RIP"
    np.testing.assert_allclose(image.grid.spacing, (3.0, 0.8, 0.5))


def test_a_multi_frame_file_takes_its_geometry_from_the_functional_groups(tmp_path: Path) -> None:
    samples = dicoms.stored((5, 6, 7))
    made = dicoms.enhanced(samples, order=[4, 2, 0, 3, 1])
    made.save_as(tmp_path / "mf.dcm", enforce_file_format=True)
    image = io.read_image(tmp_path / "mf.dcm")
    np.testing.assert_array_equal(image.array[0], samples.astype(int) - 1000)
    np.testing.assert_allclose(image.grid.spacing, (2.0, 0.8, 0.5))


def test_a_multi_frame_file_may_hold_several_times(tmp_path: Path) -> None:
    samples = dicoms.stored((6, 4, 4))
    dicoms.enhanced(samples, times=2).save_as(tmp_path / "mf.dcm", enforce_file_format=True)
    assert io.count_frames(tmp_path / "mf.dcm") == 2
    np.testing.assert_array_equal(
        io.read_image(tmp_path / "mf.dcm", frame=1).array[0], samples[1::2].astype(int) - 1000
    )


def test_an_ultrasound_loop_without_positions_is_a_movie(tmp_path: Path) -> None:
    samples = dicoms.stored((4, 5, 6))
    made = dicoms.dataset(
        samples[0], Modality="US", NumberOfFrames=4, PixelData=samples.tobytes(), PixelSpacing=None,
        ImageOrientationPatient=None,
    )  # fmt: skip
    made.save_as(tmp_path / "us.dcm", enforce_file_format=True)
    assert io.count_frames(tmp_path / "us.dcm") == 4
    np.testing.assert_array_equal(io.read_image(tmp_path / "us.dcm", frame=2).array[0], samples[2])
    assert io.describe(tmp_path / "us.dcm").units == "px"


def test_an_orientation_of_zero_is_refused(tmp_path: Path) -> None:
    made = dicoms.dataset(
        dicoms.stored((1, 4, 5))[0], ImagePositionPatient=[0.0, 0, 0], ImageOrientationPatient=[0.0] * 6
    )
    made.save_as(tmp_path / "c.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match="orientation of a DICOM image must not be zero"):
        io.read_image(tmp_path / "c.dcm")


def test_a_stop_while_a_header_is_read_is_a_stop_and_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*given: object, **named: object) -> None:
        raise Cancelled

    monkeypatch.setattr("pydicom.dcmread", stopped)
    with pytest.raises(Cancelled):
        read_header(tmp_path / "a.dcm")
