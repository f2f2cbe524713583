"""A case under the hands of a person: its image, its labels with history and journal, and where each slice comes from.

The insight: what a page sends may arrive twice, or again after the server was killed. So each stroke carries the page's
id and a rising number, and both are written into the name of the step, in the same record of the journal as the stroke:
a stroke that is known is answered, not applied, whatever happened in between.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError, GeometryError, SeptumError, SessionError
from septum.geometry import Image, LabelMap
from septum.interactive.edits.rules import Rules
from septum.interactive.session import journal
from septum.interactive.session.history import Done
from septum.interactive.session.session import Session
from septum.interactive.tool import Box, Change
from septum.io.documents import read_json
from septum.server import wire
from septum.server.heat import Heat
from septum.server.layers import CaseLayers
from septum.server.parts import Parts
from septum.server.pixels import Pixels
from septum.server.windows import windows_of
from septum.server.wires import Wires
from septum.workflows.data.cases import load_image
from septum.workflows.projects.annotations import read_annotation, save_annotation
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import Version
from septum.workflows.runs.files import write_json

UNDO_BYTES, UNDO_STEPS = 1 << 29, 100_000
_MARK = "\x1f"
_SENT = re.compile(r"([A-Za-z0-9-]{8,64}):(\d{1,15})")


class StaleError(SessionError):
    """A stroke was made on labels that somebody else has changed since."""


class ClosedError(SessionError):
    """The case was closed between a request's first look at it and its edit; the same request, sent again, opens it."""

    def __init__(self) -> None:
        super().__init__("the case was closed for a moment, since too many are open; send the request again")


@dataclass(frozen=True)
class Sender:
    """Which page asks, who sits before it, and the number of its request (0: not numbered)."""

    client: str
    author: str
    sequence: int = 0


@dataclass(eq=False)
class Proposal:
    """What a tool proposes and nobody has accepted yet: `values` where `mask` holds, both of the box's shape; `said` is
    what a network tells of it.

    Only what the tool changed is kept, so that strokes which were made beside it in the meantime stay.
    """

    id: str
    client: str
    what: str
    rules: Rules
    letter: str
    axis: int | None = None
    box: Box | None = None
    mask: NDArray[np.bool_] | None = None
    values: NDArray[Any] | None = None
    said: str = ""
    cancelled: bool = False

    def take(self, change: Change, held: NDArray[Any]) -> None:
        """Keep what a change would change of the labels `held` in its box."""
        self.box, self.mask, self.values = change.box, change.labels != held, change.labels

    def change(self, labels: NDArray[Any]) -> Change:
        """The proposal on labels as they are now."""
        if self.box is None or self.mask is None or self.values is None:
            raise SessionError("a tool must have ended before it is accepted, got one that is at work; wait for it")
        held = labels[self.box.slices]
        return Change(self.box, np.where(self.mask, self.values, held))


@dataclass(frozen=True)
class Outcome:
    """What an edit, an undo or a redo did; `box` is None where nothing changed."""

    what: str
    box: Box | None
    changed: int
    duplicate: bool = False


@dataclass
class OpenCase:
    """Image, session and provenance of one case; `lock` is held by whoever reads or changes them."""

    project: Project
    id: str
    image: Image
    session: Session
    slices: dict[int, str]
    saved_at: int
    epoch: str = field(default_factory=lambda: secrets.token_hex(6))
    lock: threading.RLock = field(default_factory=threading.RLock)
    used: float = field(default_factory=time.monotonic)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    pyramid: list[NDArray[Any]] = field(default_factory=list)
    wires: Wires = field(default_factory=Wires)
    heat: Heat = field(default_factory=Heat)
    parts: Parts = field(default_factory=Parts)
    closed: bool = False
    _seen: dict[str, int] = field(default_factory=dict)
    _log: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=5000))
    _letters: list[dict[int, str]] = field(default_factory=list)

    @classmethod
    def open(cls, project: Project, case_id: str) -> OpenCase:
        """Open a case: its session where it has one, else a new session of the newest version.

        Raises:
            FormatError, GeometryError, DatasetError: its files cannot be used.
            SessionError: another server has it open.
        """
        record = project.store.case(case_id)
        image = load_image(project.case(record.id))
        saved = read_annotation(project, record.id, grid=image.grid)
        folder = project.session(record.id)
        folder.mkdir(parents=True, exist_ok=True)
        if journal.generations(folder):
            session = Session.open(folder, image=image.array, durable=True)
        else:
            session = Session.create(
                folder, {"current": saved.labels}, image=image.array, spacing=image.grid.spacing, durable=True,
                undo_bytes=UNDO_BYTES, undo_steps=UNDO_STEPS, source={"version": str(saved.version)},
            )  # fmt: skip
        fresh = np.array_equal(session.labels(), saved.labels)
        try:
            slices = saved.slices if fresh else _kept_letters(folder, image.grid.shape) or saved.slices
        except SeptumError:
            session.close()
            raise
        found = cls(project, record.id, image, session, dict(slices), session.revision if fresh else -1)
        for step in (*session.can_undo, *session.can_redo):
            found._remember(step)
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels per axis."""
        return self.session.shape

    @cached_property
    def source_digest(self) -> str:
        """What the image's files are called, as a few letters: the same for as long as the case has these files."""
        return hashlib.sha256(str(self.project.store.case(self.id).source).encode()).hexdigest()[:24]

    @cached_property
    def windows(self) -> list[dict[str, Any]]:
        """Range and first window of each channel."""
        return windows_of(self.image)

    @cached_property
    def pixels(self) -> Pixels:
        """The pixel classifier; what it thinks becomes heat maps."""
        return Pixels(self.heat.hear)

    @cached_property
    def layers(self) -> CaseLayers:
        """The layers of labels besides the current one."""
        return CaseLayers(self.project, self.id, grid=self.image.grid)

    @property
    def dirty(self) -> bool:
        """Whether something changed since the last version."""
        return self.session.revision != self.saved_at

    def edit(
        self,
        change: Callable[[], Change],
        *,
        what: str,
        sender: Sender,
        rules: Rules,
        letter: str = "d",
        axis: int | None = None,
    ) -> Outcome:
        """Apply a change once, however often it is sent.

        Args:
            change: makes the change from the labels as they are; not called for a duplicate.
            what: name in the history.
            sender: whose.
            rules: what may be changed.
            letter: what the slices become: "d" drawn, "i" interpolated, "p" predicted.
            axis: of the slice that was drawn on; None finds it.

        Raises:
            ClosedError: the case was closed meanwhile; nothing was changed.
            SessionError: the journal cannot be written; nothing was changed.
        """
        with self.lock:
            self._at_work()
            if self.knows(sender):
                return Outcome(what, None, 0, duplicate=True)
            self.session.rules = rules
            sent = f"{what}{_MARK}{sender.client}:{sender.sequence}" if sender.sequence else what
            done = self.session.apply(change(), what=sent)
            if sender.sequence:
                self._seen[sender.client] = sender.sequence
            return self._after(done, sender, letter=letter, axis=axis)

    def knows(self, sender: Sender) -> bool:
        """Whether this request was applied already."""
        return bool(sender.sequence) and sender.sequence <= self._seen.get(sender.client, 0)

    def turn(self, kind: str, sender: Sender, *, epoch: str, revision: int) -> Outcome:
        """Undo or redo, when the page knows the labels as they are.

        Raises:
            StaleError: it does not.
            ClosedError: as `edit`.
            SessionError: there is nothing to undo or redo.
        """
        with self.lock:
            self._at_work()
            if epoch != self.epoch or revision != self.session.revision:
                raise StaleError("the labels have changed since; the page must fetch them again before undo or redo")
            done = self.session.undo() if kind == "undo" else self.session.redo()
            if kind == "undo" and self._letters:
                self.slices = self._letters.pop()
            return self._after(done, sender, letter="" if kind == "undo" else "d", axis=None)

    def check_fresh(self, sender: Sender, *, epoch: str, revision: int) -> None:
        """Raise `StaleError` where somebody else changed the labels after the page's revision."""
        if epoch != self.epoch:
            return  # the server was restarted; what a page sends again is absolute
        with self.lock:
            if revision > self.session.revision:
                raise StaleError(
                    f"revision must be at most {self.session.revision}, got {revision}; fetch the case again"
                )
            if any(number > revision and client != sender.client for number, client in self._log):
                raise StaleError("somebody else changed these labels; fetch them again, then draw")

    def save(self, author: str, note: str = "", *, origin: str | None = None, always: bool = False) -> Version | None:
        """A new version of the annotation; None when nothing changed since the last one, unless `always`."""
        with self.lock:
            if not self.dirty and not always:
                return None
            revision = self.session.revision
            record = self.project.store.case(self.id)
            kind = origin or ("corrected" if record.prediction else "drawn")
            version = save_annotation(
                self.project,
                self.id,
                labels=LabelMap(self.session.labels(), self.image.grid),
                slices=self.slices,
                author=author,
                origin=kind,
                note=note,
            )
            self.saved_at = revision
            return version

    def mark_slice(self, axis: int, index: int, *, letter: str) -> None:
        """Note where a slice comes from; `GeometryError` for one that the volume does not have."""
        with self.lock:
            if len(self.shape) != 3 or index >= self.shape[axis]:
                raise GeometryError(f"the slice must be one of the volume of shape {self.shape}, got {index}")
            text = self.slices.get(axis, "." * self.shape[axis])
            self.slices[axis] = text[:index] + letter + text[index + 1 :]
            self._keep_letters()

    def names(self) -> tuple[list[str], list[str]]:
        """What can be undone and redone, as people call it, the next last; at most 50 each."""
        undo, redo = self.session.can_undo[-50:], self.session.can_redo[-50:]
        return [one.split(_MARK)[0] for one in undo], [one.split(_MARK)[0] for one in redo]

    def close(self) -> None:
        """Give the journal back; everything is in it. Edits after this are refused."""
        with self.lock:
            self.closed = True
            self.session.close()

    def _at_work(self) -> None:
        if self.closed:
            raise ClosedError
        self.used = time.monotonic()

    def _after(self, done: Done | None, sender: Sender, *, letter: str, axis: int | None) -> Outcome:
        if done is None:
            return Outcome("nothing", None, 0)
        self._log.append((self.session.revision, sender.client))
        box = done.boxes["current"]
        if letter:
            self._letters.append(dict(self.slices))
            self._mark(box, letter, axis=axis)
        self._keep_letters()
        return Outcome(done.what.split(_MARK)[0], box, done.changed)

    def _mark(self, box: Box, letter: str, *, axis: int | None) -> None:
        """Note where the slices of a box come from: across the axis drawn on, else across the first."""
        if len(self.shape) != 3:
            return
        flat = [a for a in range(3) if box.stop[a] - box.start[a] == 1]
        across = axis if axis is not None and axis < 3 else flat[0] if len(flat) == 1 else 0
        for a in range(3):
            self.slices.setdefault(a, "." * self.shape[a])
        text = list(self.slices[across])
        for index in range(box.start[across], box.stop[across]):
            held = text[index]
            if letter == "d":
                text[index] = "c" if held in "ipc" else "d"
            elif letter == "p" or held in ".i":
                text[index] = letter
        self.slices[across] = "".join(text)

    def _remember(self, what: str) -> None:
        found = _SENT.fullmatch(what.rpartition(_MARK)[2]) if _MARK in what else None
        if found is not None:
            client, number = found.group(1), int(found.group(2))
            self._seen[client] = max(number, self._seen.get(client, 0))

    def _keep_letters(self) -> None:
        if len(self.shape) == 3:
            path = self.project.session(self.id) / "slices.json"
            write_json(path, {str(axis): text for axis, text in self.slices.items()})


def answer(case: OpenCase, outcome: Outcome) -> dict[str, Any]:
    """What a page is told after an edit: the labels of the box as they are now, and where the history stands."""
    with case.lock:
        undo, redo = case.names()
        box = outcome.box
        small = box is not None and np.prod(box.shape) <= wire.LARGEST_ANSWER
        return {
            "what": outcome.what,
            "revision": case.session.revision,
            "epoch": case.epoch,
            "changed": outcome.changed,
            "box": None if box is None else {"start": box.start, "stop": box.stop},
            "runs": wire.all_runs(case.session.labels()[box.slices]) if box is not None and small else None,
            "undo": undo,
            "redo": redo,
            "duplicate": outcome.duplicate,
            "provenance": {str(axis): text for axis, text in case.slices.items()},
        }


def _kept_letters(folder: Path, shape: tuple[int, ...]) -> Mapping[int, str] | None:
    try:
        content = read_json(folder / "slices.json")
        found = {int(axis): str(text) for axis, text in content.items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError) as error:
        raise FormatError(f"slices.json of a session must be what Septum wrote: {error}; remove it") from error
    fits = all(axis < len(shape) and len(text) == shape[axis] for axis, text in found.items())
    return found if fits else None
