"""The loop as a person goes through it: annotate four images, train, see masks appear, mend one, train again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.browser.cells import SIZE, cells, make_project, places
from tests.browser.person import Person
from tests.browser.serving import TOKEN, Server, serving, watched

from septum.client import Workbench
from septum.workflows.projects.project import open_project

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


def truth(name: str) -> np.ndarray:
    return cells(int(name[-2:]))[1] > 0


def paint(person: Person, name: str) -> None:
    """Stamp each cell with a brush of its size."""
    for row, column, radius in places(int(name[-2:])):
        person.page.evaluate("async (radius) => (await import('/static/store.js')).update({radius})", radius)
        person.click(row, column)
    person.settled()


def wipe(person: Person) -> None:
    """Erase the whole image with one click of the right button."""
    person.page.evaluate("async () => (await import('/static/store.js')).update({radius: 80})")
    person.click(SIZE / 2, SIZE / 2, button="right")
    person.settled()


def train(page: Any, bench: Workbench, *, minutes: float) -> dict[str, Any]:
    """Press the button; the training's job when the masks after it have been predicted, too."""
    before = len(bench.jobs())
    page.get_by_label("Minutes of training").fill(str(minutes))
    page.get_by_role("button", name="Start training").click()
    page.wait_for_selector(".job.running progress", timeout=90_000)
    trained = bench.wait(bench.jobs()[before])
    assert trained["state"] == "done", trained
    page.wait_for_selector(f".job.done[data-kind=predict]:has-text('{trained['model']}')", timeout=180_000)
    page.wait_for_timeout(500)
    return trained


@pytest.mark.long
def test_annotate_train_mend_and_train_again(
    request: pytest.FixtureRequest, browser: Any, lab: Server, bench: Workbench, tmp_path: Path
) -> None:
    """The second round takes as long as the first again, so it is gone through where a browser is demanded (CI)."""
    with watched(browser, lab) as page:
        person = Person(page, lab)
        person.reset()
        for name in ANNOTATED:
            person.open(name)
            paint(person, name)
            assert dice(person.labels() > 0, truth(name)) > 0.85
        page.get_by_role("tab", name="Train").click()
        first = train(page, bench, minutes=0.25)
        page.screenshot(path=tmp_path / "trained.png")
        assert page.locator(".chart .line.two").first.get_attribute("points")
        waiting = [one["case"] for one in bench.queue()]
        assert len(waiting) == 6
        masks = {name: bench.labels(name, f"prediction:{first['model']}") > 0 for name in waiting}
        before = {name: dice(masks[name], truth(name)) for name in waiting}
        assert np.mean(list(before.values())) > 0.5, before

        person.press("j")
        person.until(f"state.opened.id === '{waiting[0]}' && state.preview")
        page.screenshot(path=tmp_path / "proposed.png")
        person.press("m")
        person.until("state.opened.undo.length === 1 && !state.preview")
        assert np.array_equal(person.labels() > 0, masks[waiting[0]])
        wipe(person)
        paint(person, waiting[0])
        assert dice(person.labels() > 0, truth(waiting[0])) > 0.95
        person.press("n")
        person.until(f"state.opened.id === '{waiting[1]}' && state.preview")
        person.press("y")
        person.until(f"state.opened.id === '{waiting[2]}'")
        assert np.array_equal(bench.labels(waiting[1]) > 0, masks[waiting[1]])
        statuses = {one["id"]: one["status"] for one in bench.cases()}
        assert [statuses[one] for one in waiting[:3]] == ["corrected", "reviewed", "predicted"]

        if not request.config.getoption("--need-browser"):
            return
        second = train(page, bench, minutes=0.5)
        page.screenshot(path=tmp_path / "again.png")
        assert second["result"]["cases"] == 6
        left = waiting[2:]  # nobody annotated them: what the second model knows of them it learnt elsewhere
        after = [dice(bench.labels(one, f"prediction:{second['model']}") > 0, truth(one)) for one in left]
        assert np.mean(after) > np.mean([before[one] for one in left]), (before, after)
        assert page.locator("[data-part=rounds] circle").count() == 2


def test_a_training_that_was_cut_off_has_a_button_to_go_on(browser: Any, tmp_path: Path) -> None:
    """Its data are those of nothing, so that the job that goes on ends at once."""
    project = open_project(make_project(tmp_path, count=2))
    for path in ("models/model-1/fold_0/state.pt", "models/model-1/data.json", "rounds/model-1/cases.csv"):
        (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / path).write_text("{}")
    cut = project.store.add_job("train", {"model": "model-1", "minutes": 1.0, "steps": None, "network": "auto"})
    project.store.change_job(cut.id, state="running", model="model-1")
    for _ in range(4):  # newer jobs do not push it out of the list
        job = project.store.add_job("evaluate", {})
        project.store.change_job(job.id, state="stopped")
    project.close()
    with serving(tmp_path / "project") as server, watched(browser, server) as page:
        page.get_by_role("tab", name="Train").click()
        row = page.locator(".job.failed[data-kind=train]")
        assert "go on with it in the panel Train" in row.inner_text()
        with page.expect_response("**/api/jobs") as answer:
            row.get_by_role("button", name="Go on").click()
        assert (answer.value.json()["kind"], answer.value.json()["model"]) == ("train", "model-1")
        with Workbench(server.home, TOKEN) as own:
            assert own.wait(answer.value.json())["state"] == "failed"
            assert [one["resumable"] for one in own.jobs()] == [False] * 5 + [True]
        page.wait_for_selector(".job.failed[data-kind=train] button:text('Go on')")
        assert page.get_by_role("button", name="Go on").count() == 1  # of the newest of the two
