"""Tables for papers: the summary, the cases and the comparisons as LaTeX (package booktabs).

The insight: a number that somebody types into a paper is a number that may be wrong, so the tables of a paper are files
of the report. Every name is escaped; undefined values are dashes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
    "−": "$-$",
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
}


def escape(text: str) -> str:
    """Text that LaTeX prints as it is.

    >>> escape("90 % of a_b")
    '90 \\\\% of a\\\\_b'
    """
    return "".join(_SPECIAL.get(c, c) for c in " ".join(text.split()))


def latex_cell(value: Any) -> str:
    """A value as a cell: three decimals for fractions, a dash for what is undefined.

    >>> latex_cell(0.12345), latex_cell(3), latex_cell(float("nan")), latex_cell(-0.5)
    ('0.123', '3', '--', '$-$0.500')
    """
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "--"
    if isinstance(value, float):
        text = f"{value:.3f}"
        return "$-$" + text[1:] if text.startswith("-") else text
    return escape(str(value))


def latex_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str, label: str, long: bool = False
) -> str:
    """A LaTeX table: `tabular` with booktabs rules, or a `longtable` that runs over pages.

    Args:
        columns: headings.
        rows: one value per column.
        caption: text above the table.
        label: for references.
        long: use `longtable` (package longtable).

    >>> "liver & 0.900" in latex_table(["label", "Dice"], [["liver", 0.9]], caption="Scores", label="tab:scores")
    True
    """
    form = "l" + "r" * (len(columns) - 1)
    head = " & ".join(escape(name) for name in columns) + r" \\"
    body = [" & ".join(latex_cell(value) for value in row) + r" \\" for row in rows]
    title = rf"\caption{{{escape(caption)}}}\label{{{label}}}"
    if long:
        start = [
            r"% needs \usepackage{booktabs,longtable}",
            rf"\begin{{longtable}}{{{form}}}",
            title + r"\\",
            r"\toprule",
        ]
        middle = [head, r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot", *body]
        return "\n".join([*start, *middle, r"\end{longtable}"]) + "\n"
    start = [r"% needs \usepackage{booktabs}", r"\begin{table}", r"\centering", title, rf"\begin{{tabular}}{{{form}}}"]
    middle = [r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
    return "\n".join([*start, *middle, r"\end{tabular}", r"\end{table}"]) + "\n"


def case_table(cases: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """One row per case and label: names and scores, without the counts; a table that runs over pages.

    Args:
        cases: as in `cases.csv`.
        titles: name of a score to the name that is printed; columns that are none are names.

    >>> cases = pd.DataFrame({"case": ["p1"], "name": ["liver"], "status": ["scored"], "dice": [0.9], "tp": [80]})
    >>> "p1 & liver & 0.900" in case_table(cases, {"dice": "Dice"})
    True
    """
    names = [name for name in ("method", "case", "name", "status") if name in cases]
    if (cases["status"] == "scored").all():
        names.remove("status")
    scores = [name for name in cases.columns if name in titles]
    shown = [{"name": "label"}.get(name, titles.get(name, name)) for name in (*names, *scores)]
    rows = cases[[*names, *scores]].itertuples(index=False, name=None)
    return latex_table(shown, list(rows), caption="Scores of every case", label="tab:cases", long=True)


def frame_table(frame: pd.DataFrame, *, name: str) -> str:
    """Any table of the report.

    >>> "best guess & 0.500" in frame_table(pd.DataFrame({"a_name": ["best guess"], "p": [0.5]}), name="some-table")
    True
    """
    columns = [str(column).replace("_", " ") for column in frame.columns]
    rows = frame.itertuples(index=False, name=None)
    return latex_table(columns, list(rows), caption=name.replace("-", " "), label=f"tab:{name}", long=len(frame) > 40)


def latex_summary(rows: Sequence[Mapping[Any, Any]], titles: Mapping[str, str]) -> str:
    """The summary as a paper prints it: mean with interval, median with quartiles, and how many were undefined.

    Args:
        rows: as in `summary.csv`.
        titles: name of a metric to the name that is printed.

    >>> row = {"name": "liver", "metric": "dice", "n": 9, "n_undefined": 1, "mean": 0.9, "median": 0.91}
    >>> row |= {"mean_ci_low": 0.85, "mean_ci_high": 0.95, "q1": 0.88, "q3": 0.93}
    >>> "liver & Dice & 9 & 1 & 0.900 & 0.850--0.950" in latex_summary([row], {"dice": "Dice"})
    True
    """
    several = any(str(row.get("method", "")) for row in rows)
    columns = (["method"] if several else []) + ["label", "score", "n", "undefined", "mean", "95 % interval", "median",
                                                 "quartiles"]  # fmt: skip
    body = []
    for row in rows:
        first = [row.get("method", "")] if several else []
        interval, quartiles = (_range(row[a], row[b]) for a, b in (("mean_ci_low", "mean_ci_high"), ("q1", "q3")))
        body.append(
            [*first, row["name"], titles.get(row["metric"], row["metric"].replace("_", " ")), row["n"],
             row["n_undefined"], row["mean"], interval, row["median"], quartiles]
        )  # fmt: skip
    return latex_table(columns, body, caption="Segmentation scores", label="tab:scores")


def _range(low: float, high: float) -> str:
    return "–" if math.isnan(low) or math.isnan(high) else f"{low:.3f}–{high:.3f}"
