"""A Chromium that is found (the system's, else Playwright's own) and a server on a project of one brain."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from septum import io
from septum.geometry import Image
from septum.workflows.data.template import find_template
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import PALETTE, Label

try:
    from playwright import sync_api as playwright
except ImportError:  # an optional tool: without it the tests here are skipped, and counted
    playwright = None

TOKEN = "browser-test-token-0001"
START = "import sys; from septum.cli.main import main; sys.exit(main())"
SYSTEM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address, with its token, of a server in its own process."""
    folder = tmp_path_factory.mktemp("workbench")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", START, "serve", str(_project(folder)), "--no-browser"]
    command += ["--port", str(port), "--token", TOKEN]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=dict(os.environ))
    try:
        _wait(process, port, folder / "server.log")
        yield f"http://127.0.0.1:{port}/?token={TOKEN}"
    finally:
        process.terminate()
        process.wait(20)


def _project(folder: Path) -> Path:
    t1 = io.read_image(find_template()["t1"])
    head = np.round(255.0 * t1.array[0] / t1.array.max()).astype(np.uint8)
    io.write_image(folder / "brain.nii.gz", Image(head[None], t1.grid, ("T1",)))
    (folder / "cases.csv").write_text("id,image,label\nbrain,brain.nii.gz,\n", encoding="utf-8")
    project = create_project(folder / "project", folder / "cases.csv", copy=True, name="ICBM152 brain")
    project.set_labels([Label(1, "grey matter", PALETTE[0]), Label(2, "white matter", PALETTE[1])])
    project.close()
    return folder / "project"


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    for _ in range(240):
        if process.poll() is not None:
            pytest.fail(f"the server ended at once: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.25)
    pytest.fail(f"the server did not answer within a minute: {log.read_text()}")


@pytest.fixture
def page(server: str) -> Iterator["playwright.Page"]:
    """A page that fails its test on a console error or a request that leaves the machine."""
    if playwright is None:
        pytest.skip("Playwright for Python is not installed")
    wrong: list[str] = []
    home = ("data:", server.split("?")[0])
    with playwright.sync_playwright() as player:
        found = next((path for name in SYSTEM if (path := shutil.which(name))), None)
        try:
            browser = player.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium was found: {str(error).splitlines()[0]}")
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(home) else wrong.append(sent.url))
        page.goto(server)
        page.wait_for_selector("canvas")
        page.wait_for_selector("#cases .case[aria-pressed=true]")
        yield page
        browser.close()
    assert wrong == []
