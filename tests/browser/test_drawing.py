"""A person paints, undoes, fills between slices and reloads; the masks are compared through the server."""

from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="no browser: Playwright for Python is not installed")

VOLUME = """async () => {
  const {cases} = await (await fetch('/api/cases')).json();
  for (const c of cases) if ((await (await fetch('/api/cases/' + c.id)).json()).ndim === 3) return c.name;
  return null;
}"""
COUNT = """async (index) => {
  const {state} = await import('/static/store.js');
  const answer = await fetch(`/api/cases/${state.opened.id}/labels/0/${index}`);
  return new Uint8Array(await answer.arrayBuffer()).filter(Boolean).length;
}"""
SLICE = "async () => (await import('/static/store.js')).state.position[0]"


def _open_volume(page: "playwright.Page") -> None:
    name = page.evaluate(VOLUME)
    assert name is not None
    page.locator(".case", has_text=name).first.click()
    page.wait_for_selector("canvas[data-axis='2']")
    page.wait_for_timeout(1500)


def _stroke(page: "playwright.Page") -> None:
    box = page.locator("canvas[data-axis='0']").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 50, y + 10, steps=8)
    page.mouse.up()
    playwright.expect(page.locator("#saved")).to_have_text("Saved by the server")
    page.wait_for_timeout(400)


def test_paint_undo_fill_between_and_reload(page: "playwright.Page", tmp_path: Path) -> None:
    _open_volume(page)
    middle = page.evaluate(SLICE)
    before = [page.evaluate(COUNT, middle + k) for k in range(5)]
    _stroke(page)
    painted = page.evaluate(COUNT, middle)
    assert painted > before[0]
    page.keyboard.press("Control+z")
    page.wait_for_timeout(800)
    page.screenshot(path=tmp_path / "undone.png")
    assert page.evaluate(COUNT, middle) == before[0], page.locator("#message").text_content()
    page.keyboard.press("Control+y")
    page.wait_for_timeout(800)
    assert page.evaluate(COUNT, middle) == painted
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(800)
    assert page.evaluate(SLICE) == middle + 4
    _stroke(page)
    page.screenshot(path=tmp_path / "painted.png")
    page.keyboard.press("v")
    page.wait_for_selector("#accept:not([disabled])", timeout=20000)
    page.screenshot(path=tmp_path / "ghost.png")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    filled = page.evaluate(COUNT, middle + 2)
    assert filled > before[2]
    page.keyboard.press("Control+s")
    playwright.expect(page.locator("#saved")).to_contain_text("Version")
    page.screenshot(path=tmp_path / "filled.png")
    page.reload()
    page.wait_for_selector("canvas")
    page.wait_for_timeout(1000)
    _open_volume(page)
    assert page.evaluate(COUNT, middle) == painted
    assert page.evaluate(COUNT, middle + 2) == filled
