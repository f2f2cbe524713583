"""The page of a tracked movie: play it, see the tree, click a track in either and see its frames.

The insight: a wrong link shows when one object is looked at through time. So each frame is kept once as a picture, and
a click cuts the object's surroundings out of all of them, side by side.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from septum.report.figures.lineage import tree_rows
from septum.report.figures.objects import id_colours
from septum.report.pages.page import template


@dataclass(frozen=True)
class LineageContent:
    """What the page shows.

    Args:
        title: heading.
        facts: name, value, remark for the top of the page.
        frames: a JPEG per frame.
        places: per frame, rows `(track, x, y)` in the pixels of the JPEG.
        lineage: `(tracks, 4)` rows `L B E P`.
        crop: side of the cut-out around an object, in the pixels of the JPEG.
        notes: sentences to read first.
        created, version, files: as in other pages.
    """

    title: str
    facts: Sequence[tuple[str, str, str]]
    frames: Sequence[bytes]
    places: Sequence[Sequence[tuple[int, float, float]]]
    lineage: NDArray[np.int64]
    crop: int
    notes: Sequence[str] = ()
    created: str = ""
    version: str = ""
    files: Sequence[str] = ()


def render_lineage(content: LineageContent) -> str:
    """The page as one HTML document that needs no other file.

    >>> tracks = np.array([[1, 0, 1, 0], [2, 0, 1, 0]])
    >>> content = LineageContent("A movie", [], [b"..."], [[(1, 4.0, 5.0), (2, 9.0, 5.0)]], tracks, 64)
    >>> render_lineage(content).startswith("<!DOCTYPE html>")
    True
    """
    rows = tree_rows(content.lineage)
    colours = id_colours(content.lineage[:, 0])
    tracks = [
        {
            "id": label,
            "b": begin,
            "e": end,
            "p": parent,
            "row": rows[label],
            "c": f"#{r:02x}{g:02x}{b:02x}",
        }
        for (label, begin, end, parent), (r, g, b) in zip(content.lineage.tolist(), colours.tolist(), strict=True)
    ]
    data: dict[str, Any] = {
        "frames": ["data:image/jpeg;base64," + base64.b64encode(frame).decode("ascii") for frame in content.frames],
        "places": [[(t, round(x, 1), round(y, 1)) for t, x, y in frame] for frame in content.places],
        "tracks": tracks,
        "crop": content.crop,
    }
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return template("lineage.html.j2").render(content=content, data=Markup(text))
