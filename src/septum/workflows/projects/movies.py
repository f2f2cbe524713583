"""Which cases of a project are frames of one movie, in their order.

The insight: frames are cases of their own everywhere, so that one can be drawn, predicted and reviewed by itself; that
they belong together is said by where they come from (one file), or by the names that Septum and the Cell Tracking
Challenge give them (`NAME_t007`), and needs no table of its own.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from septum.workflows.projects.store import CaseRecord

_NAMED = re.compile(r"^(.+)_t(\d{3,})$")


@dataclass(frozen=True)
class MovieFrame:
    """The place of a case in its movie: `movie` is the id of the first frame, `frame` counts from 0 to `frames` - 1."""

    movie: str
    frame: int
    frames: int


def movies_of(records: Sequence[CaseRecord]) -> Mapping[str, MovieFrame]:
    """The place of every case that is a frame of a movie, by id.

    Frames of one file belong together, and so do cases of one group whose names differ only in the number after `_t`.
    A number that comes twice makes no movie: nobody could say which frame is the next.

    >>> def record(name):
    ...     source = {"images": [{"path": f"{name}.tif", "frame": None}], "group": "01"}
    ...     return CaseRecord(name, 0, name, source, None, "new", 0.0, None, None, "", 0)
    >>> movies_of([record("01_t003"), record("01_t001"), record("02_t000")])["01_t003"]
    MovieFrame(movie='01_t001', frame=1, frames=2)
    """
    found: dict[Hashable, dict[int, str]] = {}
    twice = set()
    for one in records:
        place = _place(one)
        if place is None:
            continue
        movie, number = place
        held = found.setdefault(movie, {})
        if number in held:
            twice.add(movie)
        held[number] = one.id
    places: dict[str, MovieFrame] = {}
    for movie, held in found.items():
        if len(held) < 2 or movie in twice:
            continue
        ids = [held[number] for number in sorted(held)]
        places |= {case: MovieFrame(ids[0], k, len(ids)) for k, case in enumerate(ids)}
    return places


def _place(record: CaseRecord) -> tuple[Hashable, int] | None:
    """What names the movie of a case, and the number of its frame there."""
    images = record.source["images"]
    if images and images[0]["frame"] is not None:
        return tuple(one["path"] for one in images), int(images[0]["frame"])
    named = _NAMED.match(record.name)
    return None if named is None else ((record.source.get("group"), named.group(1)), int(named.group(2)))
