"""The folder of a project: its label table, and that it stays readable without Septum."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from septum.errors import ConfigError, FormatError
from septum.workflows.projects.project import FILE, Label, Project, is_project, open_project, read_facts


def test_the_label_table_is_kept(project: Project) -> None:
    project.set_labels([Label(3, "tumour", "#d55e00")])
    assert open_project(project.folder).facts.labels == (Label(3, "tumour", "#d55e00"),)
    with pytest.raises(ConfigError, match="different"):
        project.set_labels([Label(3, "x", "#d55e00"), Label(3, "y", "#d55e00")])
    with pytest.raises(ConfigError, match="colour"):
        Label(1, "x", "url(evil)")


def test_a_label_table_that_cannot_be_written_is_as_it_was(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = project.facts

    def full(path: Path, text: str) -> None:
        raise FormatError("the disk must have room")

    monkeypatch.setattr("septum.workflows.projects.project.write_text", full)
    with pytest.raises(FormatError):
        project.set_labels([Label(3, "tumour", "#d55e00")])
    assert project.facts == before
    assert read_facts(project.folder) == before


def test_a_folder_is_a_project_by_its_file_and_says_what_is_wrong_with_it(project: Project, tmp_path: Path) -> None:
    assert is_project(project.folder)
    assert not is_project(tmp_path)
    assert tomllib.loads((project.folder / FILE).read_text())["labels"]
    assert {path.name for path in project.folder.iterdir()} >= {FILE, "project.sqlite"}
    for text, word in (
        ("format = 99\nname = 'x'\ndataset = 'y'\n", "update Septum"),
        ("not [ toml", "must be a project"),
    ):
        (project.folder / FILE).write_text(text)
        with pytest.raises(ConfigError, match=word):
            open_project(project.folder)


@pytest.mark.parametrize("bad", [{"value": 0}, {"value": 2**32}, {"name": " "}, {"name": "a\x07"}, {"color": "#12345"}])
def test_a_row_of_the_label_table_is_checked(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Label(**{"value": 1, "name": "x", "color": "#d55e00", **bad})  # type: ignore[arg-type]
