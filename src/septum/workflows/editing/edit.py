"""`septum edit`: a script of edits on an image and its labels, and the labels that come out of it.

The insight: a script does by file what a person does by hand, so it goes the same way: a session owns the labels, each
step is a tool called on them, and the rules filter what it proposes. The mask that a person made is never lost: nothing
is replaced without being told to, and what is replaced is kept beside under another name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import CheckpointError, ConfigError, GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.interactive.edits.regions import mask_image
from septum.interactive.session.session import Session
from septum.interactive.tool import Box
from septum.io.naming import suffix
from septum.workflows.data.cases import Source
from septum.workflows.data.digests import digest
from septum.workflows.data.doubts import Doubts
from septum.workflows.data.slices import corrected_slices, read_slices, write_slices
from septum.workflows.editing.files import _beside, keep_old, output_path, refuse_existing
from septum.workflows.editing.layers import MAIN, load_layers
from septum.workflows.editing.marks import _channel, _extent, _layer_strokes, _positions, _region, _seeds, _stroke
from septum.workflows.editing.prompted_step import OpenModels
from septum.workflows.editing.script import EditStep, Script, whole
from septum.workflows.editing.settings import EditSettings
from septum.workflows.runs.files import write_json, write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.settings import write_settings
from septum.workflows.runs.words import with_notice

SCRIPT, RECORD, SETTINGS = ".septum-edit.toml", ".septum-edit.json", ".septum-edit-settings.toml"


@dataclass(frozen=True)
class StepResult:
    """What one step did: the tool, the layer, how many voxels changed, their box, seconds, and what a network told."""

    tool: str
    layer: str
    changed: int
    box: Box | None
    seconds: float
    said: str = ""


@dataclass(frozen=True)
class EditResult:
    """The steps, the voxels of each label of the first layer before and after, the files written and those kept."""

    steps: tuple[StepResult, ...]
    before: Mapping[int, int]
    after: Mapping[int, int]
    written: tuple[Path, ...]
    kept: tuple[Path, ...]


MUCH = 0.5
"""Share of the image that a tool started by a click rarely marks on purpose."""


def edit(
    image: Path,
    labels: Path | None,
    *,
    output: Path,
    script: Script,
    settings: EditSettings,
    hooks: Hooks,
) -> EditResult:
    """Run a script on an image and its labels; write the mask, the script as it was resolved, and a record of the run.

    Raises:
        ConfigError: no labels and not `new`, an output that exists, a layer or channel that there is not.
        GeometryError: labels on another grid than the image, points outside of it.
        FormatError: a file that cannot be read or written.
        Cancelled: the hooks said stop; nothing was written.
    """
    doubts = Doubts(hooks.on_note)
    picture = io.read_image(image, axes=settings.axes)
    doubts.hear(image.name, picture)
    maps = load_layers(labels, picture, settings=settings, on_note=hooks.on_note)
    for name, layer in maps.items():
        doubts.hear(f"layer {name}", layer)
    target = output_path(output, image if labels is None else labels)
    first = next(iter(maps))
    files = {name: target if name == first else _beside(target, f".{name}{suffix(target)}") for name in maps}
    refuse_existing([*files.values(), settings.image_output], settings, sources=[image])
    origin = _origin(image, labels, settings=settings)
    session = Session({name: found.array for name, found in maps.items()}, spacing=picture.grid.spacing)
    session.image = picture.array
    before = label_sizes(session.labels())
    hooks.on_note(with_notice(f"{len(script.steps)} steps on {image.name}"))
    steps = run_script(session, script, image=picture, hooks=hooks)
    for number, (step, result) in enumerate(zip(script.steps, steps, strict=True), start=1):
        share = result.changed / session.labels().size
        if share > MUCH and "points" in step.tool.given and step.tool.stage != "edit":
            hooks.on_note(
                f"step {number} ({step.tool.name}) marked {share:.0%} of the image: it ran out of the structure; "
                "give it a smaller tolerance, a region, or one slice"
            )
    after = label_sizes(session.labels())
    if settings.dry_run:
        return EditResult(steps, before, after, (), ())
    slices = None if labels is None else read_slices(labels, picture.grid.shape)
    written, kept = _write(session, maps, files=files, from_files=settings.layers)
    if slices is not None:
        write_slices(target, corrected_slices(slices, maps[MAIN].array, after=session.labels()))
    if settings.image_output is not None:
        io.write_image(settings.image_output, Image(np.asarray(session.image), picture.grid, picture.channels))
    write_settings(_beside(target, SETTINGS), settings)
    _record(
        target,
        script,
        steps=steps,
        facts={
            **origin,
            "written": _digests(written),
            "kept": [path.name for path in kept],
            "notes": doubts.cases,
        },
    )
    return EditResult(steps, before, after, written, kept)


def run_script(session: Session, script: Script, *, image: Image, hooks: Hooks) -> tuple[StepResult, ...]:
    """Every step on the session, whose layers lie on the image's grid; errors as `edit`."""
    results, models = [], OpenModels(image.grid)
    for number, step in enumerate(script.steps):
        hooks.on_progress(f"step {number + 1}, {step.tool.name}", number / len(script.steps))
        began = time.perf_counter()
        try:
            changed, box = _run_step(
                session, script, step=step, image=image, models=models, should_stop=hooks.should_stop
            )
        except (CheckpointError, ConfigError, GeometryError) as error:
            where = f" (the image reaches {_extent(image.grid)})" if "_mm" in "".join(step.shown) else ""
            raise type(error)(f"step {number + 1} ({step.tool.name}): {error}{where}") from error
        layer = step.layer or session.names[0]
        said = models.said(Path(step.options["model"])) if "network" in step.tool.given else ""
        results.append(StepResult(step.tool.name, layer, changed, box, time.perf_counter() - began, said))
    hooks.on_progress("done", 1.0)
    return tuple(results)


def _run_step(
    session: Session,
    script: Script,
    *,
    step: EditStep,
    image: Image,
    models: OpenModels,
    should_stop: Callable[[], bool],
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
    given = shown_marks(session, step, grid=image.grid)
    if "network" in step.tool.given:
        given["network"] = models
    done = session.run(
        step.tool.function,
        layer=step.layer,
        what=step.tool.name,
        channel=_channel(step.channel, image),
        cancelled=should_stop,
        **options,
        **given,
    )
    layer = step.layer or session.names[0]
    return (0, None) if done is None else (done.changed, done.boxes.get(layer))


def shown_marks(session: Session, step: EditStep, *, grid: Grid) -> dict[str, Any]:
    """What a person shows in a step, in voxels: positions, strokes, a region, another layer."""
    found: dict[str, Any] = {}
    plain = step.shown
    if "points" in plain or "points_mm" in plain:
        places = _positions(plain, grid)
        # Edits take fractions of voxels; the other tools want the voxel itself.
        found["points"] = places if step.tool.stage == "edit" else np.floor(places + 0.5).astype(np.int64)
    strokes = [_stroke(stroke, grid) for stroke in plain.get("strokes", ())]
    if "seeds" in step.tool.given:
        found["seeds"] = _seeds(session, step, strokes=strokes)
    elif "strokes" in step.tool.given and (strokes or "seeds_layer" in plain):
        found["strokes"] = [*_layer_strokes(session, step), *strokes]
    if "boxes" in plain:
        found["boxes"] = [(_region(box, grid, inside=True), box.get("label", 1)) for box in plain["boxes"]]
    if "region" in plain or "region_mm" in plain:
        found["region"] = _region(plain, grid)
    if step.other is not None:
        found["other"] = session.labels(step.other)
    return found


def label_sizes(labels: NDArray[Any]) -> dict[int, int]:
    """Voxels of each label that occurs, without the background."""
    values, counts = np.unique(labels, return_counts=True)
    return {int(v): int(n) for v, n in zip(values, counts, strict=True) if v}


def _write(
    session: Session, maps: Mapping[str, LabelMap], *, files: Mapping[str, Path], from_files: Mapping[str, Path]
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


def _origin(image: Path, labels: Path | None, *, settings: EditSettings) -> dict[str, Any]:
    """Digests of what goes in, taken before anything is written."""
    return {
        "image": _digests([image]),
        "labels": None if labels is None else _digests([labels]),
        "session": None if settings.session is None else settings.session.name,
        "layers": {name: _digests([path]) for name, path in settings.layers.items()},
    }


def _digests(paths: Sequence[Path]) -> dict[str, str]:
    return {path.name: digest(Source(path)) for path in paths}


def _record(target: Path, script: Script, *, steps: Sequence[StepResult], facts: Mapping[str, Any]) -> None:
    """The script as it was resolved, and the record of the run, beside the mask."""
    if script.steps:
        write_text(_beside(target, SCRIPT), script.to_toml())
    done = [
        {**step.to_plain(), "changed": result.changed, "seconds": round(result.seconds, 3)}
        | ({"said": result.said} if result.said else {})
        for step, result in zip(script.steps, steps, strict=True)
    ]
    write_json(_beside(target, RECORD), describe_run(rules=dict(script.rules), steps=done, **facts))
