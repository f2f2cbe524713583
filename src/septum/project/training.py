"""Training the folds of a plan: prepare, train, validate on whole images, keep the curves.

Each fold is a folder of its own that can be resumed on its own; a fold whose weights are written is finished.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.metrics import confusion_counts, dice
from septum.net.checkpoint import save_model
from septum.net.engine import torch_engine
from septum.net.objective import get_objective
from septum.net.predict import Stopped, TileSettings, predict_classes
from septum.net.sampling import Sample
from septum.net.train import Outcome, Status, TrainConfig, train
from septum.net.unet import UNet
from septum.project.config import TrainSettings, TrainStatus
from septum.project.folds import Fold
from septum.project.model import ModelFolder
from septum.project.plan import Plan
from septum.project.prepare import as_planes
from septum.project.provenance import write_json, write_text
from septum.report.figures import save_learning_curves

MOST_VALIDATED = 8
"""Whole images that validation during training looks at; the report afterwards looks at all of them."""


@dataclass(frozen=True)
class FoldJob:
    """One fold to train: its number, its place among those to train, its cases."""

    index: int
    place: int
    of: int
    fold: Fold


def make_fabric(settings: TrainSettings, plan: Plan) -> Fabric:
    """Devices, nodes and precision.

    Raises:
        ConfigError: when the machine does not have what was asked for.
    """
    kind = settings.devices if settings.devices in ("cpu", "cuda", "mps") else "auto"
    count: Any = settings.devices
    if not str(count).isdigit():
        # One process on a CPU uses every core already.
        count = "auto" if kind == "auto" and torch.cuda.is_available() else 1
    try:
        return Fabric(
            accelerator=kind,
            devices=int(count) if str(count).isdigit() else count,
            num_nodes=settings.nodes,
            precision=plan.precision,
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise ConfigError(f"these devices cannot be used: {error}; try --devices cpu --precision 32-true") from error


def train_fold(
    job: FoldJob,
    plan: Plan,
    samples: dict[str, Sample],
    folder: ModelFolder,
    settings: TrainSettings,
    *,
    fabric: Fabric,
    on_status: Callable[[TrainStatus], None],
    should_stop: Callable[[], bool],
    resume: bool,
) -> Outcome:
    """Train one fold and write its weights and curves."""
    ignore = plan.classes.ignore_class
    training, held_out = split_samples(job.fold, samples, ignore)
    inputs = [plane for sample in training for plane in (as_planes(sample, ignore) if plan.slices else (sample,))]
    path = folder.fold(job.index)
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed + 7919 * job.index)
    state_file = path / "state.pt"
    started = time.monotonic()

    def tell(status: Status) -> None:
        on_status(TrainStatus(fold=job.place + 1, folds=job.of, **vars(status)))

    outcome = train(
        UNet(plan.unet),
        inputs,
        train_config(plan, settings, job),
        fabric=fabric,
        objective=get_objective(plan.objective),
        augment=plan.augment,
        validate=make_validation(held_out, plan, fabric, should_stop) if held_out else None,
        state_file=state_file,
        on_status=tell,
        should_stop=should_stop,
        resume=resume and state_file.exists(),
    )
    if fabric.is_global_zero:
        keep(outcome, plan, path, seconds=time.monotonic() - started)
    fabric.barrier()
    return outcome


def train_config(plan: Plan, settings: TrainSettings, job: FoldJob) -> TrainConfig:
    """The plan's budget as the training loop takes it; minutes are shared by the folds."""
    budget = plan.budget
    return TrainConfig(
        patch=plan.patch,
        batch=budget.batch,
        steps=budget.steps,
        seconds=None if budget.minutes is None else budget.minutes * 60 / job.of,
        optimiser=budget.optimiser,
        learning_rate=budget.learning_rate,
        weight_decay=budget.weight_decay,
        momentum=budget.momentum,
        warmup=budget.warmup,
        ema=budget.ema,
        oversample=budget.oversample,
        patience=settings.patience,
        until_dice=settings.until_dice,
        seed=plan.seed + 104729 * job.index,
    )


def split_samples(fold: Fold, samples: dict[str, Sample], ignore: int) -> tuple[list[Sample], list[Sample]]:
    """Training and held-out samples; of a single image, a block is held out by ignoring it here and the rest there."""
    training = [samples[name] for name in fold.train]
    held_out = [samples[name] for name in fold.val]
    if fold.block is None:
        return training, held_out
    inside = held_out[0].labels.copy()
    outside = held_out[0].labels.copy()
    block = block_slices(fold.block, outside.shape)
    outside[block] = ignore
    kept = np.full_like(inside, ignore)
    kept[block] = inside[block]
    return [replace(training[0], labels=outside)], [replace(held_out[0], labels=kept)]


def block_slices(block: tuple[int, int, int], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Index of a held-out block `(axis, start, stop)`."""
    axis, start, stop = block
    return tuple(slice(start, stop) if a == axis else slice(None) for a in range(len(shape)))


def make_validation(
    held_out: Sequence[Sample], plan: Plan, fabric: Fabric, should_stop: Callable[[], bool]
) -> Callable[[UNet], float]:
    """Mean Dice on whole held-out images, over classes and cases for which it is defined."""
    step = max(1, -(-len(held_out) // MOST_VALIDATED))
    chosen = held_out[::step]

    def validate(model: UNet) -> float:
        scores: list[float] = []
        engine = torch_engine([model], device=fabric.device, precision=plan.precision)
        for sample in chosen:
            try:
                prediction = predict_sample(engine, sample.image, plan, should_stop=should_stop)
            except Stopped:
                return float(np.mean(scores)) if scores else 0.0
            counts = confusion_counts(
                sample.labels, prediction, classes=range(1, plan.classes.n_classes), ignore=plan.classes.ignore_class
            )
            scores += [value for value in map(dice, counts) if np.isfinite(value)]
        return float(np.mean(scores)) if scores else 0.0

    return validate


def predict_sample(engine: Any, image: NDArray[Any], plan: Plan, **options: Any) -> NDArray[Any]:
    """Classes of a prepared image on the network's grid, slice by slice where the network is 2-D."""
    tiles = TileSettings(patch=plan.patch, overlap=plan.overlap)
    if plan.slices and image.ndim == 4:
        return np.stack(
            [predict_classes(engine, image[:, index], settings=tiles, **options) for index in range(image.shape[1])]
        )
    return predict_classes(engine, image, settings=tiles, **options)


def keep(outcome: Outcome, plan: Plan, path: Path, *, seconds: float) -> None:
    """Write weights, curves (CSV, PNG, TensorBoard) and how the run ended."""
    model = UNet(plan.unet)
    save_model(path / "weights.pt", model, outcome.weights)
    table = pd.DataFrame(outcome.history)
    write_text(path / "curves.csv", table.to_csv(index=False))
    if len(table):
        save_learning_curves(path / "curves.csv", path / "curves.png")
        write_events(table, path)
    summary = {"reason": outcome.reason, "steps": outcome.steps, "seconds": round(outcome.seconds, 1)}
    write_json(path / "run.json", {**summary, "val_dice": outcome.val_dice, "this_session_seconds": round(seconds, 1)})


def write_events(table: pd.DataFrame, path: Path) -> None:
    """The same curves for TensorBoard; events of an earlier, resumed part of the run are replaced."""
    from tensorboardX import SummaryWriter

    for old in path.glob("events.out.tfevents.*"):
        old.unlink()
    with SummaryWriter(logdir=str(path), write_to_disk=True) as writer:
        for row in json.loads(table.to_json(orient="records")):
            for name in ("loss", "learning_rate", "val_dice"):
                if row.get(name) is not None:
                    writer.add_scalar(name, row[name], int(row["step"]))
