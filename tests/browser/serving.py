"""A server in its own process, and a Chromium whose pages fail their test on an error or a request off the machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TOKEN = "browser-test-token-0001"
START = "import sys; from septum.cli.main import main; sys.exit(main())"
SYSTEM = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Server:
    """A server at work: where it listens, on which project, in which process."""

    project: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """What a person opens."""
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"

    @property
    def home(self) -> str:
        """The address without the token."""
        return f"http://127.0.0.1:{self.port}"


def start(project: Path, *, port: int = 0) -> Server:
    """A server of a project; it answers when this returns."""
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    command = [sys.executable, "-c", START, "serve", str(project), "--no-browser", "--port", str(port)]
    log = project.parent / f"server-{port}.log"
    with log.open("a") as file:
        process = subprocess.Popen(
            [*command, "--token", TOKEN], cwd=project.parent, stdout=file, stderr=file, env=dict(os.environ)
        )
    try:
        _wait(process, port, log)
    except BaseException:
        process.kill()
        process.wait(20)
        raise
    return Server(project, port, process)


@contextlib.contextmanager
def serving(project: Path) -> Iterator[Server]:
    """As `start`, ended afterwards."""
    server = start(project)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(40)


@contextlib.contextmanager
def chromium(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A browser; where none can be had the test is skipped, or fails with `--need-browser`."""
    missing = pytest.fail if request.config.getoption("--need-browser") else pytest.skip
    try:
        from playwright import sync_api
    except ImportError:
        missing("no browser: Playwright for Python is not installed")
    with sync_api.sync_playwright() as player:
        found = next((path for name in SYSTEM if (path := shutil.which(name))), None)
        try:
            browser = player.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        except sync_api.Error as error:
            missing(f"no browser: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@contextlib.contextmanager
def watched(browser: Any, server: Server, *, allow: tuple[str, ...] = ()) -> Iterator[Any]:
    """A page on the server; in the end it must have said no error and asked no other machine.

    Args:
        allow: parts of messages that a test provokes, such as those of a server that is killed.
    """
    wrong: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    home = ("data:", "blob:", server.home)
    page.on("request", lambda sent: None if sent.url.startswith(home) else wrong.append(sent.url))
    page.goto(server.address)
    page.wait_for_selector("canvas")
    page.wait_for_selector("#cases .case[aria-pressed=true]")
    yield page
    context.close()
    assert [one for one in wrong if not any(part in one for part in allow)] == []


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(720):
        if process.poll() is not None:
            pytest.fail(f"the server ended at once: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.25)
    pytest.fail(f"the server did not answer within three minutes: {log.read_text()}")
