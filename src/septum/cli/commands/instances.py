"""`septum instances`: single objects of semantic masks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from septum.cli import options
from septum.cli.working import finish_masks, say_written, watched


def instances(
    masks: Annotated[Path, typer.Argument(metavar="MASKS", help="A mask, or a folder of masks, 2-D or 3-D.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for the label maps.")],
    images: Annotated[
        Path | None, typer.Option(metavar="IMAGES", help="The images of these masks, shown in the pictures.")
    ] = None,
    depth: Annotated[
        float | None,
        typer.Option(
            metavar="D",
            help="How much narrower (in radius; mm, or pixels without a physical size) a neck must be to be cut.",
            show_default="one voxel",
        ),
    ] = None,
    smallest: Annotated[
        float | None,
        typer.Option(metavar="SIZE", help="Leave out objects of less area or volume.", show_default="0"),
    ] = None,
    background: options.Background = None,
    pictures: Annotated[
        bool | None, typer.Option("--pictures/--no-pictures", help="Draw both kinds of mask side by side.")
    ] = None,
    axes: options.Axes = None,
    settings: options.SettingsFile = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Split semantic masks into single objects, by distance transform and watershed, each class by itself.

    One label map per mask with ids from 1, objects.csv with their number, and a picture of both kinds of mask side by
    side. Research software, not a medical device.
    """
    given: dict[str, Any] = {
        "depth": depth,
        "smallest": smallest,
        "background": background,
        "pictures": pictures,
        "axes": axes,
        "overwrite": overwrite or None,
    }
    from septum.workflows.objects.split import SplitSettings, split_masks

    chosen = options.resolve(SplitSettings, settings, given=given)
    result, _ = watched(partial(split_masks, masks, output, images=images, settings=chosen))
    say_written(result)
    finish_masks(result)
