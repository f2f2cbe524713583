"""`septum predict`: masks for new images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from septum.cli import options
from septum.cli.commands.quality import say_quality
from septum.cli.working import finish_masks, say_page, say_written, watched
from septum.errors import ConfigError

if TYPE_CHECKING:
    from septum.workflows.quality.worklist import GradedResult
    from septum.workflows.runs.hooks import Hooks


def predict(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for the masks.")],
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            help="Model folder that `septum train` wrote; left out with --prompter.",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGES", help="Image files, folders, DICOM folders, a DATASET.", show_default=False),
    ] = None,
    prompter: Annotated[
        str | None,
        typer.Option(
            metavar="medsam-lite",
            help="In place of MODEL: a network that draws what --click and --box point at, without training.",
        ),
    ] = None,
    folds: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDS",
            help="all: the mean of every trained fold (of a handful, the network that saw all); 0,2: of these.",
            show_default="all",
        ),
    ] = None,
    tta: Annotated[
        bool | None,
        typer.Option(
            "--tta/--no-tta",
            help="Also predict mirrored copies and take the mean; slower. Unasked where an encoder has seen images.",
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Also write the probability of every class.")
    ] = False,
    engine: Annotated[
        Literal["torch", "onnx", "openvino"] | None,
        typer.Option(
            metavar="torch|onnx|openvino",
            help='What runs the network; onnx and openvino need pip install ".[engines]".',
            show_default="torch",
        ),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Share of a tile that its neighbour covers.", show_default="from the plan"),
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(metavar="MB", help="Bound of the working memory in MB.", show_default="256"),
    ] = None,
    quality_threshold: Annotated[
        float | None,
        typer.Option(metavar="DICE", help="Dice from which a mask counts as good in quality.csv.", show_default="0.7"),
    ] = None,
    click: Annotated[
        list[str] | None,
        typer.Option(
            metavar="Z,Y,X[:LABEL]",
            help="A voxel (Y,X of a picture) that is of this label, 0 for the background; repeatable. For one image, "
            "and a model trained with --prompts or a --prompter.",
        ),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="Z,Y,X,Z,Y,X[:LABEL]",
            help="First and last voxel of a box around an object of this label; repeatable.",
        ),
    ] = None,
    scribbles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Label file with 0 where nothing is marked, or a folder with one of the name of each image.",
        ),
    ] = None,
    scribble_background: Annotated[
        int | None, typer.Option(metavar="V", help="Value that marks the background in the scribbles.")
    ] = None,
    semantic: Annotated[
        bool, typer.Option("--semantic", help="Of a model of single objects, also write the mask of its classes.")
    ] = False,
    outlines: Annotated[
        list[str] | None,
        typer.Option(
            metavar="imagej|geojson",
            help="Of a model of single objects, also write outlines of planes: ImageJ ROIs or GeoJSON; repeatable.",
        ),
    ] = None,
    channel: options.Channel = None,
    axes: options.Axes = None,
    frame: Annotated[
        int | None,
        typer.Option(metavar="T", help="Of a movie, segment this frame alone, counted from 0; prompts belong to it."),
    ] = None,
    devices: options.Devices = None,
    precision: options.Precision = None,
    settings: options.SettingsFile = None,
    rectify: options.Rectify = False,
    no_page: options.NoPage = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Segment images: one mask per image, on the image's own grid, in its own format family.

    One bad file does not stop the rest: it is listed at the end, and the exit code is 1 (2 when every file failed).
    Beside the masks, quality.csv lists them worst first, with the Dice that each is likely to have and pass, look or
    fail, and index.html shows every image with its outlines. Of single objects, counts.csv says how many there are
    likely to be. Research software, not a medical device.
    """
    given = options.asked(
        tta=tta, probabilities=probabilities, clicks=click, boxes=box, semantic=semantic, outlines=outlines,
        rectify=rectify, overwrite=overwrite,
    ) | {
        "folds": folds, "engine": engine, "overlap": overlap, "memory_mb": memory, "axes": axes, "devices": devices,
        "frame": frame, "channel": channel, "quality_threshold": quality_threshold,
        "scribbles": scribbles, "scribble_background": scribble_background, "prompter": prompter,
        "precision": precision, "page": False if no_page else None,
    }  # fmt: skip
    from septum.workflows.prediction.settings import PredictSettings

    chosen = options.resolve(PredictSettings, settings, given=given)
    named = [path for path in (model, *(images or ())) if path is not None]
    _check_named(named, prompter=chosen.prompter)

    def work(hooks: Hooks) -> GradedResult:
        from septum.workflows.prediction import prompter, workflow

        if chosen.prompter is not None:
            return prompter.predict_prompted(named, output=output, settings=chosen, hooks=hooks)
        return workflow.predict(named[0], named[1:], output=output, settings=chosen, hooks=hooks)

    result, _ = watched(work)
    say_written(result)
    say_quality(result.estimates, output)
    if result.counts:
        typer.echo(f"counts  {result.counts}", err=True)
    if result.limits and result.written:
        typer.echo(f"note    {result.limits}", err=True)
    say_page(result.page)
    finish_masks(result)


def _check_named(named: list[Path], *, prompter: str | None) -> None:
    """Refuse a command line without a model or without images, with what to type; raises `ConfigError`."""
    if prompter is not None:
        if not named:
            raise ConfigError(f"IMAGES must be given, got none; name files or folders for {prompter} to draw in")
        return
    from septum.workflows.model.folder import ModelFolder

    models = [path for path in named if ModelFolder(path).plan.is_file()]
    if not models:
        first = f"{named[0]}{'' if named[0].exists() else ', which does not exist'}" if named else "none"
        raise ConfigError(
            f"MODEL IMAGES must begin with a model folder (with a plan.json), got {first}; train one with "
            "`septum train DATASET -o MODEL`, or give `--prompter medsam-lite --box Y,X,Y,X` for masks without a "
            "trained model"
        )
    if models[0] != named[0]:
        raise ConfigError(f"MODEL must stand before IMAGES, got {named[0]} before the model {models[0]}; swap them")
    if len(named) == 1:
        raise ConfigError(f"IMAGES must be named behind the model, got none; type `septum predict {named[0]} IMAGES`")
