"""What a lesson is: lines of computation, a figure, and questions whose answers are computed.

The insight: nobody types an answer. Each is a number that a function of Septum gave, together with the step that led to
it, so a question cannot disagree with the lesson, and a wrong answer can be shown where it went wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from septum.errors import ConfigError

CLOSE = 0.005
"""How far an answer that is no whole number may lie off, relative to its size above 1: two decimals are enough."""


@dataclass(frozen=True)
class Answer:
    """One number that a question asks for, and the step by which it is found."""

    value: float
    step: str

    def agrees(self, given: float) -> bool:
        """Whether a student's number is this one: exactly for whole numbers, to two decimals otherwise."""
        if float(self.value).is_integer():
            return given == self.value
        return abs(given - self.value) <= CLOSE * max(1.0, abs(self.value)) + 1e-12


@dataclass(frozen=True)
class Question:
    """A question and its answers, in the order in which they are given."""

    text: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Lesson:
    """A lesson that was computed: `lines` for the terminal, `draw` for its figure (matplotlib), three questions."""

    lines: tuple[str, ...]
    draw: Callable[[], Any]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Verdict:
    """A student's number, whether it is right, and the step that gives the right one."""

    given: float
    right: bool
    step: str


def check(question: Question, given: Sequence[float]) -> tuple[Verdict, ...]:
    """Compare a student's numbers with the answers, one by one.

    Raises:
        ConfigError: when there are more or fewer numbers than answers.

    >>> check(Question("2 + 2?", (Answer(4, "2 + 2 = 4"),)), (5,))[0].step
    '2 + 2 = 4'
    """
    if len(given) != len(question.answers):
        raise ConfigError(
            f"answers must be {len(question.answers)} numbers with commas between, got {len(given)}; "
            f"the question: {question.text}"
        )
    pairs = zip(question.answers, given, strict=True)
    return tuple(Verdict(number, answer.agrees(number), answer.step) for answer, number in pairs)


def parse_answers(text: str) -> tuple[float, ...]:
    """Numbers of "19,25,37,43".

    Raises:
        ConfigError: when the text is anything else.

    >>> parse_answers("0.5, 2")
    (0.5, 2.0)
    """
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(math.isfinite(number) for number in numbers):
        raise ConfigError(f"answers must be numbers with commas between, such as 19,25,37,43, got {text!r}")
    return numbers


def posed(text: str, *answers: tuple[float, str]) -> Question:
    """A question with its (value, step) pairs."""
    return Question(text, tuple(Answer(float(value), step) for value, step in answers))
