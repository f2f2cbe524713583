"""`septum pixels`: train a pixel classifier from scribbles, and say what to expect of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from septum.cli import options
from septum.cli.working import finish_without, until_stopped
from septum.errors import ConfigError
from septum.workflows.runs.words import counted

if TYPE_CHECKING:
    from septum.interactive.pixels.classifier import PixelClassifier


SHOWN = 5


def pixels(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGES", help="Scribbled images: files, folders, DICOM folders, a DATASET.")
    ],
    scribbles: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Label file with 0 where nothing is marked, or a folder with one of the name of each image.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.NPZ", help="File for the classifier; ends in .npz.")
    ],
    background: Annotated[
        int | None,
        typer.Option(
            metavar="V", help="Value that marks background in the scribbles; it becomes 0.", show_default="none"
        ),
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(
            metavar="S,S,…",
            help="Widths of the filters, 0.3 to 30, in the unit of --unit.",
            show_default="0.3,0.7,1,1.6,3.5,5,10",
        ),
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="UNIT", help="Unit of the scales: voxel (the finest spacing) or mm.", show_default="voxel"
        ),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(metavar="N", help="Keep only the N most important filters; faster.", show_default="all"),
    ] = None,
    trees: Annotated[int | None, typer.Option(metavar="N", help="Trees of the forest.", show_default="50")] = None,
    depth: Annotated[
        int | None, typer.Option(metavar="N", help="Questions in a row that a tree asks.", show_default="8")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the random choices.", show_default="0")] = None,
    axes: options.Axes = None,
    settings: options.SettingsFile = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a classifier that exists.")] = False,
) -> None:
    """Train a pixel classifier from scribbles; septum segment --classifier applies it to other images.

    What to expect is found by leaving out whole strokes (whole images where every label is marked in several) in turn:
    neighbours in one stroke are so alike that a count by voxel would flatter. Research software, not a medical device.
    """
    given: dict[str, Any] = {
        "background": background,
        "scales": _numbers(scales),
        "unit": unit,
        "keep": keep,
        "trees": trees,
        "depth": depth,
        "seed": seed,
        "axes": axes,
        "overwrite": overwrite or None,
    }
    from septum.workflows.pipelines.pixels import PixelSettings, train_pixels
    from septum.workflows.runs.failures import Failures

    chosen, failures = options.resolve(PixelSettings, settings, given=given), Failures()
    learned = until_stopped(partial(train_pixels, images, scribbles, output=output, settings=chosen, failures=failures))
    for line in _lines(learned):
        typer.echo(line, err=True)
    typer.echo(output)
    lost = counted(len(failures.rows), "image")
    finish_without(failures.rows, f"{lost} failed; the classifier was trained without them")


def _numbers(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--scales must be numbers with commas between, got {text!r}; such as 0.7,1.6,5") from error


def _lines(learned: PixelClassifier) -> list[str]:
    """What was learnt and what to expect of it, line by line."""
    expected = learned.forecast
    lines = []
    for label, count in learned.marks.items():
        line = f"label {label}: {count} voxels learnt from"
        if expected is not None:
            groups = expected.groups[label]
            line += f", {groups} {expected.held_out}s, {expected.recall[label]:.1%} right when held out"
        lines.append(line)
    if expected is None:
        lines.append(
            "nothing can be said about new voxels: draw two strokes or more of every label, apart from each other"
        )
    else:
        lines.append(f"held-out accuracy {expected.accuracy:.1%}, each label counts the same")
        lines.append("(strokes that correct mistakes lie in the hardest places and make it lower than in the image)")
    best = sorted(zip(learned.importance, learned.names, strict=True), reverse=True)[:SHOWN]
    lines.append("most important: " + ", ".join(f"{name} ({value:.0%})" for value, name in best))
    return lines
