"""`septum augment-preview`: what the network sees in training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from septum.cli import options


def augment_preview(
    dataset: options.DatasetFolder,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="SHEET.PNG", help="Picture to write.")],
    count: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="Augmented copies to show after each image itself.")
    ] = 8,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the augmentation.")] = 0,
    plan: Annotated[Path | None, typer.Option(metavar="PLAN.JSON", help="Show the augmentation of this plan.")] = None,
    axes: options.Axes = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Write a contact sheet of augmented images with their labels: what the network sees in training."""
    from septum.workflows.training import preview

    typer.echo(
        preview.augment_preview(dataset, output, count=count, seed=seed, plan=plan, axes=axes, overwrite=overwrite)
    )
