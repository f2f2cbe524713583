"""The tree of a movie's tracks: time from left to right, a line per track, forks where objects divide.

The insight: daughters on both sides of their mother make a tree that can be read without labels; so rows are given by
walking each tree in order, and the line of a mother lies between those of her daughters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.report.figures.objects import id_colours
from septum.report.figures.plots import render


def tree_rows(lineage: NDArray[np.int64]) -> dict[int, float]:
    """Row of each track, leaves on whole numbers, parents in the middle of their children.

    >>> tree_rows(np.array([[1, 0, 3, 0], [2, 4, 6, 1], [3, 4, 5, 1]]))
    {2: 0.0, 3: 1.0, 1: 0.5}
    """
    children: dict[int, list[int]] = {}
    for label, _, _, parent in lineage.tolist():
        children.setdefault(parent, []).append(label)
    rows: dict[int, float] = {}
    free = 0
    stack = [(root, False) for root in reversed(children.get(0, []))]
    while stack:
        label, seen = stack.pop()
        own = children.get(label, [])
        if own and not seen:
            stack.append((label, True))
            stack += [(child, False) for child in reversed(own)]
        elif own:
            rows[label] = sum(rows[child] for child in own) / len(own)
        else:
            rows[label] = float(free)
            free += 1
    return rows


def lineage_plot(
    lineage: NDArray[np.int64], *, merged_into: Mapping[int, int] | None = None, image_format: str = "svg"
) -> bytes:
    """The tree of `(tracks, 4)` rows `L B E P`, with dotted lines where tracks merge.

    >>> lineage_plot(np.array([[1, 0, 3, 0]]))[:5]
    b'<?xml'
    """
    rows = tree_rows(lineage)
    ends = {label: (begin, end, parent) for label, begin, end, parent in lineage.tolist()}
    height = min(2.0 + 0.07 * max(rows.values(), default=0), 18.0)

    def draw(figure: Any) -> None:
        """A bar per track, joined to its parent and to what it runs into."""
        axes = figure.add_subplot()
        colours = id_colours(np.array(list(ends), np.int64)) / 255.0
        for (label, (begin, end, parent)), colour in zip(ends.items(), colours, strict=True):
            axes.plot([begin, end + 0.4], [rows[label]] * 2, color=tuple(colour), linewidth=1.6, solid_capstyle="butt")
            if parent:
                joint = [ends[parent][1] + 0.4, begin]
                axes.plot(joint, [rows[parent], rows[label]], color="#888888", linewidth=0.7)
            if len(ends) <= 60:
                axes.text(end + 0.5, rows[label], str(label), fontsize=6, va="center")
        for label, target in (merged_into or {}).items():
            axes.plot([ends[label][1] + 0.4, ends[label][1] + 1], [rows[label], rows[target]], color="#888888", ls=":")
        axes.set_xlabel("frame")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylim(max(rows.values(), default=0) + 1, -1)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)

    return render(draw, height=height, image_format=image_format)
