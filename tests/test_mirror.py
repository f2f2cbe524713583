"""The tests mirror the tree: `src/septum/A/B.py` is tested by `tests/A/test_B.py`: whoever changes one finds the other.

Modules whose behaviour cannot be separated from another's are named with the file that tests them; a module that gets
a file of its own must leave that table.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE, TESTS = ROOT / "src" / "septum", ROOT / "tests"

ELSEWHERE = {
    "instances/compiled.py": "instances/test_decode.py",
    "io/access.py": "io/test_contract.py",
    "io/itk_process.py": "io/test_apart.py",
    "report/figures/calibration.py": "workflows/evaluation/test_calibration.py",
    "report/figures/lineage.py": "workflows/tracking/test_track.py",
    "report/pages/lineage.py": "workflows/tracking/test_show.py",
    "report/pages/masks.py": "workflows/looking/test_page.py",
    "report/pages/objects.py": "workflows/objects/test_measure.py",
    "report/pages/review.py": "workflows/review/test_report.py",
    "report/pages/tracks.py": "workflows/evaluation/test_movies.py",
}
"""Modules that are tested through another one, and the file that does it."""


def without_own_test(source: Path, tests: Path) -> set[str]:
    """Modules, below `source`, for which `tests` has no file of their name."""
    modules = (path.relative_to(source) for path in source.rglob("*.py") if path.name != "__init__.py")
    return {one.as_posix() for one in modules if not (tests / one.parent / f"test_{one.name}").is_file()}


def test_every_module_has_a_test_file_of_its_name() -> None:
    missing = without_own_test(SOURCE, TESTS)
    assert missing - set(ELSEWHERE) == set(), "write tests/ROOM/test_MODULE.py"
    assert set(ELSEWHERE) - missing == set(), "these have a file of their own, or are gone: take them out of ELSEWHERE"


@pytest.mark.parametrize(("module", "test"), ELSEWHERE.items())
def test_what_is_tested_elsewhere_is(module: str, test: str) -> None:
    assert (TESTS / test).is_file()


def test_a_module_without_a_test_is_found(tmp_path: Path) -> None:
    for path in (
        "src/a/one.py",
        "src/a/two.py",
        "src/a/__init__.py",
        "src/top.py",
        "tests/a/test_one.py",
        "tests/test_two.py",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert without_own_test(tmp_path / "src", tmp_path / "tests") == {"a/two.py", "top.py"}
