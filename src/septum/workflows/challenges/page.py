"""The one page of a challenge: what counts first, then the table, then what each method made, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from septum import __version__
from septum.report.figures.overlay import Panel
from septum.report.pages.objects import PageContent, render_objects
from septum.report.pages.sections import Cell, Section, Table, Tile
from septum.workflows.challenges.challenge import CLASSICAL, Challenge, Division, Picture

NOWHERE = float("nan")

NOTHING = 0.05
"""A score below which a method found next to nothing, where the column is one of those that say so."""


@dataclass(frozen=True)
class Entry:
    """A method that took part.

    Args:
        method: its name.
        values: its scores by the keys of the columns.
        times: "minutes" and "steps" of training, "seconds_per_image" of prediction.
        images: one row per test image.
        pictures: what it made.
    """

    method: str
    values: Mapping[str, float]
    times: Mapping[str, float]
    images: tuple[Mapping[str, Any], ...]
    pictures: tuple[Picture, ...]


def challenge_page(
    challenge: Challenge,
    division: Division,
    *,
    entries: Sequence[Entry],
    rivals: Mapping[str, Mapping[str, float]],
) -> str:
    """The page as one HTML document that needs no other file."""
    first = challenge.columns[0]
    ranked = sorted(entries, key=lambda entry: -entry.values[first.key])
    best = ranked[0]
    tests = sum(len(part.tests) for part in division.parts)
    content = PageContent(
        title=challenge.title,
        facts=(
            (f"best {first.title}", f"{best.values[first.key]:.3f}", best.method),
            ("methods", str(len(entries)), _budget(entries)),
            ("tested on", f"{tests} image{'' if tests == 1 else 's'}", "never trained on, but where the notes say so"),
        ),
        sections=(_scores(challenge, ranked, rivals=rivals), _gallery(challenge, division, ranked=ranked)),
        notes=(*_nothing(challenge, ranked), challenge.caution, *division.notes),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        files=("scores.csv", "images.csv", "challenge.json", "a folder for each method"),
    )
    return render_objects(content)


def _budget(entries: Sequence[Entry]) -> str:
    """What the methods had in common."""
    if all(entry.method != CLASSICAL for entry in entries):
        return "trained with the same budget"
    return "networks with the same budget; classical is chosen, not trained" if len(entries) > 1 else "chosen"


def _nothing(challenge: Challenge, ranked: Sequence[Entry]) -> tuple[str, ...]:
    """The methods that found next to nothing, whatever their other scores say; no sentence where there is none."""
    silent = [
        f"{entry.method} ({column.title} {entry.values[column.key]:.3f})"
        for entry in ranked
        for column in challenge.columns
        if column.finds and entry.values[column.key] < NOTHING
    ]
    return (f"Found next to nothing at the cut-off of masks, too little to be used: {', '.join(silent)}.",) * bool(
        silent
    )


def _scores(challenge: Challenge, ranked: Sequence[Entry], *, rivals: Mapping[str, Mapping[str, float]]) -> Section:
    rows: list[tuple[Cell, ...]] = [
        (
            entry.method,
            *(float(entry.values[column.key]) for column in challenge.columns),
            f"{entry.times['minutes']:.1f}",
            int(entry.times["steps"]) or "–",
            f"{entry.times['seconds_per_image']:.2f}",
        )
        for entry in ranked
    ]
    rows += [
        (name, *(float(row.get(column.key, NOWHERE)) for column in challenge.columns), "–", "–", "–")
        for name, row in rivals.items()
    ]
    titles = tuple(column.title for column in challenge.columns)
    note = "; ".join(f"{column.title}: {column.meaning}" for column in challenge.columns)
    note += ". Minutes are those of learning; seconds per image those of prediction with everything it writes."
    table = Table(("method", *titles, "minutes", "steps", "s/image"), rows, note, "scores")
    return Section("Scores", f"Scored as in {challenge.source}.", (), (table,), first=True)


def _gallery(challenge: Challenge, division: Division, *, ranked: Sequence[Entry]) -> Section:
    tiles = [_tile("truth", picture) for picture in challenge.shown(division)]
    tiles += [_tile(entry.method, picture) for entry in ranked for picture in entry.pictures]
    return Section("What the methods made", "The same image for all; the best method first.", (), (), tiles)


def _tile(who: str, picture: Picture) -> Tile:
    name = f"{who}: {picture.name}"
    return Tile(name, picture.line, Panel(name, picture.data, "image/jpeg", f"{name}, {picture.line}"))
