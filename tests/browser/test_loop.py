"""The loop as a person goes through it: annotate four images, train, see masks appear, mend one, train again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.browser.cells import SIZE, cells, make_project
from tests.browser.serving import TOKEN, Server, serving, watched

from septum.client import Workbench

ANNOTATED = ("cells-00", "cells-03", "cells-06", "cells-09")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on ten images that nobody annotated."""
    with serving(make_project(tmp_path_factory.mktemp("loop"))) as found:
        yield found


@pytest.fixture
def bench(lab: Server) -> Iterator[Workbench]:
    """The same project as a notebook sees it."""
    with Workbench(lab.home, TOKEN) as found:
        yield found


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * np.count_nonzero(a & b) / max(1, np.count_nonzero(a) + np.count_nonzero(b)))


def open_case(page: Any, name: str) -> None:
    page.locator("#cases .case", has_text=name).first.click()
    page.wait_for_selector(f"#cases .case[aria-pressed=true]:has-text('{name}')")
    page.wait_for_timeout(500)


def paint(page: Any, mask: np.ndarray) -> None:
    """Paint a mask row by row with the brush, as a patient person would."""
    page.keyboard.press("b")
    page.evaluate("async () => (await import('/static/store.js')).update({radius: 1.5})")
    for row in range(1, SIZE, 3):
        columns = np.flatnonzero(mask[row])
        for part in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
            if len(part) > 2:
                drag(page, (row, part[0] + 1), (row, part[-1] - 1))


PLACE = """async ([row, col, size]) => {
  const canvas = document.querySelector("#planes canvas"), box = canvas.getBoundingClientRect();
  const fit = 0.94 * Math.min(box.width, box.height) / size;
  return [box.x + box.width / 2 + fit * (col + 0.5 - size / 2), box.y + box.height / 2 + fit * (row + 0.5 - size / 2)];
}"""


def drag(page: Any, start: tuple[int, int], stop: tuple[int, int]) -> None:
    page.mouse.move(*page.evaluate(PLACE, [int(start[0]), int(start[1]), SIZE]))
    page.mouse.down()
    page.mouse.move(*page.evaluate(PLACE, [int(stop[0]), int(stop[1]), SIZE]), steps=4)
    page.mouse.up()


def train(page: Any, bench: Workbench, *, minutes: float) -> dict[str, Any]:
    """Press the button; the training's job when the masks after it have been predicted, too."""
    before = len(bench.jobs())
    page.get_by_label("Minutes of training").fill(str(minutes))
    page.get_by_role("button", name="Start training").click()
    page.wait_for_selector(".job.running progress", timeout=60_000)
    trained = bench.wait(bench.jobs()[before])
    assert trained["state"] == "done", trained
    page.wait_for_selector(f".job.done[data-kind=predict]:has-text('{trained['model']}')", timeout=120_000)
    page.wait_for_timeout(500)
    return trained


def mean_dice(bench: Workbench, model: str, names: list[str]) -> float:
    found = [dice(bench.labels(one, f"prediction:{model}") > 0, cells(int(one[-2:]))[1] > 0) for one in names]
    return float(np.mean(found))


def test_annotate_train_mend_and_train_again(browser: Any, lab: Server, bench: Workbench, tmp_path: Path) -> None:
    with watched(browser, lab) as page:
        for name in ANNOTATED:
            open_case(page, name)
            paint(page, cells(int(name[-2:]))[1])
        page.wait_for_timeout(500)
        for name in ANNOTATED:
            assert dice(bench.labels(name) > 0, cells(int(name[-2:]))[1] > 0) > 0.85, name
        page.get_by_role("tab", name="Train").click()
        page.screenshot(path=tmp_path / "before.png")
        first = train(page, bench, minutes=0.4)
        page.screenshot(path=tmp_path / "trained.png")
        waiting = [one["case"] for one in bench.queue()]
        assert len(waiting) == 6
        assert mean_dice(bench, first["model"], waiting) > 0.6
        page.keyboard.press("j")
        page.wait_for_selector(f"#cases .case[aria-pressed=true]:has-text('{waiting[0]}')")
        page.wait_for_timeout(1000)
        page.screenshot(path=tmp_path / "proposed.png")
        page.keyboard.press("m")
        page.wait_for_timeout(1000)
        assert np.array_equal(
            bench.labels(waiting[0]) > 0, bench.labels(waiting[0], f"prediction:{first['model']}") > 0
        )
        page.screenshot(path=tmp_path / "mended.png")
