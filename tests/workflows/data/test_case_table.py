"""The user's table: its case column is found by what it holds, and what does not fit is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from septum.errors import ConfigError, DatasetError
from septum.workflows.data.case_table import read_case_table, strata_of

CASES = ["case1", "case2", "case3"]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cases.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_case_column_may_have_any_name_and_hold_file_names(tmp_path: Path, delimiter: str) -> None:
    rows = [["site", "which"], ["A", "scans/case1.nii.gz"], ["B", "case2"], ["", "case3.png"]]
    table = read_case_table(write(tmp_path, "\n".join(delimiter.join(row) for row in rows)), CASES)
    assert table.column("site") == {"case1": "A", "case2": "B"}
    assert table.notes == ()


def test_names_that_differ_by_words_for_masks_are_matched_like_files(tmp_path: Path) -> None:
    table = read_case_table(write(tmp_path, "scan,age\n1_scan,40\n2_scan,50\n3_scan,60\n"), ["1_seg", "2_seg", "3_seg"])
    assert table.column("age") == {"1_seg": "40", "2_seg": "50", "3_seg": "60"}


def test_cases_without_a_row_and_rows_without_a_case_are_said(tmp_path: Path) -> None:
    table = read_case_table(write(tmp_path, "case,site\ncase1,A\nother,B\n"), CASES)
    assert "2 cases have no row in cases.csv (column case): case2, case3." in table.notes
    assert "1 rows of cases.csv belong to no scored case." in table.notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,site\ncase1,A\ncase1,B\n", "one row per case, got several for case1"),
        ("a,b\nx,y\n", "must have a column that names the cases"),
        ("", "header and one row per case"),
        ("case\n", "header and one row per case, got 0 rows"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_case_table(write(tmp_path, text), CASES)


def test_a_table_that_is_no_text_or_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no such file"):
        read_case_table(tmp_path / "none.csv", CASES)
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="UTF-8"):
        read_case_table(tmp_path / "x.csv", CASES)


def test_an_unknown_column_names_those_that_exist(tmp_path: Path) -> None:
    table = read_case_table(write(tmp_path, "case,site\ncase1,A\n"), CASES)
    with pytest.raises(ConfigError, match="one of case, site"):
        table.column("scanner")


def test_many_numbers_become_thirds_of_about_one_size() -> None:
    strata = strata_of({f"c{i}": str(i * 1.5) for i in range(30)})
    assert sorted(set(strata.values())) == ["1: 0 to 13.5", "2: 15 to 28.5", "3: 30 to 43.5"]
    assert [list(strata.values()).count(v) for v in sorted(set(strata.values()))] == [10, 10, 10]


def test_few_numbers_and_words_are_strata_themselves() -> None:
    assert strata_of({"a": "1.5", "b": "3"}) == {"a": "1.5", "b": "3"}
    assert strata_of({f"c{i}": f"site {i}" for i in range(20)})["c7"] == "site 7"
