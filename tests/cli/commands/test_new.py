"""`septum new` as it is typed: a project of a data set, and how to open it."""

from __future__ import annotations

from septum.workflows.projects.project import open_project


def test_a_project_is_made_and_the_next_command_is_said(septum, dataset, tmp_path):
    result = septum("new", tmp_path / "mine", "--from", dataset, "--name", "Cells", "--copy")
    assert result.code == 0
    assert "(4 cases)" in result.out
    assert f"septum serve {tmp_path / 'mine'}" in result.out
    opened = open_project(tmp_path / "mine")
    assert opened.facts.name == "Cells"
    assert opened.case("a").images[0].path.resolve().is_relative_to((tmp_path / "mine").resolve())
    opened.close()
    again = septum("new", tmp_path / "mine", "--from", dataset)
    assert again.code == 2
