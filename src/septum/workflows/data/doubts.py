"""What readers had to assume of a run's files: said once, and kept in the record.

The insight: a file is opened deep inside a run (for its classes, its size, its samples), and whoever opens it should
not have to hand its doubts all the way up. So within `listening` every image and every label map that a case loads is
heard, and the run says and keeps what there was to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

from septum.geometry import Image, LabelMap
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.words import some

P = ParamSpec("P")
Result = TypeVar("Result")


@dataclass
class Doubts:
    """Collects the notes of images and labels over a run: `hear` each of them, put `cases` into the record."""

    on_note: Callable[[str], None]
    cases: dict[str, list[str]] = field(default_factory=dict)

    def hear(self, case: str, found: Image | LabelMap) -> None:
        """Tell what is new of a file; a sentence that others had before is only kept."""
        self.hear_all(case, found.notes)

    def hear_all(self, case: str, notes: tuple[str, ...]) -> None:
        """As `hear`, of notes that were made elsewhere, such as in another process."""
        for note in notes:
            names = self.cases.setdefault(note, [])
            if not names:
                self.on_note(f"{case}: {note}")
            if case not in names:
                names.append(case)

    def sentences(self) -> list[str]:
        """What a report says: each note once, with the cases that it is about."""
        return [f"{note} ({some(cases)})" for note, cases in self.cases.items()]


_doubts: ContextVar[Doubts | None] = ContextVar("what the files of this run left open", default=None)


@contextmanager
def listening(on_note: Callable[[str], None]) -> Iterator[Doubts]:
    """Within, `load_image` and `load_labels` tell `on_note` what their readers assumed; what was heard stays known."""
    doubts = Doubts(on_note)
    token = _doubts.set(doubts)
    try:
        yield doubts
    finally:
        _doubts.reset(token)


def listens(work: Callable[P, Result]) -> Callable[P, Result]:
    """A workflow that is called with `hooks=`, within `listening` to whoever these tell; `assumed` is what it keeps."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> Result:
        hooks = kwargs.get("hooks")
        with listening(hooks.on_note if isinstance(hooks, Hooks) else lambda note: None):
            return work(*args, **kwargs)

    return run


def assumed() -> dict[str, list[str]]:
    """What was heard so far within `listening`: the cases of each note, as a record keeps them; empty elsewhere."""
    doubts = _doubts.get()
    return {} if doubts is None else {note: list(cases) for note, cases in doubts.cases.items()}


def heard(case: str, found: Image | LabelMap) -> None:
    """Called by those who load a case's file: whoever listens is told of its notes."""
    doubts = _doubts.get()
    if doubts is not None:
        doubts.hear(case, found)
