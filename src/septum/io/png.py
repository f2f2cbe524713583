"""PNG below Pillow: which chunks a file has, and its samples as they are stored.

The insight: Pillow hands its pixels over through several copies, cuts colours of 16 bits down to 8, and decodes the
whole picture to see whether it must be turned. A large photograph opens three times as fast without.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
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

    return np.asarray(getattr(imagecodecs, decoder)(path.read_bytes()))


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
        header = stream.read(26)
    return header if len(header) == 26 and header.startswith(_SIGNATURE) else None


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """The kinds of a PNG's chunks, as far as they can be followed, each with the beginning of its content."""
    with path.open("rb") as stream:
        stream.seek(len(_SIGNATURE))
        while len(start := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", start)
            content = stream.read(min(length, _KEYWORD))
            yield kind, content
            stream.seek(length - len(content) + 4, 1)  # the rest and the checksum
