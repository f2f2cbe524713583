"""What goes wrong between a page and its server: it is killed in mid-stroke, somebody else has the case; and touch."""

import signal

import pytest
from tests.browser.person import Person
from tests.browser.phantoms import CENTRE, phantom_project
from tests.browser.serving import start, watched

Z, Y, X = CENTRE
LABEL = """async ([row, col]) => {
  const {planes} = await import('/static/look/planes.js');
  return planes.all[0].source.at(row, col)?.label > 0;
}"""


def test_a_stroke_is_sent_again_when_the_server_was_killed_in_the_middle_of_it(
    seat: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = start(phantom_project(tmp_path_factory.mktemp("killed")))
    refused = (
        "ERR_CONNECTION_REFUSED",
        "ERR_EMPTY_RESPONSE",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
        "ERR_CONNECTION_RESET",
    )
    try:
        with watched(seat.page.context.browser, server, allow=refused) as page:
            person = Person(page, server)
            person.open("ball")
            person.take("brush")
            person.click(10.5, 10.5)
            person.settled()
            first = person.labels()
            assert first[Z, 10, 10] == 1
            page.mouse.move(*person.where(40.5, 20.5))
            page.mouse.down()
            page.mouse.move(*person.where(40.5, 30.5), steps=3)
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(20)
            page.mouse.move(*person.where(40.5, 40.5), steps=3)
            page.mouse.up()
            assert "kept and sent again" in person.until("state.message", seconds=20)
            person.click(50.5, 10.5)
            server = start(server.project, port=server.port)
            person.settled(seconds=60)
            found = person.labels()
            assert found[Z, 40, 20:41].all()
            assert found[Z, 50, 10] == 1
            assert found[Z, 10, 10] == 1
            person.click(50.5, 50.5)
            person.settled()
            assert person.labels()[Z, 50, 50] == 1
            assert not person.state("state.lost")
    finally:
        server.process.terminate()
        server.process.wait(40)


@pytest.mark.ci
def test_a_case_that_somebody_edits_is_looked_at_and_not_drawn_on(person: Person) -> None:
    person.open("ball")
    with watched(person.page.context.browser, person.server, allow=("409 (Conflict)",)) as page:
        other = Person(page, person.server)
        other.until("state.locked")
        other.click(Y, X)
        other.page.wait_for_timeout(300)
        assert "editing" in other.state("state.message")
        assert not person.labels().any()


@pytest.mark.ci
def test_two_people_take_turns_on_one_case_and_each_sees_what_the_other_drew(seat: Person) -> None:
    browser, server, allow = seat.page.context.browser, seat.server, ("409 (Conflict)",)
    seat.open("cells")  # leaving gives the ball back
    with watched(browser, server, allow=allow) as first, watched(browser, server, allow=allow) as second:
        ada, bob = Person(first, server), Person(second, server)
        ada.open("ball")
        ada.take("brush")
        ada.click(12.5, 12.5)
        ada.settled()
        bob.until("state.locked && state.opened.name === 'ball'")
        assert bob.labels()[Z, 12, 12] == 1
        ada.page.locator(".case", has_text="slide").first.click()
        bob.until("!state.locked", seconds=60)
        bob.take("brush")
        bob.click(40.5, 40.5)
        bob.settled()
        ada.page.locator(".case", has_text="ball").first.click()
        ada.until("state.opened.name === 'ball' && state.locked")
        bob.click(50.5, 20.5)
        bob.settled()
        ada.page.wait_for_function(LABEL, arg=[50, 20], timeout=20_000)  # told by the server, without being asked
        for row, col in ((12, 12), (40, 40), (50, 20)):
            assert ada.labels()[Z, row, col] == 1
        bob.undo_all()


def test_one_finger_draws_until_a_pen_is_known_and_two_fingers_zoom(person: Person) -> None:
    person.open("ball")
    person.take("brush")
    hand = person.page.context.new_cdp_session(person.page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": k, "radiusX": 4, "radiusY": 4} for k, (x, y) in enumerate(places)]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        person.page.wait_for_timeout(60)

    a, b = person.where(20, 10), person.where(20, 30)
    for kind, places in (("touchStart", [a]), ("touchMove", [b]), ("touchEnd", [])):
        touch(kind, *places)
    person.until("state.opened.undo.length === 1")
    assert person.labels()[Z, 20, 15] == 1
    before = person.where(0, 1)[0] - person.where(0, 0)[0]
    middle = person.where(Y, X)
    touch("touchStart", (middle[0] - 30, middle[1]), (middle[0] + 30, middle[1]))
    touch("touchMove", (middle[0] - 90, middle[1]), (middle[0] + 90, middle[1]))
    touch("touchEnd")
    assert abs(person.where(0, 1)[0] - person.where(0, 0)[0]) > 2 * abs(before)
    person.press("f")
    spot = person.where(50, 40)
    for kind in ("mousePressed", "mouseReleased"):
        pen = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen"}
        hand.send("Input.dispatchMouseEvent", {"type": kind, "x": spot[0], "y": spot[1], **pen})
    person.until("state.opened.undo.length >= 2")
    assert person.labels()[Z, 50, 40] == 1
    strokes = person.state("state.opened.undo.length")
    person.page.wait_for_timeout(700)
    for kind, places in (("touchStart", [a]), ("touchMove", [b]), ("touchEnd", [])):
        touch(kind, *places)
    person.page.wait_for_timeout(300)
    assert person.state("state.opened.undo.length") == strokes
    person.undo_all()
