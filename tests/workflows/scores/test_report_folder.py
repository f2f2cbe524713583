"""The report folder: all its files, or none."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from septum.errors import ConfigError
from septum.metrics import Counts
from septum.report.figures.overlay import ShownCase
from septum.workflows.scores.report_folder import FILES, About, Extras, refuse_results, write_report
from septum.workflows.scores.scores import Score


def rows(n: int = 7) -> list[Score]:
    found = [Score(f"case{i}", 1, "cell", Counts(10 + i, 3, 4, 100), 0.05 * i, sample_size=1.0) for i in range(n)]
    return [*found, Score("empty", 1, "cell", Counts(0, 0, 0, 117), math.nan)]


def test_page_tables_and_figures_are_there_and_agree(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1.0, math.inf], "b": ["x", None]})
    page = write_report(
        tmp_path / "r", rows(), about=About("A title", ["Read me first."], [("bad", "why")]),
        extras=Extras(tables={"more": table}),
    )  # fmt: skip
    assert page == tmp_path / "r" / "index.html"
    assert all((tmp_path / "r" / name).stat().st_size for name in (*FILES, "more.csv", "more.tex"))
    assert {p.suffix for p in (tmp_path / "r" / "figures").iterdir()} == {".svg", ".png"}
    document = json.loads((tmp_path / "r" / "evaluation.json").read_text(encoding="utf-8"))
    cases = pd.read_csv(tmp_path / "r" / "cases.csv")
    assert document["title"] == "A title"
    assert document["not_scored"] == [{"case": "bad", "reason": "why"}]
    assert document["mean_dice"]["case0"] == pytest.approx(20 / 27)
    assert document["mean_dice"]["empty"] is None
    assert document["more"] == [{"a": 1.0, "b": "x"}, {"a": None, "b": None}]
    assert len(cases) == len(document["cases"]) == 9
    text = page.read_text(encoding="utf-8")
    assert all(word in text for word in ("A title", "Read me first.", "bad", "why"))
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_examples_show_the_worst_the_median_and_the_best(tmp_path: Path) -> None:
    mask = np.zeros((24, 24), np.uint8)
    mask[6:18, 6:18] = 1
    shown = [ShownCase(f"case{i}", mask[None] * 9.0, mask, mask, None, None) for i in (0, 3, 6)]
    text = write_report(tmp_path / "r", rows(), about=About("t"), examples=shown).read_text(encoding="utf-8")
    assert text.count("data:image/png") >= 3
    assert all(f"case{i}" in text for i in (0, 3, 6))


def test_a_report_is_not_written_over_unless_that_is_asked_for(tmp_path: Path) -> None:
    refuse_results(tmp_path / "new", overwrite=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    refuse_results(tmp_path / "other", overwrite=False)
    (tmp_path / "other" / "cases.csv").write_text("old")
    with pytest.raises(ConfigError, match="already holds a report"):
        refuse_results(tmp_path / "other", overwrite=False)
    refuse_results(tmp_path / "other", overwrite=True)
    with pytest.raises(ConfigError, match="must be a folder"):
        refuse_results(tmp_path / "other" / "notes.txt", overwrite=True)
