"""Tables for LaTeX: escaped, complete, with what is undefined."""

from __future__ import annotations

import pandas as pd
from tests.report.pages.explored import NAN

from septum.report import latex


def test_every_special_character_of_latex_is_escaped() -> None:
    assert latex.escape("a_b & 50 % of $x^2$ {#~\\}") == (
        r"a\_b \& 50 \% of \$x\textasciicircum{}2\$ \{\#\textasciitilde{}\textbackslash{}\}"
    )
    assert latex.escape("two\nlines") == "two lines"


def test_a_table_has_as_many_cells_in_every_row_as_columns() -> None:
    text = latex.latex_table(["case", "Dice"], [["a_1", 0.5], ["b", NAN]], caption="All", label="tab:x")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert rows == [r"case & Dice \\", r"a\_1 & 0.500 \\", r"b & -- \\"]
    assert r"\begin{tabular}{lr}" in text
    assert text.count(r"\begin{") == text.count(r"\end{")
    long = latex.latex_table(["case"], [["a"]], caption="c", label="l", long=True)
    assert long.count("longtable}{l}") == 1
    assert r"\endhead" in long


def test_the_summary_prints_means_with_intervals_and_counts_what_is_undefined() -> None:
    row = {"name": "liver", "metric": "dice", "n": 3, "n_undefined": 1, "mean": 0.9, "median": 0.91}
    row |= {"mean_ci_low": 0.8, "mean_ci_high": 0.95, "q1": NAN, "q3": NAN}
    text = latex.latex_summary([row], {"dice": "Dice"})
    assert r"liver & Dice & 3 & 1 & 0.900 & 0.800--0.950 & 0.910 & -- \\" in text
    assert "method &" in latex.latex_summary([row | {"method": "ours"}], {})


def test_the_cases_are_printed_with_their_status_only_where_one_was_not_scored() -> None:
    cases = pd.DataFrame({"case": ["a"], "name": ["x"], "status": ["scored"], "dice": [0.5], "tp": [3]})
    assert r"case & label & Dice \\" in latex.case_table(cases, {"dice": "Dice"})
    assert "status" in latex.case_table(cases.assign(status="no prediction"), {"dice": "Dice"})
