"""`septum train`: one command from a data set to a model folder and its report.

Options that are not given are left to the settings file and, behind it, to `TrainSettings`, so that a default stands in
one place only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from septum.cli import options
from septum.cli.stopping import STOPPED, StopRequest
from septum.cli.working import finish_without, say_page
from septum.errors import Cancelled
from septum.workflows.runs.words import counted

if TYPE_CHECKING:
    from septum.cli.progress import Reporter
    from septum.workflows.model.settings import TrainSettings
    from septum.workflows.training.train import TrainResult


def train(
    dataset: options.DatasetFolder,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL", help="Folder for the model.")],
    network: Annotated[
        Literal["auto", "encoder", "lecture", "paper", "window"] | None,
        typer.Option(
            metavar="auto|encoder|lecture|paper|window",
            help="auto: configured from the data and the machine; encoder: starts from weights that have seen "
            "photographs (planes and slices); lecture, paper: the classic U-Nets; window: the sliding window that they "
            "superseded.",
            show_default="auto",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(metavar="N", help="Training time in minutes, shared by the folds.", show_default="10"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Training steps of each fold, instead of --minutes.")
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDS",
            help="one: hold one fold out; thirds: three short trainings, each without a third, judge the network "
            "of all cases; all: train every fold; 0,2: these; none: every labelled case trains; auto: thirds for "
            "fewer than 30 cases, else one.",
            show_default="auto",
        ),
    ] = None,
    members: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Networks of different seeds on the same cases, averaged; they share the minutes.",
            show_default="1",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue a run that was stopped or killed.")] = False,
    until_dice: Annotated[
        float | None, typer.Option(metavar="D", help="Stop when the validation Dice reaches this value.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Stop after so many validations without a gain in the last third; 0: never.",
            show_default="12",
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="PLAN.JSON", help="Follow this plan, for example an edited copy of a model's plan.json."),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of everything random.", show_default="0")] = None,
    background: options.Background = None,
    foreground: options.Foreground = None,
    axes: options.Axes = None,
    dim: Annotated[
        int | None,
        typer.Option(
            metavar="2|3", help="Train a 2-D network on slices or a 3-D one on volumes.", show_default="from the data"
        ),
    ] = None,
    devices: options.Devices = None,
    nodes: Annotated[
        int | None, typer.Option(metavar="N", help="Machines of a cluster to train on.", show_default="1")
    ] = None,
    precision: options.Precision = None,
    baselines: Annotated[
        bool,
        typer.Option("--baselines", help="Also score the best classical methods on the images that were held out."),
    ] = False,
    prompts: Annotated[
        bool,
        typer.Option(
            "--prompts",
            help="Train a network that also takes clicks, scribbles and boxes (`septum predict --click`); slower.",
        ),
    ] = False,
    instances: Annotated[
        bool | None,
        typer.Option(
            "--instances/--semantic",
            help="Learn single objects (values are their ids; where the data set names its values, connected pieces of "
            "each class), or classes only.",
            show_default="from the labels",
        ),
    ] = None,
    unlabelled: Annotated[
        Path | None,
        typer.Option(
            metavar="IMAGES",
            help="Learn from images without labels, too: a folder or table of them, or DATASET again for its own; what "
            "is held out or tested is left out of them.",
        ),
    ] = None,
    settings: options.SettingsFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Train a U-Net and measure it on images that were held out.

    Shows step, images/s, loss, validation Dice and the time left. Ctrl-C stops cleanly and leaves a usable model;
    --resume continues it.
    """
    given = options.asked(baselines=baselines, prompts=prompts) | {
        "network": network, "minutes": minutes, "steps": steps, "folds": folds, "members": members, "seed": seed,
        "until_dice": until_dice, "patience": patience, "plan": plan, "background": background, "axes": axes,
        "foreground": foreground, "ndim": dim, "devices": devices, "nodes": nodes, "precision": precision,
        "instances": instances, "unlabelled": unlabelled,
    }  # fmt: skip
    from septum.cli.progress import Reporter
    from septum.workflows.model.settings import TrainSettings

    chosen = options.resolve(TrainSettings, settings, given=given, either=("minutes", "steps"))
    try:
        with StopRequest(at_once=True) as stop, Reporter() as reporter:
            result = _train(dataset, output, chosen, stop, reporter, resume=resume, overwrite=overwrite)
    except Cancelled:
        kept = resume and any(output.glob("fold_*/*.pt"))
        so = "what was trained before is kept" if kept else "nothing is trained yet"
        typer.echo(f"stopped while the data was read; {so}", err=True)
        raise
    _say(result)
    if result.stopped and stop.requested():
        typer.echo("stopped before the end; continue with the same command and --resume", err=True)
        raise typer.Exit(STOPPED)
    lost = counted(len(result.failures), "case")
    finish_without(result.failures, f"{lost} failed; the model was trained without them")


def _say(result: TrainResult) -> None:
    """Where model and report lie, and how good the model is."""
    options.say(f"model   {result.model}")
    if result.report is not None:
        options.say(f"report  {result.report}")
        say_page(result.report)
    if result.mean_dice is not None:
        options.say(f"Dice    {result.mean_dice:.3f} (mean on {result.basis})")


def _train(
    dataset: Path, output: Path, settings: TrainSettings, stop: StopRequest, reporter: Reporter, **how: bool
) -> TrainResult:
    """Train; paths and data are looked at before PyTorch is loaded."""
    from septum.workflows.training.early import look_first

    look_first(dataset, output, axes=settings.axes, plan=settings.plan, unlabelled=settings.unlabelled, **how)
    from septum.workflows.runs.hooks import Hooks
    from septum.workflows.training import train as workflow

    def show(status: Any) -> None:
        stop.requested()  # steps are made: from here on a stop finishes the one at hand
        reporter.training(status)

    return workflow.train(
        dataset,
        output,
        settings=settings,
        hooks=Hooks(reporter.work, reporter.note, stop.requested),
        on_status=show,
        **how,
    )
