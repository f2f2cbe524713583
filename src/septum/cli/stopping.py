"""Ctrl-C that loses nothing: the first asks the work to finish its step, the second ends it at once.

The insight: a signal handler may run in the middle of any Python statement, so it only sets a flag and writes raw
bytes; the loops ask the flag where stopping is safe. SIGTERM, with which clusters end a job, counts as Ctrl-C. Before
a loop first asks (while PyTorch is loaded, while data is read) there is nothing to finish, and a run that says so is
stopped there and then.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import NoReturn, Self

from septum.errors import Cancelled

STOPPED = 130  # exit code
WAITING = "stopping; press Ctrl-C again to stop at once"


def leave_at_once(message: str) -> NoReturn:
    """Say it and end the process with the exit code of a stop, without taking modules apart: with PyTorch loaded that
    took three seconds on a busy machine, and a cluster that ends a job counts them. For the process's own way out, when
    all that was begun is closed."""
    sys.stderr.write(f"{message}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STOPPED)


class StopRequest:
    """While entered, Ctrl-C and SIGTERM set `requested()`; the second one raises `KeyboardInterrupt`.

    `at_once`: until `requested` is asked for the first time, the first one raises `Cancelled`.
    """

    def __init__(
        self, message: str = "stopping after this step; press Ctrl-C again to stop at once", *, at_once: bool = False
    ) -> None:
        self._message = message
        self._at_once = at_once
        self._requested = False
        self._previous: dict[signal.Signals, signal.Handlers | int | object] = {}

    def requested(self) -> bool:
        """Whether somebody asked to stop."""
        self._at_once = False
        return self._requested

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._requested:
            raise KeyboardInterrupt
        self._requested = True
        if self._at_once:
            raise Cancelled
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\n{self._message}\n".encode())
