"""The plan: everything that training and prediction will do, in one file that a person can read, edit and pass back.

It is derived in the open (see `derive`), and nothing downstream looks at the data again to change its mind.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from septum.errors import CheckpointError, ConfigError, GeometryError
from septum.geometry import Grid
from septum.geometry.placement import Placement
from septum.instances.decode import Decoding
from septum.io.documents import parse_json, read_text
from septum.net.architecture.bounds import MOST_CHANNELS, check_between
from septum.net.architecture.network import NetworkConfig, config_kind
from septum.net.architecture.unet import UNetConfig
from septum.net.architecture.window import WindowConfig
from septum.net.augment.augment import AugmentConfig
from septum.net.learning.objective import get_objective
from septum.net.learning.teacher import TeacherConfig
from septum.net.prompts import PromptConfig, prompt_channels
from septum.workflows.data.classes import ClassMap
from septum.workflows.model.fingerprint import Fingerprint
from septum.workflows.model.settings import LONGEST, MOST_STEPS
from septum.workflows.runs.settings import converter, structure, unstructure
from septum.workflows.runs.words import why

PLAN_FORMAT = 1


LARGEST_PLAN = 4 << 20
"""Bytes of the largest plan that is read; one with thousands of classes has a few hundred thousand."""


WHOLE_PLANE = 1024
"""Planes up to this side are predicted in one piece: an empty tile has no object to normalise by, and its noise is
taken for one. On four held-out sections of membranes the pixel error fell from 0.0750 to 0.0742."""


WINDOW_TILE = 256
"""Side of the output of a sliding window's tile in prediction: 52 MB of features, 26 % of the work outside of it."""


LARGEST = 1e30
"""Of the intensities that a plan names."""


LONGEST_PATCH, MOST_VALUES = 1 << 14, 1 << 31
"""Samples along a side of the patch, and values of a batch of patches in the first layer: eight gigabytes."""


MOST_SAMPLES, MOST_GROWTH = 1 << 28, 8
"""An image may become so many samples at the resolution of the plan, or so many times as many as it has."""


BUDGET_BOUNDS = {
    "minutes": (0, LONGEST), "steps": (1, MOST_STEPS), "batch": (1, 4096), "learning_rate": (0, 100),
    "momentum": (0, 1), "weight_decay": (0, 100), "warmup": (0, 1), "ema": (0, 1), "oversample": (0, 1),
    "encoder_rate": (0, 100), "cutmix": (0, 1),
}  # fmt: skip


@dataclass(frozen=True)
class Normalisation:
    """How intensities become what the network expects.

    Args:
        scheme: "standard" (per image and channel: mean and deviation of all samples, so that few bright objects on a
            dark, noisy ground stand out), "zscore" (the same after clipping to percentiles 0.5 to 99.5, for scans with
            bright outliers), "zscore nonzero" (the same over samples that are not zero), or "ct" (the numbers below,
            the same for every image).
        low, high, mean, std: per channel, for "ct": clip to low..high, subtract mean, divide by std.
    """

    scheme: Literal["standard", "zscore", "zscore nonzero", "ct"]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("low", "high", "mean", "std"):
            for value in getattr(self, name):
                check_between(f"normalisation.{name}", value, low=0 if name == "std" else -LARGEST, high=LARGEST)


@dataclass(frozen=True)
class Budget:
    """How long and how fast to learn; see `septum.net.learning.train.TrainConfig` for the meaning of each number."""

    minutes: float | None
    steps: int | None
    batch: int
    optimiser: Literal["adamw", "sgd"]
    learning_rate: float
    momentum: float = 0.99
    weight_decay: float = 1e-2
    warmup: float = 0.03
    ema: float = 0.998
    oversample: float = 0.5
    encoder_rate: float = 1.0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name, (low, high) in BUDGET_BOUNDS.items():
            value = getattr(self, name)
            if value is not None:
                check_between(f"budget.{name}", value, low=low, high=high)


@dataclass(frozen=True)
class Plan:
    """See the module; `spacing` None keeps each image's own resolution, axes are (z, y, x) or (y, x).

    Args:
        network: "auto", "encoder", "lecture", "paper" or "window".
        unet: the architecture.
        objective: a name of `septum.net.learning.objective`.
        classes: label values and names by class.
        channels: number of image channels; a grey image is repeated where colour is expected.
        spacing: mm (pixels) at which the network works.
        reorient: whether volumes are turned to (superior, anterior, right) first.
        slices: a 2-D network on the slices of volumes.
        normalisation, patch, augment, budget: as their types say; `patch` is the network's input size in voxels.
        overlap: least share of a tile that its neighbour covers in prediction.
        mirrors: axes along which `--tta` may mirror.
        precision: as in Lightning Fabric.
        seed: seed of everything random.
        fingerprint: what the plan was derived from.
        prompts: how clicks, scribbles and boxes look to the network; None for a network that takes none.
        instances: how single objects are read from the network's outputs; None for a network of classes only.
        chosen: what "auto" chose and why, in a sentence.
        followed: name of the file that held the plan, where a person gave one.
        specks: by class, the share of the image below which a piece of a mask is left out (see
            `septum.workflows.prediction.specks`); empty for none.
        teacher: how images without labels take part in the training; None where there are none.
        judged: network 0 has seen every case and predicts; the others, trained for less time and each without a part
            of the cases, judged. Otherwise all networks predict together.
    """

    network: Literal["auto", "encoder", "lecture", "paper", "window"]
    unet: NetworkConfig
    objective: str
    classes: ClassMap
    channels: int
    spacing: tuple[float, ...] | None
    reorient: bool
    slices: bool
    normalisation: Normalisation
    patch: tuple[int, ...]
    augment: AugmentConfig
    budget: Budget
    overlap: float
    mirrors: tuple[int, ...]
    precision: str
    seed: int
    fingerprint: Fingerprint
    format_version: int = PLAN_FORMAT
    prompts: PromptConfig | None = None
    instances: Decoding | None = None
    chosen: str = ""
    specks: tuple[float, ...] = ()
    judged: bool = False
    followed: str = ""
    teacher: TeacherConfig | None = None

    def __post_init__(self) -> None:
        check_between("channels", self.channels, low=1, high=MOST_CHANNELS)
        check_between("overlap", self.overlap, low=0, high=0.95)
        check_between("seed", self.seed, low=0, high=(1 << 63) - 1)
        check_between("fingerprint.ndim", self.fingerprint.ndim, low=2, high=3)
        if self.unet.ndim > self.fingerprint.ndim or (self.slices and self.unet.ndim != 2):
            raise ConfigError(f"unet.ndim must fit images of {self.fingerprint.ndim} axes, got {self.unet.ndim}")
        self._check_lists()
        if self.teacher is not None and (self.prompts is not None or self.instances is not None):
            what = "prompts" if self.instances is None else "single objects"
            raise ConfigError(
                f"images without labels teach networks of classes only, got one of {what}; leave --unlabelled out"
                + ("" if self.instances is None else ", or learn classes with --semantic")
            )
        if self.budget.cutmix and self.instances is not None:
            raise ConfigError(
                "budget.cutmix must be 0 for single objects, whose distances and vectors a box would cut, got "
                f"{self.budget.cutmix:g}; leave it out"
            )
        patches = self.budget.batch + (0 if self.teacher is None else self.teacher.batch)
        size = patches * math.prod(self.patch) * self.unet.features[0]
        check_between("values in the first layer (batch x patch x features)", size, low=1, high=MOST_VALUES)

    def _check_lists(self) -> None:
        """The lists with one entry per axis or channel."""
        lists: dict[str, tuple[Sequence[float], int]] = {"patch": (self.patch, self.unet.ndim)}
        if self.normalisation.scheme == "ct":
            rows = ("low", "high", "mean", "std")
            lists |= {f"normalisation.{row}": (getattr(self.normalisation, row), self.channels) for row in rows}
        if self.spacing is not None:
            lists["spacing"] = (self.spacing, self.fingerprint.ndim)
        for name, (values, wanted) in lists.items():
            if len(values) != wanted:
                raise ConfigError(f"{name} must have {wanted} entries, got {list(values)}; correct the plan")
        for length, unit in zip(self.patch, self.unet.divisor, strict=True):
            check_between("patch", length, low=1, high=LONGEST_PATCH)
            if self.unet.padding == "same" and length % unit:
                raise ConfigError(f"patch must be a multiple of {list(self.unet.divisor)}, got {list(self.patch)}")
        for step in self.spacing or ():
            check_between("spacing", step, low=1e-6, high=1e6)
        for share in self.specks:
            check_between("specks", share, low=0, high=1)
        if not set(self.mirrors) <= set(range(self.unet.ndim)) or len(set(self.mirrors)) < len(self.mirrors):
            raise ConfigError(f"mirrors must name axes below {self.unet.ndim}, each once, got {list(self.mirrors)}")

    @property
    def origin(self) -> str:
        """Where the plan comes from, in words: the kind of network that was asked for, or the file that was given."""
        return f"the plan in {self.followed}" if self.followed else self.network

    @property
    def n_maps(self) -> int:
        """How many outputs the network has beside those of the classes."""
        return 0 if self.instances is None else get_objective(self.objective).extra_outputs(self.unet.ndim)

    def placement(self, grid: Grid) -> Placement:
        """How an image on `grid` is laid out for the network: turned where the plan says so, at its spacing.

        Raises:
            GeometryError: an image that would become too large: its spacing or the plan's is wrong.
        """
        placed = Placement.plan(grid, self.spacing, reorient=self.reorient)
        samples, own = math.prod(placed.shape), math.prod(grid.shape)
        if samples > max(MOST_SAMPLES, MOST_GROWTH * own):
            wanted, given = (" x ".join(f"{s:.4g}" for s in steps) for steps in (placed.spacing, grid.spacing))
            raise GeometryError(
                f"an image must have at most {MOST_SAMPLES} samples at the model's spacing ({wanted} {grid.unit}), got "
                f"{samples} from {own} of {given}; correct the spacing in the file or in plan.json"
            )
        return placed


converter().register_structure_hook(
    NetworkConfig,
    lambda data, _: converter().structure(data, config_kind(data)),
)


converter().register_structure_hook(ClassMap, lambda data, _: ClassMap.from_dict(data))


converter().register_unstructure_hook(ClassMap, lambda classes: classes.to_dict())


def prediction_tile(plan: Plan) -> tuple[int, ...]:
    """Input size of the network in prediction, in voxels: the patch, and for padded 2-D networks `WHOLE_PLANE`."""
    if isinstance(plan.unet, WindowConfig) and not plan.unet.foveation:
        return tuple(max(n, WINDOW_TILE + plan.unet.window - 1) for n in plan.patch)
    if plan.unet.ndim == 3 or plan.unet.padding == "valid":
        return plan.patch
    return tuple(max(n, -(-WHOLE_PLANE // unit) * unit) for n, unit in zip(plan.patch, plan.unet.divisor, strict=True))


def plan_json(plan: Plan) -> str:
    """The plan as JSON text; what a network or its training does not have is no part of its plan."""
    content = unstructure(plan)
    for part in ("prompts", "instances", "teacher"):
        if getattr(plan, part) is None:
            del content[part]
    if isinstance(plan.unet, UNetConfig) and plan.unet.encoder == "own":  # readable to a Septum that knows no other
        del content["unet"]["encoder"], content["budget"]["encoder_rate"]
    if not plan.budget.cutmix:
        del content["budget"]["cutmix"]
    for part in ("chosen", "specks", "judged", "followed"):
        if not getattr(plan, part):
            del content[part]
    return json.dumps(content, indent=2) + "\n"


def read_plan(path: Path) -> Plan:
    """Read a plan that Septum wrote or a person edited; errors as `parse_plan`."""
    try:
        text = read_text(path, largest=LARGEST_PLAN)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as a plan: {why(error)}") from error
    return parse_plan(text, what=str(path))


def parse_plan(text: str, *, what: str) -> Plan:
    """The plan in a JSON text; `what` names it in messages.

    Raises:
        ConfigError: when the text is not a plan; unknown keys are named with the nearest known one.
        CheckpointError: when it has a newer format version.
    """
    try:
        data = parse_json(text)
    except ValueError as error:
        raise ConfigError(f"{what} cannot be read as a plan: {error}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{what} must hold a plan (a JSON object), got a {type(data).__name__}")
    version = data.get("format_version", 0)
    if not isinstance(version, int) or version > PLAN_FORMAT:
        raise CheckpointError(
            f"{what} has format version {version}, this Septum reads up to {PLAN_FORMAT}; upgrade Septum"
        )
    plan = structure(data, Plan, what=what)
    _check_outputs(plan, what)
    if plan.prompts is not None:
        expected = plan.channels + prompt_channels(plan.classes.n_classes)
        if plan.unet.in_channels != expected:
            raise ConfigError(
                f"{what}: unet.in_channels must be {expected} ({plan.channels} of the image and those of the prompts), "
                f"got {plan.unet.in_channels}; correct it, or derive the plan with --prompts"
            )
    return plan


def _check_outputs(plan: Plan, what: str) -> None:
    learnt = get_objective(plan.objective).targets is not None
    if learnt != (plan.instances is not None):
        raise ConfigError(
            f"{what}: instances must stand in a plan whose objective is of objects, and in no other, got objective "
            f"{plan.objective!r}; correct it, or derive the plan with --instances"
        )
    expected = plan.classes.n_classes + plan.n_maps
    if learnt and plan.unet.out_channels != expected:
        raise ConfigError(
            f"{what}: unet.out_channels must be {expected} (classes and what is said about objects), "
            f"got {plan.unet.out_channels}; correct it, or derive the plan with --instances"
        )
