"""Files beside a header: read from the folder alone, whatever the header says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from tests.io.headered import SAMPLES, meta, nrrd

from septum import io
from septum.errors import FormatError


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside the folder of the image that a header must not fetch."""
    (tmp_path / "inside").mkdir()
    path = tmp_path / "secret.raw"
    path.write_bytes(SAMPLES.tobytes())
    return path


@pytest.mark.parametrize(
    "name", ["../secret.raw", "{}", "link.raw", "x%d/../../secret.raw 1 1 1", "LIST\n../secret.raw"]
)
def test_no_header_fetches_a_file_from_elsewhere(secret: Path, name: str) -> None:
    folder = secret.parent / "inside"
    (folder / "link.raw").symlink_to(secret)
    for path in (folder / "a.mha", folder / "a.nhdr"):
        for _ in range(1):
            chosen = name.format(secret)
            if path.suffix == ".nhdr":
                nrrd(path, f"data file: {chosen}\n", data=b"")
            else:
                meta(path, name=chosen)
            with pytest.raises(FormatError):
                io.read_image(path)


@pytest.mark.parametrize(
    "trick", ["\n", "ElementDataFile : LOCAL", "elementdatafile = LOCAL", "Comment = " + "x" * 2**20]
)
def test_no_trick_before_the_real_entry_hides_it(secret: Path, trick: str) -> None:
    with pytest.raises(FormatError):
        io.read_image(meta(secret.parent / "inside" / "a.mhd", trick, name="../secret.raw"))


def test_an_ome_companion_is_looked_for_in_the_folder_only(secret: Path) -> None:
    import tifffile

    outside = secret.with_name("outside.ome.tif")
    tifffile.imwrite(outside, SAMPLES.reshape(10, 12))
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="12" SizeY="10" SizeZ="1" SizeC="1" '
        f'SizeT="1"><TiffData IFD="0" PlaneCount="1"><UUID FileName="{outside}">urn:uuid:1</UUID></TiffData></Pixels>'
        "</Image></OME>"
    )
    tifffile.imwrite(
        secret.parent / "inside" / "a.ome.tif", np.zeros((10, 12), np.uint16), description=text, metadata=None
    )
    with pytest.raises(FormatError, match="must lie in its folder"):
        io.read_image(secret.parent / "inside" / "a.ome.tif")


def test_files_beside_the_header_are_read(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(SAMPLES.reshape(4, 5, 6))
    for name in ("a.mhd", "a.nhdr"):
        SimpleITK.WriteImage(image, str(tmp_path / name))
        np.testing.assert_array_equal(io.read_image(tmp_path / name).array[0], SAMPLES.reshape(4, 5, 6))
