"""What people suffered with NRRD and MetaImage: crashes, endless reads, lost units, headers that fetch other files."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from septum import io
from septum.errors import FormatError
from septum.io import apart

SAMPLES = np.arange(120, dtype="<u2")


def nrrd(
    path: Path, extra: str = "", *, step: float = 380, data: bytes = SAMPLES.tobytes(), sizes: str = "6 5 4"
) -> Path:
    directions = " ".join(f"({','.join(str(step) if a == b else '0' for b in range(3))})" for a in range(3))
    head = (
        f"NRRD0005\ntype: uint16\ndimension: 3\nsizes: {sizes}\nendian: little\nencoding: raw\n"
        f"space: left-posterior-superior\nspace directions: {directions}\nspace origin: (0,0,0)\n{extra}\n"
    )
    path.write_bytes(head.encode() + data)
    return path


def meta(path: Path, *lines: str, name: str = "LOCAL", sizes: str = "6 5 4", dims: str = "3") -> Path:
    head = ["ObjectType = Image", f"NDims = {dims}", f"DimSize = {sizes}", "ElementType = MET_USHORT", *lines]
    path.write_bytes("\n".join([*head, f"ElementDataFile = {name}", ""]).encode() + SAMPLES.tobytes())
    return path


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


def test_a_reader_that_dies_or_hangs_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = nrrd(tmp_path / "a.nrrd")
    io.read_image(path)
    program = tmp_path / "itk_process.py"
    for text, message in (("import os; os.abort()", "reader stopped"), ("while True: pass", "within")):
        program.write_text(text)
        with monkeypatch.context() as patched:
            patched.setattr(apart, "__file__", str(tmp_path / "apart.py"))
            patched.setattr(apart, "SECONDS", 0.5)
            for child in apart._children.values():
                apart._end(child)
            with pytest.raises(FormatError, match=message):
                io.read_image(path)
    assert io.read_image(path).array.max() == 119


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
