"""Fixtures and settings of the whole suite.

Real data with ground truth is not part of the repository. Tests that use it take the fixture `realdata`; where the data
is absent they are skipped, and the end of the run says loudly how many, so that a green run cannot hide it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# In time, because neither pytest nor hypothesis imports numpy, torch or matplotlib. The suite must not fight with
# itself on a small machine.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, str(min(2, os.cpu_count() or 1)))
# A thread that waits must sleep: after one test with two threads, those of two test processes that spin on two cores
# made some of the trainings that follow ten times slower and more.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("COLUMNS", "120")

settings.register_profile("septum", deadline=None, max_examples=25, derandomize=True, database=None)
settings.load_profile("septum")

ROOT = Path(__file__).resolve().parents[1]
ABSENT = "real data is absent: no folder shared/data beside the repository"


NO_BROWSER = "no browser: "


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--need-browser", action="store_true", help="fail where a browser's test would be skipped")


def find_realdata() -> Path | None:
    """The folder `shared/data` beside the repository or beside one of the folders that contain it."""
    for parent in ROOT.parents:
        candidate = parent / "shared" / "data"
        if (candidate / "README.md").is_file():
            return candidate
    return None


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Path of the real data sets; the test is skipped, and counted, where they are absent."""
    found = find_realdata()
    if found is None:
        pytest.skip(ABSENT)
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever takes the fixture carries the marker, so that `-m "not realdata"` leaves nothing behind."""
    for item in items:
        if "realdata" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.realdata)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for title, reason in (("REAL DATA ABSENT", ABSENT), ("NO BROWSER", NO_BROWSER)):
        skipped = [report for report in terminalreporter.stats.get("skipped", ()) if reason in str(report.longrepr)]
        if skipped:
            terminalreporter.section(title, yellow=True, bold=True)
            terminalreporter.line(f"{len(skipped)} tests were skipped: {reason}".rstrip(": "), yellow=True, bold=True)
