"""A server as a process: killed without warning it loses nothing, asked to stop it saves and ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import psutil
from tests.server.conftest import TOKEN

from septum.client import Workbench


@contextmanager
def served(folder: Path, stderr: IO[str] | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    code = "import sys; from septum.cli.main import main; sys.argv[0] = 'septum'; main()"
    command = [sys.executable, "-c", code, "serve", str(folder), "--port", "0", "--token", TOKEN, "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.match(r"open\s+(http://[^/]+)/", line)
            if found:
                yield process, found.group(1)
                return
        raise AssertionError("the server printed no address")
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_a_killed_server_loses_no_stroke_and_a_stopped_one_saves(folder: Path) -> None:
    with served(folder) as (process, address), Workbench(address, TOKEN, author="ada") as bench:
        wanted = bench.labels("volume")
        assert bench.image("volume").shape == wanted.shape
        wanted[1, 2:9, 3:7] = 6
        bench.set_labels("volume", wanted)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with served(folder) as (process, address), Workbench(address, TOKEN, author="ada") as bench:
        assert np.array_equal(bench.labels("volume"), wanted)
        assert [one["version"] for one in bench.cases() if one["id"] == "volume"] == [1]
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    deadline = time.monotonic() + 30
    while not (found := list((folder / "annotations").rglob("v0002.nii.gz"))) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found


def test_a_job_whose_server_is_killed_ends_at_once_in_silence_and_the_next_server_says_so(
    folder: Path, tmp_path: Path
) -> None:
    said = tmp_path / "said.txt"
    with said.open("w") as file, served(folder, file) as (process, address):
        bench = Workbench(address, TOKEN)
        bench.set_labels("square", np.eye(40, 50, dtype=np.uint8))
        job = bench.train(steps=100_000)
        deadline = time.monotonic() + 120
        while not (now := bench.jobs()[0])["message"] and now["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, now
            time.sleep(0.1)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
        _, alive = psutil.wait_procs(workers, timeout=20)
        bench.close()
    assert (now["state"], alive, said.read_text()) == ("running", [], "")
    with served(folder) as (_, address), Workbench(address, TOKEN) as bench:
        found = bench.wait(job)
        assert (found["state"], "the server was stopped" in found["error"]) == ("failed", True)
    assert not (folder / "models" / "model-1").exists()
