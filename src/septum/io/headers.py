"""Headers of NRRD and MetaImage in our own code, before any foreign reader sees the file.

The libraries that decode these formats believe their headers: a long value ends the process, a huge size takes all
memory, a name opens any file of the disk. So the text is read strictly here (what two parsers could read in two ways is
refused), its numbers are held against the bytes that are there, and its references go through `references.beside`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from septum.errors import FormatError
from septum.io.decoded import check_bytes, check_size
from septum.io.references import beside, numbered_names
from septum.io.units import is_unknown, millimetres

_HEADER_BYTES = 2**20
_LONGEST = 1000
"""Characters of one value that a reader interprets; free text (`key:=value`, comments) may be longer."""
_NRRD_BYTES = {
    "signed char": 1, "int8": 1, "int8_t": 1, "uchar": 1, "unsigned char": 1, "uint8": 1, "uint8_t": 1, "short": 2,
    "short int": 2, "signed short": 2, "signed short int": 2, "int16": 2, "int16_t": 2, "ushort": 2,
    "unsigned short": 2, "unsigned short int": 2, "uint16": 2, "uint16_t": 2, "int": 4, "signed int": 4, "int32": 4,
    "int32_t": 4, "uint": 4, "unsigned int": 4, "uint32": 4, "uint32_t": 4, "longlong": 8, "long long": 8,
    "long long int": 8, "signed long long": 8, "signed long long int": 8, "int64": 8, "int64_t": 8, "ulonglong": 8,
    "unsigned long long": 8, "unsigned long long int": 8, "uint64": 8, "uint64_t": 8, "float": 4, "double": 8,
}  # fmt: skip
_META_BYTES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4, "MET_LONG": 4,
    "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4, "MET_DOUBLE": 8,
}  # fmt: skip
_META_NUMBERS = {
    "NDims", "DimSize", "ElementSpacing", "ElementSize", "Offset", "Position", "Origin", "TransformMatrix", "Rotation",
    "Orientation", "CenterOfRotation", "ElementNumberOfChannels", "HeaderSize", "CompressedDataSize", "ElementMin",
    "ElementMax",
}  # fmt: skip


@dataclass(frozen=True)
class Header:
    """What the text says: `scale` are mm per stored unit along each stored axis, fastest first."""

    fields: Mapping[str, str]
    scale: tuple[float, ...]
    doubts: tuple[str, ...]


def nrrd(path: Path) -> Header:
    """The checked header of an NRRD file.

    Raises:
        FormatError: no NRRD, a field that cannot be read in one way, more samples than bytes, a reference outside.
    """
    lines, start = _lines(path)
    if not lines or not re.fullmatch(r"NRRD000[1-5]", lines[0]):
        raise ValueError("its first line is not that of an NRRD file")
    fields: dict[str, str] = {}
    listed: list[str] = []
    for number, line in enumerate(lines[1:], start=1):
        if not line.strip():
            break
        if line.startswith("#") or re.match(r"[^:]+:=", line):
            continue
        key, colon, value = line.partition(":")
        key = key.strip().lower().replace("centerings", "centers")
        if not colon or key in fields or len(value) > _LONGEST:
            raise ValueError(f"its line {number + 1} cannot be read: {line[:60]!r}")
        fields[key] = value.strip()
        if key in ("data file", "datafile") and value.split()[:1] == ["LIST"]:
            listed = [one.strip() for one in lines[number + 1 :] if one.strip()]
            break
    sizes = _integers(path, fields.get("sizes", ""), key="sizes")
    if not 1 <= len(sizes) <= 5 or _integers(path, fields.get("dimension", ""), key="dimension") != [len(sizes)]:
        raise FormatError(f"dimension of {path.name} must be 1 to 5 and fit its sizes, got {fields.get('dimension')!r}")
    check_size(path, sizes)
    kind = _NRRD_BYTES.get(fields.get("type", "").lower())
    if kind is None:
        raise FormatError(f"type of {path.name} must be a number type, got {fields.get('type', '')[:40]!r}")
    for key in ("space directions", "space origin", "spacings", "measurement frame"):
        _floats(path, fields.get(key, ""), key=key)
    files = _nrrd_files(path, fields, listed=listed)
    stored = sum(one.stat().st_size for one in files) if files else max(0, path.stat().st_size - start)
    ratio = {"raw": 1, "gzip": 1100, "gz": 1100}.get(fields.get("encoding", "raw").lower(), 5000)
    check_bytes(path, math.prod(sizes) * kind, stored=stored, ratio=ratio)
    scale, doubts = _nrrd_units(fields, len(sizes))
    return Header(fields, scale, doubts)


def metaimage(path: Path) -> Header:
    """The checked header of a MetaImage file; errors as for `nrrd`."""
    lines, _ = _lines(path)
    fields: dict[str, str] = {}
    end = 0
    for number, line in enumerate(lines):
        end += len(line) + 1
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if not equals or not re.fullmatch(r"\w+", key) or key in fields or len(value) > _LONGEST:
            raise ValueError(f"its line {number + 1} must be Key = value, got {line[:60]!r}")
        if key.lower() == "elementdatafile" and key != "ElementDataFile":
            raise ValueError(f"its line {number + 1} must name ElementDataFile, got {key!r}")
        if key in _META_NUMBERS:
            _floats(path, value, key=key)
        fields[key] = value
        if key == "ElementDataFile":
            break
    if "ElementDataFile" not in fields:
        raise ValueError("its header names no ElementDataFile")
    sizes = _integers(path, fields.get("DimSize", ""), key="DimSize")
    if not 1 <= len(sizes) <= 4 or _integers(path, fields.get("NDims", ""), key="NDims") != [len(sizes)]:
        raise FormatError(f"NDims of {path.name} must be 1 to 4 and fit DimSize, got {fields.get('NDims')!r}")
    channels = _integers(path, fields.get("ElementNumberOfChannels", "1"), key="ElementNumberOfChannels")
    kind = _META_BYTES.get(fields.get("ElementType", "").removesuffix("_ARRAY"))
    if kind is None:
        raise FormatError(f"ElementType of {path.name} must be a number type, got {fields.get('ElementType', '')!r}")
    check_size(path, [*sizes, *channels])
    files = _meta_files(path, fields["ElementDataFile"], lines=lines)
    stored = sum(one.stat().st_size for one in files) if files else max(0, path.stat().st_size - end)
    packed = fields.get("CompressedData", "False").lower() in ("true", "1")
    text = fields.get("BinaryData", "True").lower() in ("false", "0")
    check_bytes(path, math.prod(sizes + channels) * kind, stored=stored, ratio=1100 if packed else 8 if text else 1)
    return Header(fields, *_scale([fields.get("DistanceUnits", "")] * len(sizes)))


def _lines(path: Path) -> tuple[list[str], int]:
    """The lines of the header's text, and where an NRRD's samples begin."""
    with path.open("rb") as stream:
        head = stream.read(_HEADER_BYTES)
    found = re.search(rb"\r?\n\r?\n", head)
    return [line.rstrip("\r") for line in head.decode("latin-1").split("\n")], found.end() if found else 0


def _nrrd_files(path: Path, fields: Mapping[str, str], *, listed: list[str]) -> list[Path]:
    name = fields.get("data file", fields.get("datafile"))
    if name is None:
        return []
    words = name.split()
    if words[:1] == ["LIST"]:
        return [beside(path, one) for one in listed]
    if "%" in name:
        if len(words) not in (4, 5):
            raise FormatError(f"the data files of {path.name} must be a pattern and a range, got {name[:80]!r}")
        first, last, step = _integers(path, " ".join(words[1:4]), key="data file", least=-(10**9))
        return [beside(path, one) for one in numbered_names(path, words[0], first=first, last=last, step=step)]
    return [beside(path, name)]


def _meta_files(path: Path, name: str, *, lines: list[str]) -> list[Path]:
    words = name.split()
    if name.upper() in ("LOCAL", "LOCALE"):
        return []
    if words[:1] and words[0].upper() == "LIST":
        start = next(n for n, line in enumerate(lines) if line.partition("=")[0].strip() == "ElementDataFile") + 1
        return [beside(path, line.strip()) for line in lines[start:] if line.strip()]
    if "%" in name:
        if len(words) != 4:
            raise FormatError(f"the data files of {path.name} must be a pattern and a range, got {name[:80]!r}")
        first, last, step = _integers(path, " ".join(words[1:]), key="ElementDataFile", least=-(10**9))
        return [beside(path, one) for one in numbered_names(path, words[0], first=first, last=last, step=step)]
    return [beside(path, name)]


def _nrrd_units(fields: Mapping[str, str], ndim: int) -> tuple[tuple[float, ...], tuple[str, ...]]:
    spatial = fields.get("space units", fields.get("units", ""))
    names = re.findall(r'"([^"]*)"', spatial)
    if "space units" in fields:  # one per axis of space; channels and time stand beside them
        placed = re.findall(r"none|\([^)]*\)", fields.get("space directions", ""))
        rest = iter(names)
        names = ["" if one == "none" else next(rest, "") for one in placed]
    return _scale((names + [""] * ndim)[:ndim])


def _scale(names: list[str]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    doubts = [f"the unit {name[:40]!r} is unknown: millimetres are assumed" for name in names if is_unknown(name)]
    return tuple(millimetres(name) or 1.0 for name in names), tuple(dict.fromkeys(doubts))


def _integers(path: Path, text: str, *, key: str, least: int = 1) -> list[int]:
    words = text.split()
    if not words or not all(re.fullmatch(r"[+-]?\d{1,12}", word) and int(word) >= least for word in words):
        raise FormatError(f"{key} of {path.name} must be whole numbers from {least}, got {text[:60]!r}; it is damaged")
    return [int(word) for word in words]


def _floats(path: Path, text: str, *, key: str) -> None:
    for word in re.split(r"[\s,()]+", text):
        if not word or word.lower() in ("none", "nan"):
            continue
        try:
            good = math.isfinite(float(word)) and len(word) <= 40
        except ValueError:
            good = False
        if not good:
            raise FormatError(f"{key} of {path.name} must be numbers, got {text[:60]!r}; its header is damaged")
