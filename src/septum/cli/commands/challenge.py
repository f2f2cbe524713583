"""`septum challenge`: methods trained and scored as a public challenge scores them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from septum.cli import options
from septum.cli.stopping import STOPPED, WAITING, StopRequest
from septum.cli.working import hooks_of, say_page
from septum.errors import Cancelled


def challenge(
    name: Annotated[str, typer.Argument(metavar="em|ctc|vessels|decathlon", help="Which challenge.")],
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Its data as it is handed out; em, vessels: or images and labels.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for models, predictions, scores and page.")
    ],
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Methods that take part. em, vessels: auto, paper, lecture, window, classical; ctc: auto, paper, "
            "classical; decathlon: auto, lecture.",
            show_default="all",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Training time of each network, in minutes.", show_default="10")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Training steps of each network, instead of --minutes.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the training.", show_default="0")] = None,
    devices: options.Devices = None,
    precision: options.Precision = None,
    settings: options.SettingsFile = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew what the folder holds.")] = False,
) -> None:
    """Train methods on one part of a public data set and score them on another as its challenge does.

    em: membranes in electron microscopy (ISBI 2012). ctc: cells in movies (Cell Tracking Challenge). vessels: retinal
    vessels (DRIVE). decathlon: a task of the Medical Segmentation Decathlon. The official tests have no public labels;
    the page says what its numbers are. Ctrl-C keeps what is finished; the same command goes on. Research software, not
    a medical device.
    """
    given: dict[str, Any] = {
        "methods": None if methods is None else [word.strip() for word in methods.split(",") if word.strip()],
        "minutes": minutes,
        "steps": steps,
        "seed": seed,
        "devices": devices,
        "precision": precision,
        "overwrite": overwrite or None,
    }
    from septum.cli.progress import Reporter
    from septum.workflows.challenges.settings import ChallengeSettings

    chosen = options.resolve(ChallengeSettings, settings, given=given, either=("minutes", "steps"))
    from septum.workflows.challenges.run import run_challenge

    try:
        with StopRequest(WAITING) as stop, Reporter() as reporter:
            hooks = hooks_of(reporter, stop)
            result = run_challenge(name, data, output=output, settings=chosen, hooks=hooks, on_status=reporter.training)
    except (Cancelled, KeyboardInterrupt):
        typer.echo("stopped before the end; finished methods are kept, the same command goes on", err=True)
        raise typer.Exit(STOPPED) from None
    typer.echo(result.table.round(4).to_string(index=False))
    typer.echo(result.page)
    say_page(result.page)
