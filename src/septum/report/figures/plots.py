"""Figures as bytes: the distribution of scores and the learning curves.

A mean hides the two failures among fifty good cases, so the distribution is the figure and the mean a number beside it:
one dot per case, median and quartiles on top.

Every figure is built on a `Figure` object of its own and returned as SVG or PNG bytes; nothing touches pyplot, so
figures can be drawn from any thread and leave no window or state behind. Colours are those of Okabe & Ito (2008), which
stay apart for colour-blind readers; nothing is told by colour alone.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.io.safe import temporary_path

ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"


CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)


INK = "#1f2328"  # text and axes; the page replaces it by the reader's text colour


MARKERS = "os^Dvp"


_WIDTH = 4.6  # inches: at most a phone's width at full size, so text stays legible there


_MOST_LABELS = 40


_HISTOGRAM_FROM = 20  # fewer cases than this are better seen as dots alone


_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "septum",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


_lock = threading.Lock()  # matplotlib's style is one dictionary for all threads


def dice_distribution(
    scores: Mapping[str, ArrayLike],
    *,
    image_format: str = "svg",
    score_name: str = "Dice",
    largest: float | None = 1.0,
) -> bytes:
    """One row per label: a dot per case, the quartiles as a box, the median as a line.

    Args:
        scores: label name to the scores of its cases in [0, 1]; nan (undefined) is left out of the row and counted
            beside its name. More than 40 labels: the 40 with the lowest medians.
        image_format: `"svg"` or `"png"`.
        score_name: of the horizontal axis.
        largest: largest value that the score can take; None where it has none, as distances.

    Raises:
        ConfigError: no labels, or an unknown format.

    >>> dice_distribution({"liver": [0.9, 0.8, 0.95]})[:5]
    b'<?xml'
    """
    if not scores:
        raise ConfigError("scores must hold at least one label, got none; evaluate at least one case first")
    rows = _lowest_rows({name: np.asarray(values, dtype=float) for name, values in scores.items()})
    most = max(values.size for _, values in rows)

    def draw(figure: Figure) -> None:
        """A row per label, a note where there are too many."""
        axes = figure.add_subplot()
        for row, (_, values) in enumerate(rows):
            strip(axes, values[~np.isnan(values)], row=row, colour=CYCLE[row % len(CYCLE)], size=26 if most < 60 else 9)
        axes.set_yticks(range(len(rows)), [_row_label(name, values) for name, values in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        if largest is not None:
            lowest = min((np.nanmin(values) for _, values in rows if not np.isnan(values).all()), default=0.0)
            start = axis_start(np.asarray(lowest))
            axes.set_xlim(start - 0.02 * (largest - start), largest + 0.02 * (largest - start))
        gap = "\n" if len(score_name) > 14 else " "
        axes.set_xlabel(f"{score_name} per case{gap}(dots), quartiles (box), median (line)")
        axes.grid(axis="x", alpha=0.25)
        axes.tick_params(axis="y", length=0)
        if len(scores) > len(rows):
            axes.set_title(f"the {len(rows)} of {len(scores)} labels with the lowest medians", fontsize=9)

    return render(draw, height=0.95 + 0.42 * len(rows), image_format=image_format)


def score_histogram(values: ArrayLike, *, image_format: str = "svg", score_name: str = "Dice") -> bytes:
    """How many cases reach which score in [0, 1], with the median and the quartiles marked.

    Raises:
        ConfigError: no defined value, or an unknown format.

    >>> b"median 0.900" in score_histogram([0.8, 0.9, 0.95])
    True
    """
    scores = np.asarray(values, dtype=float)
    scores = scores[~np.isnan(scores)]
    if not scores.size:
        raise ConfigError("values must hold at least one defined score, got none; evaluate at least one case first")
    low, median, high = np.quantile(scores, [0.25, 0.5, 0.75])
    start = axis_start(scores)
    bins = 40 if scores.size >= 200 else 20

    def draw(figure: Figure) -> None:
        """The bars, the median and the quartiles as lines."""
        axes = figure.add_subplot()
        axes.hist(scores, bins=bins, range=(start, 1.0), color=BLUE, alpha=0.75, edgecolor="white", linewidth=0.5)
        axes.axvspan(low, high, color=ORANGE, alpha=0.25, label=f"quartiles {low:.3f} – {high:.3f}")
        axes.axvline(median, color=VERMILLION, linewidth=1.8, label=f"median {median:.3f}")
        axes.set_xlabel(f"{score_name} per case")
        axes.set_ylabel("cases")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper center", ncols=2, frameon=False)

    return render(draw, height=2.6, image_format=image_format)


def wants_histogram(values: ArrayLike) -> bool:
    """Whether there are enough defined scores for a histogram to say more than dots.

    >>> wants_histogram([0.9] * 20), wants_histogram([0.9, float("nan")])
    (True, False)
    """
    return int(np.count_nonzero(~np.isnan(np.asarray(values, dtype=float)))) >= _HISTOGRAM_FROM


def learning_curves(curves: pd.DataFrame, *, quantity: str, image_format: str = "svg") -> bytes:
    """One training quantity against time, one line per network.

    Args:
        curves: one row per report of the training; a time column (`seconds`, `minutes` or `step`, the first that is
            there), the column `quantity`, and optionally `network`, the name of whose it is. Empty cells are skipped.
        quantity: column to draw: `"loss"`, `"val_dice"`, …
        image_format: `"svg"` or `"png"`.

    Raises:
        ConfigError: columns that are missing or hold nothing, or an unknown format.

    >>> curves = pd.DataFrame({"step": [1, 2], "loss": [1.0, 0.5]})
    >>> b"training loss" in learning_curves(curves, quantity="loss")
    True
    """
    time, axis_name = _time_axis(curves)
    if quantity not in curves or curves[quantity].notna().sum() == 0:
        raise ConfigError(f"curves must hold the column {quantity!r} with values, got {list(curves.columns)}")
    known = curves[curves[quantity].notna()]
    networks = known["network"] if "network" in known else pd.Series("", index=known.index)
    columns = _legend_columns(list(networks.unique()))
    rows = -(-networks.nunique() // columns)

    def draw(figure: Figure) -> None:
        """A line per network, with marks where it has few points."""
        axes = figure.add_subplot()
        for i, network in enumerate(networks.unique()):
            own = known[networks == network]
            few = len(own) <= 40
            axes.plot(
                time[own.index],
                own[quantity],
                color=CYCLE[i % len(CYCLE)],
                marker=MARKERS[i % len(MARKERS)] if few else None,
                markersize=3.5,
                linewidth=1.5,
                label=network,
            )
        axes.set_xlabel(axis_name)
        axes.set_ylabel(QUANTITIES.get(quantity, quantity))
        axes.grid(alpha=0.25)
        if networks.nunique() > 1:
            figure.legend(loc="outside upper center", ncols=columns, frameon=False)

    return render(draw, height=2.6 + 0.2 * rows, image_format=image_format)


def _legend_columns(names: Sequence[str]) -> int:
    """As many columns as fit beside each other: a letter of 9 points is about 5 wide, and a line with its gaps 40."""
    return max(1, int(_WIDTH * 72 / (40 + 5 * max(map(len, names)))))


def drawable_quantities(curves: pd.DataFrame) -> tuple[str, ...]:
    """The columns of `curves` that `learning_curves` can draw, in the order in which people read them.

    >>> drawable_quantities(pd.DataFrame({"loss": [1.0], "val_dice": [None], "step": [1]}))
    ('loss',)
    """
    return tuple(q for q in QUANTITIES if q in curves and curves[q].notna().any())


def save_learning_curves(csv: Path, png: Path) -> Path:
    """Draw the learning curves of a CSV file (columns as in `learning_curves`) as one PNG; returns its path.

    Raises:
        ConfigError: when the file holds no curve.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     csv = Path(folder, "curves.csv")
    ...     _ = csv.write_text("step,loss\\n1,1.0\\n2,0.5\\n")
    ...     save_learning_curves(csv, csv.with_suffix(".png")).read_bytes()[:4]
    b'\\x89PNG'
    """
    curves = pd.read_csv(csv)
    quantities = drawable_quantities(curves)
    if not quantities:
        raise ConfigError(f"{csv} must hold one of the columns {list(QUANTITIES)}, got {list(curves.columns)}")
    strips = [learning_curves(curves, quantity=quantity, image_format="png") for quantity in quantities]
    _write(png, _stack(strips))
    return png


QUANTITIES = {"loss": "training loss", "val_dice": "validation Dice (whole images)"}


def _time_axis(curves: pd.DataFrame) -> tuple[pd.Series[Any], str]:
    for column, factor, name in (("seconds", 1 / 60, "minutes"), ("minutes", 1.0, "minutes"), ("step", 1.0, "step")):
        if column in curves:
            return curves[column] * factor, name
    raise ConfigError(f"curves must have a column seconds, minutes or step, got {list(curves.columns)}")


def axis_start(values: NDArray[Any]) -> float:
    """Where the axis of scores begins: the tenth below the lowest value, at most 0.9.

    >>> axis_start(np.array([0.83, 0.97])), axis_start(np.array([0.99]))
    (0.8, 0.9)
    """
    return float(min(0.9, 0.1 * np.floor(10 * values.min() + 1e-9)))


def _lowest_rows(scores: Mapping[str, NDArray[Any]]) -> list[tuple[str, NDArray[Any]]]:
    """All rows in their own order, or the `_MOST_LABELS` lowest ones."""
    rows = list(scores.items())
    if len(rows) <= _MOST_LABELS:
        return rows
    medians = [np.inf if np.isnan(values).all() else float(np.nanmedian(values)) for _, values in rows]
    return [rows[i] for i in np.argsort(medians, kind="stable")[:_MOST_LABELS]]


def _row_label(name: str, values: NDArray[Any]) -> str:
    """`name (n)`; a name from outside is cut to fit and cannot switch on formula typesetting."""
    undefined = int(np.isnan(values).sum())
    note = f", {undefined} undefined" if undefined else ""
    return f"{short_name(name)}\n(n = {values.size - undefined}{note})"


def short_name(name: str) -> str:
    """A name from outside, cut to fit beside an axis and unable to switch on formula typesetting.

    >>> short_name("liver"), short_name("left superior frontal gyrus")
    ('liver', 'left superior frontal…')
    """
    return plain_text(name if len(name) <= 22 else name[:21] + "…")


def plain_text(text: str) -> str:
    """`text` with the dollar sign escaped, which matplotlib would read as the start of a formula.

    >>> plain_text("5 $") == "5 \\\\$"
    True
    """
    return text.replace("$", r"\$")


def strip(axes: Any, values: NDArray[Any], *, row: int, colour: str, size: float) -> None:
    """Draw defined values on one row: a dot each, the quartiles as a box, the median as a line.

    >>> axes = Figure().add_subplot()
    >>> strip(axes, np.array([0.7, 0.8, 0.9]), row=0, colour=BLUE, size=20)
    >>> len(axes.patches), len(axes.lines)  # the box, the median
    (1, 1)
    """
    if not values.size:
        axes.text(0.99, row, "undefined in every case", ha="right", va="center", fontstyle="italic")
        return
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    shift = 0.24 * (2 * ((np.arange(values.size) * 0.618034) % 1) - 1)  # golden ratio: even, and the same every time
    axes.barh(row, high - low, left=low, height=0.62, color=colour, alpha=0.2, edgecolor=colour, linewidth=1)
    axes.scatter(values, row + shift, s=size, color=colour, alpha=0.7, linewidths=0)
    axes.plot([median, median], [row - 0.36, row + 0.36], color=INK, linewidth=2)


def render(draw: Callable[[Figure], None], *, height: float, image_format: str) -> bytes:
    """A figure of the house's width and `height` inches as SVG or PNG bytes; `draw` puts the contents on it.

    Raises:
        ConfigError: an unknown format.

    >>> render(lambda figure: figure.add_subplot().plot([1, 2]), height=1, image_format="png")[:4]
    b'\\x89PNG'
    """
    if image_format not in ("svg", "png"):
        raise ConfigError(f"image_format must be 'svg' or 'png', got {image_format!r}")
    buffer = io.BytesIO()
    with _lock, mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # names in scripts that the font lacks
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        draw(figure)
        metadata = {"Date": None} if image_format == "svg" else {"Software": None}
        figure.savefig(buffer, format=image_format, dpi=150, transparent=image_format == "svg", metadata=metadata)
    return buffer.getvalue()


def _stack(images: Sequence[bytes]) -> bytes:
    """PNG images of one width, below each other."""
    from PIL import Image as Picture

    pictures = [Picture.open(io.BytesIO(data)).convert("RGB") for data in images]
    sheet = Picture.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), "white")
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Write beside the final name, then rename: a half-written figure never appears."""
    temporary = temporary_path(path)
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
