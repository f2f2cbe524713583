"""Conditions of images: from a table, a pattern or sub-folders, said back with their counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from septum.errors import ConfigError, DatasetError
from septum.workflows.data.cases import Case, Source
from septum.workflows.objects.conditions import ALL, find_conditions

ROOT = Path("/masks")


def cases(*names: str, folder: Path = ROOT) -> list[Case]:
    return [Case(name, (Source(folder / f"{name}.tif"),)) for name in names]


def found(given: list[Case], **how: Any) -> Any:
    return find_conditions(given, **{"root": ROOT, "table": None, "pattern": None} | how)


def test_images_of_one_folder_are_one_condition_and_nothing_is_said() -> None:
    one = found(cases("a", "b"))
    assert one.condition == {"a": ALL, "b": ALL}
    assert one.replicate == {"a": "a", "b": "b"}
    assert (one.unit, one.notes) == ("image", ())


def test_the_first_sub_folder_is_the_condition(tmp_path: Path) -> None:
    given = [*cases("a", folder=tmp_path / "wild" / "day1"), *cases("b", "c", folder=tmp_path / "mutant"),
             *cases("d", folder=tmp_path)]  # fmt: skip
    one = found(given, root=tmp_path)
    assert one.condition == {"a": "wild", "b": "mutant", "c": "mutant", "d": ALL}
    assert one.notes == ("Conditions come from the sub-folders: wild (1), mutant (2), all (1).",)


@pytest.mark.parametrize(
    ("pattern", "condition", "replicate", "unit"),
    [
        ("^([a-z]+)_", {"wt_1": "wt", "ko_2": "ko"}, {"wt_1": "wt_1", "ko_2": "ko_2"}, "image"),
        ("(?P<replicate>[0-9])|x", {"wt_1": "1", "ko_2": "2"}, {"wt_1": "1", "ko_2": "2"}, "replicate"),
        ("([a-z])(?P<condition>[a-z])", {"wt_1": "t", "ko_2": "o"}, {"wt_1": "wt_1", "ko_2": "ko_2"}, "image"),
        ("(?P<condition>[a-z]+)_(?P<replicate>.)", {"wt_1": "wt", "ko_2": "ko"}, {"wt_1": "1", "ko_2": "2"},
         "replicate"),
        ("(q)?_", {"wt_1": "", "ko_2": ""}, {"wt_1": "wt_1", "ko_2": "ko_2"}, "image"),
    ],
)  # fmt: skip
def test_a_pattern_names_the_condition_and_perhaps_the_replicate(
    pattern: str, condition: dict[str, str], replicate: dict[str, str], unit: str
) -> None:
    one = found(cases("wt_1", "ko_2"), pattern=pattern)
    assert (one.condition, one.replicate, one.unit) == (condition, replicate, unit)
    assert repr(pattern) in one.notes[0]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "regular expression"), ("^wt", "a group in parentheses"), ("^(wt)", "fit every name, got none in ko_2")],
)
def test_patterns_that_find_nothing_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        found(cases("wt_1", "ko_2"), pattern=pattern)


def test_a_table_gives_condition_and_unit(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("file,condition,dish\na.tif,x,d1\nb.tif,y,d1\n")
    one = found(cases("a", "b"), table=path)
    assert one.condition == {"a": "x", "b": "y"}
    assert (one.replicate, one.unit) == ({"a": "d1", "b": "d1"}, "dish")
    assert one.notes[0] == "Conditions come from the column condition of t.csv: x (1), y (1)."
    path.write_text("file,condition\na,x\nb,y\n")
    assert found(cases("a", "b"), table=path).unit == "image"


@pytest.mark.parametrize(
    ("rows", "message"),
    [("file,condition\na,x\n", "condition of every mask, got none for b"),
     ("file,condition,patient\na,x,p\nb,y,\n", "patient of every mask, got none for b")],
)  # fmt: skip
def test_tables_that_lack_conditions_or_units_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(rows)
    with pytest.raises(DatasetError, match=message):
        found(cases("a", "b"), table=tmp_path / "t.csv")
    with pytest.raises(ConfigError, match="leave one out"):
        found(cases("a", "b"), table=tmp_path / "t.csv", pattern="(a)")
