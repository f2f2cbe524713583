"""Masks that a machine made: found by name, offered as soon as they are there."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from tests.workflows.projects.conftest import BOX, GRID

from septum import io
from septum.errors import FormatError
from septum.geometry import Grid, LabelMap
from septum.workflows.projects.masks import offer, prediction_file, prediction_of, table_of, telling_each, waiting_cases
from septum.workflows.projects.project import Project
from septum.workflows.projects.queue import place_of
from septum.workflows.projects.store import MissingError
from septum.workflows.quality.count_estimates import CountEstimate
from septum.workflows.quality.count_list import count_urgency
from septum.workflows.runs.hooks import Hooks


def put(project: Project, case: str, labels: np.ndarray = BOX, grid: Grid = GRID) -> None:
    folder = project.predictions / "model-1"
    folder.mkdir(parents=True, exist_ok=True)
    io.write_labels(folder / f"{case}.nii.gz", LabelMap(labels, grid))


def test_a_mask_is_found_by_its_case_and_one_of_another_shape_is_refused(project: Project) -> None:
    with pytest.raises(MissingError, match="predict first"):
        prediction_of(project, "b", model="model-1", grid=GRID)
    put(project, "b")
    assert np.array_equal(prediction_of(project, "b", model="model-1", grid=GRID), BOX)
    put(project, "b", BOX[:2], Grid.from_spacing((2, 8, 10), (3.0, 1.0, 1.0)))
    with pytest.raises(FormatError, match="shape"):
        prediction_of(project, "b", model="model-1", grid=GRID)


@pytest.mark.parametrize("name", ["", "..", "../annotations", "a/b", "a\\b", ".hidden", "model-2"])
def test_a_model_is_a_name_and_never_a_path(project: Project, name: str) -> None:
    put(project, "b")
    (project.folder / "b.nii.gz").write_bytes(b"not for models")
    assert prediction_file(project, "b", model=name) is None


def test_only_cases_that_nobody_annotated_wait_and_their_table_names_their_images(project: Project) -> None:
    waiting = waiting_cases(project)
    assert [one.id for one in waiting] == ["b", "c-d_e"]
    with table_of(project, "model-1", waiting=waiting).open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], io.read_image(row["image"]).grid.shape) for row in rows] == [
        ("b", GRID.shape),
        ("c-d_e", GRID.shape),
    ]


def test_a_mask_is_offered_with_its_count_in_words_and_placed_by_it(project: Project) -> None:
    waiting, counts = waiting_cases(project), {"b": CountEstimate("b", 9, 9.4, 8.2, 11.0, 0.8, 2)}
    for case in ("b", "c-d_e"):
        put(project, case)
    written = [project.predictions / "model-1" / "b.nii.gz", project.predictions / "model-1" / "c-d_e.nii.gz"]
    told = {"waiting": waiting, "written": written, "estimates": {}, "on_case": lambda case: None}
    assert offer(project, "model-1", counts=counts, **told) == 2
    known, other = project.store.case("b"), project.store.case("c-d_e")
    assert known.counted == "9 objects found, likely 8 to 11; 2 doubtful"
    assert known.urgency == place_of(count_urgency(counts["b"]))
    assert (other.counted, other.urgency) == ("", None)


def test_each_mask_is_offered_once_as_soon_as_its_file_is_there(project: Project) -> None:
    told: list[str] = []
    seen: list[str] = []
    hooks = Hooks(lambda what, share: seen.append(what), should_stop=lambda: True)
    telling = telling_each(project, "model-1", waiting=waiting_cases(project), hooks=hooks, on_case=told.append)
    progressed = telling.on_progress
    progressed("one", 0.1)
    put(project, "c-d_e")
    progressed("two", 0.2)
    put(project, "a")  # annotated: nobody waits for it
    progressed("three", 0.3)
    assert told == ["c-d_e"]
    assert seen == ["one", "two", "three"]
    assert telling.should_stop()
    record = project.store.case("c-d_e")
    assert (record.status, record.prediction, record.predicted_dice) == ("predicted", "model-1", None)
