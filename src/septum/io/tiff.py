"""TIFF, ImageJ hyperstacks and OME-TIFF through tifffile.

A TIFF says how its pixels are packed but often not what its planes are. What the file declares (OME-XML, ImageJ
description) is believed; an undeclared stack is read as depth, as ImageJ does, and a note asks for `axes=`.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.geometry import Grid, Image, LabelMap, Unit
from septum.io import axes as lettered
from septum.io.decoded import Decoded, check_size, collapse_grey, compact, drop_alpha, native, pick_frame
from septum.io.omexml import check_planes, check_xml, ome_pixels
from septum.io.safe import reading, replacing
from septum.io.tiffpages import colours, turned
from septum.io.units import is_unknown, millimetres

_PRINTING_DPI = (72, 75, 96, 100, 150, 200, 240, 300, 350, 600, 1200)
_PRINTING_MOST = 5000
"""Pixels per inch beyond which a resolution in inches is a physical size, not a wish for printing."""
_RGB = ("red", "green", "blue")


def read(path: Path, *, axes: str | None = None, frame: int | None = None, labels: bool = False) -> Decoded:
    """Decode one frame of the first series. `axes` overrides what the file says, slowest axis first ("TYX", "YXC").

    >>> import tempfile
    >>> image = Image(np.ones((1, 4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.tif"), image)
    ...     read(Path(folder, "a.tif")).grid.spacing
    (1.0, 1.0)
    """
    with reading(path, "TIFF"), _opened(path) as file:
        series = file.series[0]
        letters, notes = _axes(path, series, declared=axes)
        frames = lettered.length(letters, series.shape, letter="T")
        check_size(path, [n for n, letter in zip(series.shape, letters, strict=True) if letter != "T"])
        check_planes(path, file, series=series)
        chosen = pick_frame(path, frames, frame=frame)
        stored = _frame(path, series, letters=letters, frame=chosen)
        page = series.keyframe
        array = lettered.arrange(stored, letters.replace("T", "1"))
        spacing, unit, doubts = _spacing(file, page, volume="Z" in letters)
        names = _channel_names(file, len(array), letters=letters, page=page)
        notes += _page_notes(file)
        array, names, more = colours(array, names, page=page, labels=labels)
        if not (file.is_ome or file.is_imagej):
            array, spacing, turning = turned(array, spacing, page=page)
            more += turning
    spatial = array.shape[1:]
    grid = Grid.from_spacing(spatial, spacing[-len(spatial) :], unit=unit, positioned=False)
    result = Decoded(
        native(array), grid, names, format=_format(file), axes=lettered.understood(letters), frames=frames,
        notes=(*notes, *more), doubts=tuple(doubts),
    )  # fmt: skip
    if names and names[-1] == "alpha":
        result = drop_alpha(result)
    return collapse_grey(result)


def count_frames(path: Path, *, axes: str | None = None) -> int:
    """How many frames the first series holds along time; 1 when it has no time axis.

    >>> import tempfile
    >>> image = Image(np.ones((1, 4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.tif"), image)
    ...     count_frames(Path(folder, "a.tif"))
    1
    """
    with reading(path, "TIFF"), _opened(path) as file:
        series = file.series[0]
        letters, _ = _axes(path, series, declared=axes)
        return lettered.length(letters, series.shape, letter="T")


def write_labels(path: Path, labels: LabelMap) -> None:
    """Write labels as OME-TIFF, compressed without loss, in the smallest integer type up to 32 bits.

    >>> import tempfile
    >>> labels = LabelMap(np.ones((4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labels(Path(folder, "a.tif"), labels)
    ...     int(read(Path(folder, "a.tif"), labels=True).array.max())
    1
    """
    array = compact(labels.array)
    if array.dtype.itemsize > 4:
        raise FormatError(f"TIFF labels must fit into 32 bits, got values up to {int(array.max())}; renumber them")
    _write(path, array[None], grid=labels.grid, channels=())


def write_image(path: Path, image: Image) -> None:
    """Write intensities as OME-TIFF with channel names and physical size; position and orientation are not stored.

    >>> import tempfile
    >>> image = Image(np.ones((1, 4, 5), np.uint8), Grid.from_spacing((4, 5), (1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.tif"), image)
    ...     read(Path(folder, "a.tif")).array.shape
    (1, 4, 5)
    """
    array = image.array
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.dtype.kind not in "iuf" or (array.dtype.kind in "iu" and array.dtype.itemsize > 4):
        raise FormatError(f"{path.name} must hold integers of at most 32 bits or floats, got {array.dtype}; convert it")
    _write(path, array, grid=image.grid, channels=image.channels)


def _write(path: Path, array: NDArray[Any], *, grid: Grid, channels: tuple[str, ...]) -> None:
    import tifffile

    colour = channels == _RGB and array.dtype in (np.uint8, np.uint16) and grid.ndim == 2
    letters = ("ZYX" if grid.ndim == 3 else "YX") if len(array) == 1 else ("CZYX" if grid.ndim == 3 else "CYX")
    metadata: dict[str, Any] = {"axes": "YXS" if colour else letters}
    if grid.unit == "mm":
        for letter, step in zip("ZYX"[-grid.ndim :], grid.spacing, strict=True):
            metadata |= {f"PhysicalSize{letter}": step, f"PhysicalSize{letter}Unit": "mm"}
    if channels and not colour:
        metadata["Channel"] = {"Name": list(channels)}
    data = np.moveaxis(array, 0, -1) if colour else array if len(array) > 1 else array[0]
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary, np.ascontiguousarray(data), ome=True, bigtiff=data.nbytes > 2**31, compression="zlib",
            photometric="rgb" if colour else "minisblack", metadata=metadata,
        )  # fmt: skip


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """An open TIFF whose decoder's complaints become errors instead of log lines."""
    import tifffile

    problems: list[str] = []
    handler = _Collector(problems)
    logger = logging.getLogger("tifffile")
    logger.addHandler(handler)
    try:
        with tifffile.TiffFile(path) as file:
            if not file.pages:
                raise ValueError("it holds no image")
            if file.is_ome:
                check_xml(path, file.ome_metadata)
            if not file.series:
                raise ValueError("it holds no image")
            yield file
        damage = [text for text in problems if re.search(r"corrupt|truncat|failed to read|invalid (page|offset)", text)]
        if damage:
            raise ValueError(damage[0])
    except tifffile.TiffFileError as error:
        raise ValueError(str(error)) from error
    finally:
        logger.removeHandler(handler)


class _Collector(logging.Handler):
    """Keeps the complaints about this thread's file; other threads may be reading other files."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._texts = texts
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._texts.append(record.getMessage())


def _format(file: Any) -> str:
    return "OME-TIFF" if file.is_ome else "ImageJ TIFF" if file.is_imagej else "TIFF"


def _axes(path: Path, series: Any, *, declared: str | None) -> tuple[str, list[str]]:
    """One letter per axis of the series, and what was assumed."""
    letters = str(series.axes)
    shape = tuple(int(n) for n in series.shape)
    notes = [f"the file holds {len(series.parent.series)} images; the first is read"] if _several(series) else []
    if declared is not None:
        return lettered.declared_axes(path, declared, shape=shape, found=letters), notes
    unknown = [i for i, letter in enumerate(letters) if letter not in lettered.KNOWN and shape[i] > 1]
    letters = "".join(
        "1" if letter not in lettered.KNOWN and n == 1 else letter for letter, n in zip(letters, shape, strict=True)
    )
    if not unknown:
        return letters, notes
    free = [letter for letter in "ZT" if letter not in letters or lettered.length(letters, shape, letter=letter) == 1]
    if len(unknown) > 1 or "Z" not in free:
        raise FormatError(
            f"the axes of {path.name} must be declared: shape {shape}, the file says {series.axes}; "
            "give axes= with letters of TCZYX, slowest first"
        )
    letters = "".join("Z" if i in unknown else "1" if letter == "Z" else letter for i, letter in enumerate(letters))
    count = shape[unknown[0]]
    note = (
        f"the file does not say what its {count} planes are: read as depth (Z); otherwise declare axes, e.g. TYX or CYX"
    )
    return letters, [*notes, note]


def _several(series: Any) -> bool:
    return len(series.parent.series) > 1


def _frame(path: Path, series: Any, *, letters: str, frame: int) -> NDArray[Any]:
    """The samples of one frame with the time axis kept at length 1; only its own planes are decoded."""
    if "T" not in letters or series.shape[letters.index("T")] == 1:
        return np.asarray(series.asarray())
    time = letters.index("T")
    pick = tuple(slice(frame, frame + 1) if axis == time else slice(None) for axis in range(len(letters)))
    if series.dataoffset is not None:
        dtype = series.dtype.newbyteorder(series.parent.byteorder)
        return np.array(np.memmap(path, dtype, "r", series.dataoffset, series.shape)[pick])
    inner = len(series.keyframe.shape)
    outer = series.shape[: len(series.shape) - inner]
    if time < len(outer) and int(np.prod(outer)) == len(series.pages):
        index = np.arange(len(series.pages)).reshape(outer)[pick[: len(outer)]]
        planes = [np.asarray(series.pages[int(page)].asarray()) for page in index.ravel()]
        return np.stack(planes).reshape(*index.shape, *planes[0].shape)
    return np.asarray(series.asarray())[pick]


def _spacing(file: Any, page: Any, *, volume: bool) -> tuple[tuple[float, float, float], Unit, list[str]]:
    """`(z, y, x)` in mm where the file gives a physical size, otherwise 1 pixel; and doubts about units."""
    sizes: tuple[float | None, ...] = (None, None, None)
    doubts: list[str] = []
    if file.is_ome:
        sizes, doubts = _ome_sizes(file)
    elif file.is_imagej:
        sizes, doubts = _imagej_sizes(file.imagej_metadata or {}, _resolution(page))
    else:
        sizes, doubts = _tag_sizes(page)
    z, y, x = sizes
    if x is None or y is None:
        return (1.0, 1.0, 1.0), "px", doubts
    if volume and not z:
        doubts.append("the file gives no distance of planes: that of pixels is taken")
    return ((z if z else x) if volume else 1.0, y, x), "mm", doubts


def _imagej_sizes(
    meta: Mapping[str, Any], resolution: tuple[float | None, float | None]
) -> tuple[tuple[float | None, ...], list[str]]:
    """ImageJ's sizes: `unit` for x, `yunit` and `zunit` where they differ from it."""
    names = [meta.get("zunit") or meta.get("unit"), meta.get("yunit") or meta.get("unit"), meta.get("unit")]
    doubts = [f"the unit {str(n)[:40]!r} is unknown: no physical size is used" for n in names if is_unknown(n)]
    z_unit, y_unit, x_unit = (millimetres(name) for name in names)
    y, x = resolution
    if not (x_unit and y_unit and x and y):
        return (None, None, None), list(dict.fromkeys(doubts))
    z = abs(float(meta.get("spacing", 0)))
    return (z * z_unit if z and z_unit and np.isfinite(z) else None, y_unit / y, x_unit / x), doubts


def _tag_sizes(page: Any) -> tuple[tuple[float | None, ...], list[str]]:
    """Sizes from the resolution tags: centimetres are believed, inches only beyond what printers can do."""
    unit = int(getattr(page, "resolutionunit", 1) or 1)
    y, x = _resolution(page)
    if unit not in (2, 3) or not x or not y:
        return (None, None, None), []
    inch = 25.4 if unit == 2 else 10.0
    dots = x * 25.4 / inch
    printing = any(abs(dots / dpi - 1) < 0.01 for dpi in _PRINTING_DPI)
    if x > 1 and ((unit == 3 and not printing) or dots > _PRINTING_MOST):
        return (None, inch / y, inch / x), []
    return (None, None, None), []


def _resolution(page: Any) -> tuple[float | None, float | None]:
    """Pixels per unit along y and x."""
    found: list[float | None] = []
    for name in ("YResolution", "XResolution"):
        tag = page.tags.get(name)
        top, bottom = tag.value if tag is not None else (0, 1)
        found.append(top / bottom if top and bottom else None)
    return found[0], found[1]


def _ome_sizes(file: Any) -> tuple[tuple[float | None, ...], list[str]]:
    pixels, _ = ome_pixels(file)
    sizes: list[float | None] = []
    doubts = []
    for letter in "ZYX":
        name = pixels.get(f"PhysicalSize{letter}Unit", "µm")
        unit = millimetres(name)
        size = float(pixels.get(f"PhysicalSize{letter}", 0) or 0)
        good = size > 0 and bool(np.isfinite(size))
        if good and is_unknown(name):
            doubts.append(f"the unit {str(name)[:40]!r} along {letter} is unknown: its size is not used")
        sizes.append(size * unit if unit and good else None)
    return tuple(sizes), doubts


def _channel_names(file: Any, count: int, *, letters: str, page: Any) -> tuple[str, ...]:
    """Names of the channels; "alpha" only where the ExtraSamples tag says so (1 or 2, not 0: unspecified)."""
    if "S" in letters and "C" not in letters and count in (2, 3, 4) and page.photometric.name != "SEPARATED":
        base = _RGB if count > 2 and page.photometric.name != "MINISBLACK" else ("grey",)
        extra = [int(code) for code in page.extrasamples][-1:]
        if len(base) == count:
            return base
        if len(base) == count - 1:
            return (*base, "alpha" if extra in ([1], [2]) else "extra")
        if extra in ([1], [2]):
            return (*(f"channel {number}" for number in range(count - 1)), "alpha")
    if file.is_ome:
        names = [str(channel.get("Name", "")) for channel in ome_pixels(file)[1]]
        if len(names) == count and all(names):
            return tuple(names)
    if count == 1:
        return ("intensity",)
    return ()


def _page_notes(file: Any) -> list[str]:
    if file.is_ome and None in _ome_sizes(file)[0][1:]:
        return ["the OME metadata gives no physical pixel size"]
    return []
