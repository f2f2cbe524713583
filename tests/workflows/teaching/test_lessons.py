"""Every lesson computes, draws and asks; the lecture's own numbers stand in them."""

from __future__ import annotations

import pytest

from septum.errors import ConfigError
from septum.workflows.teaching.lesson import Answer, Question, check, parse_answers
from septum.workflows.teaching.table import LESSONS, find_lesson


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


def test_whole_numbers_must_be_exact_and_others_right_to_two_decimals():
    assert Answer(19, "").agrees(19)
    assert not Answer(19, "").agrees(19.004)
    assert Answer(2 / 3, "").agrees(0.67)
    assert not Answer(2 / 3, "").agrees(0.7)
    assert not Answer(-0.065, "").agrees(0.065)


def test_numbers_that_are_missing_or_no_numbers_are_refused():
    question = Question("Two?", (Answer(1, "a"), Answer(2, "b")))
    with pytest.raises(ConfigError, match="answers must be 2 numbers"):
        check(question, [1])
    for text in ("", "1,,2", "a", "nan", "inf,1"):
        with pytest.raises(ConfigError, match="answers must be numbers with commas"):
            parse_answers(text)


def test_an_unknown_lesson_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'convolution'"):
        find_lesson("convolutoin")
