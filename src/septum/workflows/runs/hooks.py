"""How a workflow talks to whoever called it: progress, notes, and the question whether to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from septum.errors import Cancelled


@dataclass(frozen=True)
class Hooks:
    """How a workflow talks to whoever called it.

    Args:
        on_progress: called with a case's name and the fraction of the stage that is done.
        on_note: called with every sentence the reader should know; all of them are in the report too.
        should_stop: asked between cases; True ends the work with `Cancelled`, nothing is written.
    """

    on_progress: Callable[[str, float], None] = lambda case, fraction: None
    on_note: Callable[[str], None] = lambda note: None
    should_stop: Callable[[], bool] = lambda: False

    def stop_if_asked(self) -> None:
        """Raise `Cancelled` when somebody wishes to stop; loops call it where stopping is safe.

        >>> Hooks().stop_if_asked()
        """
        if self.should_stop():
            raise Cancelled

    def about(self, words: str) -> Hooks:
        """The same, where progress names what is done before the case.

        >>> Hooks(on_progress=print).about("measuring").on_progress("head", 0.5)
        measuring head 0.5
        """
        return replace(self, on_progress=lambda case, fraction: self.on_progress(f"{words} {case}", fraction))

    def unspoken(self) -> Hooks:
        """The same without notes: for a command that does its work by another one, whose sentences advise options that
        nobody was offered. What is worth knowing it says itself, from the other's result.

        >>> Hooks(on_note=print).unspoken().on_note("train with --folds all")
        """
        return replace(self, on_note=lambda note: None)


Note = Callable[[str], None]


Progress = Callable[[str, float], None]
