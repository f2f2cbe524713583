"""From a heap of DICOM files to ordered planes: series apart, slices sorted by *position*, gaps and duplicates found.

File names and instance numbers say nothing reliable about order; the projection of ImagePositionPatient on the slice
normal does. Nothing that identifies a patient is read into a record, a message or a note: series are told apart by
number, modality, count and the last digits of their identifier.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.geometry import Grid, Unit
from septum.io.naming import DICOM, suffix

Vector = NDArray[np.float64]

_TAGS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "ImagerPixelSpacing", "SliceThickness", "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept",
    "InstanceNumber", "AcquisitionNumber", "TemporalPositionIdentifier", "TriggerTime", "EchoTime",
    "DiffusionBValue", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", "Units",
    "PhotometricInterpretation", "BitsStored", "BitsAllocated", "PixelRepresentation", "DetectorInformationSequence",
)  # fmt: skip
_TIME_TAGS = ("TemporalPositionIdentifier", "AcquisitionNumber", "TriggerTime", "EchoTime", "DiffusionBValue")
_VOLUMES = {"CT", "MR", "NM", "PT", "ST"}
"""Modalities whose images without positions are slices, not frames of a film."""
_NO_IMAGE = {"SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "SR", "PR", "KO", "REG", "DOC", "FID", "RWV", "PLAN"}
_SAME_PLACE = 0.02
"""Two planes closer than this fraction of the slice distance lie at one position."""
_EVEN = 0.1
"""Slice distances may differ from their median by this fraction; more is a gap or an uneven series."""


@dataclass(frozen=True, eq=False)
class Plane:
    """One two-dimensional picture: a file, or one frame of a multi-frame file. Positions in mm, LPS as stored."""

    path: Path
    index: int
    uid: str
    shape: tuple[int, int]
    position: Vector | None
    row: Vector
    column: Vector
    spacing: tuple[float, float] | None
    thickness: float | None
    slope: float
    intercept: float
    order: tuple[float, ...]
    bits: int = 16
    signed: bool = False
    step: float | None = None

    @property
    def normal(self) -> Vector:
        """Unit vector across the plane, LPS."""
        return np.cross(self.row, self.column)


@dataclass(frozen=True, eq=False)
class Series:
    """The planes of one series that share size and orientation."""

    uid: str
    number: int
    modality: str
    planes: tuple[Plane, ...]
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line without identifiers of the patient."""
        rows, columns = self.planes[0].shape
        return f"{self.modality or 'unknown'}, {len(self.planes)} images of {rows}x{columns}, series ...{self.uid[-6:]}"


@dataclass(frozen=True, eq=False)
class Layout:
    """Planes in order: `frames[t][z]`, the grid of one frame, and what was noticed."""

    frames: tuple[tuple[Plane, ...], ...]
    grid: Grid
    notes: tuple[str, ...]
    doubts: tuple[str, ...] = ()


def is_dicom_file(path: Path) -> bool:
    """By signature; files from before the signature are recognised by their first element.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "0001")
    ...     _ = path.write_bytes(bytes(128) + b"DICM")
    ...     is_dicom_file(path)
    True
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
    except OSError:
        return False
    bare = start[:2] == b"\x08\x00" and start[4:6] in (b"UL", b"UI", b"CS", b"\x04\x00", b"\x16\x00", b"\x1a\x00")
    return start[128:] == b"DICM" or bare


def dicom_files(folder: Path) -> Iterator[Path]:
    """The DICOM files that lie directly in a folder, by name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "0001").write_bytes(bytes(128) + b"DICM")
    ...     _ = Path(folder, "notes.txt").write_text("no image")
    ...     [path.name for path in dicom_files(Path(folder))]
    ['0001']
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or (suffix(path) and suffix(path) not in DICOM):
            continue
        if is_dicom_file(path):
            yield path


def scan(files: Sequence[Path]) -> tuple[list[Series], dict[str, int]]:
    """Sort files into series; also count the objects that are no images, by modality.

    A series whose planes differ in size or orientation (a scout among the slices) is split.

    >>> scan([])
    ([], {})
    """
    found: dict[tuple[str, tuple[int, int]], list[list[tuple[Plane, Any]]]] = {}
    others: dict[str, int] = {}
    for path in files:
        header = _header(path)
        modality = str(header.get("Modality", "") or "")
        if modality in _NO_IMAGE or not header.get("Rows") or not header.get("Columns"):
            others[modality or "object"] = others.get(modality or "object", 0) + 1
            continue
        for plane in _planes(path, header):
            groups = found.setdefault((str(header.get("SeriesInstanceUID", "")), plane.shape), [])
            group = next((group for group in groups if _alike(group[0][0], plane)), None)
            if group is None:
                group = []
                groups.append(group)
            group.append((plane, header))
    series = [_series(key[0], members) for key, groups in found.items() for members in groups]
    series.sort(key=lambda one: (one.number, one.modality, one.uid, -len(one.planes)))
    return series, others


def arrange(name: str, series: Series, *, axes: str | None = None) -> Layout:
    """Order the planes of a series in space and time and derive their grid.

    Args:
        name: of the folder or file, for messages.
        series: its planes.
        axes: "ZYX" or "TYX" decides what planes without positions are.

    Raises:
        FormatError: when slices are missing, unevenly spaced, out of line, or several lie at one position in a way
            that is not a regular sequence of frames.
    """
    planes, notes = _without_copies(series)
    if planes[0].position is None:
        return _without_positions(planes, series, notes=tuple(notes), axes=axes)
    planes, doubts = _one_line(name, planes)
    normal = planes[0].normal
    depth = np.array([float(plane.position @ normal) for plane in planes if plane.position is not None])
    stacks = _by_position(planes, depth)
    counts = {len(stack) for stack in stacks}
    if len(counts) > 1:
        usual = max(counts)
        common = max(counts, key=[len(stack) for stack in stacks].count)
        odd = next(stack for stack in stacks if len(stack) != common)
        place = float(odd[0].position @ normal) if odd[0].position is not None else 0.0
        raise FormatError(
            f"{name} must have as many images at every position, got {min(counts)} at some and {usual} at others "
            f"({len(planes)} images at {len(stacks)} positions; {len(odd)} at {place:.2f} mm: "
            f"{', '.join(sorted(plane.path.name for plane in odd)[:4])}): slices are missing or doubled; "
            "complete the series"
        )
    frames = tuple(zip(*(sorted(stack, key=lambda plane: plane.order) for stack in stacks), strict=True))
    if len(frames) > 1:
        notes.append(f"{len(frames)} images at every position are read as {len(frames)} frames in time")
    step, more = _slice_step(name, frames[0])
    return Layout(frames, _volume_grid(frames[0], step), tuple(notes), (*doubts, *more))


def _without_positions(planes: list[Plane], series: Series, *, notes: tuple[str, ...], axes: str | None) -> Layout:
    """Frames that the file does not place: a volume in their order where that is what the modality makes."""
    planes.sort(key=lambda plane: plane.order[-2:])
    first = planes[0]
    volume = series.modality in _VOLUMES and len(planes) > 1
    if axes is not None:
        volume = "Z" in axes.upper()
    if not volume:
        return Layout(tuple((plane,) for plane in planes), _flat_grid(first), notes)
    step = first.step or 1.0
    rows, columns = first.spacing or (1.0, 1.0)
    grid = Grid.from_spacing((len(planes), *first.shape), (step, rows, columns), unit=_unit_of(first), positioned=False)
    size = f"{step:g} mm apart" if first.step else "their distance is unknown, 1 mm is assumed"
    doubt = (
        f"the {len(planes)} images have no positions: they are read as a volume in the order of their numbers, {size}; "
        "which way is up is a guess"
    )
    return Layout((tuple(planes),), grid, notes, (doubt,))


def _one_line(name: str, planes: list[Plane]) -> tuple[list[Plane], list[str]]:
    """The planes without a parallel scout: one image that lies far from all others, as coarse as it may be."""
    if len({(plane.path, plane.index) for plane in planes}) < 4 or any(plane.position is None for plane in planes):
        return planes, []
    places = np.stack([plane.position for plane in planes if plane.position is not None])
    normal = planes[0].normal
    aside = places - np.outer(places @ normal, normal)
    middle = np.median(aside, axis=0)
    far = np.linalg.norm(aside - middle, axis=1)
    shift = np.median(far) * 3 + 50.0
    lone = np.flatnonzero(far > shift)
    if len(lone) != 1:
        return planes, []
    left = planes[int(lone[0])]
    doubt = f"{left.path.name} lies {far[lone[0]]:.0f} mm beside all other slices (a scout): it is left out"
    return [plane for plane in planes if plane is not left], [doubt]


def _header(path: Path) -> Any:
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS))
        except Exception as error:  # noqa: BLE001 - pydicom raises anything here, and may quote the patient
            raise FormatError(
                f"{path} must be complete DICOM, but it cannot be read ({type(error).__name__}); "
                "copy it again from its source"
            ) from None


def _series(uid: str, members: list[tuple[Plane, Any]]) -> Series:
    header = members[0][1]
    notes = []
    if header.get("Units") and str(header.get("Modality")) == "PT":
        notes.append(f"values are in {header.Units}")
    planes = tuple(plane for plane, _ in members)
    return Series(
        uid, int(header.get("SeriesNumber") or 0), str(header.get("Modality", "") or ""), planes, tuple(notes)
    )


def _planes(path: Path, header: Any) -> Iterator[Plane]:
    shared = _first(header, "SharedFunctionalGroupsSequence")
    count = int(header.get("NumberOfFrames") or 1)
    if not 1 <= count <= path.stat().st_size:
        raise FormatError(f"{path.name} must hold the {count:,} frames that it declares; its header is damaged")
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or [None] * count
    for index, own in enumerate(per_frame):
        yield _plane(path, header, index=index, groups=[group for group in (own, shared) if group is not None])


def _plane(path: Path, header: Any, *, index: int, groups: list[Any]) -> Plane:
    """One plane; values come from its own functional group, the shared one, or the top of the file, in this order."""

    def value(sequence: str, name: str) -> Any:
        for group in groups:
            item = _first(group, sequence)
            if item is not None and item.get(name) is not None:
                return item.get(name)
        return header.get(name)

    position = value("PlanePositionSequence", "ImagePositionPatient")
    orientation = value("PlaneOrientationSequence", "ImageOrientationPatient")
    detector = _first(header, "DetectorInformationSequence")  # SPECT: the place of the first frame stands there
    stack_step = None
    if detector is not None and not position and detector.get("ImagePositionPatient"):
        orientation = orientation or detector.get("ImageOrientationPatient")
        stack_step = float(_given(header.get("SpacingBetweenSlices") or header.get("SliceThickness"), 1))
        position = detector.get("ImagePositionPatient")
    spacing = value("PixelMeasuresSequence", "PixelSpacing") or header.get("ImagerPixelSpacing")
    if spacing and not (len(spacing) == 2 and all(float(s) > 0 and np.isfinite(float(s)) for s in spacing)):
        raise FormatError(
            f"PixelSpacing of {path.name} must be two positive numbers in mm, got {[float(s) for s in spacing]}; "
            "correct the header at its source"
        )
    placed = bool(position) and bool(orientation) and len(position) == 3 and len(orientation) == 6
    cosines = np.array(orientation, dtype=np.float64) if placed else np.array([1.0, 0, 0, 0, 1, 0])
    thickness = value("PixelMeasuresSequence", "SpacingBetweenSlices") or value(
        "PixelMeasuresSequence", "SliceThickness"
    )
    time = value("TemporalPositionSequence", "TemporalPositionTimeOffset") or value(
        "FrameContentSequence", "TemporalPositionIndex"
    )
    place = np.array(position, dtype=np.float64) if placed else None
    if place is not None and stack_step is not None:
        place = place + index * stack_step * np.cross(_unit(cosines[:3]), _unit(cosines[3:]))
    return Plane(
        path=path, index=index, uid=f"{header.get('SOPInstanceUID', path.name)}/{index}",
        shape=(int(header.Rows), int(header.Columns)),
        position=place,
        row=_unit(cosines[:3]), column=_unit(cosines[3:]),
        spacing=(float(spacing[0]), float(spacing[1])) if spacing else None,
        thickness=abs(float(thickness)) if thickness else None,
        slope=_slope(path, value("PixelValueTransformationSequence", "RescaleSlope")),
        intercept=float(_given(value("PixelValueTransformationSequence", "RescaleIntercept"), 0)),
        order=(
            *(float(_given(header.get(tag), 0)) for tag in _TIME_TAGS),
            float(_given(time, 0)), float(_given(header.get("InstanceNumber"), 0)), float(index),
        ),
        bits=_bits(path, header), signed=int(_given(header.get("PixelRepresentation"), 0)) == 1,
        step=_flat_step(header, index, per_frame=bool(groups)),
    )  # fmt: skip


def _slope(path: Path, value: Any) -> float:
    slope = float(_given(value, 1))
    if slope == 0 or not np.isfinite(slope):
        raise FormatError(
            f"RescaleSlope of {path.name} must not be 0, got {slope:g}: every sample would be the same; "
            "correct the header at its source"
        )
    return slope


def _bits(path: Path, header: Any) -> int:
    bits = int(_given(header.get("BitsStored"), _given(header.get("BitsAllocated"), 16)))
    if not 1 <= bits <= 64:
        raise FormatError(f"BitsStored of {path.name} must be 1 to 64, got {bits}; its header is damaged")
    return bits


def _flat_step(header: Any, index: int, *, per_frame: bool) -> float | None:
    """The distance in mm of frames or slices that have no position, where the header gives one."""
    step = header.get("SpacingBetweenSlices") or header.get("SliceThickness")
    return abs(float(step)) or None if step else None


def _given(value: Any, default: float) -> Any:
    return default if value is None or value == "" else value


def _first(dataset: Any, sequence: str) -> Any:
    items = dataset.get(sequence)
    return items[0] if items else None


def _unit(vector: Vector) -> Vector:
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        raise FormatError("the orientation of a DICOM image must not be zero; its header is damaged")
    return vector / length


def _alike(one: Plane, other: Plane) -> bool:
    """Whether two planes can lie in one volume: parallel, with pixels of one size, both placed or both not."""
    turned = max(np.abs(one.row - other.row).max(), np.abs(one.column - other.column).max())
    sizes = np.allclose(one.spacing or 0, other.spacing or 0, rtol=1e-3)
    return bool((one.position is None) == (other.position is None) and turned < 0.01 and sizes)


def _without_copies(series: Series) -> tuple[list[Plane], list[str]]:
    """Copies agree in identifier, position *and* content; one identifier for all slices is bad de-identification."""
    kept: dict[tuple[str, bytes], list[Plane]] = {}
    notes = list(series.notes)
    copies = 0
    for plane in series.planes:
        place = b"" if plane.position is None else plane.position.round(3).tobytes()
        group = kept.setdefault((plane.uid, place), [])
        if any(_same_content(one.path, plane.path) and one.index == plane.index for one in group):
            copies += 1
        else:
            group.append(plane)
    if copies:
        notes.append(f"{copies} images occur twice and are read once")
    if len({plane.uid for plane in series.planes}) + copies < len(series.planes):
        notes.append(
            "several images carry one identifier (SOPInstanceUID): they are told apart by position and content"
        )
    return [plane for group in kept.values() for plane in group], notes


def _same_content(one: Path, other: Path) -> bool:
    """Whether two files hold the same samples."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (pydicom.dcmread(path, force=True, specific_tags=["PixelData"]) for path in (one, other))
    return bool(first.get("PixelData") == second.get("PixelData"))


def _by_position(planes: list[Plane], depth: Vector) -> list[list[Plane]]:
    """Planes grouped by where they lie along the normal, ascending."""
    rank = np.argsort(depth, kind="stable")
    gaps = np.diff(depth[rank])
    real = gaps[gaps > 1e-3]
    tolerance = max(1e-3, _SAME_PLACE * float(np.median(real))) if real.size else 1e-3
    stacks = [[planes[rank[0]]]]
    for gap, number in zip(gaps, rank[1:], strict=True):
        if gap > tolerance:
            stacks.append([])
        stacks[-1].append(planes[number])
    return stacks


def _slice_step(name: str, stack: Sequence[Plane]) -> tuple[Vector, list[str]]:
    """The vector in mm (LPS) from one slice to the next."""
    normal = stack[0].normal
    if len(stack) == 1:
        distance = stack[0].thickness
        note = [] if distance else ["a single slice without thickness: 1 mm is assumed"]
        return normal * (distance or 1.0), note
    places = np.stack([plane.position for plane in stack if plane.position is not None])
    gaps = np.diff(places @ normal)
    usual = float(np.median(gaps))
    straight = _rounded_line(places @ normal)
    if straight is not None:
        step = normal * straight + _aside(places, normal)
        spread = f"slice distances vary from {gaps.min():.3f} to {gaps.max():.3f} mm as rounded positions do"
        return step, [f"{spread}: {straight:.4f} mm is used"]
    wide = np.flatnonzero(gaps > (1 + _EVEN) * usual)
    if (gaps > 1.5 * usual).any():
        lost = int(sum(round(gap / usual) - 1 for gap in gaps[gaps > 1.5 * usual]))
        first = int(wide[0])
        raise FormatError(
            f"{name} must have evenly spaced slices, got a gap of {gaps[first]:.2f} mm after slice {first + 1} of "
            f"{len(stack)} where {usual:.2f} mm is usual: about {lost} missing; fetch the whole series again"
        )
    if wide.size or (gaps < (1 - _EVEN) * usual).any():
        odd = int(np.abs(gaps - usual).argmax())
        raise FormatError(
            f"{name} must have evenly spaced slices, got distances from {gaps.min():.2f} to {gaps.max():.2f} mm, "
            f"{gaps[odd]:.2f} mm between {stack[odd].path.name} and {stack[odd + 1].path.name}; "
            "resample the series to even slices first"
        )
    step = (places[-1] - places[0]) / (len(stack) - 1)
    astray = np.linalg.norm(places - (places[0] + np.arange(len(stack))[:, None] * step), axis=1).max()
    if astray > 0.5 * usual and astray > 0.5:
        raise FormatError(f"{name} must have its slices in line, got one {astray:.2f} mm aside; split the series")
    notes = []
    if gaps.max() - gaps.min() > 0.01 * usual:
        notes.append(f"slice distances vary from {gaps.min():.3f} to {gaps.max():.3f} mm; their mean is used")
    tilt = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    if tilt > 0.1:
        notes.append(
            f"the slices are stacked at a tilt of {tilt:.1f} degrees (gantry tilt): the sheared grid is kept, "
            "which tools based on ITK refuse; `--rectify` makes it rectangular"
        )
    return step, notes


def _rounded_line(depth: Vector) -> float | None:
    """The slice distance in mm where uneven depths are one even line rounded to 1 or 0.1 mm, otherwise None."""
    gaps = np.diff(depth)
    usual = float(np.median(gaps))
    if len(depth) < 4 or gaps.max() - gaps.min() <= 0.01 * usual:
        return None
    number = np.arange(len(depth))
    slope, start = np.polyfit(number, depth, 1)
    off = float(np.abs(depth - (start + slope * number)).max())
    for last in (0.1, 1.0):
        rounded = np.abs(depth / last - np.rint(depth / last)).max() < 1e-6
        if rounded and off <= 0.6 * last and slope > last and (gaps.max() - gaps.min()) < 1.01 * last:
            return float(slope)
    return None


def _aside(places: Vector, normal: Vector) -> Vector:
    """The part of the mean step that runs within the plane (a gantry tilt)."""
    step = (places[-1] - places[0]) / (len(places) - 1)
    return np.asarray(step - normal * (step @ normal), dtype=np.float64)


def _volume_grid(stack: Sequence[Plane], step: Vector) -> Grid:
    first = stack[0]
    rows, columns = first.spacing or (1.0, 1.0)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = first.column * rows
    affine[:3, 2] = first.row * columns
    affine[:3, 3] = first.position
    affine[:2] *= -1  # LPS to RAS
    return Grid((len(stack), *first.shape), affine, unit=_unit_of(first))


def _flat_grid(plane: Plane) -> Grid:
    return Grid.from_spacing(plane.shape, plane.spacing or (1.0, 1.0), unit=_unit_of(plane))


def _unit_of(plane: Plane) -> Unit:
    return "px" if plane.spacing is None else "mm"
