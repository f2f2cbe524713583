"""The page of tracked movies: what they score, when they go wrong, and the frames that cost most.

The insight: TRA is one number for thousands of objects; what a person can mend is a frame. So errors are drawn along
time, and the worst frames are shown with nothing but the objects that are wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from septum.errors import ConfigError
from septum.report.figures.plots import CYCLE, MARKERS, plain_text, render
from septum.report.pages.page import number, section_parts, template
from septum.report.pages.sections import Drawing, Section, Table, Tile

_MOST_FIGURES = 8


@dataclass(frozen=True)
class MovieRow:
    """One movie of one method: SEG, DET, TRA, LNK, F1 of divisions (nan without any), `(to split, missed, extra)`
    objects, `(missed, extra, wrong)` links, `(of the reference, found, right)` divisions."""

    name: str
    seg: float
    det: float
    tra: float
    lnk: float
    division_f1: float
    objects: tuple[int, int, int]
    links: tuple[int, int, int]
    divisions: tuple[int, int, int]
    n_objects: int
    n_links: int


@dataclass(frozen=True)
class TracksContent:
    """What the page shows.

    Args:
        title: heading.
        movies: one row per movie and method.
        errors: movie to the errors of each frame by their kind; nothing is drawn for movies without any.
        tiles: the worst frames.
        created, version: date and time as text, and the version of Septum.
        files: names of the files beside the page.
        notes: sentences to read first.
    """

    title: str
    movies: Sequence[MovieRow]
    errors: Mapping[str, Mapping[str, Sequence[int]]]
    tiles: Sequence[Tile] = ()
    created: str = ""
    version: str = ""
    files: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """SEG, DET, TRA and LNK for the top of the page: of the movie, or their means over movies and methods."""
        what = f"mean of {len(self.movies)} movies" if len(self.movies) > 1 else ""
        names = ("seg", "det", "tra", "lnk")
        means = [(name.upper(), _mean([getattr(m, name) for m in self.movies]), what) for name in names]
        return [(name, number(value), remark) for name, value, remark in means]


def render_tracks(content: TracksContent) -> str:
    """The report as one HTML document that needs no other file.

    >>> row = MovieRow("01", 0.9, 0.95, 0.94, 0.97, 1.0, (0, 3, 0), (0, 0, 0), (2, 2, 2), 120, 90)
    >>> page = render_tracks(TracksContent("Cells", [row], {}))
    >>> page.startswith("<!DOCTYPE html>"), "0.940" in page
    (True, True)
    """
    parts = [section_parts(section, place) for place, section in enumerate(_sections(content))]
    return template("tracks.html.j2").render(content=content, sections=parts)


def drawings(content: TracksContent) -> list[Drawing]:
    """Errors along time, one drawing per movie that has any; at most 8.

    >>> row = MovieRow("01", 0.9, 0.95, 0.94, 0.97, 1.0, (0, 3, 0), (0, 0, 0), (2, 2, 2), 120, 90)
    >>> [drawing.alt for drawing in drawings(TracksContent("Cells", [row], {"01": {"missed": [0, 1, 2]}}))]
    ['Errors of every frame of 01: 3 missed']
    """
    found: list[Drawing] = []
    for place, (name, kinds) in enumerate(content.errors.items(), start=1):
        if any(sum(counts) for counts in kinds.values()) and len(found) < _MOST_FIGURES:
            alt = f"Errors of every frame of {name}: " + ", ".join(f"{sum(c)} {kind}" for kind, c in kinds.items())
            found.append(Drawing(f"errors-{place}", f"Errors by frame: {name}", alt, _drawer(kinds)))
    return found


def error_plot(kinds: Mapping[str, Sequence[int]], *, image_format: str = "svg") -> bytes:
    """How many errors of each kind every frame holds, one line per kind that occurs.

    Raises:
        ConfigError: no error at all, or an unknown format.

    >>> b"missed (3)" in error_plot({"missed": [0, 1, 2], "extra": [0, 0, 0]})
    True
    """
    shown = {kind: np.asarray(counts) for kind, counts in kinds.items() if sum(counts)}
    if not shown:
        raise ConfigError("kinds must hold at least one error, got none; a perfect movie needs no figure")

    def draw(figure: Any) -> None:
        """A line per kind of error."""
        axes = figure.add_subplot()
        for place, (kind, counts) in enumerate(shown.items()):
            colour, marker = CYCLE[place % len(CYCLE)], MARKERS[place % len(MARKERS)]
            small = marker if counts.size <= 60 else None
            label = f"{plain_text(kind)} ({counts.sum()})"
            axes.plot(range(counts.size), counts, color=colour, marker=small, markersize=4, label=label)
        axes.set_xlabel("frame")
        axes.set_ylabel("errors")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False)

    return render(draw, height=2.8, image_format=image_format)


def _drawer(kinds: Mapping[str, Sequence[int]]) -> Any:
    return lambda image_format: error_plot(kinds, image_format=image_format)


def _sections(content: TracksContent) -> list[Section]:
    columns = ("movie", "SEG", "DET", "TRA", "LNK", "objects", "to split", "missed", "extra", "links", "links missed",
               "links extra", "of wrong kind", "divisions", "found", "right", "F1 of divisions")  # fmt: skip
    rows = [
        (m.name, m.seg, m.det, m.tra, m.lnk, m.n_objects, *m.objects, m.n_links, *m.links, *m.divisions, m.division_f1)
        for m in content.movies
    ]
    text = (
        "SEG: mean IoU of reference objects with the object that covers more than half of them, on the frames that "
        "were segmented in full. DET, LNK and TRA: 1 minus the price of the edits that turn the prediction's objects "
        "(DET), links (LNK), or both (TRA), into the reference's, over the price of building them from nothing. "
        "Prices: to split 5, missed 10, extra 1; links missed 1.5, extra 1, of the wrong kind 1 (Matula 2015). "
        "A division is right where mother and daughters are, in the same frame."
    )
    found = [Section("Movies", text, drawings(content), (Table(columns, rows),))]
    if content.tiles:
        found.append(
            Section(
                "Worst frames",
                "The frames whose errors cost most. Only objects that an error concerns are drawn: those of the "
                "reference in orange, predicted ones in blue.",
                tiles=content.tiles,
            )
        )
    return found


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return math.fsum(known) / len(known) if known else math.nan
