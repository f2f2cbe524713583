"""What happens, told to every page at once: server-sent events with a short memory.

The insight: a page that lost its connection asks from the last number it saw. What is still remembered is told again;
where too much happened, the page is told to look at everything anew, which is always right.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

REMEMBERED = 500
HEARTBEAT_S = 10.0


class Events:
    """Numbers events and hands them to whoever listens; `publish` may be called from any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._memory: deque[tuple[int, str]] = deque(maxlen=REMEMBERED)
        self._number = 0
        self._listeners: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Queue[str | None]]] = {}
        self._closed = False

    def publish(self, kind: str, data: Any) -> None:
        """Tell everyone."""
        with self._guard:
            self._number += 1
            text = f"id: {self._number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
            self._memory.append((self._number, text))
            for loop, queue in self._listeners.values():
                loop.call_soon_threadsafe(queue.put_nowait, text)

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        with self._guard:
            self._closed = True
            for loop, queue in self._listeners.values():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(queue.put_nowait, None)

    async def listen(self, last: int | None, hello: Any) -> AsyncIterator[str]:
        """Events after number `last` (None: from now on) as text of an event stream, with a heartbeat."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        key = id(queue)
        with self._guard:
            missed = [] if last is None else [text for number, text in self._memory if number > last]
            first = self._memory[0][0] if self._memory else self._number + 1
            gap = last is not None and (last > self._number or last + 1 < first)
            self._listeners[key] = (asyncio.get_running_loop(), queue)
            number, closed = self._number, self._closed
        try:
            yield f"id: {number}\nevent: hello\ndata: {json.dumps(hello)}\n\n"
            if gap:
                yield "event: reload\ndata: {}\n\n"
            for text in [] if gap else missed:
                yield text
            while not closed:
                try:
                    found = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield ": alive\n\n"
                    continue
                if found is None:
                    return
                yield found
        finally:
            with self._guard:
                self._listeners.pop(key, None)
