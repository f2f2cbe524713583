"""From the samples of a TIFF page to what a viewer shows: colours, white as zero, and which way is up.

TIFF stores pictures in many ways (PhotometricInterpretation, Orientation); each is turned into the picture that every
viewer shows, because that is what the person who drew the mask saw.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.io.decoded import TURNS, native, upright

_RGB = ("red", "green", "blue")
SpacingZYX = tuple[float, float, float]


def colours(
    array: NDArray[Any], names: tuple[str, ...], *, page: Any, labels: bool
) -> tuple[NDArray[Any], tuple[str, ...], list[str]]:
    """`(C, *spatial)` samples as shown, their channel names, and notes. Labels of a palette are its indices.

    Raises:
        FormatError: colours that are stored in a way that is not undone here (uncompressed YCbCr).
    """
    kind = page.photometric.name
    if kind == "MINISWHITE":
        array, note = _inverted(array, page)
        return _bits(array), names, [note]
    array = _bits(array)
    if kind == "PALETTE" and len(array) == 1 and page.colormap is not None:
        if labels:
            return array, names, ["stored with a palette: its indices are read as labels"]
        shown = (np.asarray(page.colormap)[:, array[0]] >> 8).astype(np.uint8)
        return shown, _RGB, ["stored with a palette, read as colours"]
    if kind == "SEPARATED" and len(array) == 4 and array.dtype.kind == "u":
        top = np.iinfo(array.dtype).max
        black = top - array[3].astype(np.float64)
        shown = np.rint((top - array[:3].astype(np.float64)) * black / top).astype(array.dtype)
        return shown, _RGB, ["converted from CMYK to RGB, without a colour profile"]
    if kind == "YCBCR" and getattr(page.compression, "name", "") not in ("JPEG", "OJPEG", "JPEG_LOSSY"):
        raise FormatError("YCbCr colours must be compressed as JPEG to be read here; save the file as RGB")
    if kind in ("CIELAB", "ICCLAB", "ITULAB"):
        return array, (), ["the channels are L*a*b* as stored, not red, green and blue"]
    return array, names, []


def turned(array: NDArray[Any], spacing: SpacingZYX, *, page: Any) -> tuple[NDArray[Any], SpacingZYX, list[str]]:
    """The array with its last two axes as the Orientation tag says, the spacing `(z, y, x)` with them."""
    tag = page.tags.get("Orientation")
    turn = tag.value if tag is not None and isinstance(tag.value, int) else 1
    if turn not in TURNS:
        return array, spacing, []
    if TURNS[turn][0]:
        spacing = (spacing[0], spacing[2], spacing[1])
    return native(upright(array, turn)), spacing, [f"turned as its orientation tag ({turn}) says, as viewers show it"]


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    """One bit per pixel as 0 and 255, as every viewer shows it and as grey masks store it."""
    return array.astype(np.uint8) * 255 if array.dtype == bool else array


def _inverted(array: NDArray[Any], page: Any) -> tuple[NDArray[Any], str]:
    if array.dtype == bool:
        if str(getattr(page, "software", "")).startswith("tifffile"):  # Python masks: True is the object
            return array, "one bit, 0 as white by tifffile's default: true is read as 255, unlike viewers show it"
        return ~array, "stored with 0 as white: inverted, as viewers show it"
    if array.dtype.kind != "u":
        return array, "stored with 0 as white; values are read as stored"
    top = array.dtype.type(2 ** int(page.bitspersample) - 1)
    return top - array, "stored with 0 as white: inverted, as viewers show it"
