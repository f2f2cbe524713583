"""TIFF: what the planes are, how large a pixel is, and only the frame that is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.io.tiffs import RNG, STACK

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid, Image, LabelMap


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "deflate", "zstd"])
def test_an_undeclared_stack_is_depth_and_a_note_says_so(tmp_path: Path, compression: str | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, compression=compression)
    image = io.read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.array[0], STACK)
    description = io.describe(tmp_path / "a.tif")
    assert description.axes == "ZYX"
    assert any("its 6 planes are: read as depth" in note for note in description.notes)


@pytest.mark.parametrize("compression", [None, "lzw"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_declared_frames_are_read_one_by_one(tmp_path: Path, compression: str | None, byteorder: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, compression=compression, byteorder=byteorder)
    assert io.count_frames(tmp_path / "a.tif", axes="TYX") == 6
    for frame in (0, 4):
        image = io.read_image(tmp_path / "a.tif", axes="TYX", frame=frame)
        np.testing.assert_array_equal(image.array[0], STACK[frame])
        assert image.array.dtype.isnative
    with pytest.raises(FormatError, match="holds 6 frames"):
        io.read_image(tmp_path / "a.tif", axes="TYX")
    with pytest.raises(FormatError, match="declare the time axis"):
        io.read_image(tmp_path / "a.tif", frame=4)
    assert io.read_image(tmp_path / "a.tif", axes="CYX").array.shape == (6, 9, 11)


def test_pages_written_one_by_one_are_a_stack_too(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in STACK:
            writer.write(plane, contiguous=False, metadata=None)
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif").array[0], STACK)
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif", axes="TYX", frame=5).array[0], STACK[5])


def test_only_the_pages_of_the_frame_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    movie = RNG.integers(0, 255, (5, 3, 9, 11)).astype(np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif", ome=True) as writer:
        writer.write(movie, metadata={"axes": "TZYX"}, compression="zlib")
    decoded_pages = []
    original = tifffile.TiffPage.asarray

    def counting(page, *args, **kwargs):
        decoded_pages.append(page.index)
        return original(page, *args, **kwargs)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", counting)
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif", frame=3).array[0], movie[3])
    assert len(set(decoded_pages)) == 3


def test_time_within_a_frame_of_channels_is_found(tmp_path: Path) -> None:
    movie = RNG.integers(0, 255, (2, 4, 9, 11)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", movie, photometric="minisblack")
    image = io.read_image(tmp_path / "a.tif", axes="CTYX", frame=3)
    np.testing.assert_array_equal(image.array, movie[:, 3])


def test_time_may_be_the_fastest_axis(tmp_path: Path) -> None:
    movie = RNG.integers(0, 255, (9, 11, 3)).astype(np.uint8)
    for compression in (None, "zlib"):
        tifffile.imwrite(tmp_path / "a.tif", movie, photometric="rgb", compression=compression)
        np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif", axes="YXT", frame=1).array[0], movie[..., 1])


def test_two_undeclared_axes_must_be_declared(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3, 4, 5), np.uint8), photometric="minisblack")
    with pytest.raises(FormatError, match=r"axes of a.tif must be declared: shape \(2, 3, 4, 5\)"):
        io.read_image(tmp_path / "a.tif")
    assert io.read_image(tmp_path / "a.tif", axes="CZYX").array.shape == (2, 3, 4, 5)


def test_imagej_hyperstacks_state_axes_and_size(tmp_path: Path) -> None:
    data = RNG.integers(0, 999, (3, 4, 2, 9, 11)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", data, imagej=True, resolution=(1 / 0.25, 1 / 0.5),
        metadata={"axes": "TZCYX", "spacing": 2.0, "unit": "um"},
    )  # fmt: skip
    image = io.read_image(tmp_path / "a.tif", frame=1)
    np.testing.assert_array_equal(image.array, data[1].transpose(1, 0, 2, 3))
    np.testing.assert_allclose(image.grid.spacing, (0.002, 0.0005, 0.00025), rtol=1e-4)
    description = io.describe(tmp_path / "a.tif")
    assert (description.format, description.axes, description.frames, description.units) == (
        "ImageJ TIFF", "TZCYX", 3, "mm",
    )  # fmt: skip
    assert not any("declare" in note for note in description.notes)


def test_several_images_in_one_file_are_noted(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(STACK[0])
        writer.write(np.zeros((4, 4), np.uint8))
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif").array[0], STACK[0])
    assert any("holds 2 images; the first is read" in note for note in io.describe(tmp_path / "a.tif").notes)


def test_axes_of_length_one_may_be_left_out(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[:, None], imagej=True, metadata={"axes": "TCYX"})
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif", axes="ZYX").array[0], STACK)
    with pytest.raises(FormatError, match="one letter for each of the"):
        io.read_image(tmp_path / "a.tif", axes="CTZYX")
    with pytest.raises(FormatError, match="Y and X"):
        io.read_image(tmp_path / "a.tif", axes="TZ")


def test_written_labels_are_compressed_ome_tiff_with_size_and_exact(tmp_path: Path) -> None:
    grid = Grid.from_spacing((6, 90, 110), (0.003, 0.0002, 0.0001))
    labels = LabelMap(np.zeros((6, 90, 110), np.uint8), grid)
    io.write_labels(tmp_path / "m.tif", labels)
    assert (tmp_path / "m.tif").stat().st_size < 20_000
    assert io.read_labels(tmp_path / "m.tif").grid == replace(grid, positioned=False)
    with tifffile.TiffFile(tmp_path / "m.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "ZYX"


def test_channel_names_are_kept(tmp_path: Path) -> None:
    image = Image(STACK[:2], Grid.from_spacing((9, 11), (0.5, 0.5)), ("DAPI", "GFP"))
    io.write_image(tmp_path / "a.tif", image)
    assert io.read_image(tmp_path / "a.tif").channels == ("DAPI", "GFP")
    colour = Image(STACK[:3].astype(np.uint8), Grid.from_spacing((9, 11), (1, 1)), ("red", "green", "blue"))
    io.write_image(tmp_path / "c.tif", colour)
    assert io.read_image(tmp_path / "c.tif").channels == ("red", "green", "blue")
    np.testing.assert_array_equal(io.read_image(tmp_path / "c.tif").array, colour.array)


def test_half_precision_is_widened_and_long_integers_are_refused(tmp_path: Path) -> None:
    grid = Grid.from_spacing((2, 2), (1, 1))
    io.write_image(tmp_path / "a.tif", Image(np.ones((1, 2, 2), np.float16), grid))
    assert io.read_image(tmp_path / "a.tif").array.dtype == np.float32
    with pytest.raises(FormatError, match="at most 32 bits"):
        io.write_image(tmp_path / "a.tif", Image(np.ones((1, 2, 2), np.int64), grid))
    with pytest.raises(FormatError, match="fit into 32 bits"):
        io.write_labels(tmp_path / "a.tif", LabelMap(np.full((2, 2), 2**40), grid))
