"""The files that a lesson leaves: a figure or a page, never over something else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from septum.errors import ConfigError
from septum.workflows.teaching.table import find_lesson
from septum.workflows.teaching.write import DPI, write_figure, write_lesson_page

ROW = find_lesson("pooling")
LESSON: Any = SimpleNamespace(draw=lambda: Figure(figsize=(2, 1)))


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf", ".PNG"])
def test_a_figure_is_written_in_the_format_of_its_name(tmp_path: Path, ending: str) -> None:
    path = write_figure(ROW, LESSON, output=tmp_path / f"a{ending}", overwrite=False)
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[ending.lower()]
    assert path.read_bytes().startswith(start)


def test_a_figure_has_the_resolution_of_print(tmp_path: Path) -> None:
    write_figure(ROW, LESSON, output=tmp_path / "a.png", overwrite=False)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (2 * DPI, DPI)


def test_a_file_that_exists_is_kept_unless_told_and_other_endings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="exists; give another name"):
        write_figure(ROW, LESSON, output=tmp_path / "a.png", overwrite=False)
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    write_figure(ROW, LESSON, output=tmp_path / "a.png", overwrite=True)
    assert (tmp_path / "a.png").read_bytes() != b"mine"
    with pytest.raises(ConfigError, match=r"must end with \.png or \.svg or \.pdf"):
        write_figure(ROW, LESSON, output=tmp_path / "a.jpg", overwrite=False)


def test_without_a_name_the_file_says_whose_it_is_and_may_be_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert write_figure(ROW, LESSON, output=None, overwrite=False) == Path("septum-lesson-pooling.png")
        assert write_lesson_page(ROW, None, overwrite=False) == Path("septum-lesson-pooling.html")
    assert "<html" in (tmp_path / "septum-lesson-pooling.html").read_text()


def test_a_lesson_without_a_page_names_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be one of perceptron, convolution.*got unet"):
        write_lesson_page(find_lesson("unet"), tmp_path / "a.html", overwrite=False)
    with pytest.raises(ConfigError, match=r"must end with \.html"):
        write_lesson_page(ROW, tmp_path / "a.png", overwrite=False)
