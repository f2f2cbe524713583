"""Methods, Measure and Review as a person uses them: a pipeline's masks are judged, measured and rated blind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.browser.cells import cells, make_project
from tests.browser.person import Person
from tests.browser.serving import TOKEN, Server, serving, watched

from septum.client import Workbench


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on ten images that nobody annotated."""
    with serving(make_project(tmp_path_factory.mktemp("panels"))) as found:
        yield found


def test_a_pipeline_is_tried_kept_run_on_all_measured_and_reviewed(browser: Any, lab: Server, tmp_path: Path) -> None:
    with watched(browser, lab) as page, Workbench(lab.home, TOKEN) as bench:
        person = Person(page, lab)
        person.reset()
        person.open("cells-00")
        _methods(page, person, tmp_path)
        _accept_two(page, person, bench)
        _measure(page, person, tmp_path)
        _review_ten(page, person, tmp_path)


def _methods(page: Any, person: Person, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Methods").click()
    page.get_by_role("button", name="+ before").click()
    person.until("state.preview && state.preview.changed > 300")
    page.get_by_role("slider", name="sigma mm").fill("1.98")
    page.wait_for_timeout(1200)
    page.screenshot(path=tmp_path / "methods.png")
    person.press("Enter")
    person.until("!state.preview")
    found, truth = person.labels() > 0, cells(0)[1] > 0
    assert 2 * np.count_nonzero(found & truth) / (found.sum() + truth.sum()) > 0.85
    page.get_by_label("Name of the pipeline").fill("bright")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Apply to all").click()
    page.get_by_role("tab", name="Train").click()
    page.wait_for_selector(".job.done[data-kind=segment]", timeout=90_000)


def _accept_two(page: Any, person: Person, bench: Workbench) -> None:
    waiting = [one["case"] for one in bench.queue()]
    assert len(waiting) == 9
    person.press("j")
    for number, name in enumerate(waiting[:2]):
        person.until(f"state.opened.id === '{name}' && state.preview")
        person.press("y")
        person.until(f"state.opened.id === '{waiting[number + 1]}'")
    assert {one["status"] for one in bench.cases() if one["id"] in waiting[:2]} == {"reviewed"}


def _measure(page: Any, person: Person, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Measure").click()
    page.get_by_role("button", name="Measure", exact=True).click()
    page.wait_for_selector(".chart circle.pick", timeout=90_000)
    page.screenshot(path=tmp_path / "measure.png")
    assert page.locator(".chart circle.pick").count() == 2
    page.locator(".chart circle.pick").first.press("Enter")
    person.until("state.opened.status === 'reviewed'")


def _review_ten(page: Any, person: Person, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Review").click()
    page.get_by_label("Number of cases").fill("10")
    page.get_by_role("button", name="Make the study").click()
    page.wait_for_selector("#stage img", timeout=60_000)
    page.wait_for_timeout(500)
    page.screenshot(path=tmp_path / "review.png")
    state = page.evaluate("async () => (await fetch('/api/review')).json()")
    total, keys = state["total"], [one["key"] for one in state["choices"]]
    for number in range(total):
        person.press(keys[number % 2])
        page.wait_for_selector(f"text=/: {number + 1} of {total} rated/")
    assert page.locator("#stage").count() == 0
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Report").click()
    opened.value.wait_for_load_state()
    assert "bright" in (opened.value.text_content("body") or "")
    opened.value.screenshot(path=tmp_path / "report.png")
