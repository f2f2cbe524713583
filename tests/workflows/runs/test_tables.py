"""One way to write tables and one to read them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import DatasetError
from septum.workflows.runs import tables
from septum.workflows.runs.tables import frame_csv, guarded, mappings_csv, read_rows, rows_csv, unguarded

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufeff"), max_size=20)


def is_harmless(cell: str) -> bool:
    """Whether no spreadsheet takes a cell for a formula: it begins otherwise, or it is a number."""
    try:
        return not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) or np.isscalar(float(cell))
    except ValueError:
        return False


@given(CELLS)
def test_a_guarded_text_is_harmless_and_comes_back(text: str) -> None:
    assert is_harmless(guarded(text))
    assert unguarded(guarded(text)) == text


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=4))
def test_rows_come_back_from_a_file_with_one_kind_of_line_break(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(rows_csv(["a", "b"], rows).encode())
    lines = [[cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row] for row in rows]
    expected = [{"a": a, "b": b} for a, b in lines if a or b]
    assert [row for _, row in read_rows(path, strip=False).rows] == expected


def test_a_data_frame_guards_texts_and_column_names_and_keeps_numbers() -> None:
    table = pd.DataFrame({"=case": ["@SUM(A1)", "b"], "dice": [-0.5, np.nan], "kind": pd.Categorical(["-x", "y"])})
    assert frame_csv(table, float_format="%.2f") == "'=case,dice,kind\n'@SUM(A1),-0.50,'-x\nb,,y\n"
    assert list(table.columns) == ["=case", "dice", "kind"]
    assert frame_csv(pd.DataFrame(columns=["a", "=b"])) == "a,'=b\n"


def test_rows_by_name_are_written_in_the_order_of_the_first() -> None:
    assert mappings_csv([{"id": "+1+1", "n": 1}, {"n": 2, "id": "x"}]) == "id,n\n'+1+1,1\nx,2\n"


def test_the_separator_is_the_one_of_the_header_and_quoted_cells_may_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('\ufeff\n a ;b\n"1;2\n3"; x \n;\n')
    found = read_rows(path, delimiters=",\t;")
    assert (found.columns, found.delimiter) == (("a", "b"), ";")
    assert found.rows == ((4, {"a": "1;2\n3", "b": "x"}),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b,a\n1,2,3\n", "'a' several times"),
        (b"a,b\n1,2,3\n", "row 2 of .* at most 2 cells, got 3"),
        (b'a,b\n"1,2\n', "text table in UTF-8"),
        (b"a,b\n\xff\xfe\n", "text table in UTF-8"),
        (b"a\n" + b"x" * (1 << 18), "field larger"),
        (",".join(map(str, range(5000))).encode(), "at most 4096 columns"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        read_rows(tmp_path / "t.csv")


def test_a_table_beyond_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGEST", 10)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n1,2\n")
    with pytest.raises(DatasetError, match="divide it"):
        read_rows(tmp_path / "t.csv")


def test_a_csv_reader_of_the_standard_library_agrees() -> None:
    text = rows_csv(["a", "b"], [["x,y", 'say "no"'], [None, 3]])
    assert list(csv.reader(io.StringIO(text))) == [["a", "b"], ["x,y", 'say "no"'], ["", "3"]]


def test_a_table_that_is_not_there_is_said_to_be_missing_in_a_persons_words(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.csv must be a table, but there is no such file; check the path$"):
        read_rows(tmp_path / "gone.csv")
    with pytest.raises(DatasetError, match="is a directory; export it again") as caught:
        read_rows(tmp_path)
    assert "Errno" not in str(caught.value)
