"""`septum import-keras`: a U-Net trained in Keras, used by `septum predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from septum.errors import ConfigError


def import_keras(
    model: Annotated[Path, typer.Argument(metavar="MODEL.keras", help="File that Keras 3's model.save wrote.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="New folder for the model that predict uses.")
    ],
    divide_by: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="What intensities were divided by in training: 255 for pictures scaled to 0..1, 1 for none.",
            show_default="255",
        ),
    ] = None,
    standardise: Annotated[
        bool, typer.Option("--standardise", help="Each image had mean 0 and deviation 1 in training instead.")
    ] = False,
    names: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME…", help="Names of the classes, background first.", show_default="background, class 1 …"
        ),
    ] = None,
    slices: Annotated[bool, typer.Option("--slices", help="The images are volumes, segmented slice by slice.")] = False,
) -> None:
    """Import a U-Net that Keras saved (encoder and decoder blocks of Conv2D, MaxPooling2D and Conv2DTranspose).

    The outputs are those of Keras. How intensities went into the network the file does not say: say it here. Keras
    itself is not needed, and nothing in the file is run.
    """
    if standardise and divide_by is not None:
        raise ConfigError(f"intensities must be divided or standardised, got both (--divide-by {divide_by:g})")
    from septum.workflows.model.keras_folder import ImportSettings, import_keras

    settings = ImportSettings(
        divide_by=255.0 if divide_by is None else divide_by,
        standardise=standardise,
        names=tuple(name.strip() for name in names.split(",")) if names else (),
        slices=slices,
    )
    plan = import_keras(model, output, settings=settings)
    how = "mean 0, deviation 1 per image" if standardise else f"divided by {settings.divide_by:g}"
    typer.echo(f"network    U-Net, features {', '.join(map(str, plan.unet.features))}; {plan.unet.activation_out}")
    typer.echo(f"input      {plan.channels} channel(s), {how}")
    typer.echo(
        f"labels     {', '.join(f'{v} {n}' for v, n in zip(plan.classes.values, plan.classes.names, strict=True))}"
    )
    typer.echo(f"model      {output}")
    typer.echo("not measured: try it with `septum evaluate` on images of yours; not a medical device", err=True)
