"""The files that a lesson leaves: a figure, or a self-contained page."""

from __future__ import annotations

from pathlib import Path

from septum.errors import ConfigError
from septum.io.safe import replacing
from septum.workflows.runs.files import write_text
from septum.workflows.teaching.lesson import Lesson
from septum.workflows.teaching.pages import page_of
from septum.workflows.teaching.table import LESSONS, LessonRow

FIGURES = (".png", ".svg", ".pdf")
DPI = 130


def write_figure(row: LessonRow, lesson: Lesson, *, output: Path | None, overwrite: bool) -> Path:
    """Draw the lesson's figure into a file and return its path.

    Raises:
        ConfigError: another ending, or a file that exists and may not be replaced.
        FormatError: when the file cannot be written.
    """
    path = _target(row, output, endings=FIGURES, overwrite=overwrite)
    figure = lesson.draw()
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=DPI, facecolor="white")
    return path


def write_lesson_page(row: LessonRow, output: Path | None, *, overwrite: bool) -> Path:
    """Write the lesson's interactive page and return its path; errors as `write_figure`.

    Raises:
        ConfigError: also when the lesson has no page; those that have one are named.
    """
    if not row.page:
        having = ", ".join(other.name for other in LESSONS if other.page)
        raise ConfigError(f"an interactive lesson must be one of {having}, got {row.name}; leave --interactive out")
    path = _target(row, output, endings=(".html",), overwrite=overwrite)
    write_text(path, page_of(row.name, row.title))
    return path


def _target(row: LessonRow, output: Path | None, *, endings: tuple[str, ...], overwrite: bool) -> Path:
    """Where to write: the file named, or one in this folder that only a lesson can have written."""
    if output is None:
        return Path(f"septum-lesson-{row.name}{endings[0]}")
    if output.suffix.lower() not in endings:
        raise ConfigError(f"output must end with {' or '.join(endings)}, got {output}")
    if output.exists() and not overwrite:
        raise ConfigError(f"{output} exists; give another name, or --overwrite")
    return output
