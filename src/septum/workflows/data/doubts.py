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

from septum.geometry import Image, LabelMap
from septum.workflows.runs.words import some


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


def heard(case: str, found: Image | LabelMap) -> None:
    """Called by those who load a case's file: whoever listens is told of its notes."""
    doubts = _doubts.get()
    if doubts is not None:
        doubts.hear(case, found)
