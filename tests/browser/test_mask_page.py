"""A person leafs through the page beside masks, opened from the disk: two thousand images, one of them a volume."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.cases import Case, Source
from septum.workflows.looking.page import DoubtRow, EstimateRow, MaskPage

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")

COUNT = 2000


def _written(folder: Path) -> str:
    page = MaskPage(folder)
    for name, shape in (("volume", (12, 40, 40)), ("plane", (40, 40))):
        labels = np.zeros(shape, np.uint8)
        labels[..., 10:30, 10:30] = 1
        grid = Grid.from_spacing(shape, (1.0,) * len(shape))
        image, mask = Image(labels[None] * 1.0, grid), LabelMap(labels, grid)
        doubts = [DoubtRow(1, 0.3, "larger than others: perhaps several in one")]
        page.add(Case(name, (Source(Path("a.nii.gz")),)), image, labels=mask, doubts=doubts)
    plane = page._drawn["plane"]
    for number in range(COUNT):  # thousands of cases without drawing thousands of pictures
        page._drawn[f"case{number:04d}"] = replace(plane, case=f"case{number:04d}")
    rows = [EstimateRow("plane", "cell", "look", 0.6, 0.4, 0.8, ("an estimate of 0.60",)),
            EstimateRow("volume", "cell", "pass", 0.9, 0.8, 0.95, ())]  # fmt: skip
    return page.write(rows, title="Masks").as_uri()


def test_images_slices_outlines_and_search_by_keyboard(tmp_path: Path) -> None:
    address, wrong = _written(tmp_path), []
    system = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    with playwright.sync_playwright() as player:
        try:
            browser = player.chromium.launch(executable_path=system, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium was found: {str(error).splitlines()[0]}")
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.goto(address)
        heading, caption = page.locator("main h2"), page.locator("main figcaption").first
        playwright.expect(heading).to_have_text("plane look")
        box = page.locator(".doubt")
        assert box.is_visible()
        picture, around = page.locator("main .stage").bounding_box(), box.bounding_box()
        assert abs(around["x"] - picture["x"] - picture["width"] / 4) < 2
        assert abs(around["width"] - picture["width"] / 2) < 2
        page.keyboard.press("d")
        playwright.expect(page.locator("#said")).to_have_text(
            "object 1, 1 of 1: larger than others: perhaps several in one"
        )
        assert page.get_by_role("button", name="show object 1").get_attribute("aria-pressed") == "true"
        assert page.get_by_role("cell", name="30 %").is_visible()
        page.keyboard.press("ArrowDown")
        playwright.expect(page.locator("#said")).to_have_text("")
        playwright.expect(heading).to_have_text("volume pass")
        playwright.expect(page.locator("main .view")).to_have_count(3)
        before = caption.text_content()
        page.keyboard.press("ArrowRight")
        assert caption.text_content() != before
        assert page.locator(".marks").first.is_visible()
        page.keyboard.press("o")
        assert not page.locator(".marks").first.is_visible()
        page.keyboard.press("End")
        playwright.expect(heading).to_have_text("case1999")
        assert page.locator(".row").count() < 40, "only the rows that can be seen exist"
        page.locator("#find").fill("case0042")
        playwright.expect(heading).to_have_text("case0042")
        playwright.expect(page.locator("#count")).to_have_text(f"1 of {COUNT + 2} images")
        page.keyboard.press("Escape")
        page.locator("button[data-verdict=look]").click()
        playwright.expect(heading).to_have_text("plane look")
        loaded = page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
        assert loaded
        browser.close()
    assert wrong == []
