"""What people suffered with NRRD and MetaImage: crashes, endless reads, lost units, headers that fetch other files."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from tests.io.headered import SAMPLES, meta, nrrd

from septum import io
from septum.errors import FormatError


@pytest.mark.parametrize(("unit", "mm"), [("um", 0.38), ("cm", 3800), ("mm", 380), ("µm", 0.38)])
def test_nrrd_units_count(tmp_path: Path, unit: str, mm: float) -> None:
    image = io.read_image(nrrd(tmp_path / "a.nrrd", f'space units: "{unit}" "{unit}" "{unit}"\n'))
    np.testing.assert_allclose(image.grid.spacing, (mm,) * 3)
    np.testing.assert_array_equal(image.array[0], SAMPLES.reshape(4, 5, 6))


def test_metaimage_units_count(tmp_path: Path) -> None:
    path = meta(tmp_path / "a.mha", "DistanceUnits = um", "ElementSpacing = 380 380 380", "Offset = 1000 0 0")
    image = io.read_image(path)
    np.testing.assert_allclose(image.grid.spacing, (0.38,) * 3)
    np.testing.assert_allclose(image.grid.origin, (-1, 0, 0))


def test_an_unknown_unit_is_said_to_every_command(tmp_path: Path) -> None:
    image = io.read_image(nrrd(tmp_path / "a.nrrd", 'space units: "furlong" "furlong" "furlong"\n'))
    assert "'furlong' is unknown" in image.notes[0]


@pytest.mark.parametrize("text", ["x" * 2000, "1" * 2000, "(" * 2000, "1 2 nanana"])
def test_a_value_that_does_not_parse_is_a_refusal_not_a_crash(tmp_path: Path, text: str) -> None:
    for key in ("space origin", "spacings", "sizes", "dimension", "type", "measurement frame"):
        with pytest.raises(FormatError):
            io.read_image(_with(nrrd(tmp_path / "a.nrrd"), key, text))
    for key in ("ElementSpacing", "Offset", "TransformMatrix", "NDims", "DimSize", "ElementNumberOfChannels"):
        with pytest.raises(FormatError):
            io.read_image(_with(meta(tmp_path / "a.mha", "ElementSpacing = 1 1 1"), key, text))


def _with(path: Path, key: str, text: str) -> Path:
    """The file with one field replaced (or added as the third line)."""
    mark = ":" if path.suffix == ".nrrd" else " ="
    lines = [line for line in path.read_bytes().split(b"\n") if not line.startswith(f"{key}{mark}".encode())]
    lines.insert(2, f"{key}{mark} {text}".encode())
    path.write_bytes(b"\n".join(lines))
    return path


@pytest.mark.parametrize("dims", ["65536", "-1", "0", "3.5"])
def test_absurd_numbers_of_axes_are_refused_at_once(tmp_path: Path, dims: str) -> None:
    start = time.process_time()
    with pytest.raises(FormatError, match="NDims"):
        io.read_image(meta(tmp_path / "a.mha", dims=dims))
    assert time.process_time() - start < 5


@pytest.mark.parametrize("sizes", ["6 5 40", "2000 2000 2000", "2147483647 2147483647 2147483647"])
def test_sizes_are_held_against_the_bytes(tmp_path: Path, sizes: str) -> None:
    for path in (nrrd(tmp_path / "a.nrrd", sizes=sizes), meta(tmp_path / "a.mha", sizes=sizes)):
        with pytest.raises(FormatError):
            io.read_image(path)


def test_z_of_imagej_has_its_own_unit(tmp_path: Path) -> None:
    import tifffile

    text = "ImageJ=1.54f\nimages=3\nslices=3\nunit=um\nzunit=nm\nspacing=300\nloop=false\n"
    with tifffile.TiffWriter(tmp_path / "z.tif") as writer:
        for z in range(3):
            first = text if z == 0 else None
            writer.write(np.full((8, 9), z, np.uint16), metadata=None, description=first, resolution=(4, 4))
    np.testing.assert_allclose(io.read_image(tmp_path / "z.tif").grid.spacing, (0.0003, 0.00025, 0.00025))


@pytest.mark.parametrize(("dots", "mm"), [(25400, 0.001), (300, 1.0)])
def test_a_resolution_in_inches_beyond_any_printer_is_a_size(tmp_path: Path, dots: float, mm: float) -> None:
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 9), np.uint8), resolution=(dots, dots), resolutionunit="INCH")
    np.testing.assert_allclose(io.read_image(tmp_path / "a.tif").grid.spacing, (mm, mm))


@pytest.mark.parametrize("unit", ["µm", "Âµm", "\\u00B5m", "um"])
def test_ome_units_in_a_broken_encoding_are_microns(unit: str) -> None:
    from septum.io.units import millimetres

    assert millimetres(unit) == 1e-3
