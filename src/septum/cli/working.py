"""How commands work and end: progress shown, stopped by Ctrl-C, what failed told, and the exit code that says so.

The insight: a command whose result is one file has nothing to keep when it is stopped, and one that works through many
images keeps those that are done; so all commands of one kind end alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import typer

from septum.cli import options
from septum.cli.stopping import STOPPED, WAITING, StopRequest
from septum.workflows.runs.words import counted, some

if TYPE_CHECKING:
    from septum.cli.progress import Reporter
    from septum.workflows.runs.hooks import Hooks

Result = TypeVar("Result")


class Written(Protocol):
    """A result in files."""

    @property
    def written(self) -> tuple[Path, ...]:
        """Files, in order."""
        ...


class Listed(Written, Protocol):
    """A result of many: the files that were written, and (name, reason) of each that failed."""

    @property
    def failures(self) -> tuple[tuple[str, str], ...]:
        """Names and reasons."""
        ...


class Masks(Listed, Protocol):
    """Masks of many images, and the names of the images that a stop left."""

    @property
    def left(self) -> tuple[str, ...]:
        """Names."""
        ...


def hooks_of(reporter: Reporter, stop: StopRequest) -> Hooks:
    """How a workflow talks to the terminal."""
    from septum.workflows.runs.hooks import Hooks

    return Hooks(reporter.work, reporter.note, stop.requested)


def watched(work: Callable[..., Result], *, stopping: str = WAITING) -> tuple[Result, bool]:
    """What `work(hooks=)` gives while its progress is shown, and whether somebody asked to stop.

    Args:
        work: a workflow.
        stopping: what a person reads who asks to stop.
    """
    from septum.cli.progress import Reporter

    with StopRequest(stopping) as stop, Reporter() as reporter:
        result = work(hooks=hooks_of(reporter, stop))
    return result, stop.requested()


def until_stopped(work: Callable[..., Result]) -> Result:
    """What `work(hooks=)` gives.

    Raises:
        typer.Exit: with code 130, when somebody asked to stop and the work ended with `Cancelled`.
    """
    from septum.errors import Cancelled

    try:
        return watched(work)[0]
    except Cancelled:
        say_nothing_written()
        raise typer.Exit(STOPPED) from None


def say_nothing_written() -> None:
    """What a person reads who stopped a command whose result is written at its end."""
    typer.echo("stopped before the end; nothing was written", err=True)


def say_written(result: Written) -> None:
    """The files that were written, a line each."""
    for path in result.written:
        typer.echo(path)


def say_page(page: Path | None) -> None:
    """Where the page that a command wrote can be opened, on the error stream; nothing where there is none."""
    if page is not None and options.is_first_process():
        typer.echo(f"look at it: {page.resolve().as_uri()}", err=True)


def say_failures(failures: Sequence[tuple[str, str]], summary: str) -> None:
    """What failed and why, and then how many, on the error stream; nothing where nothing failed."""
    for name, reason in failures:
        options.say(f"failed: {name}: {reason}", err=True)
    if failures:
        options.say(summary, err=True)


def finish_without(failures: Sequence[tuple[str, str]], summary: str) -> None:
    """The end of a command whose one result was made without what failed.

    Raises:
        typer.Exit: 1, where anything failed.
    """
    say_failures(failures, summary)
    if failures:
        raise typer.Exit(1)


def finish_masks(result: Masks) -> None:
    """What failed of many masks, how many were made, what a stop left, and the exit code; errors as `finish`."""
    finish(result, _describe_left(result) if result.left else None, written="mask")


def _describe_left(result: Masks) -> str:
    """Which masks are there after a stop, and how to go on."""
    if not result.written:
        return "stopped before the end; no mask was written: run the same command again"
    return (
        f"stopped before the end; {counted(len(result.written), 'mask')} written and whole, "
        f"{counted(len(result.left), 'image')} left: {some(result.left)}; name those in place of all images to go on, "
        "or begin anew with --overwrite"
    )


def finish(result: Listed, stopped: str | None, *, written: str | None = None) -> None:
    """What failed, on the error stream, and the exit code.

    Args:
        result: what was written and what failed.
        stopped: what to say where somebody asked to stop; None where nobody did.
        written: what one of the files is, where their number is to be told beside failures.

    Raises:
        typer.Exit: 130 when stopped; 1 when some failed; 2 when all did.
    """
    lost = f"{counted(len(result.failures), 'image')} failed"
    say_failures(result.failures, f"{counted(len(result.written), written)} written, {lost}" if written else lost)
    if stopped is not None:
        typer.echo(stopped, err=True)
        raise typer.Exit(STOPPED)
    if result.failures:
        raise typer.Exit(1 if result.written else 2)
