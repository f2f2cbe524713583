"""`septum new`: a project of any data set, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.workflows.projects.conftest import BOX, GRID, data

from septum.errors import Cancelled, ConfigError, DatasetError
from septum.workflows.data.cases import load_image
from septum.workflows.projects.annotations import read_annotation
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import Project, open_project
from septum.workflows.runs.hooks import Hooks


def test_a_project_refers_to_the_data_set_and_its_labels_are_version_one(project: Project) -> None:
    assert [(one.id, one.status) for one in project.store.cases()] == [("a", "drawn"), ("b", "new"), ("c-d_e", "new")]
    known = read_annotation(project, "a", grid=GRID)
    assert (known.version, known.slices[0]) == (1, "dddddd")
    assert np.array_equal(known.labels, BOX)
    assert not read_annotation(project, "b", grid=GRID).labels.any()


def test_copied_images_outlive_their_source(tmp_path: Path) -> None:
    source = data(tmp_path / "data")
    project = create_project(tmp_path / "p", source, copy=True)
    (source / "images" / "b.nii.gz").unlink()
    (tmp_path / "p").rename(tmp_path / "moved")
    project.close()
    moved = open_project(tmp_path / "moved")
    assert load_image(moved.case("b")).grid.matches(GRID)


@pytest.mark.parametrize("form", ["file", "folder", "table"])
def test_a_project_is_made_of_images_alone_in_any_form(tmp_path: Path, form: str) -> None:
    source = data(tmp_path / "data")
    (source / "t.csv").write_text("image\nimages/a.nii.gz\n")
    given = {"file": source / "images" / "a.nii.gz", "folder": source / "images", "table": source / "t.csv"}[form]
    assert {one.status for one in create_project(tmp_path / "p", given).store.cases()} == {"new"}


def test_a_project_never_replaces_a_folder_and_appears_whole(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "mine.txt").write_text("x")
    with pytest.raises(ConfigError, match="new or empty"):
        create_project(tmp_path / "p", data(tmp_path / "data"))
    with pytest.raises(DatasetError):
        create_project(tmp_path / "q", tmp_path / "nothing")
    with pytest.raises(Cancelled):
        create_project(tmp_path / "q", tmp_path / "data", hooks=Hooks(should_stop=lambda: True))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".q", "q"))]
