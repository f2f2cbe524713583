"""`septum edit`: a script of edits on an image and its labels, and the labels that come out of it.

The insight: a script does by file what a person does by hand, so it goes the same way: a session owns the labels, each
step is a tool called on them, and the rules filter what it proposes. The mask that a person made is never lost: nothing
is replaced without being told to, and what is replaced is kept beside under another name.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError, GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.interactive.edits import mask_image
from septum.interactive.paint import brush_mask
from septum.interactive.session import Session
from septum.interactive.tool import UNMARKED, Box, Stroke, seeds_of
from septum.io.naming import suffix
from septum.project.cases import Source, compare_grids
from septum.project.edit_script import EditStep, Script, whole
from septum.project.provenance import describe_run, digest, write_json, write_text
from septum.project.slices import corrected, read_slices, write_slices

MAIN = "main"
SCRIPT, RECORD = ".septum-edit.toml", ".septum-edit.json"


@dataclass(frozen=True)
class EditSettings:
    """What `septum edit` can be told beside the script.

    Args:
        new: start from labels without a mark; no label file is read.
        session: start from the layers of a session's folder, as they were after its last edit; the folder is only read.
        layers: further label files by the name of their layer.
        axes: meaning of the files' axes where they do not say.
        image_output: file for the image as the last step left it (`mask-image` changes it).
        dry_run: run everything and write nothing.
        overwrite: replace files that exist; the mask that was there is kept under another name.
    """

    new: bool = False
    session: Path | None = None
    layers: Mapping[str, Path] = field(default_factory=dict)
    axes: str | None = None
    image_output: Path | None = None
    dry_run: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class StepResult:
    """What one step did: the tool, the layer, how many voxels changed, the box of them, and seconds."""

    tool: str
    layer: str
    changed: int
    box: Box | None
    seconds: float


@dataclass(frozen=True)
class EditResult:
    """The steps, the voxels of each label of the first layer before and after, the files written and those kept."""

    steps: tuple[StepResult, ...]
    before: Mapping[int, int]
    after: Mapping[int, int]
    written: tuple[Path, ...]
    kept: tuple[Path, ...]


def edit(
    image: Path,
    labels: Path | None,
    output: Path,
    *,
    script: Script,
    settings: EditSettings,
    on_progress: Callable[[str, float], None],
    on_note: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> EditResult:
    """Run a script on an image and its labels; write the mask, the script as it was resolved, and a record of the run.

    Raises:
        ConfigError: no labels and not `new`, an output that exists, a layer or channel that there is not.
        GeometryError: labels on another grid than the image, points outside of it.
        FormatError: a file that cannot be read or written.
        Cancelled: `should_stop` said so; nothing was written.
    """
    picture = io.read_image(image, axes=settings.axes)
    maps = load_layers(labels, picture, settings, on_note)
    target = output_path(output, image if labels is None else labels)
    first = next(iter(maps))
    files = {name: target if name == first else _beside(target, f".{name}{suffix(target)}") for name in maps}
    refuse_existing([*files.values(), settings.image_output], settings, sources=[image])
    origin = _origin(image, labels, settings)
    session = Session({name: found.array for name, found in maps.items()}, spacing=picture.grid.spacing)
    session.image = picture.array
    before = label_sizes(session.labels())
    on_note(f"{len(script.steps)} steps on {image.name}; research software, not a medical device")
    steps = run_script(session, script, picture, on_progress=on_progress, should_stop=should_stop)
    after = label_sizes(session.labels())
    if settings.dry_run:
        return EditResult(steps, before, after, (), ())
    slices = None if labels is None else read_slices(labels, picture.grid.shape)
    written, kept = _write(session, maps, files, settings.layers)
    if slices is not None:
        write_slices(target, corrected(slices, maps[MAIN].array, session.labels()))
    if settings.image_output is not None:
        io.write_image(settings.image_output, Image(np.asarray(session.image), picture.grid, picture.channels))
    _record(target, script, steps, {**origin, "written": _digests(written), "kept": [path.name for path in kept]})
    return EditResult(steps, before, after, written, kept)


def run_script(
    session: Session,
    script: Script,
    image: Image,
    *,
    on_progress: Callable[[str, float], None],
    should_stop: Callable[[], bool],
) -> tuple[StepResult, ...]:
    """Every step on the session, whose layers lie on the image's grid; errors as `edit`."""
    results = []
    for number, step in enumerate(script.steps):
        on_progress(f"step {number + 1}, {step.tool.name}", number / len(script.steps))
        began = time.perf_counter()
        try:
            changed, box = _run_step(session, script, step, image, should_stop)
        except (ConfigError, GeometryError) as error:
            where = f" (the image reaches {_extent(image.grid)})" if "_mm" in "".join(step.shown) else ""
            raise type(error)(f"step {number + 1} ({step.tool.name}): {error}{where}") from error
        layer = step.layer or session.names[0]
        results.append(StepResult(step.tool.name, layer, changed, box, time.perf_counter() - began))
    on_progress("done", 1.0)
    return tuple(results)


def _run_step(
    session: Session, script: Script, step: EditStep, image: Image, should_stop: Callable[[], bool]
) -> tuple[int, Box | None]:
    """One step; voxels that changed, and their box in the step's layer."""
    options: dict[str, Any] = {
        key: whole(v, key) if key in ("only", "of") and v is not None else v for key, v in step.options.items()
    }
    if step.tool.stage == "image":
        current = np.asarray(session.image)
        session.image = mask_image(current, session.labels(step.layer), **options)
        return int(np.count_nonzero((session.image != current).any(axis=0))), None
    session.rules = script.rules_of(step)
    done = session.run(
        step.tool.function,
        layer=step.layer,
        what=step.tool.name,
        channel=_channel(step.channel, image),
        cancelled=should_stop,
        **options,
        **shown(session, step, image.grid),
    )
    layer = step.layer or session.names[0]
    return (0, None) if done is None else (done.changed, done.boxes.get(layer))


def shown(session: Session, step: EditStep, grid: Grid) -> dict[str, Any]:
    """What a person shows in a step, in voxels: positions, strokes, a region, another layer."""
    found: dict[str, Any] = {}
    plain = step.shown
    if "points" in plain or "points_mm" in plain:
        places = _positions(plain, grid)
        # Edits take fractions of voxels; the other tools want the voxel itself.
        found["points"] = places if step.tool.stage == "edit" else np.floor(places + 0.5).astype(np.int64)
    strokes = [_stroke(stroke, grid) for stroke in plain.get("strokes", ())]
    if "seeds" in step.tool.given:
        found["seeds"] = _seeds(session, step, strokes)
    elif strokes:
        found["strokes"] = strokes
    if "boxes" in plain:
        found["boxes"] = [(_region(box, grid, inside=True), box.get("label", 1)) for box in plain["boxes"]]
    if "grid" in step.tool.given:
        found["grid"] = grid
    if "region" in plain or "region_mm" in plain:
        found["region"] = _region(plain, grid)
    if step.other is not None:
        found["other"] = session.labels(step.other)
    return found


def _seeds(session: Session, step: EditStep, strokes: Sequence[Stroke]) -> NDArray[np.int32]:
    """The marks of a layer, and strokes on top of them."""
    seeds = seeds_of(strokes, session.shape)
    if "seeds_layer" in step.shown:
        marks = session.labels(step.shown["seeds_layer"])
        background = step.shown.get("seeds_background")
        drawn = (marks != 0) & (seeds == UNMARKED)
        seeds[drawn] = np.where(marks[drawn] == background, 0, marks[drawn]) if background else marks[drawn]
    return seeds


def _positions(plain: Mapping[str, Any], grid: Grid) -> NDArray[Any]:
    given = np.asarray(plain["points"] if "points" in plain else plain["points_mm"])
    if given.shape[1] != grid.ndim:
        raise GeometryError(
            f"points must have {grid.ndim} numbers each, got {given.shape[1]}; the image is {grid.ndim}-D"
        )
    return given if "points" in plain else grid.world_to_index(given)


def _extent(grid: Grid) -> str:
    """Where the image lies in the world, for people whose positions do not."""
    low, high = (ends.round(1).tolist() for ends in (grid.corners().min(axis=0), grid.corners().max(axis=0)))
    return f"from {low} to {high} mm"


def _stroke(plain: Mapping[str, Any], grid: Grid) -> Stroke:
    """A line of corners as the voxels that it runs through, or that its brush covers."""
    box, mask = brush_mask(
        grid.shape, points=_positions(plain, grid), radius_mm=plain.get("radius_mm", 0.0), spacing=grid.spacing
    )
    return Stroke(np.argwhere(mask) + np.asarray(box.start), plain["label"])


def _region(plain: Mapping[str, Any], grid: Grid, *, inside: bool = False) -> Box:
    """The voxels between two corners; what reaches out of the image is cut off, or with `inside` refused."""
    corners = np.asarray(plain["region"] if "region" in plain else plain["region_mm"], dtype=np.float64)
    if corners.shape[1] != grid.ndim:
        raise GeometryError(f"region must have {grid.ndim} numbers each, got {corners.shape[1]}")
    if "region_mm" in plain:
        ends = np.floor(grid.world_to_index(corners) + 0.5)
        corners = np.stack([ends.min(axis=0), ends.max(axis=0) + 1])
    start, stop = (np.clip(c, 0, grid.shape).astype(int) for c in corners)
    cut = inside and not np.array_equal(np.stack([start, stop]), corners)
    if cut or (stop <= start).any():
        raise GeometryError(f"region must hold voxels of the image of shape {grid.shape}, got {corners.tolist()}")
    return Box(tuple(start.tolist()), tuple(stop.tolist()))


def _channel(channel: str | int | None, image: Image) -> int | None:
    if channel is None or isinstance(channel, int):
        return channel
    if channel in image.channels:
        return image.channels.index(channel)
    raise ConfigError(f"channel must be one of {', '.join(image.channels)}, got {channel!r}")


def load_layers(
    labels: Path | None, image: Image, settings: EditSettings, on_note: Callable[[str], None]
) -> dict[str, LabelMap]:
    """The layers, all on the image's grid; the first is the one that is edited: labels, new ones, or a session's.

    Raises:
        ConfigError: none of labels, `new` and a session, or several, or a layer that is called as another.
        GeometryError: labels elsewhere, or negative; a session of another shape.
        SessionError: a session that cannot be read.
    """
    given = [labels is not None, settings.new, settings.session is not None]
    if sum(given) != 1:
        raise ConfigError(
            f"labels must come from one place, got {sum(given)}; give a label file, or --new to start from none, "
            "or --session"
        )
    found: dict[str, LabelMap] = {}
    if labels is not None:
        found[MAIN] = on_grid(io.read_labels(labels, axes=settings.axes), image.grid, labels, on_note)
    elif settings.session is not None:
        session = Session.read(settings.session, image=image.array, until_damage=True)
        found = {name: LabelMap(session.labels(name), image.grid) for name in session.names}
        on_note(f"{settings.session}: layers {', '.join(found)} after {len(session.can_undo)} edits that can be undone")
    else:
        found[MAIN] = LabelMap(np.zeros(image.grid.shape, np.uint8), image.grid)
    for name, path in settings.layers.items():
        if name in found:
            raise ConfigError(
                f"a further layer must have a new name, got {name!r}, which is there already; choose another"
            )
        found[name] = on_grid(io.read_labels(path, axes=settings.axes), image.grid, path, on_note)
    return found


def on_grid(labels: LabelMap, grid: Grid, path: Path, on_note: Callable[[str], None]) -> LabelMap:
    """Labels that lie on the image's grid, and none else; a file that lost its geometry takes the image's.

    Raises:
        GeometryError: another grid; the distance of the corners is named.
    """
    relation, distance = compare_grids(grid, labels.grid)
    if relation == "lost":
        on_note(f"{path.name} holds no geometry; it is taken to lie on the image")
        return LabelMap(labels.array, grid, labels.names)
    if relation != "same":
        where = f"corners differ by {distance:.1f} voxels" if np.isfinite(distance) else f"shape {labels.grid.shape}"
        raise GeometryError(
            f"labels must lie on the grid of their image, got {path.name} on another ({where}, image {grid.shape}); "
            "resample it, or draw on this image"
        )
    return labels


def output_path(output: Path, like: Path) -> Path:
    """Where the mask goes: `output`, where it has a known suffix; else a folder, and a file named as `like` in it."""
    if suffix(output) and not output.is_dir():
        return output
    return output / f"{io.stem(like)}{io.label_suffix(like)}"


def refuse_existing(files: Sequence[Path | None], settings: EditSettings, *, sources: Sequence[Path]) -> None:
    """Raise `ConfigError` for a file that exists and may not be replaced, or that would replace the image."""
    for path in files:
        if path is None or settings.dry_run:
            continue
        if any(path.resolve() == source.resolve() for source in sources):
            raise ConfigError(f"{path.name} would replace the image; choose another output")
        if path.exists() and not settings.overwrite:
            raise ConfigError(f"{path} exists already; choose another output, or use --overwrite (the old one is kept)")


def keep_old(path: Path) -> Path | None:
    """A copy of a mask that is about to be replaced, as `NAME.kept-1.nii.gz`, `.kept-2` …; None where there is none.

    The name is linked or copied, so at no moment is there no mask under the old name.
    """
    if not path.exists():
        return None
    number = 1
    while (kept := _beside(path, f".kept-{number}{suffix(path)}")).exists():
        number += 1
    try:
        os.link(path, kept)
    except OSError:
        shutil.copy2(path, kept)
    return kept


def label_sizes(labels: NDArray[Any]) -> dict[int, int]:
    """Voxels of each label that occurs, without the background."""
    values, counts = np.unique(labels, return_counts=True)
    return {int(v): int(n) for v, n in zip(values, counts, strict=True) if v}


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{io.stem(path)}{ending}")


def _write(
    session: Session, maps: Mapping[str, LabelMap], files: Mapping[str, Path], from_files: Mapping[str, Path]
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Write the layers, without further ones whose files hold just that; the files, and copies of those before them."""
    untouched = [n for n in [*maps][1:] if n in from_files and np.array_equal(maps[n].array, session.labels(n))]
    changed = [name for name in maps if name not in untouched]
    for name in changed:
        files[name].parent.mkdir(parents=True, exist_ok=True)
    kept = tuple(path for name in changed if (path := keep_old(files[name])) is not None)
    for name in changed:
        io.write_labels(files[name], LabelMap(session.labels(name), maps[name].grid, maps[name].names))
    return tuple(files[name] for name in changed), kept


def _origin(image: Path, labels: Path | None, settings: EditSettings) -> dict[str, Any]:
    """Digests of what goes in, taken before anything is written."""
    return {
        "image": _digests([image]),
        "labels": None if labels is None else _digests([labels]),
        "session": None if settings.session is None else settings.session.name,
        "layers": {name: _digests([path]) for name, path in settings.layers.items()},
    }


def _digests(paths: Sequence[Path]) -> dict[str, str]:
    return {path.name: digest(Source(path)) for path in paths}


def _record(target: Path, script: Script, steps: Sequence[StepResult], facts: Mapping[str, Any]) -> None:
    """The script as it was resolved, and the record of the run, beside the mask."""
    if script.steps:
        write_text(_beside(target, SCRIPT), script.to_toml())
    done = [
        {**step.to_plain(), "changed": result.changed, "seconds": round(result.seconds, 3)}
        for step, result in zip(script.steps, steps, strict=True)
    ]
    notice = "Research software, not a medical device."
    write_json(_beside(target, RECORD), describe_run(rules=dict(script.rules), steps=done, notice=notice, **facts))
