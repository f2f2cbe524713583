"""The training loop, visible from end to end: draw, augment, forward, loss, step, average; validate, save, stop.

One clock drives everything. `progress` runs from 0 to 1 over the budget, be it steps or seconds, and learning rate,
validation and the end are functions of it. The randomness of a step is a function of (seed, rank, step), so a run that
was killed and resumed takes the very steps it would have taken.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from septum.errors import Cancelled, ConfigError, SeptumError
from septum.geometry.class_maps import ignore_class
from septum.net.architecture.network import Network
from septum.net.architecture.unet import UNet
from septum.net.augment import augment as augmentation
from septum.net.augment.augment import AugmentConfig, Parameters, Patch
from septum.net.augment.cutmix import draw_boxes, mix
from septum.net.augment.intensity import Intensity, change_intensity
from septum.net.learning.checkpoint import load_tensors, save_tensors
from septum.net.learning.objective import Objective
from septum.net.learning.sampling import Draw, PatchSampler, Sample
from septum.net.learning.simulated_user import prompt_batch
from septum.net.learning.teacher import TeacherConfig, pseudo_labels, ramp_up
from septum.net.prompts import PromptConfig

MAX_BACKOFFS = 5


VALIDATIONS = 10
"""How often a run whose budget is steps is validated, the end included."""


FIRST_VALIDATION = 20
"""Steps before which no network is worth validating."""


SETTLED = 2 / 3
"""Share of the budget from which on patience counts: before it the learning rate is high, and a Dice that does not rise
says little, for it rises again as the rate falls."""


CLEARLY = 0.01
"""By how much a moment of the past must have been better to be kept: the highest of many figures from a few images owes
something to chance, and the weights at the end have the lowest rate behind them."""


_SIMULATED_USER, _CUTMIX, _UNLABELLED = 1, 2, 3  # streams of random numbers beside those of the labelled patches


@dataclass(frozen=True)
class TrainConfig:
    """How to train; exactly one of `steps` and `seconds` is the budget.

    Args:
        patch: size of a training patch in voxels.
        augment: ranges of the augmentation.
        batch: patches per step and device.
        steps, seconds: budget.
        optimiser: "adamw", or "sgd" with `momentum`.
        warmup: share of the budget over which the learning rate rises; then it falls as a cosine to zero.
        ema: decay of the exponential moving average of the weights, which is what is validated and kept; 0 = off.
        oversample: share of patches centred on a class drawn uniformly.
        clip: largest norm of the gradient.
        validate_share: largest share of the time spent on validation, where the budget is seconds. Where it is steps,
            validation falls due by steps, so that seed, data and code alone decide what is kept.
        patience: stop after so many validations without improvement, counted from `SETTLED` on; 0 = never.
        until_dice: stop as soon as the validation Dice reaches this value.
        checkpoint_seconds: longest time between two saved states.
        seed: seed of patches and augmentation.
        prompts: what the simulated user gives with the patches; None for a network without prompts.
        encoder_rate: factor on the learning rate of an encoder that has seen images, which has less to learn.
        cutmix: share of the labelled patches that get a box of another one; 0 = off.
        teacher: how samples without any annotation take part; None leaves them out.
    """

    patch: tuple[int, ...]
    augment: AugmentConfig
    batch: int = 2
    steps: int | None = None
    seconds: float | None = 600.0
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    momentum: float = 0.99
    warmup: float = 0.03
    ema: float = 0.998
    oversample: float = 0.5
    clip: float = 5.0
    validate_share: float = 0.1
    patience: int = 0
    until_dice: float | None = None
    checkpoint_seconds: float = 45.0
    seed: int = 0
    prompts: PromptConfig | None = None
    encoder_rate: float = 1.0
    cutmix: float = 0.0
    teacher: TeacherConfig | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.seconds is None):
            raise ConfigError(f"the budget must be steps or seconds, got steps={self.steps}, seconds={self.seconds}")
        if min(self.steps or 1, self.seconds or 1, self.batch) <= 0:
            raise ConfigError("steps, minutes and batch must be positive")


@dataclass(frozen=True)
class Status:
    """Where a training run is; `steps` is an estimate when the budget is time."""

    step: int
    steps: int
    images_per_second: float
    loss: float
    val_dice: float | None
    seconds_left: float
    message: str = ""


@dataclass(frozen=True)
class TrainOutcome:
    """What a run ended with: `weights` are those to keep, `reason` is one of budget, stopped, plateau, good enough."""

    weights: dict[str, Tensor]
    val_dice: float | None
    steps: int
    seconds: float
    reason: str
    history: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class Callbacks:
    """What the loop asks and tells outside.

    Args:
        on_status: hears where the run is.
        should_stop: asked after each step.
        validate: mean Dice of a network on whole held-out images, or None; may raise `Cancelled`.
    """

    on_status: Callable[[Status], None] = lambda status: None
    should_stop: Callable[[], bool] = lambda: False
    validate: Callable[[Network], float] | None = None


@dataclass(frozen=True)
class SavedState:
    """Where the state is saved, at least every `TrainConfig.checkpoint_seconds`, and whether to go on from it."""

    file: Path
    resume: bool = False


@dataclass
class _State:
    """Everything that a resumed run needs."""

    step: int = 0
    elapsed: float = 0.0
    scale: float = 1.0  # learning-rate factor, lowered when a run diverges
    backoffs: int = 0
    best_dice: float = -1.0
    best: dict[str, Tensor] = field(default_factory=dict)
    last_dice: float | None = None
    stale: int = 0
    owed: bool = False  # a validation that was stopped before its end
    history: list[dict[str, float]] = field(default_factory=list)


def train(
    model: Network,
    samples: Sequence[Sample],
    *,
    config: TrainConfig,
    fabric: Fabric,
    objective: Objective,
    callbacks: Callbacks,
    saved: SavedState,
) -> TrainOutcome:
    """Train `model` on patches of `samples` until the budget, a plateau or `callbacks.should_stop` ends it.

    Raises:
        SeptumError: when the loss diverges again and again.
        CheckpointError: when the state cannot be written or read.
    """
    run = _Run(model, samples, config=config, fabric=fabric, objective=objective, callbacks=callbacks, file=saved.file)
    return run.go(saved.resume)


class _Run:
    """One run: the loop in `go`, its parts in reading order below."""

    def __init__(
        self,
        model: Network,
        samples: Sequence[Sample],
        *,
        config: TrainConfig,
        fabric: Fabric,
        objective: Objective,
        callbacks: Callbacks,
        file: Path,
    ) -> None:
        self.samples, self.config, self.fabric, self.objective = samples, config, fabric, objective
        self.callbacks, self.file = callbacks, file
        self.state = _State()
        self.n_classes = model.config.out_channels - objective.extra_outputs(model.config.ndim)
        self.sampler = PatchSampler(samples, n_classes=self.n_classes, oversample=config.oversample)
        self.strong = replace(config.augment, intensity=augmentation.stronger(config.augment).intensity)
        self.inner = (slice(None), *(slice(m, -m) if m else slice(None) for m in model.margin))
        self.layout = torch.channels_last if model.config.ndim == 2 else torch.channels_last_3d
        model = model.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.average = copy.deepcopy(model).to(fabric.device).eval().requires_grad_(False)
        self.raw = model.train()
        self.model, self.optimiser = fabric.setup(model, _optimiser(model, config))
        # Small cases live on the device as tensors; memory-mapped ones are read patch by patch.
        self.resident = [_on_device(sample, fabric.device) for sample in samples]
        self.validation_cost = 0.0
        self.last_validation = self.last_save = 0.0
        self.last_status = -math.inf  # the first step is reported at once
        self.losses: list[float] = []

    def go(self, resume: bool) -> TrainOutcome:
        """Step until the budget is spent, a person stops, or validation says it is enough."""
        if resume:
            self.load()
        started = time.monotonic() - self.state.elapsed
        self.last_validation = self.last_save = self.state.elapsed
        mark = (self.state.elapsed, self.state.step)
        validate = self.callbacks.validate
        if self.state.owed and validate is not None:
            self.run_validation(validate)
        reason = "budget" if self.progress >= 1 else ""  # a run that was killed while it finished
        while not reason:
            self.set_learning_rate()
            self.losses.append(self.one_step())
            self.state.step += 1
            self.state.elapsed = time.monotonic() - started
            due = self.state.elapsed - self.last_status > (1.0 if self.state.elapsed < 30 else 3.0)
            if due or self.progress >= 1:
                mark = self.report(mark)
            if validate is not None and self.validation_due():
                self.run_validation(validate)
                self.state.elapsed = time.monotonic() - started
            reason = self.end_reason()
            if reason != "budget" and self.state.elapsed - self.last_save > self.config.checkpoint_seconds:
                self.save()
        return self.finish(reason, started)

    @property
    def progress(self) -> float:
        if self.config.steps is not None:
            return self.state.step / self.config.steps
        return self.state.elapsed / (self.config.seconds or 1.0)

    def set_learning_rate(self) -> None:
        share, warmup = min(self.progress, 1.0), self.config.warmup
        # Under a time budget the first steps are few and slow; they must not be spent at a rate of zero.
        rise = max(share, 0.01) / warmup if share < warmup else 1.0
        fall = 0.5 * (1 + math.cos(math.pi * (share - warmup) / (1 - warmup))) if share >= warmup else 1.0
        for group in self.optimiser.param_groups:
            group["lr"] = (
                group["share"] * self.config.learning_rate * self.state.scale * min(rise, 1.0) * max(fall, 1e-3)
            )

    def one_step(self) -> float:
        """One optimisation step; returns the loss (or the last one, after a step that had to be taken back)."""
        drawn = [self.patch(index) for index in range(self.config.batch)]
        images, labels, maps = _collate([patch for patch, _ in drawn], self.raw.margin)
        if self.config.cutmix:
            masks = self.boxes(len(images), share=self.config.cutmix, stream=_CUTMIX)
            images, labels = mix(images, masks), mix(labels, masks[self.inner])
            maps = None if maps is None else mix(maps, masks[self.inner])
        if self.config.prompts is not None:
            images = self.prompted(
                images, labels, config=self.config.prompts, spacings=[spacing for _, spacing in drawn]
            )
        # Dropout draws from torch's own generator; seeding it by step keeps a resumed run on its track.
        torch.manual_seed(hash((self.config.seed, self.fabric.global_rank, self.state.step)) & 0x7FFFFFFF)
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(images, labels, maps=maps)
        value = float(loss.detach())
        if math.isfinite(value):
            self.fabric.backward(loss)
            norm = self.fabric.clip_gradients(
                self.model, self.optimiser, max_norm=self.config.clip, error_if_nonfinite=False
            )
            if norm is None or math.isfinite(float(norm)):
                self.optimiser.step()
                self.update_average()
                return value
        return self.back_off()

    def loss(self, images: Tensor, labels: Tensor, *, maps: Tensor | None) -> Tensor:
        """That of the labelled patches and, by the weight of this moment, that of patches without labels."""
        teacher = self.config.teacher
        weight = teacher.weight * ramp_up(self.progress, length=teacher.ramp) if teacher is not None else 0.0
        if teacher is None or weight == 0 or not self.sampler.unlabelled:
            return self.objective.loss(self.model(images.contiguous(memory_format=self.layout)), labels, maps)
        others, guesses = self.taught(teacher)
        output = self.model(torch.cat([images, others]).contiguous(memory_format=self.layout))
        levels = [output] if isinstance(output, Tensor) else output
        known, guessed = ([level.tensor_split([len(images)])[part] for level in levels] for part in (0, 1))
        sure = (guesses != ignore_class(self.n_classes)).float().mean()
        return self.objective.loss(known, labels, maps) + weight * sure * self.objective.loss(guessed, guesses, None)

    def taught(self, teacher: TeacherConfig) -> tuple[Tensor, Tensor]:
        """Patches without labels as the network that learns sees them, and what the averaged one says of them."""
        drawn = [self.unlabelled_patch(index) for index in range(teacher.batch)]
        seen = torch.stack([patch for patch, _ in drawn]).contiguous(memory_format=self.layout)
        with torch.no_grad(), self.fabric.autocast():
            logits: Tensor = self.average(seen)
        guesses = pseudo_labels(logits, confidence=teacher.confidence, ignore=ignore_class(self.n_classes))
        images = torch.stack([change_intensity(intensity, patch) for patch, intensity in drawn])
        masks = self.boxes(len(drawn), share=teacher.cutmix, stream=_UNLABELLED)
        return mix(images, masks), mix(guesses, masks[self.inner])

    def boxes(self, count: int, *, share: float, stream: int) -> Tensor:
        """Masks `(count, *patch)` of this step: a box each, and an empty one where a patch stays as it is."""
        generator = np.random.default_rng((*self.key, 0, stream, 0))
        masks = draw_boxes(count, patch=self.config.patch, share=share, generator=generator)
        return torch.from_numpy(masks).to(self.fabric.device)

    def prompted(
        self, images: Tensor, labels: Tensor, *, config: PromptConfig, spacings: Sequence[tuple[float, ...]]
    ) -> Tensor:
        """The patches of this step with the simulated user's prompts; it corrects the averaged network."""
        n_classes = self.n_classes

        def guess(batch: Tensor) -> Tensor:
            with torch.no_grad(), self.fabric.autocast():
                found: Tensor = self.average(batch.contiguous(memory_format=self.layout))
            return found.argmax(1)

        return prompt_batch(
            images,
            labels,
            config=config,
            n_classes=n_classes,
            spacings=spacings,
            generators=[np.random.default_rng((*self.key, index, _SIMULATED_USER)) for index in range(len(images))],
            predict=guess,
        )

    @property
    def key(self) -> tuple[int, int, int]:
        """What the randomness of this step is a function of."""
        return (self.config.seed, self.fabric.global_rank, self.state.step)

    def patch(self, index: int) -> tuple[Patch, tuple[float, ...]]:
        """The patch number `index` of this step, and its spacing in mm."""
        generator = np.random.default_rng((*self.key, index))
        draw = self.sampler.draw(generator)
        sample = self.samples[draw.case]
        drawn = self.parameters(sample, self.config.augment, generator=generator)
        image, labels = self.resident[draw.case]
        cut = augmentation.apply(
            drawn, image, labels=labels, centre=self.centre(draw), extras=sample.maps, device=self.fabric.device
        )
        return with_targets(cut, sample, objective=self.objective), sample.spacing

    def unlabelled_patch(self, index: int) -> tuple[Tensor, Intensity]:
        """A patch without labels that is only turned and bent, and strong changes of its intensities, as drawn."""
        generator = np.random.default_rng((*self.key, index, _UNLABELLED))
        draw = self.sampler.draw_unlabelled(generator)
        drawn = self.parameters(self.samples[draw.case], self.strong, generator=generator)
        image, _ = self.resident[draw.case]
        weak = replace(drawn, intensity=Intensity())
        return augmentation.apply(
            weak, image, centre=self.centre(draw), device=self.fabric.device
        ).image, drawn.intensity

    def parameters(self, sample: Sample, ranges: AugmentConfig, *, generator: np.random.Generator) -> Parameters:
        """The augmentation of a patch of `sample`."""
        return augmentation.sample(
            ranges,
            patch=self.config.patch,
            spacing=sample.spacing,
            generator=generator,
            channels=sample.image.shape[0],
        )

    def centre(self, draw: Draw) -> tuple[int, ...]:
        """A patch that hangs over the border is half mirror image, which prediction hardly ever sees."""
        output = [n - 2 * m for n, m in zip(self.config.patch, self.raw.margin, strict=True)]
        return augmentation.inside(draw.centre, patch=output, shape=self.samples[draw.case].labels.shape)

    def update_average(self) -> None:
        # The average is short at first (it would remember the random start), long later.
        decay = min(self.config.ema, (1 + self.state.step) / (10 + self.state.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.raw.parameters()), 1 - decay)
            for kept, current in zip(self.average.buffers(), self.raw.buffers(), strict=True):
                kept.copy_(current)

    def back_off(self) -> float:
        """Return to the averaged weights with half the learning rate, and say so."""
        self.state.backoffs += 1
        if self.state.backoffs > MAX_BACKOFFS:
            raise SeptumError(
                f"training diverged {self.state.backoffs} times (the loss is not finite); check the images with "
                "`septum doctor`, or lower learning_rate in plan.json"
            )
        self.state.scale *= 0.5
        self.raw.load_state_dict(self.average.state_dict())
        self.optimiser.state.clear()
        self.emit("the loss was not finite: went back to the averaged weights and halved the learning rate")
        return self.losses[-1] if self.losses else 0.0

    def report(self, mark: tuple[float, int]) -> tuple[float, int]:
        self.last_status = self.state.elapsed
        seconds, steps = self.state.elapsed - mark[0], self.state.step - mark[1]
        self.rate = steps * self.config.batch * self.fabric.world_size / max(seconds, 1e-6)
        self.emit("")
        self.record({})
        return (self.state.elapsed, self.state.step)

    def record(self, extra: dict[str, float]) -> None:
        # A run that resumes with a validation has no loss of its own yet.
        recent = self.losses[-50:] or [row["loss"] for row in self.state.history[-1:]] or [math.nan]
        row = {
            "step": float(self.state.step),
            "seconds": round(self.state.elapsed, 2),
            "loss": sum(recent) / len(recent),
        }
        self.state.history.append({**row, "learning_rate": self.optimiser.param_groups[0]["lr"], **extra})
        self.losses = self.losses[-50:]

    def emit(self, message: str) -> None:
        """Tell the caller where the training is."""
        state, share = self.state, max(self.progress, 1e-9)
        steps = self.config.steps or max(state.step, round(state.step / share))
        recent = self.losses[-50:] or [float("nan")]
        self.callbacks.on_status(
            Status(
                step=state.step,
                steps=steps,
                images_per_second=getattr(self, "rate", 0.0),
                loss=sum(recent) / len(recent),
                val_dice=state.last_dice,
                seconds_left=max(0.0, state.elapsed * (1 - share) / share),
                message=message,
            )
        )

    def validation_due(self) -> bool:
        if self.config.steps is not None:
            every = max(FIRST_VALIDATION, -(-self.config.steps // VALIDATIONS))
            return self.state.step % every == 0 and self.progress < 0.97
        waited = self.state.elapsed - self.last_validation
        first = self.state.step >= 20 and self.state.last_dice is None and self.progress > 0.05
        return first or (
            self.state.last_dice is not None
            and waited > max(5.0, self.validation_cost / self.config.validate_share)
            and self.progress < 0.97
        )

    def run_validation(self, validate: Callable[[Network], float]) -> None:
        """Validate the averaged network; a validation that is stopped tells nothing and is owed to the resumed run."""
        begin, state = time.monotonic(), self.state
        dice = 0.0
        if self.fabric.is_global_zero:
            try:
                dice = validate(self.average)
            except Cancelled:
                dice = math.nan
        dice = float(self.fabric.broadcast(dice)) if self.fabric.world_size > 1 else dice
        state.owed = math.isnan(dice)
        if state.owed:
            return
        self.validation_cost = time.monotonic() - begin
        self.last_validation = state.elapsed + self.validation_cost
        state.last_dice = dice
        improved = dice > state.best_dice + 1e-4
        state.stale = state.stale + 1 if self.progress >= SETTLED and not improved else 0
        if dice > state.best_dice:
            state.best_dice, state.best = dice, _copy(self.average)
        self.record({"val_dice": dice})
        self.emit("")

    def end_reason(self) -> str:
        """Why the loop ends after this step, the same on every rank; empty while it goes on."""
        config, state = self.config, self.state
        reason = ""
        if self.progress >= 1:
            reason = "budget"
        elif self.callbacks.should_stop():
            reason = "stopped"
        elif config.until_dice is not None and (state.last_dice or 0.0) >= config.until_dice:
            reason = "good enough"
        elif config.patience and state.stale >= config.patience:
            reason = "plateau"
        # Ranks must leave the loop together: rank 0 decides.
        return str(self.fabric.broadcast(reason)) if self.fabric.world_size > 1 else reason

    def finish(self, reason: str, started: float) -> TrainOutcome:
        state = self.state
        if reason == "budget" and self.callbacks.validate is not None:
            self.run_validation(self.callbacks.validate)
            reason = "stopped" if state.owed else reason
        finished = reason in ("budget", "plateau")
        least = state.best_dice - (CLEARLY if finished else 0.0)
        keep_best = bool(state.best) and (state.last_dice or 0.0) < least
        weights = state.best if keep_best else _copy(self.average)
        dice = (state.best_dice if keep_best else state.last_dice) if state.best else None
        state.elapsed = time.monotonic() - started
        self.save()
        return TrainOutcome(weights, dice, state.step, state.elapsed, reason, tuple(state.history))

    def save(self) -> None:
        self.last_save = self.state.elapsed
        if self.fabric.is_global_zero:
            content = {"model": self.raw.state_dict(), "average": self.average.state_dict()}
            save_tensors(self.file, {**content, "optimiser": self.optimiser.state_dict(), "state": vars(self.state)})

    def load(self) -> None:
        content = load_tensors(self.file)
        self.raw.load_state_dict(content["model"])
        self.average.load_state_dict(content["average"])
        self.optimiser.load_state_dict(content["optimiser"])
        self.state = _State(**content["state"])


def _optimiser(model: Network, config: TrainConfig) -> torch.optim.Optimizer:
    # Norms and biases are one-dimensional: decaying them only fights the normalisation.
    borrowed = isinstance(model, UNet) and model.config.encoder != "own"
    learnt = list(model.get_submodule("encoder").parameters()) if borrowed else []
    known = {id(p) for p in learnt}
    groups: list[dict[str, Any]] = []
    for share, ours in ((1.0, [p for p in model.parameters() if id(p) not in known]), (config.encoder_rate, learnt)):
        decayed, free = [p for p in ours if p.ndim > 1], [p for p in ours if p.ndim <= 1]
        groups.append({"params": decayed, "weight_decay": config.weight_decay, "share": share})
        groups.append({"params": free, "weight_decay": 0.0, "share": share})
    groups = [group for group in groups if group["params"]]
    if config.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99))


def with_targets(patch: Patch, sample: Sample, *, objective: Objective) -> Patch:
    """A patch whose labels are warped ids, with their classes as labels and the targets made of them; others as is."""
    if sample.objects is None or objective.targets is None or patch.labels is None:
        return patch
    ids = patch.labels.cpu().numpy()
    maps = objective.targets(ids, sample.spacing, sample.objects.radii)
    device = patch.image.device
    classes = torch.from_numpy(sample.objects.classes[ids]).to(device)
    return Patch(patch.image, classes, torch.from_numpy(maps).to(device))


def _on_device(sample: Sample, device: torch.device) -> tuple[Any, Any]:
    labels = sample.labels if sample.objects is None else sample.objects.ids
    if isinstance(sample.image, np.memmap):
        return sample.image, labels
    image = torch.as_tensor(sample.image).to(device)
    if not any(labels.strides):  # one value for all voxels: nobody annotated any
        return image, labels
    return image, torch.as_tensor(labels).to(device)


def _collate(patches: Sequence[Patch], margin: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Stack patches; labels and maps lose the margin that an unpadded network does not predict."""
    inner = tuple(slice(m, -m) if m else slice(None) for m in margin)
    labels = torch.stack([p.labels[inner] for p in patches if p.labels is not None])
    maps = [p.extras[(slice(None), *inner)] for p in patches if p.extras is not None]
    return torch.stack([p.image for p in patches]), labels, torch.stack(maps) if maps else None


def _copy(model: Network) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
