"""OME-TIFF: size and channel names, and files without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from tests.io.tiffs import RNG, STACK

from septum import io


def test_ome_tiff_states_size_and_channel_names(tmp_path: Path) -> None:
    data = RNG.integers(0, 999, (2, 4, 9, 11)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.ome.tif", data,
        metadata={
            "axes": "CZYX", "Channel": {"Name": ["DAPI", "GFP"]}, "PhysicalSizeX": 0.2, "PhysicalSizeY": 0.3,
            "PhysicalSizeZ": 1000.0, "PhysicalSizeZUnit": "nm",
        },
    )  # fmt: skip
    image = io.read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.array, data)
    assert image.channels == ("DAPI", "GFP")
    np.testing.assert_allclose(image.grid.spacing, (0.001, 0.0003, 0.0002))


def test_ome_tiff_without_size_says_so(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, metadata={"axes": "TYX"})
    description = io.describe(tmp_path / "a.ome.tif")
    assert (description.units, description.frames) == ("px", 6)
    assert any("no physical pixel size" in note for note in description.notes)
