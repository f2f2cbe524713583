"""A server on a project of one brain, and a page on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.browser.person import Person
from tests.browser.phantoms import phantom_project
from tests.browser.serving import Server, chromium, serving, watched

from septum import io
from septum.geometry import Image
from septum.workflows.data.template import find_template
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import PALETTE, Label


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in its own process on the sample's brain."""
    with serving(_project(tmp_path_factory.mktemp("workbench"))) as found:
        yield found


@pytest.fixture
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A Chromium; the test is skipped, and counted, where none can be had."""
    with chromium(request) as found:
        yield found


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """A page that fails its test on a console error or a request that leaves the machine."""
    with watched(browser, server) as found:
        yield found


def _project(folder: Path) -> Path:
    t1 = io.read_image(find_template()["t1"])
    head = np.round(255.0 * t1.array[0] / t1.array.max()).astype(np.uint8)
    io.write_image(folder / "brain.nii.gz", Image(head[None], t1.grid, ("T1",)))
    (folder / "cases.csv").write_text("id,image,label\nbrain,brain.nii.gz,\n", encoding="utf-8")
    project = create_project(folder / "project", folder / "cases.csv", copy=True, name="ICBM152 brain")
    project.set_labels([Label(1, "grey matter", PALETTE[0]), Label(2, "white matter", PALETTE[1])])
    project.close()
    return folder / "project"


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on phantoms with known answers: a volume with a bright ball, two channels, a large photograph."""
    with serving(phantom_project(tmp_path_factory.mktemp("studio"))) as found:
        yield found


@pytest.fixture(scope="module")
def seat(request: pytest.FixtureRequest, studio: Server) -> Iterator[Person]:
    """A person before the phantoms, for all tests of a file: opening a page takes longer than most of them."""
    with chromium(request) as found, watched(found, studio) as page:
        yield Person(page, studio)


@pytest.fixture
def person(seat: Person) -> Person:
    """The person with the brush in hand, nothing locked, nothing proposed."""
    seat.reset()
    return seat
