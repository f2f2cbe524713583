"""Every lesson computes, draws and asks; the lecture's own numbers stand in them."""

from __future__ import annotations

import pytest

from septum.errors import ConfigError
from septum.workflows.teaching.lesson import check
from septum.workflows.teaching.table import LESSONS, find_lesson, questions_of


@pytest.mark.parametrize("row", LESSONS, ids=lambda row: row.name)
def test_every_lesson_computes_draws_and_asks_three_questions(row, tmp_path):
    lesson = row.compute()
    assert len(lesson.lines) > 5
    assert len(lesson.questions) == 3
    lesson.draw().savefig(tmp_path / "figure.png", dpi=40)
    for question in lesson.questions:
        assert question.text.endswith("?")
        verdicts = check(question, [round(answer.value, 2) for answer in question.answers])
        assert all(verdict.right for verdict in verdicts), "two decimals are enough"
        wrong = check(question, [answer.value + 1 for answer in question.answers])
        assert not any(verdict.right for verdict in wrong)
        assert all(verdict.step for verdict in wrong)


@pytest.mark.parametrize(
    ("name", "question", "values"),
    [
        ("convolution", 0, [19, 25, 37, 43]),
        ("convolution", 1, [5]),
        ("pooling", 0, [3, 3, 3, 3, 3, 3, 3, 2, 3]),
        ("pooling", 1, [9, 7, 8, 6]),
        ("transposed-convolution", 0, [0, 4, 0, 1, 10, 7, 6, 3, 0, 7, 0, 2, 6, 3, 4, 2]),
        ("unet", 0, [16, 16, 256]),
        ("unet", 2, [32]),
        ("sliding-window", 1, [388]),
        ("manual-segmentation", 0, [1]),
        ("instances", 2, [1, 0]),
        ("challenges", 0, [0.375]),
    ],
)
def test_answers_are_the_ones_found_by_hand(name, question, values):
    answers = find_lesson(name).compute().questions[question].answers
    assert [answer.value for answer in answers] == values


@pytest.mark.parametrize("name", [row.name for row in LESSONS])
def test_the_last_step_of_an_answer_with_an_equals_sign_is_the_answer(name):
    for question in find_lesson(name).compute().questions:
        for answer in question.answers:
            last = answer.step.rpartition("= ")[2].rstrip(".)")
            try:
                shown = float(last)
            except ValueError:
                continue
            assert shown == pytest.approx(answer.value, rel=2e-3, abs=6e-4), answer.step


def test_an_unknown_lesson_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'convolution'"):
        find_lesson("convolutoin")


def test_names_and_titles_differ_and_interactive_lessons_are_those_with_arithmetic() -> None:
    assert len({row.name for row in LESSONS}) == len({row.title for row in LESSONS}) == len(LESSONS)
    pages = [row.name for row in LESSONS if row.page]
    assert pages == ["perceptron", "convolution", "pooling", "transposed-convolution", "dice"]


def test_the_questions_of_a_notebook_are_numbered_and_say_how_answers_are_checked() -> None:
    text = questions_of("pooling").splitlines()
    assert [line[:3] for line in text[:3]] == ["1. ", "2. ", "3. "]
    assert text[-1] == "septum lesson pooling --question 1 --check ANSWER,ANSWER,..."
