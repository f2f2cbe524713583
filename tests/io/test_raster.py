"""Pictures: palettes, transparency, depth, orientation marks and bombs."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import PIL.Image
import pytest

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid, Image, LabelMap
from septum.io import decoded

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (9, 11)).astype(np.uint8)
RGB = RNG.integers(0, 256, (9, 11, 3)).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".gif"])
def test_grey_pictures_are_one_channel_without_physical_size(tmp_path: Path, suffix: str) -> None:
    PIL.Image.fromarray(GREY).save(tmp_path / f"a{suffix}")
    image = io.read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(image.array[0], GREY)
    assert image.channels == ("grey",)
    assert image.grid.spacing == (1.0, 1.0)
    assert io.describe(tmp_path / f"a{suffix}").units == "px"


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_colour_pictures_are_three_channels(tmp_path: Path, suffix: str) -> None:
    PIL.Image.fromarray(RGB).save(tmp_path / f"a{suffix}")
    image = io.read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(image.array, np.moveaxis(RGB, -1, 0))
    assert image.channels == ("red", "green", "blue")


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG"])
def test_jpeg_is_read_as_pillow_decodes_it(tmp_path: Path, suffix: str) -> None:
    PIL.Image.fromarray(RGB).save(tmp_path / f"a{suffix}", quality=95)
    with PIL.Image.open(tmp_path / f"a{suffix}") as oracle:
        np.testing.assert_array_equal(
            io.read_image(tmp_path / f"a{suffix}").array, np.moveaxis(np.asarray(oracle), -1, 0)
        )


def test_grey_stored_as_colour_is_one_channel(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.stack([GREY] * 3, -1)).save(tmp_path / "a.png")
    image = io.read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(image.array, GREY[None])
    assert image.channels == ("grey",)
    np.testing.assert_array_equal(io.read_labels(tmp_path / "a.png").array, GREY)


@pytest.mark.parametrize("alpha", [255, None])
def test_transparency_is_left_out(tmp_path: Path, alpha: int | None) -> None:
    last = np.full_like(GREY, alpha) if alpha is not None else GREY[::-1]
    PIL.Image.fromarray(np.dstack([RGB, last])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.png").array, np.moveaxis(RGB, -1, 0))
    noted = any("transparency (alpha) varies" in note for note in io.describe(tmp_path / "a.png").notes)
    assert noted == (alpha is None)


def test_grey_with_alpha_is_grey(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.dstack([GREY, np.full_like(GREY, 255)]), "LA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.png").array, GREY[None])


def test_a_mask_drawn_in_the_transparency_is_found(tmp_path: Path) -> None:
    mask = (GREY > 128).astype(np.uint8) * 255
    PIL.Image.fromarray(np.dstack([np.zeros_like(RGB), mask])).save(tmp_path / "a.png")
    np.testing.assert_array_equal(io.read_labels(tmp_path / "a.png").array, mask)


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_a_colour_palette_is_classes_for_labels_and_colours_for_images(tmp_path: Path, suffix: str) -> None:
    index = RNG.integers(0, 3, (9, 11)).astype(np.uint8)
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    picture = PIL.Image.fromarray(index)
    picture.putpalette(colours.tobytes())
    picture.save(tmp_path / f"a{suffix}")
    image = io.read_image(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(image.array, np.moveaxis(colours[index], -1, 0))
    labels = io.read_labels(tmp_path / f"a{suffix}")
    assert len(np.unique(labels.array)) == 3
    if suffix == ".png":
        np.testing.assert_array_equal(labels.array, index)
    description = io.describe(tmp_path / f"a{suffix}")
    assert sorted(description.labels.values()) == sorted(np.bincount(index.ravel()).tolist())


def test_labels_of_a_grey_palette_are_its_indices_and_every_command_hears_that_the_greys_differ(tmp_path: Path) -> None:
    index = RNG.integers(0, 2, (9, 11)).astype(np.uint8)
    picture = PIL.Image.fromarray(index)
    picture.putpalette([255, 255, 255, 0, 0, 0])
    picture.save(tmp_path / "a.png")
    labels = io.read_labels(tmp_path / "a.png")
    np.testing.assert_array_equal(labels.array, index)
    assert "indices [0, 1], shown as the greys [255, 0]" in labels.notes[0]
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.png").array[0], np.where(index == 0, 255, 0))


def test_one_bit_masks_are_0_and_255_like_the_grey_masks_beside_them(tmp_path: Path) -> None:
    PIL.Image.fromarray(GREY > 128).save(tmp_path / "a.png")
    np.testing.assert_array_equal(io.read_labels(tmp_path / "a.png").array, np.where(GREY > 128, 255, 0))


def test_16_bits_are_kept(tmp_path: Path) -> None:
    deep = RNG.integers(0, 65536, (9, 11)).astype(np.uint16)
    PIL.Image.fromarray(deep).save(tmp_path / "a.png")
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.png").array[0], deep)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_16_bits_are_kept_in_colour_too(tmp_path: Path, channels: int) -> None:
    deep = RNG.integers(0, 65536, (9, 11, channels)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    image = io.read_image(tmp_path / "a.png")
    kept = 3 if channels > 2 else 1
    np.testing.assert_array_equal(image.array, np.moveaxis(deep[..., :kept], -1, 0))
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep)[:300])
    with pytest.raises(FormatError, match=r"a\.png"):
        io.read_image(tmp_path / "a.png")


@pytest.mark.parametrize("turn", range(1, 9))
def test_the_orientation_mark_of_a_camera_is_obeyed(tmp_path: Path, turn: int) -> None:
    from PIL import ImageOps

    picture = PIL.Image.fromarray(np.kron(RGB[:3, :4], np.ones((16, 16, 1), np.uint8)))
    exif = PIL.Image.Exif()
    exif[0x0112] = turn
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    with PIL.Image.open(tmp_path / "a.jpg") as stored:
        oracle = np.asarray(ImageOps.exif_transpose(stored))
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.jpg").array, np.moveaxis(oracle, -1, 0))
    assert any("EXIF orientation" in note for note in io.describe(tmp_path / "a.jpg").notes) == (turn > 1)


def test_the_extra_pictures_of_a_telephone_are_no_frames(tmp_path: Path) -> None:
    first, second = PIL.Image.fromarray(RGB), PIL.Image.fromarray(RGB[::-1].copy())
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    assert io.count_frames(tmp_path / "a.jpg") == 1
    assert io.read_image(tmp_path / "a.jpg").array.shape == (3, 9, 11)
    assert any("further pictures" in note for note in io.describe(tmp_path / "a.jpg").notes)


def test_cmyk_is_converted_with_a_note(tmp_path: Path) -> None:
    PIL.Image.fromarray(RGB).convert("CMYK").save(tmp_path / "a.jpg")
    assert io.read_image(tmp_path / "a.jpg").channels == ("red", "green", "blue")
    assert "converted from CMYK to RGB" in io.describe(tmp_path / "a.jpg").notes


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_an_animation_is_a_sequence_of_frames(tmp_path: Path, suffix: str) -> None:
    pictures = [PIL.Image.fromarray(GREY // 4 + 40 * t) for t in range(4)]
    pictures[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=pictures[1:])
    assert io.count_frames(tmp_path / f"a{suffix}") == 4
    np.testing.assert_array_equal(io.read_image(tmp_path / f"a{suffix}", frame=2).array[0], GREY // 4 + 80)
    description = io.describe(tmp_path / f"a{suffix}")
    assert (description.frames, description.axes[0]) == (4, "T")
    with pytest.raises(FormatError, match="holds 4 frames"):
        io.read_image(tmp_path / f"a{suffix}")


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PIL.Image.fromarray(GREY).save(tmp_path / "a.png")
    with monkeypatch.context() as patch:
        patch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 40)
        with pytest.raises(FormatError, match="too large to be safe"):
            io.read_image(tmp_path / "a.png")
    monkeypatch.setattr(decoded, "MAX_RASTER_PIXELS", 50)
    with pytest.raises(FormatError, match="at most 50 samples, got 99"):
        io.count_frames(tmp_path / "a.png")


def test_wrong_axes_are_refused(tmp_path: Path) -> None:
    PIL.Image.fromarray(GREY).save(tmp_path / "a.png")
    assert io.read_image(tmp_path / "a.png", axes="YX").grid.shape == (9, 11)
    for axes in ("ZYX", "XY"):
        with pytest.raises(FormatError, match="leave axes out"):
            io.read_image(tmp_path / "a.png", axes=axes)
    with pytest.raises(FormatError, match="between 0 and 0"):
        io.read_image(tmp_path / "a.png", frame=1)


def test_labels_that_png_cannot_hold_are_refused(tmp_path: Path) -> None:
    plane = Grid.from_spacing((2, 2), (1, 1))
    for array, words in (([[0, 70000], [0, 0]], "got 0 to 70000"), ([[0, -1], [0, 0]], "got -1 to 0")):
        with pytest.raises(FormatError, match=words):
            io.write_labels(tmp_path / "m.png", LabelMap(np.array(array), plane))
    with pytest.raises(FormatError, match="must be a plane"):
        io.write_labels(
            tmp_path / "m.png", LabelMap(np.zeros((2, 3, 4), np.uint8), Grid.from_spacing((2, 3, 4), (1, 1, 1)))
        )


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".jpg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_can_be_written(tmp_path: Path, suffix: str, channels: int) -> None:
    array = np.broadcast_to(np.arange(40, 140, dtype=np.uint8).reshape(10, 10), (channels, 10, 10)).copy()
    array[0] += 20
    io.write_image(tmp_path / f"a{suffix}", Image(array, Grid.from_spacing((10, 10), (1, 1))))
    back = io.read_image(tmp_path / f"a{suffix}").array.astype(int)
    assert np.abs(back - array).max() <= (12 if suffix == ".jpg" else 0)


@pytest.mark.parametrize(
    ("array", "name", "words"),
    [
        (np.zeros((1, 4, 4), np.float32), "a.png", "8- or 16-bit integers"),
        (np.zeros((2, 4, 4), np.uint8), "a.png", "1 or 3 channels"),
        (np.zeros((3, 4, 4), np.uint16), "a.png", "16 bits must be grey"),
        (np.zeros((1, 4, 4), np.uint16), "a.jpg", "16 bits must be grey"),
        (np.zeros((1, 4, 4), np.uint8), "a.gif", "cannot be written"),
        (np.zeros((1, 3, 4, 4), np.uint8), "a.png", "must be a plane"),
        (np.zeros((1, 4, 4, 3), np.uint8), "a.png", "must be a plane"),
    ],
)
def test_pictures_that_would_lose_something_are_not_written(
    tmp_path: Path, array: np.ndarray, name: str, words: str
) -> None:
    image = Image(array, Grid.from_spacing(array.shape[1:], (1.0,) * (array.ndim - 1)))
    with pytest.raises(FormatError, match=words):
        io.write_image(tmp_path / name, image)


def test_written_labels_are_colours_in_every_viewer_and_stay_their_own_indices(tmp_path: Path) -> None:
    array = np.array([[0, 1, 2], [7, 8, 255]], np.uint8)
    io.write_labels(tmp_path / "m.png", LabelMap(array, Grid.from_spacing((2, 3), (1, 1))))
    with PIL.Image.open(tmp_path / "m.png") as picture:  # Pillow is the oracle: the indices, and what a viewer shows
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), array)
        shown = np.asarray(picture.convert("RGB"))
    assert shown[0, 0].tolist() == [0, 0, 0]
    assert all(np.ptp(shown[array == label][0]) > 60 for label in (1, 2, 7, 8, 255)), "every label must be a colour"
    assert len({tuple(shown[array == label][0]) for label in (1, 2, 7, 8)}) == 4
    back = io.read_labels(tmp_path / "m.png")
    np.testing.assert_array_equal(back.array, array)
    assert back.notes == ()


def test_labels_beyond_a_palette_are_written_with_16_bits(tmp_path: Path) -> None:
    array = np.array([[0, 256]], np.uint16)
    io.write_labels(tmp_path / "m.png", LabelMap(array, Grid.from_spacing((1, 2), (1, 1))))
    np.testing.assert_array_equal(io.read_labels(tmp_path / "m.png").array, array)
