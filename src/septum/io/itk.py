"""NRRD (`.nrrd`, `.nhdr`, `.seg.nrrd`) and MetaImage (`.mha`, `.mhd`) through SimpleITK.

ITK's world is LPS (x to the left, y to the back), Septum's is RAS, so two rows of the affine change sign; ITK's arrays
already run slowest first, so only the columns of the affine are reversed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError, GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.io import apart, headers
from septum.io import axes as lettered
from septum.io.decoded import Decoded, check_size, collapse_grey, compact, drop_alpha, native, pick_frame
from septum.io.headers import Header
from septum.io.naming import suffix
from septum.io.safe import reading, replacing

_RGB = ("red", "green", "blue")


def read(path: Path, *, axes: str | None = None, frame: int | None = None, labels: bool = False) -> Decoded:
    """Decode one frame. A fourth axis of scalars is time, vector samples are channels; `axes` overrides the former.

    >>> import tempfile
    >>> image = Image(np.ones((1, 2, 4, 5), np.uint8), Grid.from_spacing((2, 4, 5), (3.0, 1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.nrrd"), image)
    ...     read(Path(folder, "a.nrrd")).grid.spacing
    (3.0, 1.0, 1.0)
    """
    with reading(path, _name(path)):
        checked, reader = _header(path)
        letters, shape = _axes(path, reader, declared=axes)
        check_size(path, [n for n, letter in zip(shape, letters, strict=True) if letter != "T"])
        frames = lettered.length(letters, shape, letter="T")
        chosen = pick_frame(path, frames, frame=frame)
        meta = reader["meta"]
        grid, notes = _grid(path, reader, letters=letters, shape=shape, scale=checked.scale)
        pick = (letters.index("T"), chosen) if "T" in letters else None
        stored = apart.samples(path, _io(path), frame=pick)
    array = native(lettered.arrange(stored, letters))
    names = _segments(path, meta, layers=len(array)) if labels or _is_segmentation(meta) else {}
    result = Decoded(
        array, grid, _channels(meta, len(array), dtype=array.dtype), names, format=_name(path),
        axes=lettered.understood(letters), frames=frames, notes=tuple(notes), doubts=checked.doubts,
    )  # fmt: skip
    if result.channels[-1:] == ("alpha",):
        result = drop_alpha(result)
    return collapse_grey(result)


def count_frames(path: Path, *, axes: str | None = None) -> int:
    """How many frames the file holds along time; 1 when it has no time axis.

    >>> import tempfile
    >>> image = Image(np.ones((1, 2, 4, 5), np.uint8), Grid.from_spacing((2, 4, 5), (3.0, 1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.nrrd"), image)
    ...     count_frames(Path(folder, "a.nrrd"))
    1
    """
    with reading(path, _name(path)):
        letters, shape = _axes(path, _header(path)[1], declared=axes)
        return lettered.length(letters, shape, letter="T")


def write_labels(path: Path, labels: LabelMap) -> None:
    """Write labels in the smallest integer type; in NRRD the label names go along as 3D Slicer segments.

    >>> import tempfile
    >>> labels = LabelMap(np.ones((2, 4, 5), np.uint8), Grid.from_spacing((2, 4, 5), (3.0, 1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labels(Path(folder, "a.nrrd"), labels)
    ...     int(read(Path(folder, "a.nrrd"), labels=True).array.max())
    1
    """
    meta: dict[str, str] = {}
    if suffix(path) != ".mha":
        for number, (value, name) in enumerate(sorted(labels.names.items())):
            if value != 0:
                meta |= _segment(number, value, name=name, shape=labels.grid.shape)
    _write(path, compact(labels.array)[None], grid=labels.grid, meta=meta)


def write_image(path: Path, image: Image) -> None:
    """Write intensities; several channels become vector samples.

    >>> import tempfile
    >>> image = Image(np.ones((1, 2, 4, 5), np.uint8), Grid.from_spacing((2, 4, 5), (3.0, 1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.nrrd"), image)
    ...     read(Path(folder, "a.nrrd")).array.shape
    (1, 2, 4, 5)
    """
    array = image.array.astype(np.float32) if image.array.dtype == np.float16 else image.array
    _write(path, array, grid=image.grid, meta={})


def _name(path: Path) -> str:
    return "NRRD" if suffix(path) in (".nrrd", ".nhdr", ".seg.nrrd") else "MetaImage"


def _io(path: Path) -> str:
    return "NrrdImageIO" if _name(path) == "NRRD" else "MetaImageIO"


def _header(path: Path) -> tuple[Header, dict[str, Any]]:
    """The header as our own strict code and then ITK read it; no sample is decoded yet."""
    checked = headers.nrrd(path) if _name(path) == "NRRD" else headers.metaimage(path)
    reader = apart.header(path, _io(path))
    if reader["complex"]:
        raise FormatError(f"{path.name} must hold real numbers, got complex ones; save the magnitude")
    return checked, reader


def _axes(path: Path, reader: Mapping[str, Any], *, declared: str | None) -> tuple[str, tuple[int, ...]]:
    """Letters and shape of the stored samples, slowest first, vector samples last as C."""
    size = tuple(int(n) for n in reader["size"])[::-1]
    components = int(reader["components"])
    if not 2 <= len(size) <= 4:
        raise FormatError(f"{path.name} must have 2 to 4 axes, got shape {size}; split it")
    shape = (*size, components) if components > 1 else size
    found = "TZYX"[-len(size) :] + ("C" if components > 1 else "")
    if declared is None:
        return found, shape
    letters = lettered.declared_axes(path, declared, shape=shape, found=found)
    space = letters.rstrip("CS") if components > 1 else letters
    if not space.endswith("YX") or ("Z" in space and not space.endswith("ZYX")):
        raise FormatError(f"axes must end with ZYX or YX (and C for vectors) for {path.name}, got {declared!r}")
    return letters, shape


def _grid(
    path: Path, reader: Mapping[str, Any], *, letters: str, shape: tuple[int, ...], scale: tuple[float, ...]
) -> tuple[Grid, list[str]]:
    size = len(reader["size"])
    ndim = 3 if "Z" in letters else 2
    spacing = np.array(reader["spacing"])
    if not (np.isfinite(spacing).all() and (spacing > 0).all()):
        raise GeometryError(f"voxel sizes must be positive, {path.name} has {spacing.tolist()}; correct its header")
    unit = np.array(scale[-size:] if len(scale) > size else scale)[:ndim]  # a first axis of channels has no unit
    direction = np.array(reader["direction"]).reshape(size, size)[:ndim, :ndim]
    affine = np.eye(ndim + 1)
    affine[:ndim, :ndim] = (direction * (spacing[:ndim] * unit))[:, ::-1]
    affine[:ndim, ndim] = np.array(reader["origin"])[:ndim] * unit
    if ndim == 3:
        affine[:2] *= -1  # LPS to RAS
    else:
        affine[:2] = affine[1::-1]
    notes = []
    cosines = float(np.abs(direction.T @ direction - np.eye(ndim)).max())
    if cosines > 2e-4:
        angle = np.degrees(np.arcsin(min(1.0, cosines)))
        notes.append(f"the axes are not perpendicular (off by {angle:.3g} degrees); they are kept as they are")
    if _name(path) == "NRRD" and ndim == 3 and "NRRD_space" not in reader["meta"]:
        notes.append("the file names no patient space: its axes are taken as left, posterior, superior")
    spatial = tuple(n for n, letter in zip(shape, letters, strict=True) if letter in "ZYX")
    try:
        return Grid(spatial, affine), notes
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error}; its header must be mended at the source") from error


def _channels(meta: Mapping[str, str], count: int, *, dtype: np.dtype[Any]) -> tuple[str, ...]:
    if count == 1:
        return ("intensity",)
    kinds = " ".join(value.lower() for key, value in meta.items() if key.startswith("NRRD_kinds"))
    if "rgba" in kinds and count == 4:
        return (*_RGB, "alpha")
    if count == 3 and ("rgb" in kinds or dtype == np.uint8):
        return _RGB
    return ()


def _is_segmentation(meta: Mapping[str, str]) -> bool:
    return any(re.fullmatch(r"Segment\d+_LabelValue", key) for key in meta)


def _segments(path: Path, meta: Mapping[str, str], *, layers: int) -> dict[int, str]:
    """Label names of a 3D Slicer segmentation (`Segment0_Name`, `Segment0_LabelValue`)."""
    if not _is_segmentation(meta):
        return {}
    if layers > 1:
        raise FormatError(
            f"{path.name} holds {layers} layers of segments that may overlap; export it from 3D Slicer as one label map"
        )
    names = {}
    for key, value in meta.items():
        found = re.fullmatch(r"Segment(\d+)_LabelValue", key)
        if found:
            names[int(value)] = meta.get(f"Segment{found.group(1)}_Name", f"segment {value}")
    return names


def _segment(number: int, value: int, *, name: str, shape: tuple[int, ...]) -> dict[str, str]:
    extent = " ".join(f"0 {n - 1}" for n in shape[::-1])
    prefix = f"Segment{number}_"
    return {
        prefix + "ID": f"Segment_{number}", prefix + "Name": name, prefix + "LabelValue": str(value),
        prefix + "Layer": "0", prefix + "Extent": extent,
    }  # fmt: skip


def _write(path: Path, array: NDArray[Any], *, grid: Grid, meta: Mapping[str, str]) -> None:
    import SimpleITK

    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise FormatError(f"{path.name} must hold integers or floats of at most 64 bits, got {array.dtype}; convert it")
    vector = len(array) > 1
    samples = np.moveaxis(array, 0, -1) if vector else array[0]
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(samples), isVector=vector)
    columns = grid.direction[:, ::-1].copy()
    origin = np.array(grid.origin)
    if grid.ndim == 3:
        columns[:2] *= -1
        origin[:2] *= -1
    else:
        columns, origin = columns[::-1], origin[::-1]
    image.SetSpacing(grid.spacing[::-1])
    image.SetDirection(columns.ravel().tolist())
    image.SetOrigin(origin.tolist())
    for key, value in meta.items():
        image.SetMetaData(key, value)
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    with replacing(path) as temporary:
        SimpleITK.WriteImage(image, str(temporary), useCompression=True)
