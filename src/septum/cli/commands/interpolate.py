"""`septum interpolate`: fill the slices between those that a person drew."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from septum.cli import options
from septum.cli.working import until_stopped

if TYPE_CHECKING:
    from septum.workflows.editing.interpolate import InterpolationResult


def interpolate(
    mask: Annotated[Path, typer.Argument(metavar="SPARSE_MASK", help="Label volume with a few drawn slices.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="File for the filled mask, or a folder.")
    ],
    image: Annotated[
        Path | None, typer.Option(metavar="IMAGE", help="Image on the mask's grid; the slices between follow it.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="distance (shape-based), image (follows --image), morphological (ITK's, an extra to install) or "
            "nearest.",
            show_default="image with --image, else distance",
        ),
    ] = None,
    drawn: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AXIS:SLICES",
            help="Drawn slices, such as z:3,8,13 or x:40,60; may be repeated for several axes. Needed where a slice "
            "was drawn as empty, or along several axes.",
            show_default="those beside the mask, or every slice with a label",
        ),
    ] = None,
    ends: Annotated[
        str | None,
        typer.Option(
            metavar="HOW",
            help="An object that the next drawn slice lacks: taper, half, or none (ends).",
            show_default="taper",
        ),
    ] = None,
    axes: options.Axes = None,
    settings: options.SettingsFile = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT; the mask that was there is kept as OUT.kept-1.")
    ] = False,
) -> None:
    """Fill the slices between those that were drawn, and say how good that will be.

    Each drawn slice is hidden in turn and interpolated from the others; from that follows the Dice to expect, and the
    slice whose drawing would help most. Which slices were drawn is kept beside the mask and shown by septum info.
    """
    given: dict[str, Any] = {
        "drawn": tuple(drawn or ()) or None,
        "method": method,
        "ends": ends,
        "axes": axes,
        "overwrite": overwrite or None,
    }
    from septum.workflows.editing.interpolate import interpolate_file
    from septum.workflows.editing.settings import InterpolateSettings

    chosen = options.resolve(InterpolateSettings, settings, given=given)
    result = until_stopped(partial(interpolate_file, mask, output, image=image, settings=chosen))
    if result.kept is not None:
        typer.echo(f"kept {result.kept}", err=True)
    _print_estimate(result)
    typer.echo(result.path)


def _print_estimate(result: InterpolationResult) -> None:
    estimate = result.estimate
    if estimate is None:
        typer.echo("no estimate: at least three drawn slices along an axis are needed", err=True)
        return
    each = ", ".join(f"label {label} {value:.3f}" for label, value in estimate.by_label.items())
    typer.echo(f"expected Dice of the slices between: {estimate.dice:.3f} ({each})", err=True)
    following = estimate.next_slice()
    if following is not None:
        typer.echo(f"draw next: slice {following[1]} along {'zyx'[following[0]]}", err=True)
