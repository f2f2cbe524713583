"""The planes of a DICOM series in order, and their grid: slices sorted by *position*, gaps and duplicates found.

File names and instance numbers say nothing reliable about order; the projection of ImagePositionPatient on the slice
normal does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from septum.errors import FormatError
from septum.geometry import Grid, Unit
from septum.io.dicom.planes import Plane, Vector
from septum.io.dicom.series import Series, without_copies

_VOLUMES = {"CT", "MR", "NM", "PT", "ST"}
"""Modalities whose images without positions are slices, not frames of a film."""

_SAME_PLACE = 0.02
"""Two planes closer than this fraction of the slice distance lie at one position."""

_EVEN = 0.1
"""Slice distances may differ from their median by this fraction; more is a gap or an uneven series."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Planes in order: `frames[t][z]`, the grid of one frame, and what was noticed."""

    frames: tuple[tuple[Plane, ...], ...]
    grid: Grid
    notes: tuple[str, ...]
    doubts: tuple[str, ...] = ()


def arrange_planes(name: str, series: Series, *, axes: str | None = None) -> Layout:
    """Order the planes of a series in space and time and derive their grid.

    Args:
        name: of the folder or file, for messages.
        series: its planes.
        axes: "ZYX" or "TYX" decides what planes without positions are.

    Raises:
        FormatError: when slices are missing, unevenly spaced, out of line, or several lie at one position in a way
            that is not a regular sequence of frames.
    """
    planes, notes = without_copies(series)
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
    """The vector in mm (LPS) from one slice to the next, and what had to be assumed."""
    normal = stack[0].normal
    if len(stack) == 1:
        distance = stack[0].thickness
        note = [] if distance else ["a single slice without thickness: 1 mm is assumed"]
        return normal * (distance or 1.0), note
    places = np.stack([plane.position for plane in stack if plane.position is not None])
    gaps = np.diff(places @ normal)
    usual, spread = float(np.median(gaps)), float(gaps.max() - gaps.min())
    step = (places[-1] - places[0]) / (len(stack) - 1)
    notes = []
    even = _rounded_step(stack, places) if spread > 0.01 * usual else None
    if even is not None:
        step += normal * (even - step @ normal)
        notes.append(
            f"slice distances vary from {gaps.min():.3f} to {gaps.max():.3f} mm as rounded positions do: "
            f"{even:.4f} mm is used"
        )
    else:
        _check_even(name, stack, gaps=gaps)
        if spread > 0.01 * usual:
            notes.append(f"slice distances vary from {gaps.min():.3f} to {gaps.max():.3f} mm; their mean is used")
    _check_line(name, stack, places=places, step=step)
    tilt = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    if tilt > 0.1:
        notes.append(
            f"the slices are stacked at a tilt of {tilt:.1f} degrees (gantry tilt): the sheared grid is kept, "
            "which tools based on ITK refuse; `--rectify` makes it rectangular"
        )
    return step, notes


def _check_even(name: str, stack: Sequence[Plane], *, gaps: Vector) -> None:
    """Raise where slices are missing or unevenly spaced, with the files beside the place and where it is."""
    usual = float(np.median(gaps))
    if (gaps > 1.5 * usual).any():
        lost = int(sum(round(gap / usual) - 1 for gap in gaps[gaps > 1.5 * usual]))
        first = int(np.flatnonzero(gaps > 1.5 * usual)[0])
        raise FormatError(
            f"{name} must have evenly spaced slices, got a gap of {gaps[first]:.2f} mm after slice {first + 1} of "
            f"{len(stack)}, between {_placed(stack[first])} and {_placed(stack[first + 1])}, where {usual:.2f} mm is "
            f"usual: about {lost} missing; fetch the whole series again"
        )
    if (np.abs(gaps - usual) > _EVEN * usual).any():
        odd = int(np.abs(gaps - usual).argmax())
        raise FormatError(
            f"{name} must have evenly spaced slices, got distances from {gaps.min():.2f} to {gaps.max():.2f} mm, "
            f"{gaps[odd]:.2f} mm between {_placed(stack[odd])} and {_placed(stack[odd + 1])}; "
            "resample the series to even slices first"
        )


def _check_line(name: str, stack: Sequence[Plane], *, places: Vector, step: Vector) -> None:
    """Raise where a slice lies beside the line of the others, with its file."""
    normal = stack[0].normal
    off = places - (places[0] + np.arange(len(stack))[:, None] * step)
    aside = np.linalg.norm(off - np.outer(off @ normal, normal), axis=1)
    worst = int(aside.argmax())
    if aside[worst] > 0.5 * float(step @ normal) and aside[worst] > 0.5:
        raise FormatError(
            f"{name} must have its slices in line, got {_placed(stack[worst])} {aside[worst]:.2f} mm aside; "
            "split the series"
        )


def _placed(plane: Plane) -> str:
    """The file (and frame) of a plane and its place along the normal, for messages."""
    depth = 0.0 if plane.position is None else float(plane.position @ plane.normal)
    frame = f" frame {plane.index + 1}" if plane.index else ""
    return f"{plane.path.name}{frame} at {depth:.2f} mm"


def _rounded_step(stack: Sequence[Plane], places: Vector) -> float | None:
    """The slice distance in mm where the places are even ones rounded to 0.1 or 1 mm, otherwise None.

    Exact: the coordinates are multiples of the last digit, and some even line passes within half a digit of each. A
    lost slice can hide in that where the digit is nearly as coarse as the distance, so instance numbers must run on.
    """
    numbers = np.diff(sorted(plane.order[-2] for plane in stack))
    if len(stack) < 4 or (numbers.any() and not np.all(numbers == numbers[0])):
        return None
    moving = np.ptp(places, axis=0) > 1e-6
    normal = stack[0].normal
    for digit in (0.1, 1.0):
        multiples = places[:, moving] / digit
        if np.abs(multiples - np.rint(multiples)).max() > 1e-4:
            continue
        width = digit * float(np.abs(normal[moving]).sum())
        slope, spread = _narrowest(places @ normal, width=width)
        if spread <= width + 1e-6 and slope > width:
            return slope
    return None


def _narrowest(depth: Vector, *, width: float) -> tuple[float, float]:
    """The slope of the narrowest strip that holds all depths over their numbers, and the strip's width; right where
    that is at most `width`. The width is convex in the slope, so halving by thirds finds it."""
    number = np.arange(len(depth))
    middle, reach = (depth[-1] - depth[0]) / number[-1], width / number[-1]
    low, high = middle - reach, middle + reach
    for _ in range(60):
        first, second = low + (high - low) / 3, high - (high - low) / 3
        if np.ptp(depth - first * number) <= np.ptp(depth - second * number):
            high = second
        else:
            low = first
    return float(low + high) / 2, float(np.ptp(depth - (low + high) / 2 * number))


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
