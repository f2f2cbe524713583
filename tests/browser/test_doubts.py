"""Doubtful objects in the page: marked, told under the cursor, gone through worst first, settled by what is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from tests.browser.cells import cells, make_project
from tests.browser.person import Person
from tests.browser.serving import Server, chromium, serving, watched

from septum import io
from septum.geometry import Grid, LabelMap
from septum.workflows.projects.masks import offer, waiting_cases
from septum.workflows.projects.project import open_project
from septum.workflows.quality.count_estimates import CountEstimate

MERGED = "larger than 99 of 100 annotated objects: perhaps several in one"
COLUMNS = "id,class,confidence,likely_right,doubt"
YELLOW = """() => {
  const canvas = document.querySelector('figure canvas:not(.pixels)'), {width, height} = canvas;
  const data = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  let found = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] > 220 && data[i + 1] > 210 && data[i + 2] < 110 && data[i + 3] > 200) found++;
  }
  return found;
}"""


def objects(seed: int) -> np.ndarray:
    """Ids of the cells of an image; cells that touch are one object."""
    return ndimage.label(cells(seed)[1])[0].astype(np.uint16)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on four images with masks of single objects, two of them doubted in the first, one in the second."""
    folder = make_project(tmp_path_factory.mktemp("doubts"), count=4)
    project = open_project(folder)
    made, doubted = project.predictions / "model-1", {0: {1: "unsure", 2: MERGED}, 1: {1: "unsure"}}
    (made / "objects").mkdir(parents=True)
    counts, written = {}, []
    for number in range(4):
        case, labels = f"cells-{number:02d}", objects(number)
        written.append(made / f"{case}.png")
        io.write_labels(written[-1], LabelMap(labels, Grid.from_spacing(labels.shape, (1.0, 1.0))))
        own, n = doubted.get(number, {}), int(labels.max())
        rows = [f"{one},cell,0.5,{0.3 + one / 10:.1f},{own.get(one, '')}" for one in range(1, n + 1)]
        (made / "objects" / f"{case}.csv").write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
        counts[case] = CountEstimate(case, n, n + 0.4, n - 0.6, n + 1.2, 0.8, len(own))
    counts["cells-03"] = CountEstimate("cells-03", 4, note="unlike the training images (dark)")
    told = {"waiting": waiting_cases(project), "written": written, "estimates": {}, "on_case": lambda case: None}
    assert offer(project, "model-1", counts=counts, **told) == 4
    project.close()
    with serving(folder) as server:
        yield server


@pytest.fixture
def viewer(request: pytest.FixtureRequest, lab: Server) -> Iterator[Person]:
    with chromium(request) as found, watched(found, lab) as page:
        yield Person(page, lab)


def said(person: Person) -> str:
    return str(person.page.locator("#doubt-said").text_content())


def test_the_list_and_the_queue_tell_counts_with_their_interval_the_most_doubtful_first(viewer: Person) -> None:
    page = viewer.page
    page.locator("#sort").select_option("queue")
    names = page.locator("#cases .case b").all_text_contents()
    assert names == ["cells-03", "cells-00", "cells-01", "cells-02"]
    n = int(objects(0).max())
    words = f"{n} objects found, likely {n - 1} to {n + 2}; 2 doubtful"
    assert words in str(page.locator("#cases .case", has_text="cells-00").text_content())
    page.get_by_role("tab", name="Train").click()
    waiting = page.locator(".panel .case", has_text="cells-00")
    waiting.wait_for()
    assert words in str(waiting.text_content())
    assert "no mask yet" not in str(waiting.text_content())


def test_a_key_and_a_button_lead_from_the_worst_object_to_the_next_and_say_why(viewer: Person, tmp_path: Path) -> None:
    viewer.open("cells-00")
    viewer.until("state.doubts.length === 2")
    page = viewer.page
    assert page.get_by_role("region", name="Doubtful objects").is_visible()
    marked = page.evaluate(YELLOW)
    assert marked > 50
    viewer.press("Shift+N")
    viewer.until("state.doubt === 0")
    assert said(viewer) == "1 of 2: unsure (40 % likely right)"
    assert page.locator("#doubt-said").get_attribute("role") == "status"  # a screen reader says it
    middle = ndimage.center_of_mass(objects(0) == 1)
    box = page.get_by_role("application", name="Image plane").bounding_box()
    x, y = viewer.where(middle[0] + 0.5, middle[1] + 0.5)
    assert abs(x - box["x"] - box["width"] / 2) < 0.12 * box["width"]
    assert abs(y - box["y"] - box["height"] / 2) < 0.12 * box["height"]
    page.screenshot(path=str(tmp_path / "doubts.png"))
    page.get_by_role("button", name="Next doubtful", exact=True).click()
    viewer.until("state.doubt === 1")
    assert said(viewer) == f"2 of 2: {MERGED} (50 % likely right)"
    viewer.press("Shift+N")
    viewer.until("state.doubt === 0")  # after the last comes the first
    page.get_by_role("button", name="Doubtful object before").click()
    viewer.until("state.doubt === 1")
    page.get_by_label("Mark them").uncheck()
    page.wait_for_timeout(100)
    assert page.evaluate(YELLOW) == 0
    viewer.press("?")
    assert "Next doubtful object, worst first" in str(page.locator("#keys").text_content())


def test_the_reason_stands_under_the_cursor(viewer: Person) -> None:
    viewer.open("cells-01")
    viewer.until("state.doubts.length === 1")
    row, col = ndimage.center_of_mass(objects(1) == 1)
    viewer.page.mouse.move(*viewer.where(row + 0.5, col + 0.5))
    viewer.page.wait_for_timeout(100)
    assert str(viewer.page.locator("#where").text_content()).startswith("doubtful: unsure (40 % likely right)")
    viewer.page.mouse.move(*viewer.where(2, 2))
    viewer.page.wait_for_timeout(100)
    assert "doubtful" not in str(viewer.page.locator("#where").text_content())


def test_a_case_without_doubts_says_so(viewer: Person) -> None:
    viewer.open("cells-02")
    viewer.until("!document.getElementById('doubts').hidden && state.doubts.length === 0")
    assert viewer.page.get_by_role("button", name="Next doubtful", exact=True).is_disabled()
    viewer.press("Shift+N")
    assert "No object of this image is doubted" in str(viewer.page.locator("#message").text_content())


def test_an_object_that_is_mended_is_no_longer_doubted(viewer: Person) -> None:
    page: Any = viewer.page
    viewer.open("cells-01")
    viewer.until("state.doubts.length === 1")
    page.get_by_role("tab", name="Train").click()
    page.locator(".panel .case", has_text="cells-01").click()
    viewer.until("state.preview !== null")
    viewer.press("m")
    viewer.until("state.opened.undo.length > 0 && state.preview === null")
    page.wait_for_timeout(1000)
    assert viewer.state("state.doubts.length") == 1  # taken over as it is
    row, col = ndimage.center_of_mass(objects(1) == 1)
    viewer.click(row, col, button="right")
    viewer.settled()
    viewer.until("state.doubts.length === 0")
    assert said(viewer) == ""
