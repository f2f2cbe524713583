"""Progress on stderr: one live line on a terminal, a plain line every ten seconds in a pipe or a cluster's log.

The insight: results go to stdout and progress to stderr, so `septum predict ... > written.txt` keeps the list of masks
while the person still sees how long it takes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from septum.cli.options import is_first_process

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from septum.workflows.model.settings import TrainStatus

PLAIN_INTERVAL_S = 10.0


def clock_text(seconds: float) -> str:
    """Seconds as people read them.

    >>> clock_text(75), clock_text(3723), clock_text(-3)
    ('1:15', '1:02:03', '0:00')
    """
    total = max(0, round(seconds))
    hours, rest = divmod(total, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


def training_line(status: TrainStatus) -> str:
    """One line that says how training goes: step, images/s, loss, validation Dice, time left."""
    parts = [f"{status.name} ({status.fold}/{status.folds})"] if status.folds > 1 else []
    parts.append(f"step {status.step}/{status.steps}" if status.steps else f"step {status.step}")
    parts.append(f"{status.images_per_second:.1f} images/s")
    parts.append(f"loss {status.loss:.3f}")
    parts.append("Dice -" if status.val_dice is None else f"Dice {status.val_dice:.3f}")
    parts.append(f"{clock_text(status.seconds_left)} left")
    if status.message:
        parts.append(status.message)
    return "  ".join(parts)


class Reporter:
    """Shows progress while it is entered; use as a context manager.

    Args:
        console: where to write; stderr by default. A live line appears only when it is a terminal.
        interval: seconds between two plain lines where it is not.
        clock: monotonic seconds, replaceable in tests.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        interval: float = PLAIN_INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from rich.console import Console

        silent = console is None and not is_first_process()
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True, quiet=silent)
        self._interval = interval
        self._clock = clock
        self._shown: float | None = None
        self._pending: str | None = None
        self._last_line: str | None = None
        self._live: Progress | None = None
        self._task: TaskID | None = None
        self._last_event = clock()
        self._stage_began = self._last_event
        self._fraction = math.inf

    def __enter__(self) -> Self:
        if self._console.is_terminal or self._console.is_jupyter:
            self._live = self._start_live()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._pending is not None and error is None:  # after a stop nobody cares how far a step had come
            self._write(self._pending)
        self._pending = None

    def note(self, text: str) -> None:
        """A remark that stays on the screen."""
        self._write(text)
        self._last_event = self._clock()

    def training(self, status: TrainStatus) -> None:
        """The state of a training run."""
        self._fraction = math.inf
        self._last_event = self._clock()
        self._show(training_line(status), status.step / status.steps if status.steps else 0.0)

    def work(self, what: str, fraction: float) -> None:
        """`fraction` in [0, 1] of a stage is done; `what` names the part in hand, a file for example.

        A fraction below the one before begins a new stage, whose time left is estimated afresh.
        """
        now = self._clock()
        if fraction < self._fraction:
            self._stage_began = self._last_event if fraction > 0 else now
        self._fraction, self._last_event = fraction, now
        left = (now - self._stage_began) * (1 / fraction - 1) if fraction > 0.005 else None
        tail = "" if left is None or fraction >= 1 else f"  {clock_text(left)} left"
        self._show(f"{what}  {100 * fraction:.0f} %{tail}", fraction)

    def _start_live(self) -> Progress:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        live = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=16),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = live.add_task("starting", total=1.0)
        live.start()
        return live

    def _show(self, line: str, fraction: float) -> None:
        if self._live is not None and self._task is not None:
            self._live.update(self._task, description=line, completed=min(max(fraction, 0.0), 1.0))
            self._pending = line
            return
        now = self._clock()
        if self._shown is None or now - self._shown >= self._interval:
            self._shown = now
            self._pending = None
            self._write(line)
        else:
            self._pending = line

    def _write(self, line: str) -> None:
        if line == self._last_line:
            return
        self._last_line = line
        self._console.print(line, markup=False, highlight=False)
