"""Every way to draw, by hand and with the tools of the server, against phantoms whose answer is known."""

from pathlib import Path

import numpy as np
import pytest
from tests.browser.person import Person, dice
from tests.browser.phantoms import CENTRE, SHAPE, SPACING, ball

Z, Y, X = CENTRE
DISC = ball()[Z]


def _radius(person: Person, mm: float) -> None:
    person.page.evaluate(f"async () => (await import('/static/store.js')).update({{ radius: {mm} }})")
    person.page.wait_for_timeout(60)


def _footprint(mm: float, *, flat: bool) -> np.ndarray:
    """Voxels whose centres lie within a radius of the middle voxel's centre."""
    z, y, x = np.indices(SHAPE)
    inside = ((z - Z) * SPACING[0]) ** 2 + ((y - Y) * SPACING[1]) ** 2 + ((x - X) * SPACING[2]) ** 2 <= mm**2
    return inside & (z == Z) if flat else inside


@pytest.mark.ci
def test_brush_and_ball_have_the_footprint_of_their_radius_in_millimetres(person: Person) -> None:
    person.open("ball")
    person.take("brush")
    for mm, flat in ((5.3, True), (7.2, False)):
        _radius(person, mm)
        person.click(Y + 0.5, X + 0.5)
        assert np.array_equal(person.labels() == 1, _footprint(mm, flat=flat)), (mm, flat)
        person.undo_all()
        person.press("Shift+B")
    assert not person.state("state.ball")


def test_a_stroke_on_each_plane_lands_on_that_plane(person: Person) -> None:
    person.open("ball")
    _radius(person, 2.0)
    for axis, (row, col) in enumerate(((Y, X), (Z, X), (Z, Y))):
        person.drag([(row + 0.5, col + 0.5), (row + 0.5, col + 8.5)], axis=axis)
        found = np.argwhere(person.labels())
        assert np.unique(found[:, axis]).tolist() == [CENTRE[axis]]
        assert np.ptp(found[:, 1 if axis == 2 else 2]) >= 10
        person.undo_all()


@pytest.mark.ci
def test_lasso_polygon_scissors_fill_and_picker(person: Person) -> None:
    person.open("ball")
    person.take("polygon")
    for row, col in ((10, 10), (10, 30), (30, 30), (30, 10)):
        person.click(row, col)
    person.click(20, 45)
    person.press("Backspace")
    person.press("Enter")
    square = np.zeros(SHAPE, bool)
    square[Z, 10:30, 10:30] = True
    assert np.array_equal(person.labels() == 1, square)
    person.take("scissors")
    person.drag([(8, 20), (8, 40), (40, 40), (40, 20), (9, 20)])
    square[Z, :, 20:] = False
    assert np.array_equal(person.labels() == 1, square)
    person.take("lasso")
    person.press("2")
    person.drag([(40, 40), (40, 50), (50, 50), (50, 40), (41, 40)])
    square[Z, 40:50, 40:50] = True
    assert dice(person.labels() == 2, square & (np.indices(SHAPE)[2] > 30)) > 0.97
    person.take("picker")
    person.click(15.5, 15.5)
    assert person.until("state.label === 1 && state.tool === 'brush'")
    names = person.state("state.opened.undo")
    assert names == ["polygon", "scissors", "lasso"]
    person.undo_all()
    assert not person.labels().any()


@pytest.mark.ci
def test_the_live_wire_follows_the_edge_and_its_path_follows_the_cursor(person: Person, tmp_path: Path) -> None:
    person.open("ball")
    person.take("live-wire")
    corners = [(Y + 0.5 + 15 * np.sin(a), X + 0.5 + 15 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 7)[:-1]]
    person.click(*corners[0])
    person.page.mouse.move(*person.where(*corners[1]))
    path = "async () => (await import('/static/draw/gesture.js')).gesture.tail.length"
    for _ in range(500):
        if person.page.evaluate(path) > 8:
            break
        person.page.wait_for_timeout(40)
    assert person.page.evaluate(path) > 8
    for corner in corners[1:]:
        person.click(*corner)
        person.page.wait_for_timeout(250)
    person.page.screenshot(path=tmp_path / "live-wire.png")
    person.press("Enter")
    person.until("state.opened.undo.length === 1")
    assert dice(person.labels()[Z] == 1, DISC) > 0.93
    person.undo_all()


@pytest.mark.ci
def test_a_proposal_is_shown_then_dropped_or_accepted(person: Person, tmp_path: Path) -> None:
    person.open("ball")
    person.take("magic-wand")
    person.page.get_by_label("Within this slice only").check()
    person.click(Y + 0.5, X + 0.5)
    person.until("state.preview !== null")
    person.page.screenshot(path=tmp_path / "wand.png")
    assert not person.labels().any()
    person.press("Escape")
    person.until("state.preview === null")
    assert not person.labels().any()
    person.press("Shift+Backspace")
    person.click(Y + 3.5, X + 0.5)
    person.until("state.preview !== null")
    person.press("Enter")
    person.until("state.opened.undo.length === 1")
    found = person.labels()
    assert dice(found[Z] == 1, DISC) > 0.95
    assert not found[Z + 1].any()
    person.undo_all()


def test_scribbles_grow_into_the_ball_with_three_tools_and_teach_the_pixel_classifier(person: Person) -> None:
    person.open("ball")
    _radius(person, 5.0)
    person.take("grow-cut")
    person.drag([(Y - 5, X), (Y + 5, X)])
    person.drag([(8, 5), (8, 50)], button="right")
    person.drag([(56, 50), (56, 5)], button="right")
    person.drag([(62, 50), (62, 5)], button="right")
    for tool in ("grow-cut", "graph-cut", "geodesic", "pixel-classifier"):
        if tool != "grow-cut":
            person.take(tool)
        if tool == "pixel-classifier":
            person.until("!state.busy && state.preview !== null", seconds=90)
            person.page.get_by_label("Scales").fill("1.0, 1.6")
            person.press("Enter")
            person.page.wait_for_timeout(200)
        person.until(f"state.preview !== null && state.preview.what === '{tool}' && !state.busy", seconds=90)
        person.press("Enter")
        person.until("state.opened.undo.length === 1")
        assert dice(person.labels() == 1, ball()) > (0.65 if tool == "pixel-classifier" else 0.95), tool
        person.undo_all()
    assert person.state("state.marks.length") == 4


def test_the_adaptive_brush_keeps_to_what_is_like_the_ball(person: Person) -> None:
    person.open("ball")
    person.take("adaptive-brush")
    _radius(person, 6.0)
    person.page.get_by_label("Within this slice only").check()
    person.drag([(Y + 0.5, X + 8.5), (Y + 3.5, X + 12.5)])
    person.until("state.opened.undo.length === 1", seconds=60)
    found = person.labels()
    assert found.any()
    assert np.count_nonzero(found[Z][~DISC]) <= 0.03 * np.count_nonzero(found)
    person.undo_all()


def test_locked_labels_background_only_and_a_range_hold_against_the_brush(person: Person) -> None:
    person.open("ball")
    person.take("brush")
    _radius(person, 6.0)
    person.click(Y + 0.5, X + 0.5)
    first = person.labels() == 1
    person.page.get_by_label("Lock ball").click()
    person.press("2")
    person.click(Y + 0.5, X + 4.5)
    found = person.labels()
    assert np.array_equal(found == 1, first)
    assert (found == 2).any()
    person.press("1")
    person.click(50, 10)
    assert "locked" in person.until("state.message")
    person.page.get_by_label("Unlock ball").click()
    person.press("Shift+O")
    person.click(Y + 0.5, X + 4.5)
    assert np.array_equal(person.labels() == 2, found == 2)
    person.press("Shift+O")
    person.undo_all()
    person.press("t")
    person.page.evaluate("async () => (await import('/static/store.js')).update({ rangeLow: 40, rangeHigh: 300 })")
    person.click(Y + 0.5, X + 15.5)
    inside = person.labels() == 1
    assert inside.any()
    assert not (inside & ~ball()).any()
    person.undo_all()


@pytest.mark.ci
def test_copy_to_next_clear_and_undo_on_this_slice_alone(person: Person) -> None:
    person.open("ball")
    _radius(person, 4.0)
    person.take("brush")
    person.click(Y + 0.5, X + 0.5)
    person.settled()
    person.press("c")
    person.until(f"state.position[0] === {Z + 1} && state.opened.undo.length === 2")
    found = person.labels()
    assert found[Z].any()
    assert np.array_equal(found[Z], found[Z + 1])
    person.drag([(10, 10), (10, 20)])
    person.press("ArrowLeft")
    person.settled()
    person.drag([(50, 10), (50, 20)])
    person.press("ArrowRight")
    person.settled()
    person.press("Shift+Z")
    person.until("state.opened.undo.length === 5")
    after = person.labels()
    assert np.array_equal(after[Z + 1], found[Z + 1])
    assert after[Z, 50, 15] == 1
    person.press("Delete")
    person.until("state.opened.undo.length === 6")
    assert not person.labels()[Z + 1].any()
    person.undo_all()


SAME = """async () => {
  const {planes} = await import('/static/look/planes.js'), {update} = await import('/static/store.js');
  const frame = () => new Promise((wake) => requestAnimationFrame(() => requestAnimationFrame(wake)));
  await frame();
  const seen = () => planes.all.map(({below}) => {
    return below.getContext('2d').getImageData(0, 0, below.width, below.height).data;
  });
  const before = seen();
  for (const one of planes.all) one.painted = '';
  update();
  await frame();
  return seen().map((after, k) => after.reduce((sum, value, i) => sum + (value !== before[k][i]), 0));
}"""


@pytest.mark.ci
@pytest.mark.parametrize("zoom", [0, 6])
def test_painting_only_what_changed_leaves_the_picture_that_painting_all_gives(person: Person, zoom: int) -> None:
    person.open("ball")
    person.page.evaluate("async () => (await import('/static/store.js')).update({ball: true, radius: 7})")
    person.take("brush")
    person.page.mouse.move(*person.where(Y, X))
    person.page.keyboard.down("Control")
    for _ in range(zoom):
        person.page.mouse.wheel(0, -100)
    person.page.keyboard.up("Control")
    person.drag([(Y - 6, X - 9), (Y + 4, X), (Y - 3, X + 8)])
    assert person.page.evaluate(SAME) == [0, 0, 0]
    person.settled()
    assert person.page.evaluate(SAME) == [0, 0, 0]
    person.press("f")
    person.undo_all()
