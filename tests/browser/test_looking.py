"""Looking: windows, zoom, linked planes, layers, channels, the list of cases, keys that are given anew."""

from typing import Any

from tests.browser.person import Person
from tests.browser.phantoms import CENTRE, SHAPE, SLIDE

Z, Y, X = CENTRE
PIXEL = """async ([axis, row, col]) => {
  const {planes} = await import('/static/look/planes.js');
  await new Promise((wake) => requestAnimationFrame(() => requestAnimationFrame(wake)));
  const plane = planes.all.find((one) => one.axis === axis), dpr = devicePixelRatio;
  const [x, y] = plane.view.screen(row, col);
  return [...plane.below.getContext('2d').getImageData(x * dpr, y * dpr, 1, 1).data].slice(0, 3);
}"""
UNDER = """async ([x, y]) => {
  const {planes} = await import('/static/look/planes.js'), box = planes.all[0].canvas.getBoundingClientRect();
  return planes.all[0].view.locate(x - box.x, y - box.y);
}"""


def _pixel(person: Person, row: float, col: float, *, axis: int = 0) -> list[int]:
    found: list[int] = person.page.evaluate(PIXEL, [axis, row, col])
    return found


def test_windows_by_preset_by_drag_and_inverted(person: Person) -> None:
    person.open("ball")
    person.page.get_by_role("button", name="Soft tissue").click()
    assert person.state("[state.channels[0].centre, state.channels[0].width]") == [40, 400]
    inside, outside = _pixel(person, Y + 0.5, X + 0.5), _pixel(person, 20.5, 4.5)
    assert inside[0] > outside[0] + 60  # 100 HU against -80 HU in a window of 400
    person.press("Shift+I")
    assert abs(_pixel(person, Y + 0.5, X + 0.5)[0] - (255 - inside[0])) <= 1
    person.press("Shift+I")
    person.take("window")
    x, y = person.where(Y, X)
    person.page.mouse.move(x, y)
    person.page.mouse.down()
    person.page.mouse.move(x + 60, y, steps=4)
    person.page.mouse.up()
    assert person.state("state.channels[0].width") > 400
    person.press("r")
    assert person.state("state.channels[0].width === state.channels[0].auto[1] - state.channels[0].auto[0]")


def test_zoom_stays_at_the_cursor_and_space_pans(person: Person) -> None:
    person.open("ball")
    x, y = person.where(20.5, 15.5)
    person.page.mouse.move(x, y)
    person.page.keyboard.down("Control")
    for _ in range(5):
        person.page.mouse.wheel(0, -100)
    person.page.keyboard.up("Control")
    person.page.wait_for_timeout(100)
    row, col = person.page.evaluate(UNDER, [x, y])
    assert abs(row - 20.5) < 0.05
    assert abs(col - 15.5) < 0.05
    person.page.keyboard.down("Space")
    person.page.mouse.down()
    person.page.mouse.move(x + 40, y + 30, steps=4)
    person.page.mouse.up()
    person.page.keyboard.up("Space")
    row, col = person.page.evaluate(UNDER, [x + 40, y + 30])
    assert abs(row - 20.5) < 0.05
    assert abs(col - 15.5) < 0.05
    assert not person.labels().any()


def test_a_click_in_one_plane_moves_the_others_and_slices_turn_by_wheel_and_keys(person: Person) -> None:
    person.open("ball")
    person.take("look")
    person.click(40.5, 10.5)
    assert person.state("state.position") == [Z, 40, 10]
    person.click(5.5, 20.5, axis=1)
    assert person.state("state.position") == [5, 40, 20]
    person.page.mouse.move(*person.where(30, 30))
    person.page.mouse.wheel(0, 100)
    person.page.wait_for_timeout(80)
    assert person.state("state.position[0]") == 6
    for key, index in (
        ("ArrowRight", 7),
        ("PageDown", 17),
        ("End", SHAPE[0] - 1),
        ("PageUp", SHAPE[0] - 11),
        ("Home", 0),
    ):
        person.press(key)
        assert person.state("state.position[0]") == index, key


def test_the_difference_to_a_version_shows_what_was_added_and_taken_away(person: Person) -> None:
    person.open("ball")
    person.take("brush")
    person.click(Y + 0.5, X + 0.5)
    person.settled()
    before = person.state("state.layers.map((one) => one.name)")
    person.press("Control+s")
    new = f"one.name.startsWith('version:') && !{before}.includes(one.name)"  # other tests have saved versions, too
    name = person.until(f"state.layers.filter((one) => {new}).map((one) => one.name)[0]")
    person.press("Shift+PageDown")
    person.until("state.opened.name === 'cells'")
    person.open("ball")
    person.until(f"state.layers.some((one) => one.name === '{name}')")
    person.click(12.5, 12.5)
    person.settled()
    person.page.locator("summary", has_text="Layers").click()
    person.page.get_by_label(f"Show {name}").select_option("difference")
    person.page.locator("#style").select_option("off")
    person.until(f"state.layers.find((one) => one.name === '{name}').style === 'difference'")
    person.page.wait_for_timeout(600)
    red, green, blue = _pixel(person, 12.5, 12.5)  # added since
    assert red > green > blue
    red, green, blue = _pixel(person, Y + 0.5, X + 0.5)  # taken away since
    assert blue > green > red
    person.undo_all()


def test_channels_are_mixed_in_their_colours(person: Person) -> None:
    person.open("cells")
    nucleus = _pixel(person, 30.5, 45.5)
    assert nucleus[0] == nucleus[1] == nucleus[2] > 100
    person.page.get_by_label("Show membrane").check()
    person.page.wait_for_timeout(500)
    nucleus, membrane = _pixel(person, 30.5, 45.5), _pixel(person, 60.5, 80.5)
    assert nucleus[1] > nucleus[0] + 50
    assert membrane[0] > membrane[1] + 50


def test_cases_are_searched_filtered_and_sorted(person: Person) -> None:
    names = lambda: person.page.locator(".case b").all_text_contents()  # noqa: E731
    assert names() == ["ball", "cells", "slide"]
    person.page.get_by_label("Search cases").fill("ll")
    person.page.wait_for_timeout(100)
    assert names() == ["ball", "cells"]
    person.page.get_by_label("Search cases").fill("")
    person.page.get_by_label("Show cases of a status").select_option("reviewed")
    person.page.wait_for_timeout(100)
    assert names() == []


def test_a_label_is_added_named_coloured_and_removed(person: Person) -> None:
    person.page.get_by_label("Add a label").click()
    person.until("state.labels.length === 3")
    person.page.wait_for_timeout(150)
    person.page.keyboard.type("vessel")
    person.press("Enter")
    person.until("state.labels[2].name === 'vessel'")
    person.page.get_by_label("Remove vessel").click()
    person.until("state.labels.length === 2")


def test_a_command_is_found_by_name_and_takes_another_key(person: Person) -> None:
    person.press("Control+k")
    person.page.keyboard.type("eras")
    person.press("Enter")
    assert person.state("state.tool") == "eraser"
    person.press("?")
    person.page.get_by_label("Key of Brush", exact=True).click()
    person.press("j")
    person.press("Escape")
    person.press("j")
    assert person.until("state.tool === 'brush'")
    person.page.evaluate("() => localStorage.removeItem('septum-keys')")


def test_a_large_photograph_is_painted_in_tiles(person: Person, tmp_path: Any) -> None:
    person.open("slide")
    assert person.state("state.opened.tiled")
    person.take("brush")
    person.page.evaluate("async () => (await import('/static/store.js')).update({ radius: 40 })")
    person.drag([(2050, 2400), (2050, 2800)])
    found = person.labels()
    assert found.shape == SLIDE
    assert found[2050, 2400:2800].all()
    assert not found[2095, 2600]
    assert found[2085, 2600]
    x, y = person.where(2050, 2600)
    person.page.mouse.move(x, y)
    for _ in range(12):
        person.page.mouse.wheel(0, -100)
    person.settled()
    person.page.wait_for_timeout(800)
    orange = _pixel(person, 2050, 2600)
    assert orange[0] > orange[2] + 40
    person.page.screenshot(path=tmp_path / "slide.png")
    person.undo_all()
