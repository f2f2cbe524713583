"""An image of 10,000 × 10,000 pixels: seen at once, painted at full size and from afar, saved where it was painted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.browser.person import Person
from tests.browser.serving import Server, serving, watched

from septum.workflows.projects.create import create_project

SIDE = 10_000


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Server]:
    """A server on a slide with one dark square."""
    pixels = np.full((SIDE, SIDE, 3), (236, 220, 232), np.uint8)
    pixels[7000:7400, 3000:3400] = (110, 70, 160)
    tifffile.imwrite(tmp_path / "slide.tif", pixels, photometric="rgb", tile=(512, 512), compression="zlib")
    create_project(tmp_path / "project", tmp_path / "slide.tif", name="Slide").close()
    with serving(tmp_path / "project") as found:
        yield found


@pytest.mark.long
def test_ten_thousand_pixels_squared_are_seen_and_painted(browser: Any, lab: Server, tmp_path: Path) -> None:
    with watched(browser, lab) as page:
        person = Person(page, lab)
        person.until("state.opened && state.opened.tiled", seconds=120)
        person.settled(seconds=120)
        page.screenshot(path=tmp_path / "slide.png")
        person.take("brush")
        page.evaluate("async () => (await import('/static/store.js')).update({radius: 150})")
        person.click(7200, 3200)
        person.settled(seconds=60)
        page.screenshot(path=tmp_path / "painted.png")
        found = person.labels()
        y, x = np.nonzero(found)
        assert abs(y.mean() - 7200) < 15
        assert abs(x.mean() - 3200) < 15
        assert np.count_nonzero(found) == pytest.approx(np.pi * 150**2, rel=0.02)
        person.press("Control+z")
        person.until("state.opened.undo.length === 0")
        assert not person.labels().any()
