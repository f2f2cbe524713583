"""Many cases on several cores or machines: the same call inline, on local processes, or on a Dask scheduler.

The insight: most evaluations take seconds, and starting processes takes seconds too. So with "auto" the work begins
inline, and only when a measured rate says that much is left do other processes take the rest. Results come back in
order, a few parts are under way at a time (memory stays bounded by workers, not by cases), and Ctrl-C between two cases
leaves nothing running.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from septum.errors import ConfigError
from septum.workflows.runs.hooks import Hooks

Item = TypeVar("Item")


Result = TypeVar("Result")


TRIAL_S, WORTH_S = 3.0, 20.0
"""With "auto": after so many seconds inline, processes are started when more than so many seconds are left."""


_PARTS_PER_WORKER = 16  # so that a slow part at the end leaves no worker idle for long


_LARGEST_PART = 32


_KNOCK_S = 3.0  # for a scheduler to take a connection


_PATIENCE_S = 10.0
"""How long there may be no worker at all: on a cluster they come and go, but nobody waits for dead ones for ever."""


def check_workers(workers: str) -> None:
    """Raise `ConfigError` unless `workers` is "auto", a number of processes, or the address of a scheduler.

    >>> check_workers("auto"), check_workers("4"), check_workers("tcp://head:8786")
    (None, None, None)
    """
    if workers != "auto" and "://" not in workers and not (workers.isascii() and workers.isdigit() and int(workers)):
        raise ConfigError(
            f"workers must be auto, a number of processes from 1 or the address of a Dask scheduler "
            f"(tcp://host:8786), got {workers!r}"
        )


class CasePool:
    """Runs a function on many cases; use as a context manager, which ends the processes that it started.

    Args:
        workers: "auto", a number of processes ("1": inline), or the address of a Dask scheduler.

    Raises:
        ConfigError: `workers` is none of these.
    """

    def __init__(self, workers: str = "1") -> None:
        check_workers(workers)
        self._workers = workers
        self._stack = ExitStack()
        self._client: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client = None
        self._stack.close()

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        inline: Callable[[Item, Callable[[float], None]], Result] | None = None,
        name_of: Callable[[Item], str] = str,
        hooks: Hooks | None = None,
    ) -> list[Result]:
        """`[function(item) for item in items]`, perhaps on several processes.

        Args:
            function: called with one item; must be importable by name (a `functools.partial` of such a one is too) and
                return something small.
            items: one per case.
            inline: does the same in this process where it can say how far it is: called with an item, and with a
                function for the share of it that is done.
            name_of: the name of an item for the progress.
            hooks: progress with the name of a finished item, and the wish to stop, asked between items.

        Raises:
            ConfigError: the scheduler does not answer, workers ran out of memory, or none of them is left.
            Cancelled: the hooks said stop.
            Exception: the first that `function` raised.
        """
        results: list[Result] = []
        hooks = hooks or Hooks()
        on_progress = hooks.on_progress

        def share_of(item: Item, done: int) -> Callable[[float], None]:
            return lambda share: on_progress(name_of(item), (done + share) / len(items))

        for item in items if self._begins_inline(len(items)) else ():
            hooks.stop_if_asked()
            results.append(function(item) if inline is None else inline(item, share_of(item, len(results))))
            on_progress(name_of(item), len(results) / len(items))
            if len(results) == 1:
                started = time.monotonic()  # the first case also pays for imports
            elif self._is_worth_it(time.monotonic() - started, len(results) - 1, left=len(items) - len(results)):
                break
        rest = items[len(results) :]
        if rest:
            for item, result in _on_client(
                self._started(len(items)), function, items=rest, stop_if_asked=hooks.stop_if_asked
            ):
                results.append(result)
                on_progress(name_of(item), len(results) / len(items))
        return results

    def _begins_inline(self, n_items: int) -> bool:
        if self._client is not None:
            return n_items < 2
        return self._workers in ("1", "auto") or n_items < 2

    def _is_worth_it(self, passed_s: float, done: int, *, left: int) -> bool:
        """Whether so much work is left, at the rate measured, that starting processes pays."""
        if self._workers != "auto" or _cores() == 1:
            return False
        return passed_s > TRIAL_S and left > 1 and passed_s / done * left > WORTH_S

    def _started(self, n_items: int) -> Any:
        if self._client is None:
            number = str(_cores()) if self._workers == "auto" else self._workers
            self._client = self._stack.enter_context(_client(number, n_items))
        return self._client


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else (os.cpu_count() or 1)


@contextmanager
def _client(workers: str, n_items: int) -> Iterator[Any]:
    """A Dask client of local processes, or of the scheduler at an address; closed at the end."""
    from distributed import Client, LocalCluster

    if "://" in workers:
        _check_listening(workers)
        try:
            client = Client(workers, timeout=10, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ConfigError(f"no Dask scheduler answers at {workers}: {error}; start one or use a number") from error
        with client:
            yield client
        return
    with _deaf_children():
        cluster = LocalCluster(
            n_workers=min(int(workers), n_items),
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )
    with cluster, Client(cluster, set_as_default=False) as client:
        yield client


def _check_listening(address: str) -> None:
    """Raise `ConfigError` when nothing listens at an address of TCP: Dask itself tries for half a minute."""
    place = urlsplit(address)
    try:
        host, port = place.hostname, place.port
    except ValueError as error:
        raise ConfigError(f"workers must be an address like tcp://host:8786, got {address!r}: {error}") from error
    if place.scheme not in ("tcp", "tls"):
        return
    if not host or not port:
        raise ConfigError(f"workers must name host and port (tcp://host:8786), got {address!r}; add what is missing")
    try:
        socket.create_connection((host, port), timeout=_KNOCK_S).close()
    except OSError as error:
        raise ConfigError(
            f"no Dask scheduler answers at {address} ({error}); start one with `dask scheduler`, or use --workers 2"
        ) from error


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started within do not hear Ctrl-C: a terminal sends it to all, and it is this one that ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _on_client(
    client: Any, function: Callable[[Item], Result], *, items: Sequence[Item], stop_if_asked: Callable[[], None]
) -> Iterator[tuple[Item, Result]]:
    """Items with their results in order; at most two parts per worker are under way."""
    from distributed import CancelledError, KilledWorker

    workers = max(1, sum(client.ncores().values()))
    size = min(_LARGEST_PART, max(1, len(items) // (workers * _PARTS_PER_WORKER)))
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    waiting, under_way = iter(parts), []
    for part in itertools.islice(waiting, 2 * workers):
        under_way.append((part, client.submit(_each, function, part, pure=False)))
    try:
        while under_way:
            part, future = under_way.pop(0)
            found = _result(client, future, stop_if_asked=stop_if_asked)
            if (following := next(waiting, None)) is not None:
                under_way.append((following, client.submit(_each, function, following, pure=False)))
            yield from zip(part, found, strict=True)
    except (KilledWorker, CancelledError) as error:
        raise ConfigError(
            f"a worker died, probably for want of memory ({error}); use fewer --workers or a machine with more memory"
        ) from error
    finally:
        for _, future in under_way:
            future.cancel()


def _each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def _result(client: Any, future: Any, *, stop_if_asked: Callable[[], None]) -> Any:
    """The result of a future; asks twice a second whether to stop, and whether there is anybody to wait for."""
    from distributed import TimeoutError as DaskTimeoutError

    seen = time.monotonic()
    while True:
        stop_if_asked()
        try:
            return future.result(timeout=0.5)
        except DaskTimeoutError:
            if future.done():  # just now, or the function's own error
                return future.result()
        if client.ncores():
            seen = time.monotonic()
        elif time.monotonic() - seen > _PATIENCE_S:
            raise ConfigError(
                "every worker has ended, perhaps because this version of Septum is not installed where they run; "
                "install it there, or use --workers 1"
            )
