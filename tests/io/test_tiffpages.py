"""Pages of a TIFF: palettes, colour, transparency, one bit, white zeros."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.io.tiffs import RNG, STACK

from septum import io


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_is_three_channels_however_it_is_packed(tmp_path: Path, planar: str) -> None:
    rgb = RNG.integers(0, 255, (9, 11, 3)).astype(np.uint8)
    stored = rgb if planar == "contig" else np.moveaxis(rgb, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
    image = io.read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.array, np.moveaxis(rgb, -1, 0))
    assert image.channels == ("red", "green", "blue")


def test_transparency_is_left_out_and_grey_colour_collapses(tmp_path: Path) -> None:
    rgba = RNG.integers(0, 255, (9, 11, 4)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif").array, np.moveaxis(rgba[..., :3], -1, 0))
    grey = np.repeat(rgba[..., :1], 3, -1)
    tifffile.imwrite(tmp_path / "g.tif", grey, photometric="rgb")
    assert io.read_image(tmp_path / "g.tif").channels == ("grey",)
    np.testing.assert_array_equal(io.read_labels(tmp_path / "g.tif").array, grey[..., 0])


def test_a_palette_is_classes_for_labels_and_colours_for_images(tmp_path: Path) -> None:
    index = RNG.integers(0, 3, (9, 11)).astype(np.uint8)
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 1], colours[:, 2] = (65535, 0, 0), (0, 0, 65535)
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(io.read_labels(tmp_path / "a.tif").array, index)
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif").array, (colours >> 8)[:, index])
    assert io.describe(tmp_path / "a.tif").labels == dict(enumerate(np.bincount(index.ravel()).tolist()))


def test_one_bit_masks_are_0_and_255(tmp_path: Path) -> None:
    mask = RNG.random((9, 16)) > 0.5
    tifffile.imwrite(tmp_path / "a.tif", mask)
    np.testing.assert_array_equal(io.read_labels(tmp_path / "a.tif").array, mask * 255)


def test_zero_as_white_is_inverted_and_noted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], photometric="miniswhite")
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.tif").array[0], 65535 - STACK[0])
    assert any("0 as white" in note for note in io.describe(tmp_path / "a.tif").notes)
