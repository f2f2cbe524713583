"""Series: copies read once, scouts left out, patients never named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.io import dicoms

from septum import io
from septum.errors import FormatError


def test_copies_of_a_slice_are_read_once(tmp_path: Path) -> None:
    samples = dicoms.stored((4, 4, 4))
    folder = dicoms.series(tmp_path / "ct", samples)
    one = sorted(folder.iterdir())[0]
    (folder / "copy.dcm").write_bytes(one.read_bytes())
    np.testing.assert_array_equal(io.read_image(folder).array[0], samples)
    assert any("1 images occur twice" in note for note in io.describe(folder).notes)


def test_two_series_are_listed_without_the_patient_and_can_be_chosen(tmp_path: Path) -> None:
    first, second = dicoms.stored((3, 4, 4)), dicoms.stored((5, 4, 4), seed=1)
    dicoms.series(tmp_path / "study", first)
    dicoms.series(tmp_path / "study", second, SeriesInstanceUID="1.2.3.222222", SeriesNumber=2, Modality="MR")
    with pytest.raises(FormatError) as caught:
        io.read_image(tmp_path / "study")
    message = str(caught.value)
    assert "got 2" in message
    assert "1: CT, 3 images" in message
    assert "2: MR, 5 images" in message
    assert "222222" in message
    assert "study::1" in message
    assert not any(word in message for word in ("Secret", "Person", "4711"))
    np.testing.assert_array_equal(io.read_image(f"{tmp_path}/study::1").array[0], first)
    np.testing.assert_array_equal(io.read_image(f"{tmp_path}/study::2").array[0], second)
    assert io.is_image(f"{tmp_path}/study::2")
    assert io.stem(f"{tmp_path}/study::2") == "study_2"
    with pytest.raises(FormatError, match="between 1 and 2, got 3"):
        io.read_image(f"{tmp_path}/study::3")


def test_a_scout_in_the_same_series_is_not_mixed_with_the_slices(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((4, 5, 5)))
    scout = dicoms.dataset(
        dicoms.stored((1, 5, 5))[0], ImagePositionPatient=[0.0, 0, 0], ImageOrientationPatient=[1.0, 0, 0, 0, 0, -1]
    )
    scout.save_as(folder / "scout.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match="got 2"):
        io.read_image(folder)
    assert io.read_image(f"{folder}::1").array.shape == (1, 4, 5, 5)


def test_objects_without_an_image_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = dicoms.series(tmp_path / "ct", dicoms.stored((3, 4, 4)))
    plan = dicoms.dataset(dicoms.stored((1, 4, 4))[0], Modality="RTSTRUCT", Rows=None, Columns=None)
    plan.save_as(folder / "rs.dcm", enforce_file_format=True)
    assert io.describe(folder).notes == ("left out, no images: 1 RTSTRUCT",)
    alone = tmp_path / "alone"
    alone.mkdir()
    plan.save_as(alone / "rs.dcm", enforce_file_format=True)
    with pytest.raises(FormatError, match="objects without an image"):
        io.read_image(alone)
