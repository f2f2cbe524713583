"""`septum measure`: the objects of a folder of masks, counted, measured, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from septum.cli import options
from septum.cli.working import finish, say_page, say_written, until_stopped


def measure(
    masks: Annotated[Path, typer.Argument(metavar="MASKS", help="A label map, or a folder of them, 2-D or 3-D.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for the tables and the page.")],
    images: Annotated[
        Path | None, typer.Option(metavar="IMAGES", help="The images of these masks: intensities are measured too.")
    ] = None,
    conditions: Annotated[
        Path | None,
        typer.Option(metavar="FILE.CSV", help="Table with one row per mask: its name, condition, perhaps replicate."),
    ] = None,
    condition_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Finds the condition in the masks' names: '^([a-z]+)_'; a group (?P<replicate>...) names the unit.",
        ),
    ] = None,
    split: Annotated[
        bool | None,
        typer.Option(
            "--split/--no-split",
            help="Split masks into objects first, or take every value as one object.",
            show_default="where a mask has few values in many parts",
        ),
    ] = None,
    background: options.Background = None,
    gallery: Annotated[
        int | None, typer.Option(metavar="N", help="Most pictures on the page.", show_default="12")
    ] = None,
    axes: options.Axes = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of the resampling.", show_default="0")] = None,
    settings: options.SettingsFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Count and measure objects: one table per object and one per image, and a page that compares conditions.

    Sizes are in µm or mm where the files know them, else in pixels; the column names say which. Conditions come from
    --conditions, --condition-pattern, or the sub-folders of MASKS; they are compared by image or replicate, never by
    single objects. Research software, not a medical device.
    """
    given: dict[str, Any] = {
        "conditions": conditions,
        "condition_pattern": condition_pattern,
        "split": split,
        "background": background,
        "gallery": gallery,
        "axes": axes,
        "seed": seed,
        "overwrite": overwrite or None,
    }
    from septum.workflows.objects import measure as workflow
    from septum.workflows.runs.words import counted

    chosen = options.resolve(workflow.MeasureSettings, settings, given=given)
    result = until_stopped(lambda hooks: workflow.measure(masks, output, images=images, settings=chosen, hooks=hooks))
    say_written(result)
    typer.echo(f"{counted(len(result.objects), 'object')} in {counted(len(result.images), 'image')}", err=True)
    say_page(result.page)
    finish(result, None)
