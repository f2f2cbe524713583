"""Projects: made of any data set, versions that nothing overwrites, leases, and the order of the queue."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from septum import io
from septum.errors import ConfigError, DatasetError, FormatError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.cases import load_image
from septum.workflows.projects import schema
from septum.workflows.projects.annotations import compare, read_annotation, save_annotation
from septum.workflows.projects.create import create_project
from septum.workflows.projects.learning import looked_at, training_data
from septum.workflows.projects.project import Label, Project, open_project
from septum.workflows.projects.queue import queue_of
from septum.workflows.projects.store import CaseRecord, Lease, MissingError

GRID = Grid.from_spacing((6, 8, 10), (3.0, 1.0, 1.0))
BOX = np.zeros(GRID.shape, np.uint8)
BOX[2:4, 2:6, 3:7] = 3


def data(root: Path) -> Path:
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    for name in ("a", "b", "c d/e".replace("/", "_")):
        io.write_image(root / "images" / f"{name}.nii.gz", Image(BOX[None] * 50, GRID, ("intensity",)))
    io.write_labels(root / "labels" / "a.nii.gz", LabelMap(BOX, GRID))
    return root


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return create_project(tmp_path / "p", data(tmp_path / "data"))


def save(project: Project, labels: np.ndarray, case: str = "b", letters: str = "......") -> str:
    slices = {0: letters, 1: "." * 8, 2: "." * 10}
    version = save_annotation(project, case, labels=LabelMap(labels, GRID), slices=slices, author="ada", origin="drawn")
    return version.file


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
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".q", "q"))]


def test_versions_are_new_files_that_the_database_does_not_let_go(project: Project) -> None:
    first = save(project, BOX, letters="..dd..")
    second = save(project, BOX * 0)
    assert first != second
    assert np.array_equal(io.read_labels(project.folder / first).array, BOX)
    assert read_annotation(project, "b", grid=GRID, version=1).slices[0] == "..dd.."
    assert compare(BOX, BOX * 0).dice == {3: 0.0}
    with sqlite3.connect(project.folder / "project.sqlite") as raw, pytest.raises(sqlite3.IntegrityError):
        raw.execute("UPDATE annotation SET author = 'eve'")
    with pytest.raises(MissingError):
        read_annotation(project, "b", grid=GRID, version=3)


def test_two_saves_at_once_are_two_versions_or_a_clear_refusal(project: Project) -> None:
    wrong: list[BaseException] = []

    def work(value: int) -> None:
        try:
            save(project, BOX * 0 + value)
        except Exception as error:  # noqa: BLE001
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert all("saved by somebody else" in str(error) for error in wrong)
    versions = project.store.versions("b")
    assert len(versions) + len(wrong) == 4
    assert len({one.file for one in versions}) == len(versions)


def test_a_file_that_was_written_but_not_registered_is_not_written_over(project: Project) -> None:
    stray = project.annotations / "b" / "v0001.nii.gz"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"somebody's work")
    assert save(project, BOX).endswith("v0002.nii.gz")
    assert stray.read_bytes() == b"somebody's work"


def test_a_lease_is_one_clients_until_it_ends(project: Project) -> None:
    one, two = Lease("b", "client-one", "ada", 110.0), Lease("b", "client-two", "bob", 160.0)
    assert project.store.take_lease(one, now=50.0) == one
    assert project.store.take_lease(two, now=100.0) == one
    assert project.store.take_lease(two, now=120.0) == two
    project.store.drop_lease("b", "client-one")
    assert project.store.leases(130.0) == {"b": two}


def test_a_newer_database_is_refused_and_an_empty_one_is_migrated(project: Project) -> None:
    project.close()
    with sqlite3.connect(project.folder / "project.sqlite") as raw:
        assert raw.execute("SELECT max(version) FROM project_schema").fetchone() == (len(schema.MIGRATIONS),)
        raw.execute("INSERT INTO project_schema VALUES (99)")
    with pytest.raises(ConfigError, match="update Septum"):
        open_project(project.folder)


def test_a_database_of_the_first_version_keeps_its_cases_and_gets_the_place_in_the_queue(project: Project) -> None:
    project.close()
    with sqlite3.connect(project.folder / "project.sqlite") as raw:
        before = raw.execute("SELECT id FROM project_case ORDER BY position").fetchall()
        raw.execute("ALTER TABLE project_case DROP COLUMN urgency")
        raw.execute("DELETE FROM project_schema WHERE version > 1")
    again = open_project(project.folder)
    assert [(one.id,) for one in again.store.cases()] == before
    again.store.change_case(before[0][0], urgency=0.5)
    assert again.store.cases()[0].urgency == 0.5
    again.close()


def test_a_database_that_is_none_is_said(project: Project) -> None:
    project.close()
    for path in project.folder.glob("project.sqlite*"):
        path.write_bytes(b"not a database, but long enough to be taken for one" * 50)
    with pytest.raises(FormatError, match="database"):
        open_project(project.folder)


def test_the_label_table_is_kept(project: Project) -> None:
    project.set_labels([Label(3, "tumour", "#d55e00")])
    assert open_project(project.folder).facts.labels == (Label(3, "tumour", "#d55e00"),)
    with pytest.raises(ConfigError, match="different"):
        project.set_labels([Label(3, "x", "#d55e00"), Label(3, "y", "#d55e00")])
    with pytest.raises(ConfigError, match="colour"):
        Label(1, "x", "url(evil)")


def test_only_what_was_looked_at_is_trained_on(project: Project) -> None:
    save(project, BOX, letters="..dd..")
    save(project, BOX, letters="..dd..")
    project.store.change_case("b", status="drawn")
    table, count = training_data(project, "model-1")
    assert count == 2
    roi = io.read_labels(table.parent / "roi" / "b.nii.gz").array
    assert roi.any(axis=(1, 2)).tolist() == [False, False, True, True, False, False]
    assert not (table.parent / "roi" / "a.nii.gz").exists()
    assert looked_at((2, 2), {}, complete=False).all()


def test_the_queue_puts_the_worst_prediction_first_and_what_was_skipped_last() -> None:
    def record(position: int, dice: float | None, *, status: str = "predicted", skipped: int = 0) -> CaseRecord:
        return CaseRecord(f"c{position}", position, "", {}, None, status, 0.0, "m", dice, "", skipped)

    records = [record(0, 0.95), record(1, 0.4), record(2, 0.3, skipped=1), record(3, None, status="reviewed")]
    found = queue_of(records)
    assert [(one.case, one.rank) for one in found] == [("c1", 1), ("c0", 2), ("c2", 3)]
    assert "correction" in found[0].reason
    assert "accept" in found[1].reason
    strange = replace(record(4, None), urgency=-0.2, reason="unlike the training images (dark)")
    wide, sure = replace(record(5, 0.9), urgency=6.4), replace(record(6, 0.8), urgency=6.75)
    order = queue_of([sure, wide, strange])
    assert [one.case for one in order] == ["c4", "c5", "c6"]
    assert order[0].reason == "no figure: unlike the training images (dark)"
    new = [record(n, None, status="new" if n else "drawn") for n in range(5)]
    assert [one.case for one in queue_of(new)] == ["c4", "c2", "c1", "c3"]
