"""The demonstration: a real MR brain, a few annotated slices, a trained network, a measured report.

The insight: the slices to learn from and the slices to measure on are two blocks of the head with a gap between them.
Neighbouring slices look alike, so measuring beside the training slices would measure memory.

The image is the ICBM152 2009 nonlinear symmetric T1 template with its maps of grey and white matter (Fonov et al. 2011,
NeuroImage 54:313-327), read from the files inside the installed package nilearn without importing it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.template import find_template, tissue_labels
from septum.workflows.evaluation.evaluate import evaluate
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.model.settings import TrainSettings, TrainStatus
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.workflow import predict
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training.train import train

# Axial slices, counted in mm above the lowest one of the template. The gap between the blocks is 15 mm.
TRAINING_SLICES = tuple(range(55, 91, 5))


TEST_SLICES = tuple(range(105, 129, 2))


LABELS = {"background": 0, "grey matter": 1, "white matter": 2}


MARKER = "about-this-demo.txt"


PARTS = ("training", "test", "model", "predictions", "report")


ABOUT = """Made by `septum demo`.

training/     axial slices of the ICBM152 T1 template with labels: 1 = grey matter, 2 = white matter
test/         slices of another block of the same head, 15 mm away, with labels that only the measurement sees
model/        the trained network, its plan, learning curves, provenance and own report
predictions/  the masks of test/images
report/       the measurement: open report/index.html

Both blocks come from one averaged head, so the figures show that everything works, not how well a network
would do on another person. Research software, not a medical device.
"""


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration left behind; without report and mean Dice where it was stopped before the measurement."""

    model: Path
    predictions: Path
    report: Path | None = None
    mean_dice: float | None = None


def run_demo(
    output: Path,
    *,
    minutes: float = 2.0,
    overwrite: bool = False,
    on_status: Callable[[TrainStatus], None],
    hooks: Hooks,
) -> DemoResult:
    """Build the data set, train `auto` for `minutes`, segment the other block, measure.

    Raises:
        ConfigError: when nilearn is absent, or `output` holds anything and `overwrite` is not given.
    """
    sources = find_template()
    _claim(output, overwrite=overwrite)
    hooks.on_note(f"writing {len(TRAINING_SLICES)} training and {len(TEST_SLICES)} test slices to {output}")
    _write_slices(sources, output)
    hooks.on_note(f"training for {minutes:g} minutes; Ctrl-C stops earlier and goes on with what was learnt")
    model, predictions, report = output / "model", output / "predictions", output / "report"
    train(
        output / "training",
        model,
        settings=TrainSettings(minutes=minutes),
        hooks=hooks,
        on_status=on_status,
        overwrite=overwrite,
    )
    if hooks.should_stop():
        return DemoResult(model, predictions)
    hooks.on_note("segmenting the other block")
    predict(
        model,
        [output / "test" / "images"],
        output=predictions,
        settings=PredictSettings(overwrite=overwrite),
        hooks=hooks,
    )
    if hooks.should_stop():
        return DemoResult(model, predictions)
    result = evaluate(
        predictions,
        output / "test",
        output=report,
        settings=EvaluateSettings(overwrite=overwrite),
        hooks=hooks,
    )
    return DemoResult(model, predictions, result.report, result.mean_dice)


def _claim(output: Path, *, overwrite: bool) -> None:
    """Make `output` ours; clear what an earlier demo left there, and nothing else."""
    if output.is_dir() and any(output.iterdir()):
        if not (output / MARKER).is_file():
            raise ConfigError(f"output must be a new or empty folder, got {output}; give another one with -o")
        if not overwrite:
            raise ConfigError(
                f"{output} holds an earlier demo; replace it with --overwrite, or give another folder with -o"
            )
        for part in PARTS:
            shutil.rmtree(output / part, ignore_errors=True)
    output.mkdir(parents=True, exist_ok=True)
    (output / MARKER).write_text(ABOUT, encoding="utf-8")


def _write_slices(sources: dict[str, Path], output: Path) -> None:
    wanted = [*TRAINING_SLICES, *TEST_SLICES]
    values: dict[str, NDArray[np.float32]] = {}
    for name, path in sources.items():
        volume = io.read_image(path).array[0]
        # (z, y, x) of a RAS volume; turned so that the forehead is at the top of the pictures.
        values[name] = volume[wanted, ::-1].astype(np.float32) / np.float32(volume.max())
    heads = dict(zip(wanted, np.round(255 * values["t1"]).astype(np.uint8), strict=True))
    labels = dict(zip(wanted, tissue_labels(values["gm"], values["wm"]), strict=True))
    grid = Grid.pixels(heads[wanted[0]].shape)
    for part, slices in (("training", TRAINING_SLICES), ("test", TEST_SLICES)):
        for kind in ("images", "labels"):
            (output / part / kind).mkdir(parents=True, exist_ok=True)
        for index in slices:
            file = f"slice-{index:03d}.png"
            io.write_image(output / part / "images" / file, Image(heads[index][None], grid, ("T1",)))
            io.write_labels(output / part / "labels" / file, LabelMap(labels[index], grid))
        (output / part / "dataset.json").write_text(json.dumps({"labels": LABELS}, indent=2), encoding="utf-8")
