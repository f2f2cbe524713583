"""Versions of an annotation: new files that nothing overwrites, any two comparable."""

from __future__ import annotations

import sqlite3
import threading

import numpy as np
import pytest
from tests.workflows.projects.conftest import BOX, GRID, save

from septum import io
from septum.errors import FormatError, GeometryError
from septum.geometry import Grid, LabelMap
from septum.workflows.projects.annotations import compare_labels, read_annotation
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError


def test_versions_are_new_files_that_the_database_does_not_let_go(project: Project) -> None:
    first = save(project, BOX, letters="..dd..")
    second = save(project, BOX * 0)
    assert first != second
    assert np.array_equal(io.read_labels(project.folder / first).array, BOX)
    assert read_annotation(project, "b", grid=GRID, version=1).slices[0] == "..dd.."
    assert compare_labels(BOX, BOX * 0).dice == {3: 0.0}
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


def test_a_version_whose_file_is_of_another_shape_or_gone_is_said(project: Project) -> None:
    path = project.folder / save(project, BOX)
    save(project, BOX)
    io.write_labels(path, LabelMap(BOX[:2], Grid.from_spacing((2, 8, 10), (3.0, 1.0, 1.0))))
    with pytest.raises(FormatError, match="shape"):
        read_annotation(project, "b", grid=GRID, version=1)
    path.unlink()
    with pytest.raises(FormatError):
        read_annotation(project, "b", grid=GRID, version=1)
    assert np.array_equal(read_annotation(project, "b", grid=GRID, version=2).labels, BOX)


def test_two_versions_are_compared_per_label_and_slice() -> None:
    moved = np.roll(BOX, 1, axis=2)
    found = compare_labels(BOX, moved)
    assert found.changed == 16
    assert found.dice == {3: 0.75}
    assert found.slices == {2: 8, 3: 8}
    with pytest.raises(GeometryError, match="one shape"):
        compare_labels(BOX, BOX[:2])
