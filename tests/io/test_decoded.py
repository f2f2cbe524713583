"""What a file may hold as labels, and sizes that are refused before they are decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.io.contracts import PLANES, VOLUMES, plane_labels, volume_labels

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid, Image, LabelMap
from septum.io import decoded


@pytest.mark.parametrize("suffix", PLANES)
def test_files_that_claim_too_many_samples_are_refused_before_decoding(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"m{suffix}"
    io.write_labels(path, plane_labels() if suffix == ".png" else volume_labels())
    monkeypatch.setattr(decoded, "MAX_SAMPLES", 100)
    monkeypatch.setattr(decoded, "MAX_RASTER_PIXELS", 100)
    with pytest.raises(FormatError, match=r"at most 100 samples, got (210|255)"):
        io.read_labels(path)


@pytest.mark.parametrize("suffix", [s for s in VOLUMES if s != ".seg.nrrd"])
def test_labels_stored_as_whole_floats_are_converted(tmp_path: Path, suffix: str) -> None:
    array = volume_labels().array.astype(np.float32)
    io.write_image(tmp_path / f"m{suffix}", Image(array[None], volume_labels().grid))
    back = io.read_labels(tmp_path / f"m{suffix}")
    np.testing.assert_array_equal(back.array, array)
    assert back.array.dtype == np.uint8


def test_labels_that_are_not_whole_numbers_are_refused_with_their_values(tmp_path: Path) -> None:
    array = np.array([[[0, 0.25, 1], [0.5, 1, 1]]], np.float32)
    io.write_image(tmp_path / "m.nii", Image(array[None], Grid.from_spacing((1, 2, 3), (1, 1, 1))))
    with pytest.raises(FormatError, match=r"2 that are not \(0\.25, 0\.5.*nearest neighbour"):
        io.read_labels(tmp_path / "m.nii")
    array[0, 0, 1] = np.nan
    io.write_image(tmp_path / "m.nii", Image(array[None], Grid.from_spacing((1, 2, 3), (1, 1, 1))))
    with pytest.raises(FormatError, match="1 that are NaN"):
        io.read_labels(tmp_path / "m.nii")
    io.write_image(tmp_path / "m.nii", Image(np.full((1, 1, 2, 3), 1e12), Grid.from_spacing((1, 2, 3), (1, 1, 1))))
    with pytest.raises(FormatError, match="between -2"):
        io.read_labels(tmp_path / "m.nii")


def test_negative_labels_keep_their_sign(tmp_path: Path) -> None:
    labels = LabelMap(np.array([[-1, 0], [1, 2]]), Grid.from_spacing((2, 2), (1, 1)))
    for suffix in (".nii.gz", ".nrrd", ".mha", ".tif"):
        io.write_labels(tmp_path / f"m{suffix}", labels)
        back = io.read_labels(tmp_path / f"m{suffix}").array
        np.testing.assert_array_equal(back, labels.array)
        assert back.dtype == np.int8


def test_channels_that_differ_are_no_labels(tmp_path: Path) -> None:
    array = np.stack([np.zeros((4, 5, 6), np.uint8), np.ones((4, 5, 6), np.uint8)])
    grid = Grid.from_spacing((4, 5, 6), (1, 1, 1))
    io.write_image(tmp_path / "m.mha", Image(array, grid))
    with pytest.raises(FormatError, match="2 channels that differ"):
        io.read_labels(tmp_path / "m.mha")
    io.write_image(tmp_path / "m.mha", Image(array[:1].repeat(2, 0), grid))
    assert io.read_labels(tmp_path / "m.mha").array.shape == (4, 5, 6)
