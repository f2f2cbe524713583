"""Work that is written whole or not at all: its progress shown, stopped by Ctrl-C.

The insight: a command whose result is one file has nothing to keep when it is stopped, so all such commands stop alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import typer

from septum.cli.stopping import STOPPED, WAITING, StopRequest

Result = TypeVar("Result")


def until_stopped(work: Callable[..., Result]) -> Result:
    """What `work(on_progress=, on_note=, should_stop=)` gives.

    Raises:
        typer.Exit: with code 130, when somebody asked to stop and the work ended with `Cancelled`.
    """
    from septum.cli.progress import Reporter
    from septum.errors import Cancelled

    with StopRequest(WAITING) as stop, Reporter() as reporter:
        try:
            return work(on_progress=reporter.work, on_note=reporter.note, should_stop=stop.requested)
        except Cancelled:
            pass
    typer.echo("stopped before the end; nothing was written", err=True)
    raise typer.Exit(STOPPED)
