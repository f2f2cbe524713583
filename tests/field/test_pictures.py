"""What people suffered with PNG and TIFF pictures: moved classes, lost channels, made-up planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from septum import io
from septum.errors import FormatError

VOC = {3: (128, 128, 0), 7: (128, 128, 128)}


def palette_mask(path: Path, mask: np.ndarray) -> None:
    picture = PIL.Image.fromarray(mask)
    picture.putpalette([value for index in range(256) for value in VOC.get(index, (0, 0, 0))])
    picture.save(path)


@pytest.mark.parametrize("classes", [(7,), (3,), (3, 7)])
def test_class_7_stays_7_whatever_colours_occur_beside_it(tmp_path: Path, classes: tuple[int, ...]) -> None:
    mask = np.zeros((24, 20), np.uint8)
    for number, value in enumerate(classes):
        mask[3:9, 2 + 8 * number : 8 + 8 * number] = value
    palette_mask(tmp_path / "m.png", mask)
    np.testing.assert_array_equal(
        io.read_labels(tmp_path / "m.png").array, np.asarray(PIL.Image.open(tmp_path / "m.png"))
    )
    assert sorted(io.describe(tmp_path / "m.png").labels) == [0, *classes]
    assert any("indices are read" in note for note in io.describe(tmp_path / "m.png").notes)


def test_a_tiff_palette_mask_gives_indices_too(tmp_path: Path) -> None:
    mask = np.zeros((12, 10), np.uint8)
    mask[2:5] = 7
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 7] = 128 * 257
    tifffile.imwrite(tmp_path / "m.tif", mask, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(io.read_labels(tmp_path / "m.tif").array, mask)
    assert io.read_image(tmp_path / "m.tif").array.max() == 128


@pytest.mark.parametrize(
    ("name", "kind", "count"), [("four", "minisblack", 4), ("two", "minisblack", 2), ("nir", "rgb", 4)]
)
def test_the_last_channel_is_kept_unless_the_file_calls_it_alpha(
    tmp_path: Path, name: str, kind: str, count: int
) -> None:
    samples = np.random.default_rng(0).integers(0, 4000, (40, 50, count)).astype(np.uint16)
    base = 3 if kind == "rgb" else 1
    for code, kept in ((0, count), (2, 3 if kind == "rgb" and count == 4 else count - 1)):
        path = tmp_path / f"{name}{code}.tif"
        extra = [0] * (count - base - 1) + [code]
        tifffile.imwrite(path, samples, photometric=kind, planarconfig="contig", extrasamples=extra)
        np.testing.assert_array_equal(io.read_image(path).array, np.moveaxis(samples, -1, 0)[:kept])


def test_a_cmyk_tiff_has_the_colours_that_viewers_show(tmp_path: Path) -> None:
    colours = np.full((16, 16, 3), 250, np.uint8)
    colours[:, :8] = 200, 30, 40
    PIL.Image.fromarray(colours).convert("CMYK").save(tmp_path / "c.tif")
    image = io.read_image(tmp_path / "c.tif")
    shown = np.asarray(PIL.Image.open(tmp_path / "c.tif").convert("RGB"))
    np.testing.assert_array_equal(np.moveaxis(image.array, 0, -1), shown)
    assert tuple(image.array[:, 0, 0]) == (200, 30, 40)
    assert any("CMYK" in note for note in io.describe(tmp_path / "c.tif").notes)


@pytest.mark.parametrize("bits", [1, 8, 16])
def test_white_is_zero_is_read_as_viewers_show_it(tmp_path: Path, bits: int) -> None:
    shown = np.random.default_rng(bits).integers(0, 2, (20, 30)).astype(bool)
    stored = ~shown if bits == 1 else (2**bits - 1 - shown * 200).astype(f"u{bits // 8}")
    tifffile.imwrite(tmp_path / "w.tif", stored, photometric="miniswhite", software="a scanner")
    expected = shown * 255 if bits == 1 else shown * 200
    np.testing.assert_array_equal(io.read_image(tmp_path / "w.tif").array[0], expected)
    np.testing.assert_array_equal(io.read_labels(tmp_path / "w.tif").array, expected)
    if bits < 16:
        np.testing.assert_array_equal(np.asarray(PIL.Image.open(tmp_path / "w.tif").convert("L")), expected)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_tiff_is_turned_as_its_orientation_tag_says(tmp_path: Path, turn: int) -> None:
    from PIL import ImageOps

    picture = PIL.Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10))
    exif = PIL.Image.Exif()
    exif[274] = turn
    picture.save(tmp_path / "raw.png", exif=exif)
    turned = np.asarray(ImageOps.exif_transpose(PIL.Image.open(tmp_path / "raw.png")))
    tifffile.imwrite(tmp_path / "t.tif", np.asarray(picture), extratags=[(274, "H", 1, turn, True)], metadata=None)
    np.testing.assert_array_equal(io.read_image(tmp_path / "t.tif").array[0], turned)


def test_a_photo_turned_by_its_camera_says_so_to_every_command(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[274] = 3
    PIL.Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10)).save(tmp_path / "a.png", exif=exif)
    assert "EXIF orientation (3)" in io.read_image(tmp_path / "a.png").notes[0]


def ome(path: Path, planes: int, xml_planes: int) -> None:
    text = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="9" SizeY="8" SizeZ="{xml_planes}" '
        'SizeC="1" SizeT="1"><Channel ID="Channel:0" SamplesPerPixel="1"/><TiffData/></Pixels></Image></OME>'
    )
    with tifffile.TiffWriter(path) as writer:
        for z in range(planes):
            first = text if z == 0 else None
            writer.write(np.full((8, 9), z + 1, np.uint16), description=first, metadata=None, contiguous=False)


@pytest.mark.parametrize("declared", [4, 10**7, 10**12])
def test_planes_that_are_not_in_an_ome_file_are_not_made_up(tmp_path: Path, declared: int) -> None:
    ome(tmp_path / "good.ome.tif", 2, 2)
    assert io.read_image(tmp_path / "good.ome.tif").array.shape == (1, 2, 8, 9)
    ome(tmp_path / "bad.ome.tif", 2, declared)
    with pytest.raises(FormatError, match="planes"):
        io.read_image(tmp_path / "bad.ome.tif")
