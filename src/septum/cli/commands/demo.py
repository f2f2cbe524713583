"""`septum demo`: the whole path on a real brain image, in a few minutes and without own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from septum.cli import options
from septum.cli.stopping import STOPPED, StopRequest
from septum.cli.working import hooks_of, say_page


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for everything it makes.")
    ] = Path("septum-demo"),
    minutes: Annotated[float, typer.Option(metavar="N", min=0.01, help="Training time in minutes.")] = 2.0,
    overwrite: options.Overwrite = False,
) -> None:
    """Train on eight slices of an MR brain, segment others, measure, and print the path of the report.

    The image and the maps of grey and white matter are those of the ICBM152 template that come with nilearn
    (pip install ".[demo]" in the folder of Septum); nothing is downloaded.
    """
    from septum.cli.progress import Reporter

    with StopRequest() as stop, Reporter() as reporter:
        reporter.note("Septum demo: grey and white matter from eight annotated slices of an MR brain")
        from septum.workflows.demo import run_demo

        result = run_demo(
            output,
            minutes=minutes,
            overwrite=overwrite,
            on_status=reporter.training,
            hooks=hooks_of(reporter, stop),
        )
    if result.report is None:
        typer.echo("stopped before the measurement", err=True)
        raise typer.Exit(STOPPED)
    typer.echo(f"model    {result.model}")
    typer.echo(f"masks    {result.predictions}")
    if result.mean_dice is not None:
        typer.echo(f"Dice     {result.mean_dice:.4f} (mean of grey and white matter on the other block)")
    typer.echo(f"report   {result.report}")
    say_page(result.report)
