"""Many cases: in order, on processes, stopped between two cases, and refused with a reason."""

from __future__ import annotations

import operator
import os
import signal
import socket
import sys
import time
from functools import partial
from types import ModuleType

import pytest

from septum.errors import Cancelled, ConfigError
from septum.workflows.runs import parallel
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool, check_workers

# Only what every process can import by name: this module is not, where pytest is started by its own script.
double = partial(operator.mul, 2)
call = operator.call
ctrl_c = partial(signal.getsignal, signal.SIGINT)


def test_results_come_in_order_with_progress_that_ends_at_one() -> None:
    seen: list[tuple[str, float]] = []
    with CasePool("1") as pool:
        assert pool.map(double, [3, 1, 2], hooks=Hooks(lambda name, part: seen.append((name, part)))) == [6, 2, 4]
    assert [name for name, _ in seen] == ["3", "1", "2"]
    assert seen[-1][1] == 1


def test_nothing_to_do_is_done() -> None:
    assert CasePool("auto").map(double, []) == []


def test_a_wish_to_stop_ends_the_work_between_two_cases() -> None:
    done: list[str] = []
    with CasePool("1") as pool, pytest.raises(Cancelled):
        pool.map(double, range(9), hooks=Hooks(lambda n, _: done.append(n), should_stop=lambda: len(done) == 4))
    assert done == ["0", "1", "2", "3"]


def test_short_work_stays_in_this_process_when_workers_are_automatic() -> None:
    with CasePool("auto") as pool:
        assert set(pool.map(call, [os.getpid] * 50)) == {os.getpid()}


def test_long_work_is_worth_other_processes_and_short_work_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_cores", lambda: 2)
    pool = CasePool("auto")
    assert pool._is_worth_it(4.0, 10, left=1000)
    assert not pool._is_worth_it(4.0, 10, left=20)
    assert not pool._is_worth_it(1.0, 10, left=1000)
    monkeypatch.setattr(parallel, "_cores", lambda: 1)
    assert not pool._is_worth_it(4.0, 10, left=1000)


@pytest.mark.slow
def test_processes_give_the_same_and_are_stopped_and_pass_errors_on() -> None:
    with CasePool("2") as pool:
        before = signal.getsignal(signal.SIGINT)  # ignored already where a shell runs the tests in the background
        assert pool.map(double, range(40)) == [2 * i for i in range(40)]
        assert os.getpid() not in pool.map(call, [os.getpid] * 4)
        with pytest.raises(ZeroDivisionError):
            pool.map(partial(operator.truediv, 1), [1, 0, 2])
        assert set(pool.map(call, [ctrl_c] * 4)) == {signal.SIG_IGN}  # this process ends them, not the terminal
        assert signal.getsignal(signal.SIGINT) is before
        asked: list[int] = []
        began = time.monotonic()
        with pytest.raises(Cancelled):
            pool.map(time.sleep, [0.5] * 200, hooks=Hooks(should_stop=lambda: bool(asked.append(1)) or len(asked) > 3))
        assert time.monotonic() - began < 20


@pytest.mark.slow
def test_workers_that_cannot_import_the_work_end_it_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(item: int) -> int:
        return item

    here_only = ModuleType("septum_here_only")  # a module that no other process has
    here_only.work = work
    work.__module__, work.__qualname__ = here_only.__name__, "work"
    monkeypatch.setitem(sys.modules, here_only.__name__, here_only)
    monkeypatch.setattr(parallel, "_PATIENCE_S", 1.0)
    with CasePool("2") as pool, pytest.raises(ConfigError, match="every worker has ended"):
        pool.map(work, range(4))


@pytest.mark.parametrize("workers", ["0", "-1", "many", "1.5", ""])
def test_workers_that_are_neither_a_number_nor_an_address_are_refused(workers: str) -> None:
    with pytest.raises(ConfigError, match="workers must be auto"):
        check_workers(workers)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    def refuse(*args: object, **settings: object) -> None:
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", refuse)
    with CasePool("ucx://nowhere:1") as pool, pytest.raises(ConfigError, match="no Dask scheduler answers at ucx"):
        pool.map(double, [1, 2, 3])


def test_nobody_listening_is_said_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]  # bound, but nobody listens
        began = time.monotonic()
        with (
            CasePool(f"tcp://127.0.0.1:{port}") as pool,
            pytest.raises(ConfigError, match=f"at tcp://127.0.0.1:{port}"),
        ):
            pool.map(double, [1, 2, 3])
        assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    ("address", "hint"), [("tcp://host", "host and port"), ("tcp://:8786", "host and port"), ("tcp://h:99999", "range")]
)
def test_half_an_address_is_refused(address: str, hint: str) -> None:
    with CasePool(address) as pool, pytest.raises(ConfigError, match=hint):
        pool.map(double, [1, 2, 3])


@pytest.mark.slow
def test_a_scheduler_by_its_address_does_the_work() -> None:
    from distributed import LocalCluster

    cluster = LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0")
    with cluster, CasePool(cluster.scheduler_address) as pool:
        assert pool.map(double, range(20)) == [2 * i for i in range(20)]
        (worker,) = set(pool.map(call, [os.getpid] * 3))
        assert worker != os.getpid()
