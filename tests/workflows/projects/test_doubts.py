"""Objects that a person should look at: from the table of the mask, less those that were changed since."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from septum.workflows.projects import doubts as doubts_module
from septum.workflows.projects.doubts import doubtful_objects

ROWS = "id,likely_right,doubt\n1,0.9,\n2,0.8,larger than others\n3,0.31,unsure\n4,,smaller\n7,0.1,not there\n"


def project(folder: Path, text: str = ROWS) -> Any:
    (folder / "model-1" / "objects").mkdir(parents=True)
    (folder / "model-1" / "objects" / "a.csv").write_text(text)
    return SimpleNamespace(predictions=folder)


@pytest.fixture
def labels() -> np.ndarray:
    found = np.zeros((12, 30), np.uint16)
    for one in range(4):
        found[3:8, 7 * one + 1 : 7 * one + 6] = one + 1
    return found


def test_those_that_are_likely_wrong_come_first_and_say_where_they_are(tmp_path: Path, labels: np.ndarray) -> None:
    third, second, fourth = doubtful_objects(project(tmp_path), "a", model="model-1", labels=labels)
    assert [one.id for one in (third, second, fourth)] == [3, 2, 4]
    assert (third.likely_right, third.why, fourth.likely_right) == (0.31, "unsure", None)
    assert (third.start, third.stop) == ((3, 15), (8, 20))
    ring = np.array(third.outline)
    assert ring.min(0).tolist() == [3.0, 15.0]  # corners of pixels, as the page counts them
    assert ring.max(0).tolist() == [8.0, 20.0]


def test_an_object_that_was_changed_is_settled(tmp_path: Path, labels: np.ndarray) -> None:
    where = {"model": "model-1", "labels": labels}
    known, drawn = project(tmp_path), labels.copy()
    assert len(doubtful_objects(known, "a", drawn=drawn, **where)) == 3
    drawn[drawn == 2] = 9  # the same object by another number
    assert [one.id for one in doubtful_objects(known, "a", drawn=drawn, **where)] == [3, 2, 4]
    drawn[3, 15] = 0  # a pixel taken away
    assert [one.id for one in doubtful_objects(known, "a", drawn=drawn, **where)] == [2, 4]
    drawn[9, 9] = 9  # one added
    assert [one.id for one in doubtful_objects(known, "a", drawn=drawn, **where)] == [4]
    drawn[drawn == 4] = 0
    assert doubtful_objects(known, "a", drawn=drawn, **where) == []


def test_objects_of_a_volume_have_a_box_and_no_outline(tmp_path: Path, labels: np.ndarray) -> None:
    volume = np.stack([np.zeros_like(labels), labels, labels])
    first = doubtful_objects(project(tmp_path), "a", model="model-1", labels=volume)[0]
    assert (first.start, first.stop, first.outline) == ((1, 3, 15), (3, 8, 20), ())


@pytest.mark.parametrize("text", ["", "id,class\n1,cell\n", "id,likely_right,doubt\nx,0.1,why\n"])
def test_without_a_table_of_doubts_nothing_is_doubted(tmp_path: Path, labels: np.ndarray, text: str) -> None:
    assert doubtful_objects(project(tmp_path, text), "a", model="model-1", labels=labels) == []
    assert doubtful_objects(project(tmp_path / "b"), "other", model="model-1", labels=labels) == []


def test_of_very_many_the_worst_are_shown(tmp_path: Path, labels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubts_module, "MOST_DOUBTS", 1)
    assert [one.id for one in doubtful_objects(project(tmp_path), "a", model="model-1", labels=labels)] == [3]
