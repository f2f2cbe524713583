"""The list of counts: the most doubtful image first, earlier runs kept, damaged files ignored."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from septum.workflows.quality.count_estimates import CountEstimate
from septum.workflows.quality.count_list import (
    COUNT_COLUMNS,
    count_remark,
    count_urgency,
    most_doubtful_first,
    read_counts,
    write_counts,
)

FULL = CountEstimate("a", 41, 42.34, 38.6, 46.1, 0.81234, 3)
CLEAR = CountEstimate("b", 10, 10.0, 8.0, 12.0, 0.9, 0)
NOTHING = CountEstimate("=c", 7, note="unknown: unlike the training images (dark)")


def test_unknown_images_come_first_then_those_with_most_doubtful_objects_then_the_worse_ones() -> None:
    worse = CountEstimate("0", 10, 10.0, 8.0, 12.0, 0.5, 0)
    empty = CountEstimate("e", 0, 0.0, 0.0, 1.0, math.nan, 0)
    order = most_doubtful_first([CLEAR, worse, FULL, NOTHING, empty])
    assert [one.case for one in order] == ["=c", "a", "e", "0", "b"]


def test_a_queue_that_knows_numbers_alone_has_the_same_order() -> None:
    counts = [
        CountEstimate(f"{d}-{ap}", 9, 9.0, 8.0, 10.0, ap, d)
        for d in (0, 1, 2, 9, 300)
        for ap in (0.0, 0.4, 1.0, math.nan)
    ]
    ranked = sorted([*counts, NOTHING], key=count_urgency)
    assert [one.case for one in ranked] == [one.case for one in most_doubtful_first([*counts, NOTHING])]
    assert len({count_urgency(one) for one in ranked}) == len(ranked)
    assert all(-1 <= count_urgency(one)[1] <= 1 for one in ranked)  # what `place_of` of a queue asks for


def test_the_file_holds_whole_ends_and_empty_cells_and_runs_no_formula(tmp_path: Path) -> None:
    path = write_counts(tmp_path, [FULL, NOTHING])
    assert path == tmp_path / "counts.csv"
    assert path.read_text() == (
        "case,found,expected,low,high,expected_ap,doubtful,note\n"
        "'=c,7,,,,,0,unknown: unlike the training images (dark)\n"
        "a,41,42.3,38,47,0.8123,3,\n"
    )
    assert tuple(pd.read_csv(path).columns) == COUNT_COLUMNS
    assert [p.name for p in tmp_path.iterdir()] == ["counts.csv"]  # nothing half-written stays


def test_cases_of_earlier_runs_stay_unless_they_are_counted_anew(tmp_path: Path) -> None:
    write_counts(tmp_path, [FULL, NOTHING])
    write_counts(tmp_path, [CLEAR, CountEstimate("a", 50, 50.0, 45.0, 55.0, 0.9, 1)])
    rows = read_counts(tmp_path)
    assert [one.case for one in rows] == ["=c", "a", "b"]
    found = {one.case: one for one in rows}
    assert found["a"].found == 50
    assert found["=c"].note == NOTHING.note
    assert math.isnan(found["=c"].expected)


@pytest.mark.parametrize(
    "text",
    [
        "case,found\na,1\n",
        "case,found,expected,low,high,expected_ap,doubtful,note\na,many,,,,,0,\n",
        "case,found,expected,low,high,expected_ap,doubtful,note\na,1,inf,,,,0,\n",
        "case,found,expected,low,high,expected_ap,doubtful,note\na,-1,,,,,0,\n",
        "case,found,expected,low,high,expected_ap,doubtful,note\na,1,,,,,0,,more\n",
    ],
)
def test_a_damaged_list_is_begun_anew(tmp_path: Path, text: str) -> None:
    assert read_counts(tmp_path) == []
    (tmp_path / "counts.csv").write_text(text)
    assert read_counts(tmp_path) == []
    write_counts(tmp_path, [CLEAR])
    assert [one.case for one in read_counts(tmp_path)] == ["b"]


def test_a_page_says_a_count_with_its_interval_as_far_as_it_is_known() -> None:
    assert count_remark(FULL) == "41 objects found, likely 38 to 47; 3 doubtful"
    assert count_remark(CLEAR) == "10 objects found, likely 8 to 12"
    assert count_remark(NOTHING) == "7 objects found, count unknown"
    assert count_remark(CountEstimate("a", 1, 1.4)) == "1 object found, likely about 1"
