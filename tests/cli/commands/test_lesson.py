"""`septum lesson`: the list, the steps, the figure, the page, the answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from septum.cli.commands.lesson import _form
from septum.workflows.teaching.lesson import Answer, Question
from septum.workflows.teaching.table import LESSONS


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_name_the_lessons_are_listed(septum):
    done = septum("lesson")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()] == [row.name for row in LESSONS]


def test_a_lesson_prints_its_steps_and_writes_its_figure(septum, here):
    done = septum("lesson", "convolution")
    assert done.code == 0, done.err
    assert "(0 × 0) + (1 × 1) + (3 × 2) + (4 × 3) = 19" in done.out
    assert done.out.splitlines()[-1] == "septum-lesson-convolution.png"
    assert (here / "septum-lesson-convolution.png").read_bytes().startswith(b"\x89PNG")
    assert septum("lesson", "convolution").code == 0, "the lesson's own figure is made anew"


def test_right_answers(septum):
    done = septum("lesson", "convolution", "--check", "19,25,37,43")
    assert done.code == 0
    assert "4 of 4 right" in done.out


def test_a_wrong_answer_shows_the_step_where_it_went_wrong(septum):
    done = septum("lesson", "convolution", "--check", "19,25,36,43")
    assert done.code == 1
    assert "36  wrong: (3 × 0) + (4 × 1) + (6 × 2) + (7 × 3) = 37" in done.out
    assert "3 of 4 right" in done.out


def test_another_question(septum):
    assert septum("lesson", "dice", "--question", "2", "--check", "0.67").code == 0
    assert septum("lesson", "perceptron", "--question", "2", "--check=-0.065").code == 0


def test_an_interactive_page_is_written(septum, here):
    done = septum("lesson", "pooling", "--interactive", "-o", here / "page.html")
    assert done.code == 0
    assert Path(done.out.strip()).read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convolutoin"], "did you mean 'convolution'"),
        (["--interactive"], "the lesson must be named"),
        (["unet", "--interactive"], "an interactive lesson must be one of perceptron, convolution"),
        (["convolution", "--check", "19"], "answers must be 4 numbers"),
        (["convolution", "--check", "a"], "answers must be numbers with commas"),
        (["convolution", "--question", "2"], "--question must come with --check"),
        (["convolution", "-o", "figure.gif"], "output must end with .png"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(septum, here, arguments, message):
    done = septum("lesson", *arguments)
    assert done.code == 2
    assert message in done.err
    assert not list(here.iterdir())


def test_a_file_of_somebody_is_not_replaced_unasked(septum, here):
    (here / "mine.png").write_bytes(b"mine")
    done = septum("lesson", "dice", "-o", here / "mine.png")
    assert done.code == 2
    assert (here / "mine.png").read_bytes() == b"mine"
    assert septum("lesson", "dice", "-o", here / "mine.png", "--overwrite").code == 0


@pytest.mark.parametrize(("count", "form"), [(1, "A"), (2, "A,B"), (3, "A,B,C"), (4, "A,B,C,…")])
def test_the_form_of_an_answer_has_a_letter_for_each_number(count, form):
    assert _form(Question("?", (Answer(1.0, ""),) * count)) == form
