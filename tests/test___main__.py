"""Septum as a module: where a shell does not find the command, Python does."""

from __future__ import annotations

import subprocess
import sys

from septum import __version__


def test_python_runs_septum_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "septum", "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"septum {__version__}\n")


def test_what_is_wrong_ends_it_with_the_commands_own_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "septum", "info", "not-there.png"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith("septum: ")
