"""What a session's records say: layers, steps, limits; written and read back with everything checked.

The insight: the journal and the snapshot are made of the same records, so there is one reader that has to distrust what
it reads: names, boxes and numbers of runs are compared with the session's shape before an array is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import GeometryError, SeptumError, SessionError
from septum.interactive.edits.rules import Layers
from septum.interactive.session import journal
from septum.interactive.session.history import History, UndoStep
from septum.interactive.session.journal import Record
from septum.interactive.session.rle import TYPES, Delta, Runs
from septum.interactive.tool import Box

RECORDS_FORMAT = 1


MAX_LAYERS = 1000


MAX_VOXELS = 2**32 - 1


@dataclass(frozen=True, eq=False)
class Stored:
    """A snapshot as it was read."""

    layers: Layers
    spacing: tuple[float, ...]
    undo_bytes: int
    undo_steps: int
    source: Mapping[str, str]
    past: tuple[UndoStep, ...]
    future: tuple[UndoStep, ...]


@dataclass(frozen=True, eq=False)
class SavedSession:
    """A session's folder as it was read.

    `later` are the records since the snapshot; `tail` of them stand in the journal of `generation`, the last, whose
    first `sound` bytes are good. `newest`: the snapshot is that of `generation`, none was passed over. `damaged`: that
    journal is damaged after its sound bytes.
    """

    first: Stored
    later: Sequence[Record]
    generation: int
    tail: int
    sound: int
    newest: bool
    damaged: bool


def layer_record(name: str, labels: NDArray[Any]) -> Record:
    """A whole layer.

    >>> layer_record("main", np.array([[0, 3]], np.uint8)).meta["name"]
    'main'
    """
    meta = {"kind": "layer", "name": name, "type": labels.dtype.name}
    return Record(meta, Runs.of(labels.reshape(-1)).to_bytes())


def read_layer(record: Record, shape: tuple[int, ...]) -> tuple[str, NDArray[Any]]:
    """Name and labels of a layer record; `SessionError` where it does not fit the shape.

    >>> name, labels = read_layer(layer_record("main", np.array([[0, 3]], np.uint8)), (1, 2))
    >>> name, labels.tolist()
    ('main', [[0, 3]])
    """
    name, kind = record.meta.get("name"), record.meta.get("type")
    if record.meta.get("kind") != "layer" or not isinstance(name, str) or kind not in TYPES:
        raise SessionError("a layer must have a name and a known type, got others; the file is damaged")
    runs, rest = Runs.from_bytes(record.data, columns=1)
    if rest:
        raise SessionError(f"a layer must end with its runs, got {len(rest)} more bytes; the file is damaged")
    lengths, values = runs.arrays(math.prod(shape))
    return name, np.repeat(values.astype(kind), lengths).reshape(shape)


def step_record(kind: str, step: UndoStep) -> Record:
    """An edit with what it changed in each layer.

    >>> sorted(step_record("edit", UndoStep("paint", ())).meta)
    ['deltas', 'kind', 'what']
    """
    parts = [
        {"layer": d.layer, "start": list(d.box.start), "stop": list(d.box.stop), "changed": d.changed}
        for d in step.deltas
    ]
    data = b"".join(delta.runs.to_bytes() for delta in step.deltas)
    return Record({"kind": kind, "what": step.what, "deltas": parts}, data)


def read_step(record: Record, shape: tuple[int, ...], *, layers: Layers) -> UndoStep:
    """The edit of a record; `SessionError` where it does not fit the layers.

    >>> before, after = np.array([[0, 0]], np.uint8), np.array([[0, 3]], np.uint8)
    >>> step = UndoStep("paint", (Delta.between("main", Box((0, 0), (1, 2)), before=before, after=after),))
    >>> read_step(step_record("edit", step), (1, 2), layers={"main": after}).what
    'paint'
    """
    what, parts = record.meta.get("what"), record.meta.get("deltas")
    if not isinstance(what, str) or not isinstance(parts, list) or not parts:
        raise SessionError("an edit must have a name and what it changed, got none; the file is damaged")
    data, deltas = record.data, []
    for part in parts:
        layer, box, changed = _read_place(part, shape, layers=layers)
        runs, data = Runs.from_bytes(data, columns=2)
        runs.arrays(math.prod(box.shape))
        deltas.append(Delta(layer, box, runs, changed))
    if data:
        raise SessionError(f"an edit must end with its runs, got {len(data)} more bytes; the file is damaged")
    return UndoStep(what, tuple(deltas))


def _read_place(part: Any, shape: tuple[int, ...], *, layers: Layers) -> tuple[str, Box, int]:
    """Layer, box and number of changed voxels, as an edit's details say them."""
    try:
        layer, changed = part["layer"], part["changed"]
        start, stop = (tuple(part[key]) for key in ("start", "stop"))
        numbers = (*start, *stop, changed)
        if not all(type(n) is int for n in numbers) or layer not in layers or len(start) != len(shape):
            raise ValueError
        box = Box(start, stop)
        if not box.within(Box.whole(shape)) or not 0 < changed <= math.prod(box.shape):
            raise ValueError
    except (KeyError, TypeError, ValueError, SeptumError):
        raise SessionError("an edit's box must lie in a layer of the session, got another; it is damaged") from None
    return layer, box, changed


def session_records(
    layers: Layers, spacing: Sequence[float], *, history: History, source: Mapping[str, str]
) -> Iterator[Record]:
    """The records of a snapshot, one at a time.

    >>> layers, source = {"main": np.array([[0, 3]], np.uint8)}, {}
    >>> [record.meta["kind"] for record in session_records(layers, (1.0, 1.0), history=History(), source=source)]
    ['session', 'layer']
    """
    shape = next(iter(layers.values())).shape
    yield Record(
        {
            "kind": "session",
            "format": RECORDS_FORMAT,
            "shape": list(shape),
            "spacing": list(spacing),
            "undo_bytes": history.max_bytes,
            "undo_steps": history.max_steps,
            "layers": len(layers),
            "source": dict(source),
        }
    )
    for name, labels in layers.items():
        yield layer_record(name, labels)
    for step in history.past:
        yield step_record("past", step)
    for step in history.future:
        yield step_record("future", step)


def read_stored(content: Sequence[Record], image_shape: tuple[int, ...] | None = None) -> Stored:
    """A snapshot's records, understood; `image_shape`, where it is known, is compared before anything is unpacked.

    Raises:
        SessionError: of another format, damaged, or impossible.
        GeometryError: not of the image's shape.

    >>> layers = {"main": np.array([[0, 3]], np.uint8)}
    >>> read_stored(list(session_records(layers, (1.0, 0.5), history=History(), source={}))).spacing
    (1.0, 0.5)
    """
    meta: Any = content[0].meta if content else {}
    if meta.get("kind") != "session" or meta.get("format") != RECORDS_FORMAT:
        raise SessionError(f"a session must be of format {RECORDS_FORMAT}, got {meta.get('format')!r}; update Septum")
    shape, spacing, count, source = (meta.get(key) for key in ("shape", "spacing", "layers", "source"))
    limits = [meta.get("undo_bytes"), meta.get("undo_steps")]
    sound = (
        _whole_numbers(shape, low=1)
        and len(shape) in (2, 3)
        and math.prod(shape) <= MAX_VOXELS
        and isinstance(spacing, list)
        and len(spacing) == len(shape)
        and all(isinstance(s, (int, float)) and math.isfinite(s) and s > 0 for s in spacing)
        and _whole_numbers([count, *limits], low=1)
        and count <= min(MAX_LAYERS, len(content) - 1)
        and isinstance(source, dict)
        and all(isinstance(v, str) for v in source.values())
    )
    if not sound:
        raise SessionError("a session's shape, spacing and limits must be possible, got others; it is damaged")
    grid = tuple(shape)
    if image_shape is not None and grid not in (image_shape, image_shape[1:]):
        raise GeometryError(f"the image must have the session's shape {grid}, got {image_shape}; open its own image")
    layers = dict(read_layer(record, grid) for record in content[1 : 1 + count])
    if len(layers) != count:
        raise SessionError("a session's layers must have different names, got one twice; it is damaged")
    steps: dict[str, list[UndoStep]] = {"past": [], "future": []}
    for record in content[1 + count :]:
        if record.meta.get("kind") not in steps:
            raise SessionError(f"a snapshot must hold layers and steps, got {record.meta.get('kind')!r}; it is damaged")
        steps[record.meta["kind"]].append(read_step(record, grid, layers=layers))
    return Stored(
        layers, tuple(map(float, spacing)), limits[0], limits[1], source, tuple(steps["past"]), tuple(steps["future"])
    )


def _whole_numbers(values: Any, *, low: int) -> bool:
    return isinstance(values, list) and all(type(v) is int and v >= low for v in values)


def read_session(
    folder: Path, *, image_shape: tuple[int, ...] | None = None, until_damage: bool = False
) -> SavedSession:
    """The newest snapshot that is whole, and every complete record since.

    A snapshot that is damaged is passed over: the one before it and both journals give the same labels.

    Raises:
        SessionError: no session there, or none that is whole.
    """
    numbers = journal.generations(folder)
    if not numbers:
        raise SessionError(f"{folder} must hold a session, got none; check the path")
    failure: SessionError | None = None
    for number in numbers:
        try:
            first = read_stored(journal.read_snapshot(journal.snapshot_path(folder, number)), image_shape)
        except SessionError as error:
            failure = failure or error
            continue
        return _with_journals(
            folder, first, numbers=[n for n in sorted(numbers) if n >= number], until_damage=until_damage
        )
    raise failure or SessionError(f"{folder} must hold a session that is whole, got none")


def _with_journals(folder: Path, first: Stored, *, numbers: Sequence[int], until_damage: bool) -> SavedSession:
    """The records of the journals since a snapshot, the oldest first."""
    later: list[Record] = []
    tail, sound, damaged = 0, 0, False
    for number in numbers:
        path = journal.journal_path(folder, number)
        tail, sound, damaged = 0, 0, False
        if path.exists() and until_damage:
            found, sound, damaged = journal.read_until_damage(path)
        elif path.exists():
            found, sound = journal.read_records(path)
        else:
            continue
        tail = len(found)
        later += found
        if damaged and number != numbers[-1]:
            raise SessionError(f"{path.name} must be whole, got a damaged one under a damaged snapshot; it is lost")
    return SavedSession(first, later, numbers[-1], tail, sound, len(numbers) == 1, damaged)
