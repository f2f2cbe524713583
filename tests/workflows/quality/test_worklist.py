"""The list of masks, worst first."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd

from septum.workflows.quality.worklist import Estimate, read_list, worst_first, write_list


def estimate(case: str, dice: float, verdict: str, label: int = 1) -> Estimate:
    return Estimate(case, label, f"label {label}", dice, dice - 0.1, dice + 0.1, verdict, ("a, b",), dice, math.nan)


def test_the_list_is_worst_first_with_the_classes_of_a_case_together(tmp_path: Path) -> None:
    given = [
        estimate("good", 0.9, "pass"),
        estimate("mixed", 0.95, "pass"),
        estimate("mixed", 0.5, "fail", 2),
        estimate("empty", math.nan, "look"),
        estimate("strange", math.nan, "unknown"),
        estimate("middling", 0.7, "look"),
    ]
    order = [one.case for one in worst_first(given)]
    assert order == ["strange", "empty", "mixed", "mixed", "middling", "good"]
    path = write_list(tmp_path, given, threshold=0.7)
    table = pd.read_csv(path)
    assert table["case"].tolist() == order
    assert table["reasons"].tolist() == ["a, b"] * 6
    assert math.isnan(table["dice"][1])
    content = json.loads((tmp_path / "quality.json").read_text())
    assert content["threshold"] == 0.7
    assert "not a medical device" in content["notice"]
    assert [(one.case, one.label, one.verdict, one.reasons) for one in read_list(tmp_path)] == [
        (one.case, one.label, one.verdict, one.reasons) for one in worst_first(given)
    ]


def test_the_lower_end_decides_not_the_estimate() -> None:
    sure = replace(estimate("sure", 0.75, "look"), low=0.72)
    wide = replace(estimate("wide", 0.9, "look"), low=0.4)
    assert [one.case for one in worst_first([sure, wide])] == ["wide", "sure"]


def test_what_the_network_promises_is_no_figure_where_nothing_tested_it(tmp_path: Path) -> None:
    given = [replace(estimate(name, math.nan, "look"), expected=value) for name, value in (("a", 0.95), ("b", 0.4))]
    table = pd.read_csv(write_list(tmp_path, given, threshold=0.7))
    assert table["case"].tolist() == ["b", "a"]  # the least sure first, all the same
    assert table["expected"].isna().all()


def test_cases_of_an_earlier_run_stay_in_the_list_and_are_replaced_when_graded_anew(tmp_path: Path) -> None:
    write_list(tmp_path, [estimate("a", 0.9, "pass"), estimate("b", 0.5, "fail")], threshold=0.7)
    write_list(tmp_path, [estimate("b", 0.8, "pass"), estimate("c", 0.6, "look")], threshold=0.7)
    assert [(one.case, one.dice) for one in read_list(tmp_path)] == [("c", 0.6), ("b", 0.8), ("a", 0.9)]
    for damaged in ("{", '{"cases": [{"case": "x"}]}', '{"cases": 3}'):
        (tmp_path / "quality.json").write_text(damaged)
        assert read_list(tmp_path) == []
