"""What pages and tables hold can be read by every program."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from septum.report.plain import plain, plain_json, rounded


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), np.float32("nan"), None, pd.NA])
def test_what_is_not_defined_is_null(value: object) -> None:
    assert json.loads(plain_json({"a": [value]})) == {"a": [None]}


def test_numbers_keep_their_kind_and_the_rest_becomes_text() -> None:
    given = (np.int64(3), np.float64(0.5), np.bool_(True), True, 2, 0.25, "x", Path("a/b"))
    assert plain(given) == [3, 0.5, True, True, 2, 0.25, "x", "a/b"]
    assert [type(one) for one in plain(given)[:3]] == [int, float, bool]


def test_names_stay_readable() -> None:
    assert "Größe" in plain_json({"Größe": 1})


def test_four_digits_are_told() -> None:
    assert [rounded(1 / 3), rounded(np.inf)] == [0.3333, None]
