"""How a workflow talks to whoever called it: progress, notes, and the question whether to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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


Note = Callable[[str], None]


Progress = Callable[[str, float], None]
