"""Undo and redo with a limit: steps that know both their directions, the oldest forgotten first."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from septum.errors import SessionError
from septum.interactive.session.rle import Delta
from septum.interactive.tool import Box
from septum.options import at_least


@dataclass(frozen=True)
class Done:
    """What an edit, an undo or a redo changed: its name, the box in each layer, and the number of voxels."""

    what: str
    boxes: Mapping[str, Box]
    changed: int


@dataclass(frozen=True)
class UndoStep:
    """One edit: what it was called, and what it changed in each layer."""

    what: str
    deltas: tuple[Delta, ...]

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        return sum(delta.nbytes for delta in self.deltas)

    def done(self) -> Done:
        """What doing this, or taking it back, changes."""
        boxes = {delta.layer: delta.box for delta in self.deltas}
        return Done(self.what, MappingProxyType(boxes), sum(delta.changed for delta in self.deltas))


class History:
    """The steps that can be undone and redone.

    Args:
        max_bytes: of all steps together; the oldest are forgotten, the newest is kept whatever its size.
        max_steps: of them.

    Raises:
        ConfigError: a limit below 1.
    """

    def __init__(self, *, max_bytes: int = 50_000_000, max_steps: int = 1000) -> None:
        self.max_bytes = int(at_least(max_bytes, 1, name="undo_bytes"))
        self.max_steps = int(at_least(max_steps, 1, name="undo_steps"))
        self._past: deque[UndoStep] = deque()
        self._future: list[UndoStep] = []
        self.nbytes = 0

    @property
    def past(self) -> tuple[UndoStep, ...]:
        """What can be undone, the newest last."""
        return tuple(self._past)

    @property
    def future(self) -> tuple[UndoStep, ...]:
        """What can be redone, the next last."""
        return tuple(self._future)

    def push(self, step: UndoStep) -> None:
        """A new edit: what was undone before it cannot be redone any more."""
        self.nbytes += step.nbytes - sum(gone.nbytes for gone in self._future)
        self._future.clear()
        self._past.append(step)
        self._forget()

    def restore(self, past: tuple[UndoStep, ...], future: tuple[UndoStep, ...]) -> None:
        """Take over the steps of an earlier session."""
        self._past, self._future = deque(past), list(future)
        self.nbytes = sum(step.nbytes for step in (*past, *future))
        self._forget()

    def undo(self) -> UndoStep:
        """The newest step, which moves to those that can be redone; `SessionError` when there is none."""
        if not self._past:
            raise SessionError(
                "an edit must be there to be undone, got none; nothing was edited, or it is too long ago"
            )
        self._future.append(self._past.pop())
        return self._future[-1]

    def redo(self) -> UndoStep:
        """The step that was undone last, which moves back; `SessionError` when there is none."""
        if not self._future:
            raise SessionError("an undone edit must be there to be redone, got none; a new edit ends redoing")
        self._past.append(self._future.pop())
        return self._past[-1]

    def _forget(self) -> None:
        while len(self._past) > 1 and (self.nbytes > self.max_bytes or len(self._past) > self.max_steps):
            self.nbytes -= self._past.popleft().nbytes
