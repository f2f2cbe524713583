"""Layers side by side and over each other, differences, heat maps of models and of the pixel classifier, sides."""

from pathlib import Path

import numpy as np
from tests.browser.person import Person
from tests.browser.phantoms import CENTRE, MOVED, RADIUS_MM, SHAPE, ball
from tests.browser.test_looking import PIXEL

Z, Y, X = CENTRE
LOOK = """async () => {
  const {update, state} = await import('/static/store.js');
  document.querySelectorAll('aside details').forEach((one) => { one.open = one.querySelector('#layers') !== null; });
  update({ heat: '', beside: '', base: 'current', sides: 'radiological' });
  update({ layers: state.layers.map((one) => ({ ...one, style: 'off' })) });
}"""
TWIN = """async ([row, col]) => {
  const {planes} = await import('/static/look/planes.js'), box = planes.twin.canvas.getBoundingClientRect();
  const [x, y] = planes.twin.view.screen(row, col);
  return [box.x + x, box.y + y, ...planes.twin.below.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)];
}"""


def ready(person: Person) -> None:
    person.open("ball")
    person.page.evaluate(LOOK)
    person.take("look")
    person.click(Y + 0.5, X + 0.5)
    person.settled()


def pixel(person: Person, row: float, col: float) -> list[int]:
    person.settled()
    person.page.wait_for_timeout(400)
    found: list[int] = person.page.evaluate(PIXEL, [0, row, col])
    return found


def test_a_heat_map_shows_where_a_model_doubts_and_says_how_much(person: Person) -> None:
    ready(person)
    rim = X - RADIUS_MM - 1.5
    grey = pixel(person, Y + MOVED + 0.5, rim)
    person.page.locator("#heat").select_option("uncertainty:moved")
    red, _, blue = pixel(person, Y + MOVED + 0.5, rim)
    assert red > blue + 30
    person.page.mouse.move(*person.where(Y + MOVED + 0.5, rim))
    person.page.wait_for_timeout(100)
    assert person.page.locator("#where").text_content().endswith(" · 1.00")
    person.press("Shift+H")
    assert pixel(person, Y + MOVED + 0.5, rim) == grey
    person.press("Shift+H")
    assert person.state("state.heat") == "uncertainty:moved"
    person.page.locator("#heat").select_option("probability:moved:1")
    person.page.mouse.move(*person.where(Y + MOVED + 0.5, X + 0.5))
    person.settled()
    person.page.wait_for_timeout(200)
    person.page.mouse.move(*person.where(Y + MOVED + 0.5, X + 0.6))
    person.page.wait_for_timeout(100)
    assert person.page.locator("#where").text_content().endswith(" · 0.80")


def test_two_models_are_compared_by_outline_by_difference_and_in_numbers(person: Person) -> None:
    ready(person)
    person.page.get_by_label("Show prediction:right").select_option("outline")
    person.page.get_by_label("Colour of prediction:right").fill("#56b4e9")
    edge = next(y for y in range(SHAPE[1]) if ball()[Z, y, X])
    red, _, blue = pixel(person, edge + 0.5, X + 0.5)
    assert blue > red + 40
    person.page.get_by_label("Show prediction:right").select_option("off")
    person.page.locator("#base").select_option("prediction:right")
    person.page.get_by_label("Show prediction:moved").select_option("difference")
    red, _, blue = pixel(person, edge + 1.5, X + 0.5)  # only the right one has it
    assert red > blue + 40
    red, _, blue = pixel(person, Y + RADIUS_MM + MOVED - 2.5, X + 0.5)  # only the moved one has it
    assert blue > red + 40
    person.until("state.layers.find((one) => one.name === 'prediction:moved').said !== ''")
    mask = ball()
    missed = int(np.count_nonzero(mask & ~np.roll(mask, MOVED, axis=1)))
    said = person.page.locator(".layer small").text_content()
    assert f"missed {missed:,}" in said
    assert f"extra {missed:,}" in said
    person.page.get_by_role("button", name="Worst slice").click()
    counts = np.count_nonzero(mask != np.roll(mask, MOVED, axis=1), axis=(1, 2))
    assert counts[person.state("state.position[0]")] == counts.max()


def test_a_layer_stands_beside_the_image_and_cannot_be_drawn_on(person: Person) -> None:
    ready(person)
    person.page.locator("#beside").select_option("layer:prediction:moved")
    person.settled()
    person.page.wait_for_timeout(500)
    x, y, red, _, blue = person.page.evaluate(TWIN, [Y + MOVED + 0.5, X + 0.5])
    assert red > blue + 40
    plain = pixel(person, Y + MOVED + 0.5, X + 0.5)
    assert plain[0] == plain[2]
    person.take("brush")
    person.page.mouse.click(x, y)
    person.page.mouse.move(x + 5, y)
    assert person.state("state.position") == [Z, Y + MOVED, X]
    assert not person.labels().any()
    person.press("ArrowRight")
    assert person.state("state.position[0]") == Z + 1
    person.page.get_by_label("Close prediction, moved").click()
    person.page.wait_for_timeout(100)
    assert person.page.locator("main figure:visible").count() == 3
    for beside in ("image", "layer:prediction:moved"):
        person.press("Shift+K")
        assert person.state("state.beside") == beside
    person.page.evaluate(LOOK)


def test_what_the_pixel_classifier_thinks_is_shown_while_it_learns(person: Person) -> None:
    ready(person)
    person.take("pixel-classifier")
    person.drag([(Y + 0.5, X - 4.5), (Y + 0.5, X + 5.5)])
    person.drag([(8.5, 8.5), (8.5, 20.5)], button="right")
    person.until("state.preview !== null && state.maps[0].name === 'uncertainty:pixels'", seconds=60)
    person.page.locator("#heat").select_option("probability:pixels:1")
    red, _, blue = pixel(person, Y + 6.5, X + 0.5)
    assert red > blue + 30
    version = person.state("state.maps[0].version")
    person.drag([(Y + 8.5, X - 4.5), (Y + 8.5, X + 5.5)])
    person.until(f"state.maps[0].version > {version}", seconds=60)
    person.press("Escape")
    person.press("Shift+Backspace")


def test_sides_are_those_of_a_radiologist_or_of_a_neurologist(person: Person) -> None:
    ready(person)
    left, _ = person.where(Y, X - 10)
    right, _ = person.where(Y, X + 10)
    person.press("Shift+S")
    person.page.wait_for_timeout(100)
    assert (person.where(Y, X - 10)[0] < person.where(Y, X + 10)[0]) != (left < right)
    person.press("Shift+S")
    person.page.evaluate("() => localStorage.removeItem('septum-sides')")


SOLID = """async () => {
  const canvas = document.querySelector('.solid canvas.pixels'), copy = document.createElement('canvas');
  copy.width = canvas.width; copy.height = canvas.height;
  const ctx = copy.getContext('2d');
  ctx.drawImage(canvas, 0, 0);
  const found = ctx.getImageData(0, 0, copy.width, copy.height).data;
  let count = 0, left = 1e9, right = -1, top = 1e9, bottom = -1;
  for (let i = 0; i < found.length; i += 4) if (found[i] > 40 && found[i] > found[i + 2] + 30) {
    const x = (i / 4) % copy.width, y = Math.floor(i / 4 / copy.width);
    count++; left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
  }
  return { count, wide: right - left, high: bottom - top };
}"""


def test_labels_are_turned_in_three_dimensions_and_follow_what_is_drawn(person: Person, tmp_path: Path) -> None:
    ready(person)
    person.press("Shift+3")
    person.page.wait_for_selector(".solid")
    person.page.get_by_label("Layer of the 3-D view").select_option("prediction:right")
    person.page.wait_for_selector("canvas.turns[data-surfaces='1']")
    person.page.wait_for_timeout(300)
    seen = person.page.evaluate(SOLID)
    assert seen["count"] > 0.7 * np.pi / 4 * seen["wide"] * seen["high"]  # a ball is round from the front
    assert abs(seen["wide"] - seen["high"]) < 0.12 * seen["wide"]
    turned = "async () => (await import('/static/look/webgl.js')).turnOf({yaw: 0, pitch: 0, zoom: 1, pan: [0, 0]})"
    right, up, near = person.page.evaluate(turned)
    assert (right[0], up[2], near[1]) == (-1, 1, 1)  # the patient's right is at the left, head up, front near
    person.page.get_by_label("3-D view of the labels").focus()
    person.press("+")
    person.page.wait_for_timeout(200)
    assert person.page.evaluate(SOLID)["wide"] > 1.1 * seen["wide"]
    assert person.state("state.position[0]") == Z
    person.page.get_by_label("Layer of the 3-D view").select_option("current")
    person.page.wait_for_selector("canvas.turns[data-surfaces='0']")
    assert person.page.locator(".solid .note").text_content() == "Nothing is labelled yet"
    person.take("brush")
    person.click(Y + 0.5, X + 0.5)
    person.page.wait_for_selector("canvas.turns[data-surfaces='1']")
    person.page.screenshot(path=tmp_path / "solid.png")
    person.undo_all()
    person.page.get_by_label("Close the 3-D view").click()
    person.page.wait_for_timeout(100)
    assert person.page.locator(".solid").count() == 0


def test_without_webgl_the_view_says_so(person: Person) -> None:
    ready(person)
    person.page.evaluate("() => { HTMLCanvasElement.prototype.real = HTMLCanvasElement.prototype.getContext; }")
    person.page.evaluate(
        "() => { HTMLCanvasElement.prototype.getContext = function (kind, given) "
        "{ return kind === 'webgl' ? null : this.real(kind, given); }; }"
    )
    person.press("Shift+3")
    person.page.wait_for_selector(".solid .note:has-text('no WebGL')")
    person.press("Shift+3")
    person.page.evaluate("() => { HTMLCanvasElement.prototype.getContext = HTMLCanvasElement.prototype.real; }")
