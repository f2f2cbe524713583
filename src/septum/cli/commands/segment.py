"""`septum segment`: classical methods on images, a list of them, and a comparison that chooses one.

The insight: the flags are a short way to write a pipeline (`--channel`, `--bias-correct`, `--smooth`, `--method`,
`--clean`, in this order), and the pipeline is what runs and what is saved; so what was typed once can be replayed.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from septum.cli import options
from septum.cli.stopping import STOPPED
from septum.cli.working import (
    finish_masks,
    finish_without,
    say_nothing_written,
    say_page,
    say_written,
    watched,
)
from septum.errors import ConfigError
from septum.workflows.runs.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from septum.options import Method
    from septum.workflows.data.jobs import JobsResult
    from septum.workflows.pipelines.pipeline import Pipeline


def segment(
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGES", help="Image files, folders, DICOM folders, a DATASET.", show_default=False),
    ] = None,
    method: Annotated[
        str | None, typer.Option("-m", "--method", metavar="NAME", help="Method that segments; see --list-methods.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="Folder for the masks, or for the comparison.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("-p", "--set", metavar="OPTION=VALUE", help="Option of the method; may be given several times."),
    ] = None,
    channel: options.Channel = None,
    bias_correct: Annotated[
        bool, typer.Option("--bias-correct", help="First remove the smooth shading of an MR image (N4).")
    ] = False,
    smooth: Annotated[
        list[str] | None,
        typer.Option(metavar="STEP", help="First smooth: NAME or NAME:option=value, such as gaussian:sigma_mm=2."),
    ] = None,
    clean: Annotated[
        list[str] | None,
        typer.Option(metavar="STEP", help="Then mend the mask: fill-holes, keep-largest:count=2, …; in this order."),
    ] = None,
    seeds: Annotated[
        list[str] | None,
        typer.Option(metavar="POINT", help="Seed: voxels Z,Y,X (Y,X) from 0, or a world position such as 10,-20,33mm."),
    ] = None,
    markers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Label file of markers or seeds, or a folder with one per image."),
    ] = None,
    pipeline: Annotated[
        Path | None, typer.Option(metavar="FILE.TOML", help="Run the steps of this file instead of --method.")
    ] = None,
    suggest: Annotated[
        Path | None,
        typer.Option(metavar="DATASET", help="Compare methods on annotated images and write the best as a pipeline."),
    ] = None,
    classifier: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.NPZ", help="Apply a pixel classifier that septum pixels trained; --clean may follow."
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="With --classifier: write the probability of each label too.")
    ] = False,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="With --classifier: write how unsure each voxel is, say where to scribble."),
    ] = False,
    workers: Annotated[
        str | None,
        typer.Option(metavar="N|ADDRESS", help="For --suggest: processes, or a Dask scheduler.", show_default="auto"),
    ] = None,
    list_methods: Annotated[
        bool, typer.Option("--list-methods", help="List every method with its options, or those of --method, and exit.")
    ] = False,
    background: options.Background = None,
    foreground: options.Foreground = None,
    axes: options.Axes = None,
    settings: options.SettingsFile = None,
    rectify: options.Rectify = False,
    no_page: options.NoPage = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Segment images by classical methods (thresholds, regions, watersheds, clustering) or by a pixel classifier.

    One mask per image, on the image's own grid, in its own format family, and pipeline.toml, which repeats the steps;
    the other settings are in septum-segment.toml. index.html shows every image with its outlines.
    Sizes are in mm; a sample of an image without a physical size counts as 1 mm. Research software, not a medical
    device.
    """
    if list_methods:
        _print_methods(method)
        return
    if output is None:
        raise ConfigError("the output folder must be given, got none; add -o OUT")
    shared = options.asked(overwrite=overwrite) | {"axes": axes}
    paged = shared | options.asked(rectify=rectify) | {"page": False if no_page else None}
    stepwise = method or set_ or channel or bias_correct or smooth or pipeline
    if suggest is not None:
        if images or method or pipeline:
            raise ConfigError(
                "--suggest chooses the method by itself, got images, --method or --pipeline too; leave them out"
            )
        given = shared | {"background": background, "foreground": foreground, "workers": workers}
        _suggest(suggest, output, settings, given)
        return
    if classifier is not None:
        if stepwise or seeds or markers:
            raise ConfigError(
                "--classifier segments by itself, got steps, seeds or markers too; leave them out (--clean may stay)"
            )
        given = paged | options.asked(clean=clean, probabilities=probabilities, uncertainty=uncertainty)
        _classify(images or [], output, classifier, settings, given)
        return
    if probabilities or uncertainty:
        raise ConfigError("--probabilities and --uncertainty need a pixel classifier, got none; add --classifier FILE")
    chosen = _resolve(method, set_, channel, bias_correct, smooth, clean, pipeline)
    from septum.workflows.pipelines import segment as segmentation

    given = paged | options.asked(seeds=seeds) | {"markers": markers}
    how = options.resolve(segmentation.SegmentSettings, settings, given=given)
    _finish(segmentation.segment, images or [], output, pipeline=chosen, settings=how)


def _classify(images: list[Path], output: Path, classifier: Path, file: Path | None, given: dict[str, Any]) -> None:
    from septum.workflows.pipelines.pixels import ApplySettings, apply_classifier

    wanted = options.resolve(ApplySettings, file, given=given)
    _finish(apply_classifier, images, output, classifier=classifier, settings=wanted)


def _resolve(
    method: str | None,
    set_: list[str] | None,
    channel: str | None,
    bias_correct: bool,
    smooth: list[str] | None,
    clean: list[str] | None,
    file: Path | None,
) -> Pipeline:
    """The pipeline that the flags describe."""
    from septum.workflows.pipelines.pipeline import Pipeline, make_step, parse_options, parse_spec, read_pipeline

    if file is not None:
        if method or set_ or channel or bias_correct or smooth or clean:
            raise ConfigError("--pipeline must stand alone, got other steps too; write them into the file")
        return read_pipeline(file)
    if method is None:
        raise ConfigError("a method must be given, got none; add --method NAME (see --list-methods) or --pipeline FILE")
    steps = [make_step("channel", {"use": channel})] if channel else []
    steps += [make_step("bias-correct")] if bias_correct else []
    steps += [parse_spec(text, stage="image") for text in smooth or []]
    steps += [make_step(method, parse_options(set_ or []), stage="segment")]
    steps += [parse_spec(text, stage="clean") for text in clean or []]
    return Pipeline(tuple(steps))


def _finish(workflow: Callable[..., JobsResult], images: list[Path], output: Path, **chosen: Any) -> None:
    """Work through the images; what was written and what failed, and the exit code."""
    if not images:
        raise ConfigError("images must be given, got none; name files or folders")
    result, _ = watched(partial(workflow, images, output, **chosen))
    say_written(result)
    say_page(result.page)
    finish_masks(result)


def _suggest(dataset: Path, output: Path, file: Path | None, given: dict[str, Any]) -> None:
    from septum.workflows.pipelines import suggest as suggestion

    settings = options.resolve(suggestion.SuggestSettings, file, given=given)
    result, _ = watched(partial(suggestion.suggest, dataset, output, settings=settings))
    if result is None:
        say_nothing_written()
        raise typer.Exit(STOPPED)
    for line in suggestion.table_lines(result.rows):
        typer.echo(line)
    typer.echo(f"best      {result.best.pipeline.describe()}")
    typer.echo(f"pipeline  {result.pipeline}")
    typer.echo(f"report    {result.report}")
    say_page(result.report)
    lost = counted(len(result.failures), "case")
    finish_without(result.failures, f"{lost} failed; the comparison is without them")


def _print_methods(name: str | None) -> None:
    from septum.classical.methods import METHODS, find_method

    if name is not None:
        _print_method(find_method(name))
        return
    titles = {
        "image": "Prepare the image (--smooth)",
        "segment": "Segment (--method)",
        "clean": "Mend the mask (--clean)",
    }
    width = max(len(method.name) for method in METHODS)
    for stage, title in titles.items():
        typer.echo(title)
        for method in METHODS:
            if method.stage == stage:
                names = ", ".join(f"{o.name}={option_text(o.default)}" for o in method.options)
                typer.echo(f"  {method.name:<{width}}  {method.what}" + (f"  [{names}]" if names else ""))
        typer.echo("")
    typer.echo("septum segment --list-methods --method NAME explains the options of one.")


def _print_method(method: Method) -> None:
    sizes = " and ".join(f"{d}-D" for d in method.dimensions)
    several = "all channels together" if method.channels == "any" else "one channel"
    typer.echo(f"{method.name}: {method.what}\n  {sizes}, {several}; runs {method.library}")
    if method.needs:
        typer.echo(f"  needs {', '.join(method.needs)}")
    for option in method.options:
        typer.echo(f"  {option.name}: {option.what} ({option.range_text()}; default {option_text(option.default)})")


def option_text(value: object) -> str:
    """A default as it is typed.

    >>> option_text((1.0, 2.0)), option_text(None), option_text(True)
    ('1,2', 'none', 'true')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(option_text(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
