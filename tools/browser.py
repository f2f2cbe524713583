"""Find a Chromium for the browser's tests, or install one; `make test` runs it before the tests.

The insight: the tests of the page are worth nothing where they are skipped in silence. A browser of the system is used
where there is one; else the system's package is installed where that is allowed (root on a Debian or Ubuntu), else
Playwright's own. Ends with 0 when the tests have a browser, with 3 when none can be had, and says which.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

SYSTEM = ("chromium", "chromium-browser", "google-chrome")
NONE = 3


def main() -> int:
    """0 when there is a browser now, 3 when none can be had."""
    if _found() or _from_the_system() or _from_playwright():
        return 0
    print("\n!! No Chromium could be found or installed: the browser's tests will be skipped.\n", file=sys.stderr)
    return NONE


def _found() -> bool:
    return any(shutil.which(name) for name in SYSTEM) or _own() is not None


def _own() -> str | None:
    """Path of Playwright's own Chromium where it was installed."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as player:
        path = player.chromium.executable_path
    return path if os.path.exists(path) else None  # noqa: PTH110 - as Playwright gives it


def _from_the_system() -> bool:
    if not (hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get")):
        return False
    print("Installing the system's Chromium for the browser's tests (once)...")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "--no-install-recommends", "chromium"]):
        if not _runs(command, quiet):
            return False
    return shutil.which("chromium") is not None


def _from_playwright() -> bool:
    print("Installing Playwright's Chromium for the browser's tests (once)...")
    return _runs([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ)) and _own() is not None


def _runs(command: list[str], environment: dict[str, str]) -> bool:
    try:
        return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=240).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    raise SystemExit(main())
