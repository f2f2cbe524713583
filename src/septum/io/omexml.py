"""What the XML of an OME-TIFF claims, held against what the files have, before anything is built from it.

The XML may name other files of the disk, ten million planes, or planes that nobody wrote; a decoder that believes it
opens, allocates, or fills with zeros.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from septum.errors import FormatError
from septum.io.decoded import check_bytes
from septum.io.references import beside

_RATIO = {"NONE": 1, "PACKBITS": 70, "LZW": 1400, "ADOBE_DEFLATE": 1100, "DEFLATE": 1100}
"""How much each compression can save at most; others are left to their decoders."""


def check_xml(path: Path, text: str) -> None:
    """Refuse companions outside the folder and counts that no file of this size can hold.

    Raises:
        FormatError: names the companion, or the number of planes that is claimed.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"its OME-XML is damaged: {error}") from error
    size = path.stat().st_size
    for element in root.iter():
        kind = element.tag.rpartition("}")[2]
        name = element.get("FileName") if kind == "UUID" else element.get("MetadataFile")
        if name is not None and kind in ("UUID", "BinaryOnly") and name.lower() != path.name.lower():
            size += beside(path, name).stat().st_size
    for element in root.iter():
        kind = element.tag.rpartition("}")[2]
        if kind == "Pixels":
            _check_count(path, math.prod(_whole(path, element, key=f"Size{letter}") for letter in "ZCT"), size=size)
        if kind in ("TiffData", "Channel"):
            for key in ("PlaneCount", "NumPlanes", "IFD", "FirstZ", "FirstC", "FirstT", "SamplesPerPixel"):
                _check_count(path, _whole(path, element, key=key), size=size)
        if kind.startswith("Along"):
            _check_steps(path, element, size=size)


def check_planes(path: Path, file: Any, *, series: Any) -> None:
    """Refuse a series of which planes are missing or cut short, instead of filling them with zeros."""
    page = series.keyframe
    need = math.prod(series.shape) * series.dtype.itemsize
    if series.dataoffset is not None:
        check_bytes(path, need, stored=file.filehandle.size - series.dataoffset)
        return
    expected = math.prod(series.shape) // max(1, math.prod(page.shape))
    present = sum(one is not None for one in series)
    if present < expected:
        raise FormatError(
            f"{path.name} must hold the {expected} planes that it declares, got {present}; the others are missing: "
            "copy all its files again from the source"
        )
    compression = getattr(page.compression, "name", "")
    stored = sum(int(count) for one in series if one is not None for count in one.databytecounts)
    if compression in _RATIO:
        bits = math.prod(series.shape) * int(page.bitspersample) // 8
        check_bytes(path, bits, stored=stored, ratio=_RATIO[compression])


def ome_pixels(file: Any) -> tuple[Mapping[str, Any], list[Any]]:
    """The attributes of the first image's pixels, and its channels."""
    import tifffile

    images = tifffile.xml2dict(file.ome_metadata).get("OME", {}).get("Image", {})
    first = images[0] if isinstance(images, list | tuple) else images
    pixels = first.get("Pixels", {})
    channels = pixels.get("Channel", [])
    return pixels, list(channels) if isinstance(channels, list | tuple) else [channels]


def _whole(path: Path, element: Any, *, key: str) -> int:
    text = element.get(key, "1")
    if not text.strip().isdigit() or len(text) > 18:
        raise FormatError(f"{key} of {path.name} must be a whole number, got {text[:40]!r}; its OME-XML is damaged")
    return int(text)


def _check_count(path: Path, count: int, *, size: int) -> None:
    if count > size:
        raise FormatError(
            f"{path.name} must hold the planes that it declares, got {count:,} planes in {size:,} bytes; "
            "its OME-XML is damaged"
        )


def _check_steps(path: Path, element: Any, *, size: int) -> None:
    try:
        start, end, step = (float(element.get(key, "1")) for key in ("Start", "End", "Step"))
    except ValueError:
        raise FormatError(f"{path.name} must number its planes, its OME-XML is damaged; save it again") from None
    if not all(map(math.isfinite, (start, end, step))) or step == 0 or abs((end - start) / step) > size:
        raise FormatError(f"{path.name} must hold the planes that it declares; its OME-XML is damaged")
