"""PNG below Pillow: which chunks a file has, and its samples as they are stored.

The insight: Pillow hands its pixels over through several copies, cuts colours of 16 bits down to 8, and decodes the
whole picture to see whether it must be turned. A large photograph opens three times as fast without.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _GREY_ALPHA, _RGB_ALPHA = 0, 2, 4, 6
_DECODERS = {
    (8, _GREY): "spng_decode", (8, _RGB): "spng_decode", (8, _RGB_ALPHA): "spng_decode",
    (16, _RGB): "png_decode", (16, _GREY_ALPHA): "png_decode", (16, _RGB_ALPHA): "png_decode",
}  # fmt: skip
"""By bits and kind of colour: what hands the samples over as they are stored, the faster one where it can."""
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row, first column and steps of the seven pictures of which an interlaced one is made (Adam7)."""
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_TURNING = (b"Raw profile type", b"XML:com.adobe.xmp", b"xmp")
"""Keywords of texts in which an orientation may stand; others (software, date, description) say nothing of it."""
_KEYWORD = 32


def stored_samples(path: Path) -> NDArray[Any] | None:
    """`(Y, X)` or `(Y, X, C)` of 8 or 16 bits as stored; None for palettes, fewer bits and animations.

    The caller bounds the size that the header declares.

    Raises:
        FormatError: an animation of 16 bits per colour.

    >>> import tempfile, PIL.Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     PIL.Image.new("RGB", (5, 4)).save(Path(folder, "a.png"))
    ...     stored_samples(Path(folder, "a.png")).shape
    (4, 5, 3)
    """
    header = _header(path)
    decoder = None if header is None else _DECODERS.get((header[24], header[25]))
    if header is None or decoder is None:
        return None
    if any(kind == b"acTL" for kind, _ in _chunks(path)):
        if header[24] == 16:
            raise FormatError(
                f"{path.name} is an animation of 16 bits per colour, which would be cut to 8; save its frames"
            )
        return None
    import imagecodecs

    decode = getattr(imagecodecs, decoder)
    interlaced = decoder == "png_decode" and header[28] == 1
    return _woven(path.read_bytes(), decode) if interlaced else np.asarray(decode(path.read_bytes()))


def _woven(content: bytes, decode: Callable[[bytes], NDArray[Any]]) -> NDArray[Any]:
    """An interlaced picture, decoded as the seven that it is made of: of a whole one libpng says on the terminal that
    its caller should have asked otherwise, although the samples are right.

    Raises:
        ValueError: the samples are cut off, or damaged.
    """
    width, height, bits, colour = struct.unpack(">IIBB", content[16:26])
    between, packed = _parts(content)
    channels = {_RGB: 3, _GREY_ALPHA: 2, _RGB_ALPHA: 4}[colour]
    sizes = [(-(-(height - y) // dy), -(-(width - x) // dx)) for y, x, dy, dx in _PASSES]
    lengths = [rows * (1 + columns * channels * bits // 8) * (columns > 0) for rows, columns in sizes]
    unpacking = zlib.decompressobj()
    samples = memoryview(unpacking.decompress(packed, sum(lengths)))  # no more than the header promises
    unpacking.decompress(unpacking.unconsumed_tail, 1)  # reads the checksum
    if len(samples) < sum(lengths) or not unpacking.eof:
        raise ValueError("the samples end before the picture does")
    whole = np.empty((height, width, 0), np.uint16)
    for (y, x, dy, dx), (rows, columns), length in zip(_PASSES, sizes, lengths, strict=True):
        part, samples = samples[:length], samples[length:]
        if length:
            facts = struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, 0)
            pieces = _chunk(b"IHDR", facts), between, _chunk(b"IDAT", zlib.compress(part, 0)), _chunk(b"IEND", b"")
            found = decode(b"".join((_SIGNATURE, *pieces))).reshape(rows, columns, -1)
            if not whole.size:  # the first one says whether a transparent colour is one channel more
                whole = np.empty((height, width, found.shape[-1]), found.dtype)
            whole[y::dy, x::dx] = found
    return whole


def _parts(content: bytes) -> tuple[bytes, bytes]:
    """The chunks between header and samples as they are, and the packed samples.

    Raises:
        ValueError: samples that do not fit their checksum.
    """
    place, between, packed = len(_SIGNATURE) + 25, bytearray(), bytearray()
    while place + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        end = place + 12 + length
        if kind == b"IDAT":
            if content[end - 4 : end] != struct.pack(">I", zlib.crc32(content[place + 4 : end - 4])):
                raise ValueError("the samples do not fit their checksum")
            packed += content[place + 8 : end - 4]
        elif not packed:
            between += content[place:end]
        place = end
    return bytes(between), bytes(packed)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def may_turn(path: Path) -> bool:
    """Whether something in the file may say that the picture is to be turned; True for files that are no PNG.

    >>> import tempfile, PIL.Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     PIL.Image.new("RGB", (5, 4)).save(Path(folder, "a.png"))
    ...     may_turn(Path(folder, "a.png"))
    False
    """
    if _header(path) is None:
        return True
    return any(kind == b"eXIf" or (kind in _TEXTS and text.startswith(_TURNING)) for kind, text in _chunks(path))


def _header(path: Path) -> bytes | None:
    """Signature and IHDR, None where they are not a PNG's."""
    with path.open("rb") as stream:
        header = stream.read(29)
    return header if len(header) == 29 and header.startswith(_SIGNATURE) else None


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """The kinds of a PNG's chunks, as far as they can be followed, each with the beginning of its content."""
    with path.open("rb") as stream:
        stream.seek(len(_SIGNATURE))
        while len(start := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", start)
            content = stream.read(min(length, _KEYWORD))
            yield kind, content
            stream.seek(length - len(content) + 4, 1)  # the rest and the checksum
