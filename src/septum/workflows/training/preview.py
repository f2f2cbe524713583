"""`septum augment-preview`: what the network sees in training, as one sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from septum import io
from septum.errors import ConfigError
from septum.geometry import Grid, Image
from septum.net.augment.preview import preview, stacked_pictures
from septum.workflows.data.load import load_dataset
from septum.workflows.model.machine import Machine, choose_device
from septum.workflows.model.plan import read_plan
from septum.workflows.model.prepare import as_planes, to_sample
from septum.workflows.model.settings import TrainSettings
from septum.workflows.training.begin import derive_plan

SHOWN = 3
"""Images of a contact sheet, evenly chosen."""


def augment_preview(
    dataset: Path,
    output: Path,
    *,
    count: int = 8,
    seed: int = 0,
    plan: Path | None = None,
    axes: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a contact sheet: a few images, each untouched and augmented as in training, with label outlines.

    Raises:
        ConfigError: when `output` exists and `overwrite` is not set.
    """
    if output.exists() and not overwrite:
        raise ConfigError(f"{output} exists; choose another name or use --overwrite")
    data = load_dataset(dataset, axes=axes)
    cases = [case for case in data.labelled if case.split != "test"]
    settings = TrainSettings(steps=1, seed=seed, axes=axes)
    machine = Machine(choose_device(), "32-true")
    chosen = read_plan(plan) if plan is not None else derive_plan(data, cases, settings=settings, machine=machine)
    rows = []
    for case in cases[:: max(1, len(cases) // SHOWN)][:SHOWN]:
        planes = as_planes(to_sample(case, chosen), chosen.classes.ignore_class) if chosen.slices else None
        sample = planes[len(planes) // 2] if planes else to_sample(case, chosen)
        rows.append(
            preview(
                chosen.augment,
                sample.image,
                labels=sample.labels,
                spacing=sample.spacing,
                patch=chosen.patch,
                count=count,
                seed=seed,
            )
        )
    sheet = stacked_pictures(rows)
    io.write_image(output, Image(np.moveaxis(sheet, -1, 0), Grid.pixels(sheet.shape[:2])))
    return output
