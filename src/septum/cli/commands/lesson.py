"""`septum lesson`: the lecture's ideas computed step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from septum.errors import ConfigError

if TYPE_CHECKING:
    from septum.workflows.teaching.lesson import Question
    from septum.workflows.teaching.table import LessonRow

WRONG = 1
"""Exit code when an answer is wrong."""


def lesson(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of a lesson; all are listed where none is given.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="File for the figure (.png, .svg, .pdf), or for the page with --interactive.",
            show_default="septum-lesson-NAME.png or .html here",
        ),
    ] = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Write a page with sliders instead of a figure.")
    ] = False,
    check: Annotated[
        str | None,
        typer.Option(metavar="ANSWERS", help="Numbers with commas between: says which are right, and where not, why."),
    ] = None,
    question: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=3, help="Which question --check answers.", show_default="1"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE where it exists.")] = False,
) -> None:
    """Compute a lesson step by step, draw its figure, and ask three questions.

    The numbers are those of the functions that Septum itself uses. The lessons are notebooks too, in docs/lessons.
    """
    if name is None:
        if check is not None or interactive or output is not None:
            raise ConfigError("the lesson must be named for these options; see the names with `septum lesson`")
        _list()
        return
    from septum.workflows.teaching.table import find_lesson

    row = find_lesson(name)
    if check is not None:
        _check(row, check, question or 1)
        return
    if question is not None:
        raise ConfigError(f"--question must come with --check ANSWERS, got {question} alone")
    from septum.workflows.teaching.write import write_figure, write_lesson_page

    if interactive:
        typer.echo(write_lesson_page(row, output, overwrite=overwrite))
        return
    computed = row.compute()
    for line in (row.title, "", *computed.lines, "", "Questions"):
        typer.echo(line)
    for number, asked in enumerate(computed.questions, 1):
        typer.echo(f"  {number}. {asked.text}")
    typer.echo(f"  answer with: septum lesson {row.name} --question 1 --check {_form(computed.questions[0])}")
    typer.echo("")
    typer.echo(write_figure(row, computed, output=output, overwrite=overwrite))


def _list() -> None:
    from septum.workflows.teaching.table import LESSONS

    for row in LESSONS:
        typer.echo(f"{row.name:<24}{row.title}{' (--interactive)' if row.page else ''}")


def _form(question: Question) -> str:
    """How the answers of a question are written: A,B,…"""
    count = len(question.answers)
    return "A" if count == 1 else "A,B" if count == 2 else "A,B,C" if count == 3 else "A,B,C,…"


def _check(row: LessonRow, text: str, number: int) -> None:
    from septum.workflows.teaching.lesson import check, parse_answers

    asked = row.compute().questions[number - 1]
    verdicts = check(asked, parse_answers(text))
    typer.echo(asked.text)
    for verdict in verdicts:
        if verdict.right:
            typer.echo(f"  {verdict.given:g}  right")
        else:
            typer.echo(f"  {verdict.given:g}  wrong: {verdict.step}")
    right = sum(verdict.right for verdict in verdicts)
    typer.echo(f"{right} of {len(verdicts)} right")
    if right < len(verdicts):
        raise typer.Exit(WRONG)
