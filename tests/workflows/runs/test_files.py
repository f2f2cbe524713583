"""Files appear whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from septum.errors import ConfigError, FormatError
from septum.workflows.runs.files import publish, refuse_file, write_json, write_text


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_text_is_utf8_with_plain_line_ends_in_a_folder_that_is_made(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.txt", "µm\nmm³\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "µm\nmm³\n".encode()
    assert names(tmp_path) == ["new/a.txt"]


def test_json_is_indented_ends_with_a_line_and_writes_paths_as_text(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"path": Path("x/y"), "n": 1})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"path": str(Path("x/y")), "n": 1}
    assert text.startswith('{\n  "path"')
    assert text.endswith("}\n")


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(FormatError, match="could not be written"):
        write_text(tmp_path / "a.txt", "new \ud800")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_new_folder_appears_with_all_its_files_and_usual_rights(tmp_path: Path) -> None:
    publish(tmp_path / "report", {"index.html": "<p>µ", "figures/a.png": b"\x89PNG"})
    assert names(tmp_path) == ["report/figures/a.png", "report/index.html"]
    assert (tmp_path / "report" / "index.html").read_text(encoding="utf-8") == "<p>µ"
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "report").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_in_a_folder_that_exists_files_of_the_same_name_are_replaced_and_others_stay(tmp_path: Path) -> None:
    publish(tmp_path / "report", {"index.html": "old", "figures/a.png": b"old"})
    (tmp_path / "report" / "mine.txt").write_text("mine")
    publish(tmp_path / "report", {"index.html": "new", "tables/b.csv": "b"})
    assert names(tmp_path / "report") == ["figures/a.png", "index.html", "mine.txt", "tables/b.csv"]
    assert (tmp_path / "report" / "index.html").read_text() == "new"


def test_a_report_that_fails_half_way_is_not_there_and_the_old_one_is(tmp_path: Path) -> None:
    publish(tmp_path / "report", {"index.html": "old"})
    for folder in ("report", "other"):
        with pytest.raises(UnicodeEncodeError):
            publish(tmp_path / folder, {"index.html": "new", "bad.txt": "\ud800"})
    assert names(tmp_path) == ["report/index.html"]
    assert (tmp_path / "report" / "index.html").read_text() == "old"


def test_a_file_where_a_folder_is_wanted_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ConfigError, match=r"the output must be a folder, got the file .*out; choose another name"):
        refuse_file(tmp_path / "out")
    refuse_file(tmp_path)
