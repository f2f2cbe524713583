"""What a person does before the page, in voxels: points there, drags, waits until the page says that it is done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.browser.serving import TOKEN, Server

from septum.client import Workbench

STATE = "async () => {{ const {{ state }} = await import('/static/store.js'); return {expression}; }}"
PLACE = """async ([axis, row, col]) => {
  const {planes} = await import('/static/look/planes.js');
  const plane = planes.all.find((one) => one.axis === axis), box = plane.canvas.getBoundingClientRect();
  const [x, y] = plane.view.screen(row, col);
  return [box.x + x, box.y + y];
}"""
SHOWN = """async () => {
  const {planes} = await import('/static/look/planes.js'), {waiting} = await import('/static/transport.js');
  const shown = [...planes.all, ...(planes.twin ? [planes.twin] : [])].filter((plane) => !plane.figure.hidden);
  return waiting() === 0 && shown.every((plane) => plane.ready());
}"""


RESET = """async () => {
  const {update} = await import('/static/store.js'), {planes} = await import('/static/look/planes.js');
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  for (const plane of planes.all) plane.view.fit();
  update({tool: 'brush', label: 1, radius: 4, ball: false, hidden: [], protected: [], overwrite: 'all'});
  update({area: 'everywhere', ranged: false, points: [], marks: [], boxes: [], style: 'fill', opacity: 0.5});
  update({invert: false, search: '', only: '', sort: 'name', message: ''});
}"""


class Person:
    """Hands and eyes on a page."""

    def __init__(self, page: Any, server: Server) -> None:
        self.page, self.server = page, server

    def reset(self) -> None:
        """Put the page back to how it opens."""
        self.press("Escape")
        self.page.evaluate(RESET)
        self.page.wait_for_timeout(60)

    def state(self, expression: str) -> Any:
        """What an expression of the page's `state` says."""
        return self.page.evaluate(STATE.format(expression=expression))

    def until(self, expression: str, *, seconds: float = 30.0) -> Any:
        """Wait until an expression of the state holds."""
        return self._until(lambda: self.state(expression), expression, seconds)

    def settled(self, *, seconds: float = 30.0) -> None:
        """Wait until every stroke is answered and every slice is shown."""
        self.page.wait_for_timeout(60)
        self._until(lambda: self.page.evaluate(SHOWN), "all is shown", seconds)

    def open(self, name: str) -> str:
        """Open a case by its name, with nothing done in it; its id."""
        self.page.locator(".case", has_text=name).first.click()
        self.page.wait_for_timeout(100)
        self.until(f"state.opened && state.opened.name === '{name}'")
        self.settled()
        self.page.wait_for_timeout(200)
        if not self.state("state.locked"):
            self.undo_all()
        return str(self.state("state.opened.id"))

    def take(self, tool: str) -> None:
        """Take a tool from the toolbar."""
        self.page.locator(f"[data-tool='{tool}']").click()
        self.until(f"state.tool === '{tool}'")
        self.page.wait_for_timeout(60)

    def where(self, row: float, col: float, *, axis: int = 0) -> tuple[float, float]:
        """The pixel of a place in a slice; a voxel's centre is at its index plus a half."""
        x, y = self.page.evaluate(PLACE, [axis, row, col])
        return float(x), float(y)

    def click(self, row: float, col: float, *, axis: int = 0, button: str = "left") -> None:
        """Click a place."""
        self.page.mouse.click(*self.where(row, col, axis=axis), button=button)

    def drag(self, places: Sequence[tuple[float, float]], *, axis: int = 0, button: str = "left") -> None:
        """Press at the first place, pass the others, lift at the last."""
        spots = [self.where(row, col, axis=axis) for row, col in places]
        self.page.mouse.move(*spots[0])
        self.page.mouse.down(button=button)
        for spot in spots[1:]:
            self.page.mouse.move(*spot, steps=4)
        self.page.mouse.up(button=button)

    def press(self, key: str) -> None:
        """Press a key."""
        self.page.keyboard.press(key)

    def labels(self) -> NDArray[Any]:
        """The labels of the open case as the server has them."""
        self.settled()
        with Workbench(self.server.home, TOKEN) as bench:
            return bench.labels(str(self.state("state.opened.id")))

    def undo_all(self) -> None:
        """Take everything back, so that the next test finds the case as it was."""
        self.settled()
        for _ in range(60):
            if not self.state("state.opened.undo.length"):
                return
            steps = self.state("state.opened.undo.length")
            self.press("Control+z")
            self.until(f"state.opened.undo.length < {steps}")
        raise AssertionError("undo does not come to an end")

    def _until(self, ask: Any, what: str, seconds: float) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = ask()
            if found:
                return found
            self.page.wait_for_timeout(40)
        message = self.page.locator("#message").text_content()
        raise AssertionError(f"waited {seconds:g} s in vain for: {what} (the page says {message!r})")


def dice(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Dice of two masks."""
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))
