"""`septum interpolate`: a mask with a few drawn slices in, the whole mask out, with what to expect of it.

The insight: the estimate belongs to the result. A person who sees that the slices between will have a Dice of about
0.93, and which slice would help most, knows whether to draw on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from septum import io
from septum.errors import ConfigError, GeometryError
from septum.geometry import LabelMap
from septum.interactive.slices.held_out import InterpolationEstimate, leave_one_slice_out
from septum.interactive.slices.interpolate import checked_drawn, find_complete, interpolate
from septum.report.plain import rounded
from septum.workflows.data.cases import Source
from septum.workflows.data.digests import digest
from septum.workflows.data.doubts import Doubts
from septum.workflows.data.marks import on_grid
from septum.workflows.data.slices import drawn_slices, marked, read_slices, write_slices
from septum.workflows.editing.files import keep_old, output_path
from septum.workflows.editing.settings import InterpolateSettings
from septum.workflows.runs.files import write_json
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.settings import write_settings
from septum.workflows.runs.words import with_notice

RECORD, SETTINGS = ".septum-interpolate.json", ".septum-interpolate.toml"


@dataclass(frozen=True)
class InterpolationResult:
    """The mask's path, drawn slices per axis, the estimate (None below three), and the mask kept (or None)."""

    path: Path
    drawn: Mapping[int, Sequence[int]]
    estimate: InterpolationEstimate | None
    kept: Path | None


def interpolate_file(
    mask: Path,
    output: Path,
    *,
    image: Path | None = None,
    settings: InterpolateSettings | None = None,
    hooks: Hooks | None = None,
) -> InterpolationResult:
    """Fill the slices of a mask file between those that were drawn, and estimate how good that is.

    Args:
        mask: label file, a volume.
        output: file, or a folder (the mask's own name and format then).
        image: on the mask's grid; with it the default method is `image`, without it `distance`.
        settings: which slices were drawn, how to fill those between.
        hooks: progress, notes, a wish to stop.

    Raises:
        ConfigError: fewer than two drawn slices, an output that exists, a method without its image.
        GeometryError: not a volume, a mask on another grid than the image.
        FormatError: a file that cannot be read or written.
        Cancelled: the hooks said stop; nothing was written.
    """
    settings, hooks = settings or InterpolateSettings(), hooks or Hooks()
    drawn = settings.planes()
    target = output_path(output, mask)
    if target.exists() and not settings.overwrite:
        raise ConfigError(f"{target} exists already; choose another output, or use --overwrite (the old one is kept)")
    doubts = Doubts(hooks.on_note)
    found = io.read_labels(mask, axes=settings.axes)
    doubts.hear(mask.name, found)
    if found.array.ndim != 3:
        raise GeometryError(f"{mask.name} must be a volume, got shape {found.array.shape}; there is nothing between")
    found, picture = _with_image(found, mask, image=image, axes=settings.axes, doubts=doubts)
    how = settings.method or ("distance" if picture is None else "image")
    known = read_slices(mask, found.array.shape) if drawn is None else None
    planes = checked_drawn(found.array, drawn or (drawn_slices(known) if known else None))
    found_them = drawn is None and not known
    complete = find_complete(found.array, next(iter(planes))) if found_them else []
    if complete:
        names = ", ".join(map(str, complete))
        hooks.on_note(f"label {names} is on every slice and stays as it is; the others are filled")
    options: dict[str, Any] = {
        "method": how, "image": picture if how == "image" else None, "spacing": found.grid.spacing,
        "ends": settings.ends, "cancelled": hooks.should_stop,
    }  # fmt: skip
    hooks.on_note(with_notice(f"drawn: {_listed(planes)}; method {how}"))
    hooks.on_progress("interpolate", 0.0)
    filled = interpolate(found.array, drawn=None if found_them else planes, **options)
    estimate = None
    if max(len(places) for places in planes.values()) >= 3:
        hooks.on_progress("leave one slice out", 0.3)
        sparse = np.where(np.isin(found.array, complete), found.array.dtype.type(0), found.array)
        estimate = leave_one_slice_out(sparse, drawn=planes, **options)
    before = {mask.name: digest(Source(mask))}
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = keep_old(target)
    io.write_labels(target, LabelMap(filled, found.grid, found.names))
    write_slices(target, {axis: marked(filled.shape[axis], places) for axis, places in planes.items()})
    write_settings(target.with_name(f"{io.stem(target)}{SETTINGS}"), settings)
    write_json(
        target.with_name(f"{io.stem(target)}{RECORD}"),
        _record(before, planes, method=how, ends=settings.ends, estimate=estimate) | {"notes": doubts.cases},
    )
    hooks.on_progress("done", 1.0)
    return InterpolationResult(target, planes, estimate, kept)


def _with_image(
    labels: LabelMap, mask: Path, *, image: Path | None, axes: str | None, doubts: Doubts
) -> tuple[LabelMap, Any]:
    if image is None:
        return labels, None
    picture = io.read_image(image, axes=axes)
    doubts.hear(image.name, picture)
    if len(picture.array) != 1:
        raise GeometryError(f"{image.name} must have one channel, got {len(picture.array)}; choose one and save it")
    return on_grid(labels, picture.grid, path=mask, on_note=doubts.on_note), picture.array[0]


def _listed(planes: Mapping[int, Sequence[int]]) -> str:
    return "; ".join(f"{'zyx'[axis]} {', '.join(str(i) for i in places)}" for axis, places in planes.items())


def _record(
    before: Mapping[str, str],
    planes: Mapping[int, Sequence[int]],
    *,
    method: str,
    ends: str,
    estimate: InterpolationEstimate | None,
) -> dict[str, Any]:
    """Everything that made the mask, and what is expected of it."""
    expected = None
    if estimate is not None:
        expected = {
            "dice": rounded(estimate.dice),
            "by_label": {str(label): rounded(value) for label, value in estimate.by_label.items()},
            "left_out": [
                {"slice": one.index, "label": one.label, "dice": rounded(one.dice)} for one in estimate.left_out
            ],
            "slices": [
                {"slice": one.index, "dice": rounded(one.dice), "wrong_voxels": round(one.wrong, 1)}
                for one in estimate.slices
            ],
            "next": estimate.next_slice(),
        }
    return describe_run(
        mask=dict(before), drawn={str(a): list(p) for a, p in planes.items()}, method=method, ends=ends,
        expected=expected,
    )  # fmt: skip
