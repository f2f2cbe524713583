"""Samples of PNG files against Pillow, and what keeps a file from being read past it."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from PIL.PngImagePlugin import PngInfo

from septum.errors import FormatError
from septum.io import png, raster

RNG = np.random.default_rng(0)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_samples_equal_those_of_pillow(tmp_path: Path, mode: str) -> None:
    shape = (37, 53, len(mode)) if mode != "L" else (37, 53)
    PIL.Image.fromarray(RNG.integers(0, 256, shape).astype(np.uint8), mode).save(tmp_path / "a.png")
    found = png.stored_samples(tmp_path / "a.png")
    assert found is not None
    np.testing.assert_array_equal(found, np.asarray(PIL.Image.open(tmp_path / "a.png")))


@pytest.mark.parametrize("mode", ["1", "P", "LA", "I;16"])
def test_what_is_more_than_samples_is_left_to_pillow(tmp_path: Path, mode: str) -> None:
    PIL.Image.new(mode, (5, 4)).save(tmp_path / "a.png")
    assert png.stored_samples(tmp_path / "a.png") is None
    assert raster.read(tmp_path / "a.png").grid.shape == (4, 5)


def test_animations_are_left_to_pillow(tmp_path: Path) -> None:
    frames = [PIL.Image.fromarray(np.full((4, 5), value, np.uint8)) for value in (10, 20)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert png.stored_samples(tmp_path / "a.png") is None
    assert raster.read(tmp_path / "a.png", frame=1).array.max() == 20


def test_an_animation_of_16_bits_per_colour_is_refused_and_not_cut_to_8(tmp_path: Path) -> None:
    rows = zlib.compress(b"\0" + bytes(5 * 6))
    content = _chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 1, 16, 2, 0, 0, 0)) + _chunk(b"acTL", struct.pack(">II", 1, 0))
    content += _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.raises(FormatError, match="16 bits per colour"):
        raster.read(tmp_path / "a.png", frame=0)


@pytest.mark.parametrize("keep", [30, 200, 3000])
def test_truncated_files_are_refused(tmp_path: Path, keep: int) -> None:
    PIL.Image.fromarray(RNG.integers(0, 256, (40, 40, 3)).astype(np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:keep])
    with pytest.raises(FormatError, match=r"a\.png"):
        raster.read(tmp_path / "a.png")


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("depth", [8, 16])
def test_orientation_is_obeyed_at_every_depth(tmp_path: Path, turn: int, depth: int) -> None:
    """Pillow turns 8 bits and is the oracle; the same picture with 16 bits per colour turns the same way."""
    picture = RNG.integers(0, 256, (6, 9, 3)).astype(np.uint8)
    exif = PIL.Image.Exif()
    exif[0x0112] = turn
    PIL.Image.fromarray(picture).save(tmp_path / "eight.png", exif=exif)
    wanted = np.moveaxis(np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(tmp_path / "eight.png"))), -1, 0)
    if depth == 16:
        rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in picture)
        content = _chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 6, 16, 2, 0, 0, 0)) + _chunk(b"eXIf", exif.tobytes()[6:])
        content += _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
        (tmp_path / "sixteen.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
        wanted = wanted.astype(np.uint16) * 257
    name = "eight.png" if depth == 8 else "sixteen.png"
    assert png.may_turn(tmp_path / name)
    found = raster.read(tmp_path / name)
    np.testing.assert_array_equal(found.array, wanted)
    assert bool(found.doubts) == (turn != 1)


def test_a_picture_that_says_its_software_needs_no_second_decoding(tmp_path: Path) -> None:
    told = PngInfo()
    told.add_text("Software", "a microscope")
    told.add_itxt("Description", "cells")
    PIL.Image.new("RGB", (5, 4)).save(tmp_path / "a.png", pnginfo=told)
    assert not png.may_turn(tmp_path / "a.png")
    PIL.Image.new("RGB", (5, 4)).save(tmp_path / "a.jpg")
    assert png.may_turn(tmp_path / "a.jpg")


def test_an_orientation_in_xmp_is_obeyed(tmp_path: Path) -> None:
    told = PngInfo()
    told.add_itxt("XML:com.adobe.xmp", '<rdf:Description tiff:Orientation="6"/>')
    picture = RNG.integers(0, 256, (6, 9, 3)).astype(np.uint8)
    PIL.Image.fromarray(picture).save(tmp_path / "a.png", pnginfo=told)
    wanted = np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(tmp_path / "a.png")))
    assert wanted.shape == (9, 6, 3)
    np.testing.assert_array_equal(raster.read(tmp_path / "a.png").array, np.moveaxis(wanted, -1, 0))


ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def _interlaced(samples: np.ndarray, *, before: bytes = b"") -> bytes:
    """A PNG of 16 bits per colour, stored in seven passes, its samples in two chunks."""
    height, width, channels = samples.shape
    passes = [samples[y::dy, x::dx] for y, x, dy, dx in ADAM7]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for one in passes for row in one if row.size)
    packed = zlib.compress(rows)
    facts = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 2: 4, 4: 6}[channels], 0, 0, 1)
    pieces = _chunk(b"IHDR", facts), before, _chunk(b"IDAT", packed[:40]), _chunk(b"IDAT", packed[40:])
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces) + _chunk(b"IEND", b"")


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (3, 2, 3), (8, 8, 4), (21, 34, 3), (13, 17, 2), (40, 5, 4)])
def test_interlaced_colours_of_16_bits_are_read_as_they_are_stored(tmp_path: Path, shape: tuple[int, ...]) -> None:
    samples = RNG.integers(0, 2**16, shape).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(_interlaced(samples))
    found = png.stored_samples(tmp_path / "a.png")
    assert found is not None
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, samples)


def test_an_interlaced_picture_says_nothing_on_the_terminal(tmp_path: Path) -> None:
    """In a process of its own, since the library's words are written when it ends."""
    (tmp_path / "a.png").write_bytes(_interlaced(np.zeros((9, 9, 3), np.uint16)))
    code = "import sys, pathlib; from septum.io import png; png.stored_samples(pathlib.Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.png"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_transparent_colour_of_an_interlaced_picture_is_a_channel_as_of_any_other(tmp_path: Path) -> None:
    samples = RNG.integers(0, 2**16, (9, 11, 3)).astype(np.uint16)
    clear = _chunk(b"tRNS", samples[4, 5].astype(">u2").tobytes())
    (tmp_path / "a.png").write_bytes(_interlaced(samples, before=clear))
    found = png.stored_samples(tmp_path / "a.png")
    assert found is not None
    np.testing.assert_array_equal(found[..., :3], samples)
    assert np.argwhere(found[..., 3] == 0).tolist() == [[4, 5]]


@pytest.mark.parametrize("damage", ["cut", "bit", "short"])
def test_a_damaged_interlaced_picture_is_refused(tmp_path: Path, damage: str) -> None:
    whole = _interlaced(RNG.integers(0, 2**16, (20, 30, 3)).astype(np.uint16))
    changed = bytearray(whole)
    changed[300] ^= 4
    small = _interlaced(RNG.integers(0, 2**16, (20, 29, 3)).astype(np.uint16))
    broken = {"cut": whole[:1500], "bit": bytes(changed), "short": whole[:33] + small[33:]}[damage]
    (tmp_path / "a.png").write_bytes(broken)
    with pytest.raises(FormatError, match=r"a\.png must be a complete image file"):
        raster.read(tmp_path / "a.png")
