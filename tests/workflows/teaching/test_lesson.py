"""Questions and answers: whole numbers exactly, others to two decimals, and what is no number is refused."""

from __future__ import annotations

import pytest

from septum.errors import ConfigError
from septum.workflows.teaching.lesson import Answer, Question, check, parse_answers, posed


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


@pytest.mark.parametrize(
    ("value", "given", "right"),
    [(0.5, 0.505, True), (0.5, 0.506, False), (200.5, 201.5, True), (200.5, 201.6, False), (-200.5, -201.5, True),
     (-3.0, -3.0, True), (-3.0, 3.0, False), (0.0, 0.0, True)],
)  # fmt: skip
def test_two_decimals_are_relative_to_the_size_of_the_answer(value: float, given: float, right: bool) -> None:
    assert Answer(value, "").agrees(given) is right


def test_numbers_are_compared_in_their_order_and_each_wrong_one_gets_its_step() -> None:
    verdicts = check(posed("Two?", (1, "one"), (2, "two")), [2, 2])
    assert [(one.right, one.given, one.step) for one in verdicts] == [(False, 2, "one"), (True, 2, "two")]


def test_blanks_signs_and_exponents_are_numbers() -> None:
    assert parse_answers(" -1 , 2e3,0.5") == (-1.0, 2000.0, 0.5)
