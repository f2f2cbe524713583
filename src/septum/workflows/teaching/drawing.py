"""How lessons draw: arrays as tables with their numbers, images, arrows between them.

Figures are made without pyplot's global state, so that they can be made in any thread and need no screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

BLUE, ORANGE, GREY = "#0072b2", "#e69f00", "#666666"
"""Colours that people with any colour vision tell apart (Okabe & Ito)."""


def new_figure(columns: int, *, rows: int = 1, width: float = 2.9, height: float = 3.1) -> tuple[Figure, list[Any]]:
    """A figure with axes side by side, without ticks; the axes in reading order."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel().tolist()
    for axis in axes:
        axis.set_axis_off()
    return figure, axes


def draw_table(
    axis: Any,
    values: ArrayLike,
    *,
    title: str,
    box: tuple[int, int, int, int] | None = None,
    colour: str = ORANGE,
    corner: tuple[int, int] = (0, 0),
) -> None:
    """A small array with its numbers in squares; `box` (row, column, height, width) gets a thick frame.

    `corner` is where the upper left square lies, for an array that is drawn around another.
    """
    array = np.atleast_2d(np.asarray(values, dtype=np.float64))
    finite = array[np.isfinite(array)]
    low, span = float(finite.min()), max(float(np.ptp(finite)), 1e-12)
    for (y, x), value in np.ndenumerate(array):
        shade = 1.0 - 0.45 * (value - low) / span if np.isfinite(value) else 1.0
        place = (x + corner[1] - 0.5, y + corner[0] - 0.5)
        axis.add_patch(Rectangle(place, 1, 1, facecolor=(shade, shade, 1.0), edgecolor=GREY, linewidth=0.8))
        text = f"{value:.4g}" if np.isfinite(value) else ""
        size = 12 if max(array.shape) <= 5 else 9
        axis.text(x + corner[1], y + corner[0], text, ha="center", va="center", fontsize=size)
    if box is not None:
        y, x, height, width = box
        frame = Rectangle((x - 0.5, y - 0.5), width, height, fill=False, edgecolor=colour, linewidth=3.5)
        frame.set_clip_on(False)
        axis.add_patch(frame)
    axis.set_xlim(-0.7 + corner[1], array.shape[1] - 0.3 + corner[1])
    axis.set_ylim(array.shape[0] - 0.3 + corner[0], -0.7 + corner[0])
    axis.set_aspect("equal")
    axis.set_title(title, fontsize=11)


def picture(axis: Any, image: ArrayLike, *, title: str, cmap: str = "gray", **limits: float) -> None:
    """An image (Y, X) or (Y, X, 3)."""
    axis.imshow(np.asarray(image), cmap=cmap, interpolation="nearest", **limits)
    axis.set_title(title, fontsize=11)


def draw_outlines(axis: Any, image: ArrayLike, *, mask: ArrayLike, title: str, colour: str = ORANGE) -> None:
    """An image with the outlines of a mask."""
    picture(axis, image, title=title)
    inside = np.asarray(mask, dtype=bool)
    if inside.any() and not inside.all():
        axis.contour(inside, levels=[0.5], colors=[colour], linewidths=1.2)


def objects(axis: Any, labels: ArrayLike, *, title: str) -> None:
    """Numbered objects, each in another colour; 0 is black."""
    array = np.asarray(labels)
    colours = np.random.default_rng(5).uniform(0.35, 1.0, (int(array.max()) + 1, 3))
    colours[0] = 0
    axis.imshow(colours[array], interpolation="nearest")
    axis.set_title(title, fontsize=11)


def curve(axis: Any, values: Sequence[float] | Any, *, title: str, across: str, up: str) -> None:
    """A line with its axes named."""
    axis.set_axis_on()
    axis.plot(values, color=BLUE)
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    axis.set_title(title, fontsize=11)
    axis.grid(alpha=0.3)
