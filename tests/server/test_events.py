"""Every page hears everything once, from where it left off; a page that missed too much is told to look anew."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from septum.server import events as module
from septum.server.events import Events


def heard(events: Events, last: int | None, *, also: list[Any] | None = None) -> list[tuple[str, Any]]:
    """What one listener is told until the stream is closed; `also` is published while it listens."""

    async def listen() -> list[str]:
        found = []
        async for text in events.listen(last, {"project": "p"}):
            found.append(text)
            if len(found) == 1:
                for one in also or []:
                    events.publish("job", one)
                events.close()
        return found

    kinds = []
    for text in asyncio.run(listen()):
        fields = dict(line.split(": ", 1) for line in text.strip().splitlines() if not line.startswith(":"))
        if fields:
            kinds.append((fields["event"], json.loads(fields["data"])))
    return kinds


def test_a_new_page_is_greeted_and_hears_what_happens_from_now_on() -> None:
    events = Events()
    events.publish("job", 1)
    assert heard(events, None, also=[2, 3]) == [("hello", {"project": "p"}), ("job", 2), ("job", 3)]


def test_a_page_that_comes_back_hears_what_it_missed() -> None:
    events = Events()
    for number in range(4):
        events.publish("job", number)
    assert [data for kind, data in heard(events, 2) if kind == "job"] == [2, 3]


def test_a_page_that_missed_too_much_or_knows_a_server_that_died_looks_anew() -> None:
    events = Events()
    for number in range(module.REMEMBERED + 10):
        events.publish("job", number)
    assert [kind for kind, _ in heard(events, 3)] == ["hello", "reload"]
    assert [kind for kind, _ in heard(Events(), 99)] == ["hello", "reload"]


def test_silence_is_filled_with_signs_of_life_and_a_listener_that_left_is_forgotten(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.01)
    events = Events()

    async def listen() -> str:
        stream = events.listen(None, {})
        await anext(stream)
        found = await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
        return found

    assert asyncio.run(listen()) == ": alive\n\n"
    assert not events._listeners
    events.publish("job", 1)  # nobody listens, nothing happens
