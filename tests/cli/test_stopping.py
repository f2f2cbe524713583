"""The first Ctrl-C asks, the second ends; SIGTERM counts as Ctrl-C; handlers are put back."""

import os
import signal
import threading

import pytest

from septum.cli.stopping import StopRequest
from septum.errors import Cancelled


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_asks(number, capfd):
    with StopRequest() as stop:
        assert not stop.requested()
        os.kill(os.getpid(), number)
        assert stop.requested()
    assert "Ctrl-C again" in capfd.readouterr().err


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_at_once(second, capfd):
    with StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), second)


def test_the_handlers_of_before_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopRequest():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_outside_the_main_thread_no_handler_is_set():
    outcome = []

    def work():
        with StopRequest() as stop:
            outcome.append(stop.requested())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert outcome == [False]


def test_before_the_work_asks_for_the_first_time_a_stop_is_obeyed_at_once(capfd):
    with StopRequest(at_once=True), pytest.raises(Cancelled):
        os.kill(os.getpid(), signal.SIGTERM)
    with StopRequest(at_once=True) as stop:
        assert not stop.requested()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested()
