"""The tutorials are Python files; each runs from beginning to end and makes the claim of its last cells."""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

TUTORIALS = sorted((Path(__file__).resolve().parents[1] / "docs" / "tutorials").glob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_and_its_claim_holds(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path))
    plt.close("all")


def test_there_is_a_tutorial_for_each_reader() -> None:
    assert [path.stem for path in TUTORIALS] == ["compare_methods", "count_cells", "few_images", "organ_in_3d"]
