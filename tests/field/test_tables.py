"""What people suffered from names that a spreadsheet runs as formulas: `=cmd|…` as an image, a patient, a class."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.field.conftest import square, write_case

from septum.workflows.data.case_table import read_case_table
from septum.workflows.data.load import load_dataset
from septum.workflows.doctor.mend import mend
from septum.workflows.quality.worklist import Estimate, read_list, write_list
from septum.workflows.review.results import read_scores
from septum.workflows.scores.scores import score_case
from septum.workflows.scores.tables import score_table

EVIL = "=cmd|' -C calc'!A0"


def cells(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row]


def is_formula(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return False


def test_a_mended_copy_guards_its_table_and_reads_it_back(tmp_path: Path) -> None:
    for number, name in enumerate((EVIL.replace("/", "_"), "@SUM(A1)", "plain")):
        write_case(tmp_path / "data", name, square(number), seed=number)
    rows = [["image", "label", "patient", "id"]]
    for number, case in enumerate(load_dataset(tmp_path / "data").cases):
        files = [f"{folder}/{case.id}.tif" for folder in ("images", "labels")]
        rows.append([*files, f"+{number}+0", case.id])
    with (tmp_path / "data/list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    data = load_dataset(tmp_path / "data/list.csv")
    mend(tmp_path / "data/list.csv", tmp_path / "copy")
    assert not [cell for cell in cells(tmp_path / "copy/cases.csv") if is_formula(cell)]
    again = load_dataset(tmp_path / "copy")
    assert [(case.id, case.group) for case in again.cases] == [(case.id, case.group) for case in data.cases]
    assert {case.group for case in again.cases} == {"+0+0", "+1+0", "+2+0"}


def test_scores_and_estimates_are_written_guarded_and_understood_by_those_who_read_them(tmp_path: Path) -> None:
    from septum.workflows.runs.tables import frame_csv

    scores = score_case(EVIL, np.array([0, 1]), prediction=np.array([1, 1]), labels={1: "@liver"}, group="-a")
    (tmp_path / "cases.csv").write_text(frame_csv(score_table(scores)))
    assert not [cell for cell in cells(tmp_path / "cases.csv") if is_formula(cell)]
    assert read_scores(tmp_path / "cases.csv", source="any").to_dict() == {EVIL: pytest.approx(2 / 3)}
    assert list(read_case_table(tmp_path / "cases.csv", [EVIL]).rows) == [EVIL]
    figures = {"dice": 0.5, "low": 0.4, "high": 0.6, "expected": 0.5, "agreement": 0.5}
    one = Estimate(EVIL, 1, "=x", verdict="look", reasons=("-because",), image_far=0.1, network_far=0.2, **figures)
    write_list(tmp_path, [one], threshold=0.7)
    assert not [cell for cell in cells(tmp_path / "quality.csv") if is_formula(cell)]
    assert read_list(tmp_path) == [one]


def test_nothing_but_one_module_writes_or_parses_csv() -> None:
    root = Path(__file__).parents[2] / "src" / "septum"
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if any(word in path.read_text(encoding="utf-8") for word in ("csv.writer(", "csv.DictWriter(", "to_csv(",
                                                                     "csv.reader(", "csv.DictReader("))
    }  # fmt: skip
    assert found == {"workflows/runs/tables.py"}
