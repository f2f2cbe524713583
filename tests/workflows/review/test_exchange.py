"""Ratings as tables, out and in."""

from __future__ import annotations

import csv
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import ConfigError, DatasetError
from septum.workflows.review import study as review
from septum.workflows.review.exchange import export_csv, import_csv

COMMENTS = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.lists(st.tuples(st.integers(0, 15), st.sampled_from(["anna", "ben"]), st.booleans(), COMMENTS), max_size=12))
def test_import_of_an_export_is_the_same_history(made, tmp_path_factory, answers):
    root = tmp_path_factory.mktemp("io")
    for name in ("one", "two"):
        shutil.copytree(made, root / name)
    with review.open_study(root / "one") as one, review.open_study(root / "two") as two:
        for place, reader, passed, comment in answers:
            review.rate(one, reader, code=one.items[place].code, value="pass" if passed else "fail", comment=comment)
            if comment.startswith("a"):
                review.undo(one, reader)
        export_csv(one, root / "a.csv")
        assert import_csv(two, root / "a.csv") == len(one.store.history(one.id))
        assert two.store.history(two.id) == one.store.history(one.id)
        assert import_csv(two, root / "a.csv") == 0
        export_csv(two, root / "b.csv")
    assert (root / "a.csv").read_bytes() == (root / "b.csv").read_bytes()


def test_a_spreadsheet_cannot_run_what_a_reader_typed(study, tmp_path):
    review.rate(study, "anna", code=study.items[0].code, value="pass", comment="=HYPERLINK(1)")
    export_csv(study, tmp_path / "a.csv", unblind=True)
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["comment"] == "'=HYPERLINK(1)"
    assert (row["case"], row["source"]) == review.read_key(study)[row["code"]]


def test_an_export_replaces_nothing_unless_told(study, tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(ConfigError, match="--overwrite"):
        export_csv(study, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "mine"


def test_a_plain_table_is_read_as_new_ratings_once(study, tmp_path):
    code = study.items[0].code
    path = tmp_path / "sheet.csv"
    path.write_text(f"code,reader,value,comment\n{code},anna,pass,good\n{study.items[1].code},anna,,\n")
    assert import_csv(study, path) == 1
    assert import_csv(study, path) == 0
    path.write_text(f"code,reader,value\n{code},anna,fail\n")
    assert import_csv(study, path) == 1
    assert [r.value for r in study.store.history(study.id)] == ["pass", "fail"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code,value\n", "must have the columns reader"),
        ("code,reader,value\nXXXXXX,anna,pass\n", "row 2: code must be one of"),
        ("code,reader,value\nCODE,anna,good\n", "row 2: rating must be one of"),
        ("code,reader,value\nCODE,<b>,pass\n", "row 2: reader must begin"),
        ("rating,code,reader,value\n1,CODE,anna,pass\n", "must have the columns comment, created"),
    ],
)
def test_a_wrong_table_is_refused_and_adds_nothing(study, tmp_path, text, message):
    path = tmp_path / "wrong.csv"
    path.write_text(text.replace("CODE", study.items[0].code))
    with pytest.raises(DatasetError, match=message):
        import_csv(study, path)
    assert study.store.history(study.id) == ()
