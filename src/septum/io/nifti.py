"""NIfTI (`.nii`, `.nii.gz`) through nibabel, with the header's own contradictions made visible.

A NIfTI header can describe its place in space twice (sform and qform) and in a sheared system; other tools pick one in
silence or refuse the file. Here: the sform wins when its code is set, then the qform, then the voxel sizes alone;
the affine is kept exactly as it stands; and every doubt becomes a note that `septum info` shows.
"""

from __future__ import annotations

import gzip
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError, GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.io import axes as lettered
from septum.io.decoded import MAX_SAMPLES, Decoded, check_bytes, check_size, compact, native, pick_frame
from septum.io.safe import reading, replacing
from septum.io.units import millimetres

TIME_FROM = 9
"""A fourth axis of at least this length, or with a time step other than 1, is time; a shorter one holds channels."""

_LOOKED_AT = 1 << 26

_UNITS = {0: "mm", 1: "m", 2: "mm", 3: "um"}  # xyzt_units; 0 is unknown, and in practice mm
_RGB = ("red", "green", "blue")
_PLANE = b"plane"  # our mark on a plane of several channels, which NIfTI can only store as a volume


def read(path: Path, *, axes: str | None = None, frame: int | None = None, labels: bool = False) -> Decoded:
    """Decode one frame. `axes` decides what a fourth axis is ("TZYX" or "CZYX"); see `TIME_FROM` for the default.

    >>> import tempfile
    >>> image = Image(np.ones((1, 2, 4, 5), np.uint8), Grid.from_spacing((2, 4, 5), (3.0, 1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.nii"), image)
    ...     read(Path(folder, "a.nii")).grid.spacing
    (3.0, 1.0, 1.0)
    """
    with reading(path, "NIfTI"), _quiet():
        file = _load(path)
        header = _raw_header(path, file)
        letters, notes = _axes(path, file, header=header, declared=axes)
        check_size(path, tuple(n for n, a in zip(file.shape[::-1], letters, strict=True) if a != "T"))
        grid, place_notes = _grid(path, file, header=header, letters=letters)
        frames = lettered.length(letters, file.shape[::-1], letter="T")
        chosen = pick_frame(path, frames, frame=frame)
        array, channels = _samples(path, file, letters=letters, frame=chosen, whole=labels)
    unit = int(header["xyzt_units"]) & 7
    if unit in (1, 3):
        place_notes.append(f"positions are stored in {'metres' if unit == 1 else 'microns'}, converted to mm")
    shown = lettered.understood(letters)
    doubts = (*_unit_doubts(unit), *_packing(path), *_scaled_labels(file, array, whole=labels))
    return Decoded(
        array, grid, channels, format="NIfTI", axes=shown, frames=frames, notes=(*notes, *place_notes), doubts=doubts
    )


def count_frames(path: Path, *, axes: str | None = None) -> int:
    """How many frames the file holds along time; 1 when it has no time axis.

    >>> import tempfile
    >>> image = Image(np.ones((1, 2, 4, 5), np.uint8), Grid.from_spacing((2, 4, 5), (3.0, 1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.nii"), image)
    ...     count_frames(Path(folder, "a.nii"))
    1
    """
    with reading(path, "NIfTI"), _quiet():
        file = _load(path)
        letters, _ = _axes(path, file, header=_raw_header(path, file), declared=axes)
        return lettered.length(letters, file.shape[::-1], letter="T")


def write_labels(path: Path, labels: LabelMap) -> None:
    """Write labels in the smallest integer type; the geometry as sform, and as qform where that can express it.

    >>> import tempfile
    >>> labels = LabelMap(np.ones((2, 4, 5), np.uint8), Grid.from_spacing((2, 4, 5), (3.0, 1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labels(Path(folder, "a.nii"), labels)
    ...     int(read(Path(folder, "a.nii"), labels=True).array.max())
    1
    """
    _write(path, compact(labels.array), grid=labels.grid)


def write_image(path: Path, image: Image) -> None:
    """Write intensities; several channels become a vector image (fifth dimension), as ITK writes them.

    >>> import tempfile
    >>> image = Image(np.ones((1, 2, 4, 5), np.uint8), Grid.from_spacing((2, 4, 5), (3.0, 1.0, 1.0)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.nii"), image)
    ...     read(Path(folder, "a.nii")).array.shape
    (1, 2, 4, 5)
    """
    array = image.array[0] if len(image.array) == 1 else np.moveaxis(image.array, 0, -1)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    _write(path, array, grid=image.grid, vector=len(image.array) > 1)


def _write(path: Path, array: NDArray[Any], *, grid: Grid, vector: bool = False) -> None:
    import nibabel

    spatial = array.transpose(*reversed(range(grid.ndim)), *range(grid.ndim, array.ndim))
    if vector:
        spatial = spatial.reshape(*grid.shape[::-1], *(1,) * (4 - grid.ndim), spatial.shape[-1])
    affine = _to_nifti(grid)
    kind = nibabel.Nifti2Image if max(spatial.shape) > 32767 else nibabel.Nifti1Image
    file = kind(spatial, affine, dtype=_storable(path, array.dtype))
    file.header.set_xyzt_units("mm")
    file.header.set_slope_inter(1, 0)
    file.set_sform(affine, code=1)
    file.set_qform(affine, code=1 if _shear_degrees(affine) < 1e-3 else 0, strip_shears=True)
    if vector:
        file.header.set_intent("vector", name=_PLANE.decode() if grid.ndim == 2 else "")
    with replacing(path) as temporary:
        nibabel.save(file, temporary)


def _storable(path: Path, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind in "iuf" and dtype.itemsize <= 8:
        return dtype
    raise FormatError(f"{path.name} must hold integers or floats of at most 64 bits, got {dtype}; convert them first")


def _to_nifti(grid: Grid) -> NDArray[np.float64]:
    """4x4 affine from `(i, j, k)`; a plane's own `(y, x)` becomes the x-y plane at z = 0."""
    affine = np.eye(4)
    if grid.ndim == 3:
        affine[:3, :3] = grid.affine[:3, :3][:, ::-1]
        affine[:3, 3] = grid.affine[:3, 3]
    else:
        affine[:2, :2] = grid.affine[:2, :2][::-1, ::-1]
        affine[:2, 3] = grid.affine[:2, 2][::-1]
    return affine


@contextmanager
def _quiet() -> Iterator[None]:
    """nibabel mends odd headers and logs it; we report them as notes instead."""
    logger = logging.getLogger("nibabel.global")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _load(path: Path) -> Any:
    """The file as nibabel sees it; nibabel goes by the name, so a name that lies is opened by content here."""
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    packed = _is_packed(path)
    try:
        if packed == path.name.lower().endswith(".gz"):
            with _long_extensions():
                file = nibabel.load(path, mmap=False)
        else:
            file = _by_content(path, packed)
    except (ImageFileError, HeaderDataError) as error:
        raise ValueError(str(error)) from error
    if type(file).__name__ == "Cifti2Image" or 3000 <= int(file.header["intent_code"]) < 3100:
        raise FormatError(
            f"{path.name} must be a volume, it is CIFTI: values on a surface without a grid; export a volume from it, "
            "for example with wb_command -cifti-separate"
        )
    offset, samples = int(file.dataobj.offset), 1
    for n in file.shape:
        samples *= int(n)
    need = samples * file.get_data_dtype().itemsize
    size = path.stat().st_size
    check_bytes(path, need, stored=size if packed else max(0, size - offset), ratio=1100 if packed else 1)
    return file


def _whole(path: Path, file: Any) -> NDArray[Any]:
    """All samples as nibabel gives them. A compressed file is unpacked in one go where that can be done: in pieces, as
    nibabel does it, a CT of 300 slices took three times as long."""
    if (file.dataobj.slope, file.dataobj.inter) == (1.0, 0.0) and _is_packed(path):
        import imagecodecs

        offset, stored = int(file.dataobj.offset), file.get_data_dtype()
        out = bytearray(offset + int(np.prod(file.shape, dtype=np.int64)) * stored.itemsize)
        try:
            found = imagecodecs.gzip_decode(path.read_bytes(), out=out)
        except imagecodecs.DeflateError as error:
            if "SPACE" not in str(error):
                raise ValueError("its compressed samples do not fit their checksum") from error
            out = _first_bytes(path, len(out))
            found = out
        if len(found) == len(out):  # else it is a file of several parts, one after the other
            return np.frombuffer(out, stored, offset=offset).reshape(file.shape, order="F")
    return np.asanyarray(file.dataobj)


def _first_bytes(path: Path, count: int) -> bytearray:
    """The first bytes of a compressed file that holds more than its header promises; what follows is looked at as far
    as is reasonable, since the checksum stands at the end."""
    with gzip.open(path) as stream:
        found = bytearray(stream.read(count))
        stream.read(_LOOKED_AT)
    return found


def _is_packed(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def _by_content(path: Path, packed: bool) -> Any:
    """A `.nii.gz` that is not compressed, or a `.nii` that is: read by what it holds."""
    import nibabel

    with path.open("rb") as stream:
        start = gzip.GzipFile(fileobj=stream).read(4) if packed else stream.read(4)
    kind = nibabel.Nifti2Image if 540 in (int.from_bytes(start, "little"), int.from_bytes(start, "big")) else None
    kind = kind or nibabel.Nifti1Image
    limit = 1100 * path.stat().st_size
    with path.open("rb") as raw:
        held = io.BytesIO(gzip.GzipFile(fileobj=raw).read(min(limit, MAX_SAMPLES)) if packed else raw.read())
    holder = nibabel.FileHolder(fileobj=held)
    with _long_extensions():
        return kind.from_file_map({"image": holder, "header": holder}, mmap=False)


@contextmanager
def _long_extensions() -> Iterator[None]:
    """Extensions of AFNI, FreeSurfer and dcm2niix need not be multiples of 16 bytes; nibabel warns and reads on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _packing(path: Path) -> list[str]:
    packed, named = _is_packed(path), path.name.lower().endswith(".gz")
    if packed == named:
        return []
    return ["the file is compressed although its name does not end with .gz" if packed else
            "the file is not compressed although its name ends with .gz"]  # fmt: skip


def _unit_doubts(unit: int) -> list[str]:
    return [] if unit in _UNITS else [f"the unit of positions (code {unit}) is unknown: millimetres are assumed"]


def _scaled_labels(file: Any, array: NDArray[Any], *, whole: bool) -> list[str]:
    """Labels that the header scales to fractions: the scale factor is to blame, not smoothing."""
    slope, inter = float(file.dataobj.slope), float(file.dataobj.inter)
    if not whole or array.dtype.kind != "f" or file.get_data_dtype().kind not in "iu":
        return []
    if (slope, inter) == (1.0, 0.0) or not np.isfinite(array).all():
        return []
    if (np.abs(array - np.rint(array)) <= 1e-3).all():
        return []
    return [f"the header scales the stored labels by {slope:.6g} (+ {inter:.6g}), which makes them fractions"]


def _raw_header(path: Path, file: Any) -> Any:
    """The header as stored: nibabel replaces impossible values when it loads."""
    size = 540  # bytes of the longer header, NIfTI-2
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        start = gzip.GzipFile(fileobj=stream).read(size) if packed else stream.read(size)
    kind = type(file.header)
    if len(start) < kind.template_dtype.itemsize:
        raise ValueError("its header is cut short")
    return kind(start[: kind.template_dtype.itemsize], check=False)  # without the extensions that may follow


def _axes(path: Path, file: Any, *, header: Any, declared: str | None) -> tuple[str, list[str]]:
    """One letter per stored axis, slowest first."""
    shape = tuple(int(n) for n in file.shape)
    found, notes = _default_axes(path, shape, header=header)
    if declared is None:
        return found, notes
    letters = lettered.declared_axes(path, declared, shape=shape[::-1], found=found)
    if not letters.endswith("YX") or "Z" in letters[:-3]:
        raise FormatError(
            f"axes must end with ZYX or YX for a NIfTI file, got {declared!r}: its first stored axes are x, y (and z)"
        )
    return letters, []


def _default_axes(path: Path, shape: tuple[int, ...], *, header: Any) -> tuple[str, list[str]]:
    if len(shape) == 2:
        return "YX", ["a plane: the file gives it no place in the volume, only pixel sizes are used"]
    if len(shape) == 3:
        return "ZYX", []
    if len(shape) > 5 or len(shape) < 2:
        raise FormatError(f"{path.name} must have 2 to 5 axes, got shape {shape}; split it")
    if len(shape) == 5:
        return ("CT1YX" if bytes(header["intent_name"]).startswith(_PLANE) and shape[2] == 1 else "CTZYX"), []
    if shape[3] == 1:
        return "1ZYX", []
    step = float(header["pixdim"][4])
    if shape[3] >= TIME_FROM or (step not in (0.0, 1.0) and np.isfinite(step)):
        return "TZYX", [f"the fourth axis is read as {shape[3]} frames in time; if it holds channels declare axes CZYX"]
    return "CZYX", [f"the fourth axis is read as {shape[3]} channels; if it holds frames in time declare axes TZYX"]


def _grid(path: Path, file: Any, *, header: Any, letters: str) -> tuple[Grid, list[str]]:
    affine, notes = _affine(path, file, header=header)
    affine[:3] *= millimetres(_UNITS.get(int(header["xyzt_units"]) & 7)) or 1.0
    shape = tuple(int(n) for n in file.shape[:3])
    if "Z" not in letters:
        return _plane(shape[:2], affine), notes
    shear = _shear_degrees(affine)
    if shear > 0.01:
        notes.append(
            f"the axes are not perpendicular (off by {shear:.3g} degrees); they are kept as they are, "
            "but tools based on ITK refuse this file"
        )
    array_order = affine.copy()
    array_order[:, :3] = affine[:, 2::-1]
    try:
        return Grid(shape[::-1], array_order), notes
    except GeometryError as error:
        raise GeometryError(f"{path.name}: {error}; its header must be mended at the source") from error


def _plane(shape: tuple[int, ...], affine: NDArray[np.float64]) -> Grid:
    """A plane's own `(y, x)` grid; position is kept only where the plane is an x-y plane."""
    if np.abs(affine[2, :2]).max() < 1e-6 * np.abs(affine[:2, :2]).max():
        plane = np.eye(3)
        plane[:2, :2] = affine[:2, :2][::-1, ::-1]
        plane[:2, 2] = affine[:2, 3][::-1]
        return Grid(shape[::-1], plane)
    steps = np.linalg.norm(affine[:3, :2], axis=0)
    return Grid.from_spacing(shape[::-1], steps[::-1].tolist())


def _affine(path: Path, file: Any, *, header: Any) -> tuple[NDArray[np.float64], list[str]]:
    s_code, q_code = int(header["sform_code"]), int(header["qform_code"])
    sizes = np.abs(np.asarray(header["pixdim"][1 : 1 + min(3, len(file.shape))], dtype=np.float64))
    sform = np.asarray(header.get_sform(), dtype=np.float64) if s_code > 0 else None
    notes = []
    if sform is not None and not _usable(sform):
        notes.append("the sform is singular and is ignored")
        sform = None
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        if sform is None:
            raise GeometryError(f"voxel sizes must be positive, {path.name} has {sizes.tolist()}; correct its header")
        return sform, [*notes, f"voxel sizes in the header are {sizes.tolist()}; those of the sform are used"]
    qform = _qform(header) if q_code > 0 else None
    if sform is not None:
        if qform is not None:
            notes.extend(_disagreement(file.shape, sform, qform=qform))
        return sform, notes
    if qform is not None:
        return qform, notes
    base = np.asarray(header.get_base_affine(), dtype=np.float64)
    return base, [*notes, "no orientation is stored (sform and qform codes are 0): left and right are a guess"]


def _qform(header: Any) -> NDArray[np.float64] | None:
    from nibabel.spatialimages import HeaderDataError

    try:
        qform = np.asarray(header.get_qform(), dtype=np.float64)
    except (HeaderDataError, ValueError):
        return None
    return qform if _usable(qform) else None


def _usable(affine: NDArray[np.float64]) -> bool:
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return bool(
        np.isfinite(affine).all() and (lengths > 0).all() and abs(np.linalg.det(affine[:3, :3] / lengths)) > 1e-4
    )


def _disagreement(shape: tuple[int, ...], sform: NDArray[np.float64], *, qform: NDArray[np.float64]) -> list[str]:
    counts = np.array([*shape[:3], 1, 1][:3])
    ends = np.stack(np.meshgrid(*[(0, n - 1) for n in counts], indexing="ij"), axis=-1).reshape(-1, 3)
    shift = ends @ (sform - qform)[:3, :3].T + (sform - qform)[:3, 3]
    apart = float(np.linalg.norm(shift, axis=1).max())
    if apart <= 0.05 * float(np.linalg.norm(sform[:3, :3], axis=0).min()):
        return []
    return [f"sform and qform disagree by {apart:.3g} mm at a corner; the sform is used"]


def _shear_degrees(affine: NDArray[np.float64]) -> float:
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(unit.T @ unit - np.eye(3)).max()
    return float(np.degrees(np.arcsin(min(1.0, cosines))))


def _samples(path: Path, file: Any, *, letters: str, frame: int, whole: bool) -> tuple[NDArray[Any], tuple[str, ...]]:
    """`(C, *spatial)` of one frame, scaled as the header says."""
    stored = file.get_data_dtype()
    pick: list[Any] = [slice(None)] * len(file.shape)
    if "T" in letters:
        pick[len(letters) - 1 - letters.index("T")] = slice(frame, frame + 1)
    data = file.dataobj[tuple(pick)] if "T" in letters else _whole(path, file)
    if stored.fields is not None:
        parts = [np.asarray(data[name]) for name in stored.names][:3]
        stacked = np.stack([lettered.arrange(part.transpose(), letters)[0] for part in parts])
        return native(stacked), _RGB
    if data.dtype.kind == "c":
        raise FormatError(f"{path.name} must hold real numbers, got complex ones; save the magnitude")
    if data.dtype != stored and not whole:  # the header scales the stored integers; single precision holds them
        data = data.astype(np.float32)
    array = native(lettered.arrange(np.asarray(data).transpose(), letters))
    return array, () if len(array) > 1 else ("intensity",)
