"""The session: it owns the layers of labels, and nothing but an edit changes them.

The insight: every change, whatever tool proposed it, goes one way: filtered once by the rules, written to the journal,
set once, remembered as runs. So undo is exact, a crash loses nothing that was done, and memory does not grow with the
volume. What the session hands out is read-only.

    session = Session.create(folder, {"main": labels}, image=image, spacing=(3.0, 0.8, 0.8))
    session.run(paint, points=[[12, 80, 90], [12, 85, 99]], radius_mm=4)
    session.undo()
    session = Session.open(folder, image=image)   # after a crash: everything that was done

A journal is written through to the system with every edit: a crash of the program loses nothing, a loss of power may
lose the last edits unless `durable` is set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError, SessionError
from septum.geometry.arrays import Spacing, label_array, spacing_mm
from septum.interactive.edits.rules import Rules, filtered, known_layer, whole_labels
from septum.interactive.session import journal, records
from septum.interactive.session.autosave import Autosave
from septum.interactive.session.history import Done, History, UndoStep
from septum.interactive.session.journal import Record
from septum.interactive.session.rle import TYPES, Delta
from septum.interactive.tool import Change

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Session:
    """Layers of labels under edit, in memory; `create` and `open` keep them in a folder as well.

    Args:
        layers: label maps or masks of one shape by name (letters, digits, `_`, `-`); the first is edited by default.
            They are copied.
        image: `spatial` or `(C, *spatial)`, handed to the tools; needed for ranges of intensity.
        spacing: mm per axis.
        rules: what edits may change; may be set anew at any time.
        undo_bytes: memory of undo and redo; the oldest steps are forgotten.
        undo_steps: at most so many.
        source: plain facts to be kept with the session, such as a digest of the file that the labels came from.

    `revision` counts the changes; `trouble` says why the last snapshot by itself failed, if it did.

    Raises:
        ConfigError: no layer, or an impossible name.
        GeometryError: layers or an image of different shapes, labels that are negative or not integer.
    """

    def __init__(
        self,
        layers: Mapping[str, ArrayLike],
        *,
        image: ArrayLike | None = None,
        spacing: Spacing = None,
        rules: Rules | None = None,
        undo_bytes: int = 50_000_000,
        undo_steps: int = 1000,
        source: Mapping[str, str] | None = None,
    ) -> None:
        if not layers:
            raise ConfigError("a session must have a layer, got none; give an empty label map for a new one")
        self.rules = rules if rules is not None else Rules()
        self.source = MappingProxyType(dict(source or {}))
        self.revision = 0
        self.trouble = ""
        self._layers: dict[str, NDArray[Any]] = {}
        self._history = History(max_bytes=undo_bytes, max_steps=undo_steps)
        self._keeper: Autosave | None = None
        for name, labels in layers.items():
            self._take(name, label_array(labels, name=f"layer {name}"))
        self.shape = next(iter(self._layers.values())).shape
        self.spacing = spacing_mm(spacing, len(self.shape))
        self.image = None if image is None else np.asarray(image)
        if self.image is not None and self.shape not in (self.image.shape, self.image.shape[1:]):
            raise GeometryError(
                f"the image must have the labels' shape {self.shape}, got {self.image.shape}; resample it"
            )

    @classmethod
    def create(
        cls,
        folder: Path,
        layers: Mapping[str, ArrayLike],
        *,
        autosave: int = 200,
        durable: bool = False,
        **settings: Any,
    ) -> Self:
        """A session that is kept in a folder, which must not hold one.

        Args:
            folder: made when absent.
            layers: as of `Session`.
            autosave: edits after which a snapshot is taken by itself.
            durable: wait with every edit until it is on the disk.
            settings: as of `Session`.

        Raises:
            SessionError: the folder holds a session already, or cannot be written.
        """
        session = cls(layers, **settings)
        if journal.generations(folder):
            raise SessionError(f"{folder} must not hold a session, got one; open it, or choose another folder")
        session._keeper = Autosave(folder, autosave=autosave, durable=durable)
        session.save()
        return session

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        image: ArrayLike | None = None,
        rules: Rules | None = None,
        autosave: int = 200,
        durable: bool = False,
        until_damage: bool = False,
    ) -> Self:
        """A session from its folder, with every edit that was completed, and what can be undone and redone.

        Args:
            folder: of the session.
            image, rules: as of `Session`; neither is kept.
            autosave, durable: as of `create`.
            until_damage: where a record is damaged, take everything before it (the damaged file is kept, renamed).

        Raises:
            SessionError: no session there, it is open elsewhere, or its files are damaged.
        """
        kept = records.read_session(folder, image_shape=_shape(image), until_damage=until_damage)
        session = cls._of(kept, image, rules=rules)
        session._keeper = Autosave(folder, autosave=autosave, durable=durable)
        if not session._keeper.resume(kept):
            session.save()
        return session

    @classmethod
    def read(
        cls, folder: Path, *, image: ArrayLike | None = None, rules: Rules | None = None, until_damage: bool = False
    ) -> Self:
        """As `open`, but in memory only: the folder stays as it is, even while another program has it open."""
        return cls._of(
            records.read_session(folder, image_shape=_shape(image), until_damage=until_damage), image, rules=rules
        )

    @classmethod
    def _of(cls, kept: records.SavedSession, image: ArrayLike | None, *, rules: Rules | None) -> Self:
        first = kept.first
        limits = {"undo_bytes": first.undo_bytes, "undo_steps": first.undo_steps}
        session = cls(first.layers, image=image, spacing=first.spacing, rules=rules, source=first.source, **limits)
        session._history.restore(first.past, first.future)
        for record in kept.later:
            session._replay(record)
        return session

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers; the first is edited where none is named."""
        return tuple(self._layers)

    @property
    def undo_bytes(self) -> int:
        """Memory that undo and redo take now."""
        return self._history.nbytes

    @property
    def can_undo(self) -> tuple[str, ...]:
        """What can be undone, the newest last."""
        return tuple(step.what for step in self._history.past)

    @property
    def can_redo(self) -> tuple[str, ...]:
        """What can be redone, the next last."""
        return tuple(step.what for step in self._history.future)

    def labels(self, layer: str | None = None) -> NDArray[Any]:
        """A layer as it is now, read-only; ask again after an edit, which may have widened its type."""
        view = known_layer(self._layers, self._name(layer)).view()
        view.flags.writeable = False
        return view

    def add_layer(self, name: str, labels: ArrayLike | None = None) -> None:
        """A further layer, empty by default. Adding a layer is kept in the journal and is not undone.

        Raises:
            ConfigError: a name that exists or is impossible.
            GeometryError: another shape than the session's.
        """
        array = np.zeros(self.shape, np.uint8) if labels is None else label_array(labels, name=f"layer {name}")
        self._take(name, array)
        try:
            self._write(records.layer_record(name, self._layers[name]))
        except SessionError:
            del self._layers[name]
            raise

    def run(
        self,
        tool: Callable[..., Change | Iterator[Change]],
        *,
        layer: str | None = None,
        what: str | None = None,
        channel: int | None = None,
        on_preview: Callable[[Change], None] | None = None,
        **options: Any,
    ) -> Done | None:
        """Call a tool on a layer and apply what it proposes; of a tool that works in steps, all proposals together.

        Args:
            tool: called as `tool(image, labels, spacing=…, **options)`.
            layer: which; None is the first.
            what: name of the step in the history; None is the tool's.
            channel: of an image with several; None hands over all of them (a single channel without its axis).
            on_preview: is shown every proposal of a tool that works in steps.
            options: of the tool.

        Returns:
            What changed; None when the rules left nothing of it. Whatever the tool raises leaves the labels alone.
        """
        change = self.propose(tool, layer=layer, channel=channel, on_preview=on_preview, **options)
        if change is None:
            return None
        return self.apply(change, what=what or str(getattr(tool, "__name__", "edit")), layer=layer)

    def propose(
        self,
        tool: Callable[..., Change | Iterator[Change]],
        *,
        layer: str | None = None,
        channel: int | None = None,
        on_preview: Callable[[Change], None] | None = None,
        **options: Any,
    ) -> Change | None:
        """What a tool proposes, without applying it: to be shown, and handed to `apply` or forgotten; as `run`."""
        found = tool(self._picture(channel), self.labels(layer), spacing=self.spacing, **options)
        return found if isinstance(found, Change) else _together(found, self.labels(layer), on_preview=on_preview)

    def allowed(self, change: Change, *, layer: str | None = None, rules: Rules | None = None) -> Change:
        """What the rules (the session's by default) leave of a change to its own layer; errors as `apply`."""
        name, given = self._name(layer), self.rules if rules is None else rules
        whole_labels(change)
        kept = filtered(change, self._layers, layer=name, rules=given, image=self.image)
        return kept.get(name, Change(change.box, self._layers[name][change.box.slices]))

    def apply(self, change: Change, *, what: str = "edit", layer: str | None = None) -> Done | None:
        """Filter a change by the rules, keep it, set it: one step of the history, in all layers that it touches.

        Returns:
            What changed; None when nothing is left of it (no step is made then).

        Raises:
            GeometryError: a box outside the layers, or labels that are not whole numbers from 0.
            SessionError: the journal cannot be written; the labels are as they were.
        """
        name = self._name(layer)
        whole_labels(change)
        kept = filtered(change, self._layers, layer=name, rules=self.rules, image=self.image)
        found = [Delta.between(n, c.box, before=self._layers[n][c.box.slices], after=c.labels) for n, c in kept.items()]
        step = UndoStep(what, tuple(delta for delta in found if delta is not None))
        if not step.deltas:
            return None
        self._write(records.step_record("edit", step))
        self._set(step, forward=True)
        self._history.push(step)
        self._saved_by_itself()
        return step.done()

    def undo(self) -> Done:
        """Take the newest edit back.

        Raises:
            SessionError: there is none.
        """
        return self._turn("undo")

    def redo(self) -> Done:
        """Do again what was undone last.

        Raises:
            SessionError: there is nothing, or something was edited since.
        """
        return self._turn("redo")

    def save(self) -> None:
        """Take a snapshot: layers and history in one file that is complete or absent, and a new, empty journal.

        The snapshot before and its journal stay, until the next one. Nothing happens in a session without a folder.

        Raises:
            SessionError: it cannot be written; the session goes on as it was.
        """
        if self._keeper is not None:
            self._keeper.save(
                records.session_records(self._layers, self.spacing, history=self._history, source=self.source)
            )

    def close(self) -> None:
        """Give the journal back; everything is in it already."""
        if self._keeper is not None:
            self._keeper.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _name(self, layer: str | None) -> str:
        return next(iter(self._layers)) if layer is None else layer

    def _take(self, name: str, labels: NDArray[Any]) -> None:
        """A copy of labels as a layer, in the smallest of the session's types that their own fits."""
        if not _NAME.fullmatch(name) or name in self._layers:
            raise ConfigError(f"a layer must have a new name of letters, digits, _ and -, got {name!r}; choose another")
        first = next(iter(self._layers.values()), labels)
        if labels.shape != first.shape:
            raise GeometryError(f"layer {name} must have the shape {first.shape}, got {labels.shape}; resample it")
        if labels.size > records.MAX_VOXELS:
            raise GeometryError(
                f"a layer must have at most {records.MAX_VOXELS} voxels, got {labels.size}; cut the image"
            )
        width = 0 if labels.dtype == bool else int(np.log2(labels.dtype.itemsize))
        self._layers[name] = labels.astype(TYPES[width], order="C", copy=True)

    def _picture(self, channel: int | None) -> NDArray[Any] | None:
        if self.image is None or self.image.shape == self.shape:
            return self.image
        if channel is None and len(self.image) > 1:
            return self.image
        channel = channel or 0
        if not 0 <= channel < len(self.image):
            raise ConfigError(f"channel must be from 0 to {len(self.image) - 1}, got {channel}")
        picture: NDArray[Any] = self.image[channel]
        return picture

    def _write(self, record: Record) -> None:
        if self._keeper is not None:
            self._keeper.write(record)

    def _saved_by_itself(self) -> None:
        """A snapshot after so many edits; the edit is done and in the journal even where the snapshot fails."""
        if self._keeper is None or not self._keeper.due:
            return
        try:
            self.save()
            self.trouble = ""
        except SessionError as error:
            self.trouble = str(error)
            self._keeper.put_off()

    def _turn(self, kind: str) -> Done:
        possible = self._history.past if kind == "undo" else self._history.future
        if possible:
            self._write(Record({"kind": kind}))
        step = self._history.undo() if kind == "undo" else self._history.redo()
        self._set(step, forward=kind == "redo")
        self._saved_by_itself()
        return step.done()

    def _set(self, step: UndoStep, *, forward: bool) -> None:
        for delta in step.deltas:
            labels = self._layers[delta.layer]
            if labels.dtype.itemsize < np.dtype(delta.runs.kind).itemsize:
                labels = self._layers[delta.layer] = labels.astype(delta.runs.kind)
            delta.set_into(labels, forward=forward)
        self.revision += 1

    def _replay(self, record: Record) -> None:
        """What a record of the journal says, done again without being written."""
        kind = record.meta.get("kind")
        if kind == "layer":
            name, labels = records.read_layer(record, self.shape)
            self._take(name, labels)
        elif kind == "edit":
            step = records.read_step(record, self.shape, layers=self._layers)
            self._set(step, forward=True)
            self._history.push(step)
        elif kind == "undo":
            self._set(self._history.undo(), forward=False)
        elif kind == "redo":
            self._set(self._history.redo(), forward=True)
        else:
            raise SessionError(f"a journal must hold edits, got a record of kind {kind!r}; update Septum")


def _shape(image: ArrayLike | None) -> tuple[int, ...] | None:
    return None if image is None else np.shape(image)


def _together(
    changes: Iterator[Change], labels: NDArray[Any], *, on_preview: Callable[[Change], None] | None
) -> Change | None:
    """Changes that each begin where the last one ended, as one change of `labels`; None without any."""
    now, box = labels, None
    for change in changes:
        if on_preview is not None:
            on_preview(change)
        if 0 not in change.box.shape:
            now = change.applied_to(now)
            box = change.box if box is None else box.union(change.box)
    return None if box is None else Change(box, now[box.slices].copy())
