"""Which annotated cases can be used: one bad file is a row, several are an answer, and a stop is a stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.workflows.datasets import planes, write_labels

from septum.errors import Cancelled, DatasetError, MismatchError
from septum.workflows.data.load import load_dataset
from septum.workflows.data.readable import readable
from septum.workflows.runs.failures import CONTRADICTIONS, Failures
from septum.workflows.runs.hooks import Hooks


def test_files_that_cannot_be_read_and_grids_that_differ_are_rows(tmp_path: Path) -> None:
    data = planes(tmp_path / "set", 4)
    (data / "images" / "case1.png").write_bytes(b"no picture")
    write_labels(data / "labels" / "case2.png", np.ones((5, 5), np.uint8))
    failures, told = Failures(), []
    kept = readable(load_dataset(data).labelled, failures, hooks=Hooks(lambda case, share: told.append((case, share))))
    assert [case.id for case in kept] == ["case0", "case3"]
    assert [name for name, _ in failures.rows] == ["case1", "case2"]
    assert told == [(f"reading case{n}", (n + 1) / 4) for n in range(4)]


@pytest.mark.parametrize(("least", "enough"), [(1, True), (2, True), (3, False)])
def test_enough_cases_must_be_left(tmp_path: Path, least: int, enough: bool) -> None:
    data = planes(tmp_path / "set", 3)
    (data / "images" / "case1.png").write_bytes(b"no picture")
    cases = load_dataset(data).labelled
    if enough:
        assert len(readable(cases, Failures(), least=least)) == 2
    else:
        with pytest.raises(DatasetError, match="at least 3 cases must be readable, got 2 of 3; case1: "):
            readable(cases, Failures(), least=least)
    assert readable([], Failures(), least=least) == []  # nobody failed: whoever needs more says so


def test_contradictions_are_raised_where_a_person_is_to_be_asked(tmp_path: Path) -> None:
    data = planes(tmp_path / "set", 2)
    write_labels(data / "labels" / "case1.png", np.ones((5, 5), np.uint8))
    with pytest.raises(MismatchError):
        readable(load_dataset(data).labelled, Failures(raised=CONTRADICTIONS))


def test_a_stop_is_heard_before_a_case_is_read(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 2)).labelled
    with pytest.raises(Cancelled):
        readable(cases, Failures(), hooks=Hooks(should_stop=lambda: True))
