"""Cases in memory are lent: closed when idle or too many, never in the middle of an edit, never opened twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.conftest import TOKEN

from septum.errors import SeptumError
from septum.server import desk as module
from septum.server.desk import Desk, LeasedError
from septum.server.opened import OpenCase, Sender
from septum.server.settings import ServerSettings
from septum.workflows.projects.project import open_project
from septum.workflows.projects.store import MissingError

ADA, BOB = Sender("page-ada-1", "ada"), Sender("page-bob-1", "bob")


def open_desk(folder: Path, **changes: object) -> Desk:
    return Desk(open_project(folder), ServerSettings(folder, TOKEN, **changes))  # type: ignore[arg-type]


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    found = open_desk(folder, open_cases=1)
    yield found
    found.close()


def test_a_case_is_opened_once_however_many_ask(desk: Desk) -> None:
    found: list[OpenCase] = []
    threads = [threading.Thread(target=lambda: found.append(desk.case("volume"))) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({id(one) for one in found}) == 1
    with pytest.raises(MissingError):
        desk.case("nothing")


def test_too_many_are_closed_but_nothing_that_was_touched_a_moment_ago(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = desk.case("volume")
    desk.case("photo")
    assert desk.known("volume") is volume
    monkeypatch.setattr(module, "_MOMENT_S", 0.0)
    desk.case("square")
    assert desk.known("volume") is None
    assert desk.known("photo") is None
    assert volume.closed
    assert desk.case("volume") is not volume


def test_the_first_case_is_opened_before_anybody_asks_and_a_damaged_one_stops_nothing(folder: Path) -> None:
    desk = open_desk(folder)
    desk.warm()
    first = desk.project.store.cases()[0]
    assert desk.known(first.id) is not None
    desk._close(first.id)
    for path in (folder.parent / "data" / "images").iterdir():
        path.write_bytes(b"damaged")
    desk.warm()
    assert desk.known(first.id) is None
    desk.close()


def test_what_nobody_touched_for_long_is_closed(folder: Path) -> None:
    desk = open_desk(folder, idle_s=0.01)
    desk.case("volume")
    time.sleep(0.02)
    desk.tidy()
    assert desk.known("volume") is None
    desk.close()


def test_opening_and_closing_at_once_never_asks_for_a_journal_twice(folder: Path) -> None:
    desk, wrong = open_desk(folder), []

    def work(close: bool) -> None:
        for _ in range(15):
            try:
                if close:
                    desk._close("square")
                else:
                    desk.case("square")
            except SeptumError as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(number % 2 == 0,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []
    desk.close()


def test_a_lease_is_held_renewed_taken_over_and_given_back(folder: Path) -> None:
    desk = open_desk(folder, lease_s=0.4)
    first = desk.hold("volume", ADA)
    assert desk.hold("volume", ADA) == first
    with pytest.raises(LeasedError, match="ada is editing"):
        desk.hold("volume", BOB)
    with pytest.raises(LeasedError):
        desk.hold("volume", BOB, take=True)  # ada was there a moment ago
    time.sleep(0.25)
    assert desk.hold("volume", BOB, take=True).author == "bob"
    desk.release("volume", ADA)  # is not hers any more
    assert desk.project.store.leases(time.time())["volume"].author == "bob"
    desk.release("volume", BOB)
    assert desk.project.store.leases(time.time()) == {}
    desk.close()
