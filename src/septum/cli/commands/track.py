"""`septum track`: objects followed through a movie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from septum.cli import options
from septum.cli.working import say_page, say_written, until_stopped
from septum.workflows.runs.words import counted


def track(
    movie: Annotated[
        Path,
        typer.Argument(metavar="MASKS|MOVIE", help="Label maps, a file per frame or one file; with --model the movie."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for masks, tables and page.")],
    model: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="First segment MOVIE with this model of `septum train`.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="MOVIE", help="The movie of the masks: for brightness and the pictures.")
    ] = None,
    max_distance: Annotated[
        float | None,
        typer.Option(
            metavar="D",
            help="Farthest that an object moves in a frame beside the common movement of all (mm; pixels without a "
            "physical size).",
            show_default="measured on the movie",
        ),
    ] = None,
    gap: Annotated[
        int | None, typer.Option(metavar="N", help="Frames an object may be missing.", show_default="1")
    ] = None,
    divisions: Annotated[
        bool | None, typer.Option("--divisions/--no-divisions", help="Whether objects divide.", show_default="yes")
    ] = None,
    merges: Annotated[
        bool | None, typer.Option("--merges/--no-merges", help="Whether objects may run together.", show_default="no")
    ] = None,
    split: Annotated[
        bool | None,
        typer.Option(
            "--split/--no-split",
            help="Split masks into objects first, or take every value as one object.",
            show_default="where a mask has few values in many parts",
        ),
    ] = None,
    axes: options.Axes = None,
    settings: options.SettingsFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Follow objects through a movie: one global assignment with divisions, gaps, merges and leaving the frame.

    Writes the Cell Tracking Challenge's files (mask000.tif, res_track.txt), tracks.csv, objects.csv, tracks.gif,
    lineage.png and a page on which a click on a track shows its frames. Research software, not a medical device.
    """
    given: dict[str, Any] = {
        "max_distance": max_distance,
        "gap": gap,
        "divisions": divisions,
        "merges": merges,
        "split": split,
        "axes": axes,
        "overwrite": overwrite or None,
    }
    from septum.workflows.tracking import track as workflow

    chosen = options.resolve(workflow.TrackSettings, settings, given=given)
    if model is None:
        result = until_stopped(lambda hooks: workflow.track(movie, output, images=images, settings=chosen, hooks=hooks))
    else:
        from septum.workflows.tracking.segmented import track_movie

        result = until_stopped(lambda hooks: track_movie(movie, output, model=model, settings=chosen, hooks=hooks))
    say_written(result)
    found = result.tracks
    typer.echo(f"{counted(len(found.lineage), 'track')}, {counted(len(found.divisions()), 'division')}", err=True)
    say_page(result.page)
