"""The page of a reader study: one HTML file with the two-panel figure, the rates, the agreement and the cut.

As `report.page` it carries everything inside itself, asks no server for anything and escapes every name and comment.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from septum.report.figures.pass_rates import PassRate
from septum.report.pages.page import inline_svg, template


@dataclass(frozen=True)
class ShownItem:
    """A picture of an item: its heading and the bytes of a PNG file."""

    title: str
    png: bytes


@dataclass(frozen=True)
class ReviewContent:
    """What the page shows.

    Args:
        title: heading.
        question: what readers were asked.
        answers: the texts of the answers that pass, and of those that do not.
        facts: `(name, value, remark)` for the top of the page.
        figure: the two panels as SVG; `figure_alt` describes them.
        scatter: items by Dice and rating as SVG, or None.
        rates: table of pass rates.
        agreement: rows `scope, readers, kind, coefficient, value, ci_low, ci_high, observed, n`.
        cutoff: fields of `metrics.cutoff.Cutoff` and `youden`, or None.
        shown: typical items.
        comments: `(code, source, reader, value, comment)`.
        notes: sentences to read first.
        created, version: date and time as text, and the version of Septum.
        files: names of the files beside the page.
    """

    title: str
    question: str
    answers: tuple[Sequence[str], Sequence[str]]
    facts: Sequence[tuple[str, str, str]]
    figure: bytes
    figure_alt: str
    scatter: bytes | None
    rates: Sequence[PassRate]
    agreement: Sequence[Mapping[str, Any]]
    cutoff: Mapping[str, Any] | None
    shown: Sequence[ShownItem] = ()
    comments: Sequence[tuple[str, str, str, str, str]] = ()
    notes: Sequence[str] = ()
    created: str = ""
    version: str = ""
    files: Sequence[str] = field(default=())


def render_review(content: ReviewContent) -> str:
    """The report as one HTML document that needs no other file.

    >>> from septum.report.figures.pass_rates import two_panels
    >>> rates = [PassRate("Anna", "model", 8, 10, 0.49, 0.94)]
    >>> figure, answers = two_panels({}, rates), (["usable"], ["unusable"])
    >>> page = render_review(ReviewContent("Study", "Usable?", answers, [], figure, "rates", None, rates, [], None))
    >>> page.startswith("<!DOCTYPE html>"), "Usable?" in page
    (True, True)
    """
    scatter = None
    if content.scatter is not None:
        scatter = inline_svg(content.scatter, alt="Dice of every item against its ratings", prefix="scatter")
    return template("review.html.j2").render(
        content=content,
        figure=inline_svg(content.figure, alt=content.figure_alt, prefix="panels"),
        scatter=scatter,
        pictures=[(item.title, base64.b64encode(item.png).decode("ascii")) for item in content.shown],
    )
