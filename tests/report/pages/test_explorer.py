"""Tables for papers, sections of the page, and the data of the interactive plot."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from septum.metrics.statistics import compare_all, rank_methods
from septum.report import latex
from septum.report.figures.overlay import Example, thumbnail
from septum.report.pages import sections
from septum.report.pages.explorer import Explorer
from septum.report.pages.page import Content, cell, render_page
from septum.report.pages.sections import Drawing, Section, Table, Tile

NAN = float("nan")


def test_every_special_character_of_latex_is_escaped() -> None:
    assert latex.escape("a_b & 50 % of $x^2$ {#~\\}") == (
        r"a\_b \& 50 \% of \$x\textasciicircum{}2\$ \{\#\textasciitilde{}\textbackslash{}\}"
    )
    assert latex.escape("two\nlines") == "two lines"


def test_a_table_has_as_many_cells_in_every_row_as_columns() -> None:
    text = latex.table(["case", "Dice"], [["a_1", 0.5], ["b", NAN]], caption="All", label="tab:x")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert rows == [r"case & Dice \\", r"a\_1 & 0.500 \\", r"b & -- \\"]
    assert r"\begin{tabular}{lr}" in text
    assert text.count(r"\begin{") == text.count(r"\end{")
    long = latex.table(["case"], [["a"]], caption="c", label="l", long=True)
    assert long.count("longtable}{l}") == 1
    assert r"\endhead" in long


def test_the_summary_prints_means_with_intervals_and_counts_what_is_undefined() -> None:
    row = {"name": "liver", "metric": "dice", "n": 3, "n_undefined": 1, "mean": 0.9, "median": 0.91}
    row |= {"mean_ci_low": 0.8, "mean_ci_high": 0.95, "q1": NAN, "q3": NAN}
    text = latex.summary_table([row], {"dice": "Dice"})
    assert r"liver & Dice & 3 & 1 & 0.900 & 0.800--0.950 & 0.910 & -- \\" in text
    assert "method &" in latex.summary_table([row | {"method": "ours"}], {})


def test_the_cases_are_printed_with_their_status_only_where_one_was_not_scored() -> None:
    cases = pd.DataFrame({"case": ["a"], "name": ["x"], "status": ["scored"], "dice": [0.5], "tp": [3]})
    assert r"case & label & Dice \\" in latex.case_table(cases, {"dice": "Dice"})
    assert "status" in latex.case_table(cases.assign(status="no prediction"), {"dice": "Dice"})


def test_a_comparison_says_in_words_what_was_done() -> None:
    scores = {"a": np.array([0.9, 0.8, 0.7]), "b": np.array([0.8, 0.7, 0.65])}
    groups = ["p", "p", "q"]
    found = sections.comparison_section(
        "T",
        "Dice",
        scores=scores,
        pairs=compare_all(scores, groups=groups),
        ranking=rank_methods(scores, groups=groups),
    )
    assert "Wilcoxon signed-rank test on groups" in found.text
    assert "fewer than six" in found.text
    assert [d.name for d in found.drawings] == ["methods-dice", "differences-dice", "ranking-dice"]
    assert all(d.draw("svg").startswith(b"<?xml") for d in found.drawings)
    alone = sections.comparison_section(
        "T", "Dice", scores=scores, pairs=compare_all(scores), ranking=rank_methods(scores, groups="ppp")
    )
    assert len(alone.drawings) == 2


def test_sizes_of_many_labels_are_shown_for_the_first_few() -> None:
    volumes = {f"l{i}": (np.array([1.0, 2.0]), np.array([1.0, 2.5])) for i in range(9)}
    found = sections.agreement_section(volumes, unit="ml")
    assert "The first 6 of 9 labels" in found.text
    assert len(found.drawings) == len(found.tables[0].rows) == 6
    assert found.drawings[0].draw("svg") != b""


def explorer() -> Explorer:
    table = pd.DataFrame(
        {"series": ["s"] * 3, "case": ["a", "b", "</script>"], "group": ["", "g", ""], "dice": [0.123456, NAN, 1.0]}
    )
    example = Example("a", None, np.eye(8, dtype=np.uint8), np.ones((8, 8), np.uint8))
    return Explorer(table.assign(size=[5, 6, 7]), {"dice": "Dice", "size": "size"}, "size", {"a": thumbnail(example)})


def test_the_plot_holds_every_case_and_undefined_values_as_null() -> None:
    payload = explorer().payload()
    assert payload["cases"] == ["a", "b", "</script>"]
    assert payload["series"][0]["points"] == [[0, 0.1235, 5.0], [1, None, 6.0], [2, 1.0, 7.0]]
    assert payload["across"] == 1
    assert payload["groups"] == ["", "g", ""]
    assert payload["pictures"][0].startswith("data:image/jpeg;base64,")


def test_more_numbers_than_a_mail_carries_are_left_to_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    import septum.report.pages.explorer as module

    monkeypatch.setattr(module, "MOST_VALUES", 10)
    table = pd.concat([explorer().table, explorer().table.assign(series="t")])
    assert [one["name"] for one in Explorer(table, {"dice": "Dice"}, "dice").payload()["series"]] == ["s"]


def content(**more: object) -> Content:
    scores = pd.DataFrame({"case": ["a"], "group": [""], "name": ["x"], "dice": [0.5], "pixel_error": [0.1]})
    summary = pd.DataFrame(columns=["name", "metric", "n", "n_groups"])
    return Content("T", scores.assign(empty=""), summary, pd.Series({"a": 0.5}), **more)  # type: ignore[arg-type]


def test_the_page_carries_the_plot_and_no_name_can_break_out_of_it() -> None:
    page = render_page(content(explorer=explorer()))
    data = re.search(r'id="ex-data">(.*?)</script>', page, re.S)
    assert data is not None
    assert json.loads(data.group(1))["cases"][2] == "</script>"
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "ex-plot" not in render_page(content())


def test_sections_show_figures_tables_and_tiles() -> None:
    picture = thumbnail(Example("bad <b>", None, np.eye(9, dtype=np.uint8), np.eye(9, dtype=np.uint8)))
    section = Section(
        "Part",
        "Text <i>",
        (Drawing("d", "Caption", "alt text", lambda f: b"<?xml?><svg width='1' height='2'></svg>"),),
        (Table(("what", "n"), [("x & y", 0.12345)], "note"),),
        (Tile("bad <b>", "Dice 0.1", picture),),
    )
    page = render_page(content(sections=(section,)))
    for part in ("Part", "Text &lt;i&gt;", "Caption", "x &amp; y", "0.123", "note", "bad &lt;b&gt;", "Dice 0.1"):
        assert part in page
    assert "bad <b>" not in page


@pytest.mark.parametrize(
    ("value", "shown"), [(NAN, "–"), (0.5, "0.500"), (1234.5, "1234"), (3, "3"), ("p", "p"), (-2000.0, "-2000")]
)
def test_cells_are_rounded_for_reading(value: float, shown: str) -> None:
    assert cell(value) == shown


def test_a_thumbnail_is_small_and_shows_both_outlines() -> None:
    import io

    from PIL import Image as Picture

    reference, prediction = np.zeros((60, 30), np.uint8), np.zeros((60, 30), np.uint8)
    reference[10:30, 5:15], prediction[30:50, 15:25] = 1, 1
    panel = thumbnail(Example("a", None, reference, prediction), longest_px=240)
    picture = np.asarray(Picture.open(io.BytesIO(panel.data)).convert("RGB")).astype(int)
    assert picture.shape == (240, 120, 3)
    red, blue = picture[..., 0] - picture[..., 2] > 80, picture[..., 2] - picture[..., 0] > 80
    assert red[:130].any()
    assert not red[140:].any()
    assert blue[110:].any()
    assert not blue[:100].any()
    assert len(panel.data) < 20_000
