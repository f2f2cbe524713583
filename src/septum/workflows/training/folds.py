"""Training the folds of a plan: prepare, train, validate on whole images, keep the curves.

Each fold is a folder of its own that can be resumed on its own; a fold whose weights are written is finished.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray

from septum.errors import ConfigError, SeptumError
from septum.instances.decode import Decoding, decode
from septum.metrics import confusion_counts, dice
from septum.metrics.instances import instance_overlap, match_instances
from septum.net.architecture.network import Network, build
from septum.net.engines.protocol import Engine
from septum.net.engines.torch import torch_engine
from septum.net.inference.predict import Listener
from septum.net.learning.checkpoint import load_model, save_model
from septum.net.learning.objective import get_objective
from septum.net.learning.pretrained import load_pretrained
from septum.net.learning.sampling import Sample
from septum.net.learning.simulated_user import box_around_largest, correct
from septum.net.learning.train import Callbacks, SavedState, Status, TrainConfig, TrainOutcome, train
from septum.net.prompts import Prompts
from septum.report.figures.plots import save_learning_curves
from septum.workflows.data.cases import Case
from septum.workflows.data.folds import Fold
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.machine import choose_device
from septum.workflows.model.plan import Plan
from septum.workflows.model.prepare import as_planes, block_mask
from septum.workflows.model.settings import TrainSettings, TrainStatus
from septum.workflows.prediction.network import predict_prepared
from septum.workflows.prediction.objects import maps_of
from septum.workflows.prediction.prompts import with_prompts
from septum.workflows.runs.files import write_json, write_text
from septum.workflows.runs.tables import frame_csv

JUDGED = 0.1
"""Share of the minutes that is kept for judging the networks by spoiled copies of held-out images, at the end."""

SAME_OBJECT = (0.5, 0.6, 0.7, 0.8)
"""IoU from which on two objects are the same, averaged where objects are scored in training."""

MOST_VALIDATED = 8
"""Whole images that validation during training looks at; the report afterwards looks at all of them."""


@dataclass(frozen=True)
class FoldJob:
    """One network to train.

    Args:
        index: its number.
        place, of: its place among those to train.
        fold: its cases.
        effort: its share of a budget of steps.
        share: its share of the minutes; None: all networks have the same.
        after: number of the network whose weights it goes on from.
    """

    index: int
    place: int
    of: int
    fold: Fold
    effort: float = 1.0
    share: float | None = None
    after: int | None = None

    @property
    def predicts(self) -> bool:
        """Whether later masks are its; else it judges the network whose they are."""
        return self.share is None or not self.fold.val

    @property
    def name(self) -> str:
        """What a person calls it."""
        if self.share is None:
            return f"fold {self.index}"
        return "the network of all images" if self.predicts else f"judge {self.index}"


def make_fabric(settings: TrainSettings, precision: str) -> Fabric:
    """Devices, nodes and precision; from here on there is one process per device.

    Raises:
        ConfigError: when the machine does not have what was asked for.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    kind = settings.devices if settings.devices in ("cpu", "cuda", "mps") else "auto"
    count: Any = int(settings.devices) if settings.devices.isdigit() else "auto"
    if count == "auto" and choose_device(kind) == "cpu":
        count = 1  # one process on a CPU uses every core already
    try:
        fabric = Fabric(accelerator=kind, devices=count, num_nodes=settings.nodes, precision=precision)
        fabric.launch()
    except (RuntimeError, ValueError, TypeError) as error:
        raise ConfigError(f"these devices cannot be used: {error}; try --devices cpu --precision 32-true") from error
    return fabric


def from_first(fabric: Fabric, make: Callable[[], str]) -> str:
    """What the first process makes, given to all of them; when it refuses, all of them stop.

    Raises:
        SeptumError: what `make` raised, or in the other processes that it did.
    """
    if fabric.world_size == 1:
        return make()
    made: tuple[bool, str] = (False, "")
    refusal: SeptumError | None = None
    if fabric.is_global_zero:
        try:
            made = (True, make())
        except SeptumError as error:
            refusal = error
    done, text = fabric.broadcast(made)
    if not done:
        raise refusal or SeptumError("the first process stopped; its message says why")
    return str(text)


@dataclass(frozen=True)
class FoldContext:
    """What all folds of a run share."""

    plan: Plan
    cases: Sequence[Case]
    samples: Mapping[str, Sample]
    unlabelled: Sequence[tuple[Case, Sample]]
    folder: ModelFolder
    settings: TrainSettings
    fabric: Fabric
    on_status: Callable[[TrainStatus], None]
    should_stop: Callable[[], bool]
    resume: bool


def train_fold(job: FoldJob, context: FoldContext) -> TrainOutcome:
    """Train one fold and write its weights and curves."""
    plan, fabric = context.plan, context.fabric
    ignore = plan.classes.ignore_class
    training, held_out = split_samples(job, context)
    inputs = [
        plane
        for sample in (*training, *unlabelled_of(job.fold, context))
        for plane in (as_planes(sample, ignore) if plan.slices else (sample,))
    ]
    path = context.folder.fold(job.index)
    path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed + 7919 * job.index)

    def tell(status: Status) -> None:
        context.on_status(TrainStatus(fold=job.place + 1, folds=job.of, name=job.name, **vars(status)))

    if job.after is not None and context.folder.weights(job.after).is_file():
        network = load_model(context.folder.weights(job.after))
    else:
        network = build(plan.unet)
        load_pretrained(network, image_channels=plan.channels)
    validate = make_validation(held_out, plan, fabric=fabric, should_stop=context.should_stop) if held_out else None
    outcome = train(
        network,
        inputs,
        config=train_config(plan, context.settings, job=job),
        fabric=fabric,
        objective=get_objective(plan.objective),
        callbacks=Callbacks(tell, context.should_stop, validate),
        saved=SavedState(path / "state.pt", context.resume and (path / "state.pt").exists()),
    )
    if fabric.is_global_zero:
        keep_fold(outcome, plan, path=path)
    fabric.barrier()
    return outcome


def train_config(plan: Plan, settings: TrainSettings, *, job: FoldJob) -> TrainConfig:
    """The plan's budget as the training loop takes it; minutes are shared by the networks and their judging."""
    budget = plan.budget
    share = 1 / job.of if job.share is None else job.share
    return TrainConfig(
        patch=plan.patch,
        augment=plan.augment,
        batch=budget.batch,
        steps=budget.steps and max(1, round(budget.steps * job.effort)),
        seconds=None if budget.minutes is None else budget.minutes * 60 * (1 - JUDGED) * share,
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
        prompts=plan.prompts,
        encoder_rate=budget.encoder_rate,
        cutmix=budget.cutmix,
        teacher=plan.teacher,
    )


def unlabelled_of(fold: Fold, context: FoldContext) -> list[Sample]:
    """The samples without labels that a fold may learn from: none is of a patient (a group) that it holds out."""
    held = {case.group for case in context.cases if case.id in fold.val and case.group is not None}
    return [sample for case, sample in context.unlabelled if case.group not in held]


def split_samples(job: FoldJob, context: FoldContext) -> tuple[list[Sample], list[Sample]]:
    """Training and held-out samples; of a single image, a block is held out by ignoring it here and the rest there."""
    fold, samples, ignore = job.fold, context.samples, context.plan.classes.ignore_class
    training = [samples[name] for name in fold.train]
    held_out = [samples[name] for name in fold.val]
    if fold.block is None:
        return training, held_out
    case = next(case for case in context.cases if case.id == fold.val[0])
    inside = block_mask(case, context.plan, block=fold.block)
    labels = held_out[0].labels
    rest, block = np.where(inside, ignore, labels), np.where(inside, labels, ignore)
    objects = training[0].objects
    if objects is not None:
        objects = replace(objects, ids=np.where(inside, -1, objects.ids).astype(np.int32))
    return (
        [replace(training[0], labels=rest.astype(labels.dtype), objects=objects)],
        [replace(held_out[0], labels=block.astype(labels.dtype))],
    )


def make_validation(
    held_out: Sequence[Sample], plan: Plan, *, fabric: Fabric, should_stop: Callable[[], bool]
) -> Callable[[Network], float]:
    """Mean Dice on whole held-out images, over classes, cases and `guesses` that have one; may raise `Cancelled`.

    Of a network of single objects it is the Dice of the objects: a network whose foreground is right long before its
    objects are would stop too early, and the wrong moment would be kept.
    """
    step = max(1, -(-len(held_out) // MOST_VALIDATED))
    chosen = held_out[::step]

    def validate(model: Network) -> float:
        scores: list[float] = []
        engine = torch_engine([model], device=fabric.device, precision=plan.precision, n_maps=plan.n_maps)
        for sample in chosen:
            if sample.objects is not None:
                scores += _objects_dice(engine, sample, ids=sample.objects.ids, plan=plan, should_stop=should_stop)
                continue
            for prediction in guesses(engine, sample, plan=plan, should_stop=should_stop):
                scores += _defined_dice(sample.labels, prediction, plan=plan)
        return float(np.mean(scores)) if scores else 0.0

    return validate


def _objects_dice(
    engine: Engine, sample: Sample, *, ids: NDArray[Any], plan: Plan, should_stop: Callable[[], bool]
) -> list[float]:
    """The Dice of two sets of objects (F1), the mean over the IoU from which on two are the same; none without any."""
    inputs = with_prompts(sample.image, plan, prompts=Prompts(), spacing=sample.spacing)
    maps, _ = maps_of(engine, inputs, plan=plan, listener=Listener(should_stop=should_stop))
    found = decode(maps, plan.instances or Decoding(), spacing=sample.spacing)
    known = np.where(sample.labels == plan.classes.ignore_class, -1, ids)
    overlap = instance_overlap(known, found.labels.astype(np.int64), ignore=-1)
    value = float(np.mean([match_instances(overlap, threshold=least).f1 for least in SAME_OBJECT]))
    return [value] if np.isfinite(value) else []


def _defined_dice(truth: NDArray[Any], prediction: NDArray[Any], *, plan: Plan) -> list[float]:
    """Dice of the classes for which it is defined."""
    known = range(1, plan.classes.n_classes)
    counts = confusion_counts(truth, prediction, classes=known, ignore=plan.classes.ignore_class)
    return [value for value in map(dice, counts) if np.isfinite(value)]


def guesses(engine: Engine, sample: Sample, *, plan: Plan, should_stop: Callable[[], bool]) -> Iterator[NDArray[Any]]:
    """What a network makes of a held-out image: alone; with prompts also told a click, then told a box instead.

    A network that takes prompts must not be chosen by what it does without them: where only a prompt can say what is
    meant, the Dice without one is chance, and the weights of a moment early in the training used to be kept.
    """

    def told(prompts: Prompts) -> NDArray[Any]:
        inputs = with_prompts(sample.image, plan, prompts=prompts, spacing=sample.spacing)
        return predict_prepared(engine, inputs, plan=plan, listener=Listener(should_stop=should_stop))

    alone = told(Prompts())
    yield alone
    if plan.prompts is None:
        return
    ignore = plan.classes.ignore_class
    click = correct(sample.labels, alone, ignore=ignore, spacing=sample.spacing)
    yield alone if click is None else told(Prompts((click,)))
    box = box_around_largest(sample.labels, ignore=ignore)
    if box is not None:
        yield told(Prompts((), (box,)))


def keep_fold(outcome: TrainOutcome, plan: Plan, *, path: Path) -> None:
    """Write weights, curves (CSV, PNG, TensorBoard) and how the run ended."""
    model = build(plan.unet)
    save_model(path / "weights.pt", model, weights=outcome.weights)
    table = pd.DataFrame(outcome.history)
    write_text(path / "curves.csv", frame_csv(table))
    if len(table):
        save_learning_curves(path / "curves.csv", path / "curves.png")
        write_events(table, path)
    ended = {"reason": outcome.reason, "steps": outcome.steps, "seconds": round(outcome.seconds, 1)}
    write_json(path / "run.json", {**ended, "val_dice": outcome.val_dice})


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
