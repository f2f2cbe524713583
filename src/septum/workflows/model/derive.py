"""How a plan is derived: from what the data are, what the machine can do, and which form of network is asked for.

The *fingerprint* of the data decides dimension, resolution, patch, depth and normalisation; the *machine*, timed for a
few seconds, decides precision and width; `network` decides the form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from septum.errors import ConfigError
from septum.instances.decode import Decoding
from septum.net.architecture.network import NetworkConfig
from septum.net.architecture.unet import UNet, UNetConfig, encoder_unet, lecture, paper_unet
from septum.net.architecture.window import WindowConfig
from septum.net.augment import augment
from septum.net.augment.augment import AugmentConfig
from septum.net.learning.objective import get_objective
from septum.net.learning.teacher import TeacherConfig
from septum.net.prompts import PromptConfig, prompt_channels
from septum.workflows.data.classes import ClassMap
from septum.workflows.model.fingerprint import Fingerprint
from septum.workflows.model.machine import Machine, seconds_per_step
from septum.workflows.model.plan import Budget, Normalisation, Plan
from septum.workflows.model.settings import TrainSettings

WIDTHS = (64, 48, 32, 24, 16)
"""Features of the finest level that `auto` may choose, widest first."""


ENOUGH_STEPS = 2000
"""`auto` takes the widest network that still makes so many steps in the budget."""


MOST_FEATURES = {2: 512, 3: 320}


SMALLEST_BOTTOM = {2: 8, 3: 4}
"""Samples per side at the bottom of the U; below, the normalisation there has little to average over."""


PATCH_2D = 256


PATCH_VOXELS_3D = {"cpu": 48 * 56 * 48, "cuda": 128**3, "mps": 96**3}


PAPER_OUTPUT = {"cpu": 196, "cuda": 388, "mps": 388}
"""Side of the paper's output tile: 388 as published where there is memory and speed for it."""


THICK_SLICES = 3.0
"""Volumes whose slices are so many times thicker than their pixels get convolutions within the slice first."""


MANY_PASSES = 500
"""From so many passes over the data on, augmentation gets stronger: the network starts to know the images by heart."""


FEW_VOXELS = 2_000_000
"""Data sets with fewer voxels in all get the narrowest network: a wider one learnt nine small volumes by heart."""


MIXED_POLARITY = 0.04
"""From this share of images with the opposite contrast on, training also shows every image negated."""


WINDOW_OUTPUT = 128
"""Side of the square of pixels whose patches the sliding window learns from at once. Of the multiplications of all its
layers, 84 % lie outside of a square of 32 pixels, 45 % outside of one of 128 and 14 % outside of one of 512."""


COARSEN_FROM = 0.5
"""Structures thicker than this share of the patch are segmented at a coarser resolution, to fit into the view."""


ENCODER_RATE = 0.3
"""Share of the learning rate for the encoder that has seen images."""


LARGE = 0.12
"""From this share of the image's side on (root of its area), structures are large: what they are is told by the whole
image, and `auto` shows it whole, coarsely, to an encoder that has seen images. On the training images at hand, polyps,
skin lesions, lungs, nerves and vessels in ultrasound have 0.2 to 0.44; nuclei, cells, membranes and retinal vessels
0.02 to 0.08."""


SPECK = 0.25
"""Of large structures, pieces smaller than this share of the smallest one in training are taken for specks."""


SEEN_SIDE = 128
"""Images with a shorter side than this many pixels are left to the U-Net from random weights: five halvings leave
nothing of them, and the encoder has seen photographs of 224 pixels."""


WHOLE_SIDE = 288
"""Side of the square that has as many pixels as the whole image for the encoder; the patch is a little smaller, so that
it is cut at varying places."""


DIRECTED = 0.5
"""From this on (`Fingerprint.directed`) images have an up and a down (or a left and a right) and are not mirrored."""


def make_plan(fingerprint: Fingerprint, classes: ClassMap, *, settings: TrainSettings, machine: Machine) -> Plan:
    """Derive a plan.

    Raises:
        ConfigError: when the settings ask for what the data do not have (a 3-D network for planes).
    """
    if settings.ndim == 3 and fingerprint.ndim == 2:
        raise ConfigError("a 3-D network needs volumes, got planes; leave --dim out")
    slices = fingerprint.ndim == 3 and _works_on_slices(fingerprint, settings)
    ndim = 2 if slices else fingerprint.ndim
    form, chosen = _form(fingerprint, settings)
    whole = form == "encoder" and _share(fingerprint) >= LARGE
    spacing = _whole_spacing(fingerprint, ndim) if whole else _spacing(fingerprint, ndim, machine=machine)
    shape, step = _resampled(fingerprint, spacing)
    build = {"auto": _auto, "encoder": _encoder, "lecture": _lecture, "paper": _paper, "window": _window}[form]
    plan = build(_Basis(fingerprint, classes, settings, machine, shape[-ndim:], step[-ndim:]))
    return replace(plan, spacing=spacing, slices=slices, chosen=chosen)


def _share(fingerprint: Fingerprint) -> float:
    """Thickness of the structures as a share of the image's side."""
    return fingerprint.thickness / math.sqrt(math.prod(fingerprint.shape_median[-2:]))


def _form(fingerprint: Fingerprint, settings: TrainSettings) -> tuple[str, str]:
    """The form of network, and the sentence that says why; a rule, not a trial, so that no clock has a say."""
    if settings.network != "auto" or fingerprint.ndim == 3:
        return settings.network, ""
    share = _share(fingerprint)
    why = f"the structures are {share:.0%} of the image's side thick, and {LARGE:.0%} counts as large"
    if settings.prompts:
        return "auto", "chosen: a U-Net from random weights, because a network with prompts was not measured otherwise"
    if min(fingerprint.shape_median) < SEEN_SIDE:
        return "auto", ""
    if share < LARGE:
        return "auto", f"chosen: a U-Net from random weights on patches, because {why}"
    return "encoder", f"chosen: an encoder that has seen images, on the whole image, because {why}"


def _whole_spacing(fingerprint: Fingerprint, ndim: int) -> tuple[float, ...]:
    """The resolution at which the median image has the area of a square of `WHOLE_SIDE` (its own if it has less)."""
    middle = fingerprint.spacing_median
    coarser = max(1.0, math.sqrt(math.prod(fingerprint.shape_median[-2:])) / WHOLE_SIDE)
    return (*middle[:-2], *(s * coarser for s in middle[-2:])) if ndim == 2 else middle


@dataclass(frozen=True)
class _Basis:
    """What every form of network is derived from; `shape` and `step` are the images as the network meets them."""

    fingerprint: Fingerprint
    classes: ClassMap
    settings: TrainSettings
    machine: Machine
    shape: tuple[int, ...]
    step: tuple[float, ...]

    def patch(self) -> tuple[int, ...]:
        """A patch of about equal millimetres per side within the voxel budget, no larger than the images."""
        return _patch(self.shape, self.step, machine=self.machine)


def _works_on_slices(fingerprint: Fingerprint, settings: TrainSettings) -> bool:
    if settings.ndim is not None:
        return settings.ndim == 2
    return settings.network != "auto" or fingerprint.shape_median[0] < 8


def _spacing(fingerprint: Fingerprint, ndim: int, *, machine: Machine) -> tuple[float, ...] | None:
    """The resolution to work at: the images' own where they agree, else the median, coarser for thick structures."""
    low, high, middle = fingerprint.spacing_min, fingerprint.spacing_max, fingerprint.spacing_median
    agree = all(b <= 1.05 * a for a, b in zip(low, high, strict=True))
    side = PATCH_2D if ndim == 2 else PATCH_VOXELS_3D[machine.device] ** (1 / 3)
    coarser = min(4.0, fingerprint.thickness / (COARSEN_FROM * side))
    if coarser < 1.25:
        return None if agree else middle
    finest = min(middle)
    return tuple(max(s, finest * coarser) if s < finest * coarser else s for s in middle)


def _resampled(
    fingerprint: Fingerprint, spacing: tuple[float, ...] | None
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Median shape and spacing as the network meets them."""
    own = fingerprint.spacing_median
    wanted = spacing or own
    shape = tuple(max(1, round(n * a / b)) for n, a, b in zip(fingerprint.shape_median, own, wanted, strict=True))
    return shape, wanted


def _pooling(
    patch: Sequence[int], step: Sequence[float]
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Strides and kernels: halve an axis while enough samples remain and it is not much coarser than the finest."""
    least = SMALLEST_BOTTOM[len(patch)]
    size, now = list(patch), list(step)
    strides: list[tuple[int, ...]] = []
    kernels = [_kernel(now)]
    while len(strides) < (6 if len(size) == 2 else 5):
        stride = tuple(2 if n >= 2 * least and s < 2 * min(now) else 1 for n, s in zip(size, now, strict=True))
        if max(stride) == 1:
            break
        size = [-(-n // f) for n, f in zip(size, stride, strict=True)]
        now = [s * f for s, f in zip(now, stride, strict=True)]
        strides.append(stride)
        kernels.append(_kernel(now))
    return tuple(strides), tuple(kernels)


def _kernel(step: Sequence[float]) -> tuple[int, ...]:
    return tuple(1 if s > THICK_SLICES * min(step) else 3 for s in step)


def _patch(shape: Sequence[int], step: Sequence[float], *, machine: Machine) -> tuple[int, ...]:
    """A patch of about equal millimetres per side within the voxel budget, no larger than the images."""
    ndim = len(shape)
    voxels = PATCH_2D**2 if ndim == 2 else PATCH_VOXELS_3D[machine.device]
    side = [1.0 / s for s in step]
    free = list(range(ndim))
    size = [0.0] * ndim
    while free:
        fixed = math.prod(size[a] for a in range(ndim) if a not in free)
        scale = (voxels / fixed / math.prod(side[a] for a in free)) ** (1 / len(free))
        capped = [a for a in free if side[a] * scale >= shape[a]]
        for axis in capped or free:
            size[axis] = float(shape[axis]) if capped else side[axis] * scale
        free = [a for a in free if a not in capped] if capped else []
    return tuple(max(1, round(s)) for s in size)


def _round(patch: Sequence[int], divisor: Sequence[int]) -> tuple[int, ...]:
    """The nearest admissible size: a patch slightly smaller than the images costs less and is cut at varying places."""
    return tuple(max(1, round(n / d)) * d for n, d in zip(patch, divisor, strict=True))


def _auto(basis: _Basis) -> Plan:
    fingerprint, shape, ndim = basis.fingerprint, basis.shape, len(basis.shape)
    wanted = basis.patch()
    strides, kernels = _pooling(wanted, basis.step)

    def unet(width: int) -> UNetConfig:
        return UNetConfig(
            ndim=ndim,
            in_channels=_inputs(basis),
            out_channels=_outputs(basis),
            features=tuple(min(width * 2**level, MOST_FEATURES[ndim]) for level in range(len(kernels))),
            strides=strides,
            kernels=kernels,
            norm="instance",
            activation="leaky_relu",
        )

    patch = _round(wanted, unet(4).divisor)
    batch = 4 if ndim == 2 else 2
    total = fingerprint.cases * math.prod(shape) * (fingerprint.shape_median[0] if fingerprint.ndim > ndim else 1)
    width, steps = _width(unet, patch, batch=batch, basis=basis, few=total < FEW_VOXELS)
    budget = Budget(basis.settings.minutes, basis.settings.steps, batch, "adamw", learning_rate=4e-3)
    plan = _plan(basis, unet(width), patch=patch, budget=budget, objective=_objective(basis, "dice + cross entropy"))
    passes = steps * batch * math.prod(patch) / total
    return replace(plan, augment=augment.stronger(plan.augment)) if passes > MANY_PASSES else plan


def _encoder(basis: _Basis) -> Plan:
    """An encoder that has seen images; turned, scaled and coloured strongly, for it could learn ten images by heart."""
    unet = encoder_unet(_inputs(basis), _outputs(basis))
    patch = _round(_patch([round(0.9 * n) for n in basis.shape], basis.step, machine=basis.machine), unet.divisor)
    budget = Budget(
        basis.settings.minutes, basis.settings.steps, 4, "adamw", learning_rate=2e-3, encoder_rate=ENCODER_RATE
    )
    plan = _plan(basis, unet, patch=patch, budget=budget, objective=_objective(basis, "dice + cross entropy"))
    strong = augment.stronger(plan.augment)
    flips = _flips(basis)
    spatial = replace(strong.spatial, flips=flips, quarter_turns=all(flips))
    return replace(
        plan,
        augment=replace(strong, spatial=spatial),
        mirrors=tuple(axis for axis, flip in enumerate(flips) if flip),
        specks=_specks(basis),
    )


def _specks(basis: _Basis) -> tuple[float, ...]:
    """Shares of the image that are too small for a piece of each class; none where structures are small anyway."""
    if basis.settings.instances or _share(basis.fingerprint) < LARGE:
        return ()
    return tuple(SPECK * share for share in basis.fingerprint.smallest)


def _flips(basis: _Basis) -> tuple[bool, ...]:
    """Axes along which an image and its mirror image are equally likely; with patients' orientation, none."""
    fingerprint = basis.fingerprint
    if fingerprint.anatomical or len(fingerprint.directed) < len(basis.shape):
        return (False,) * len(basis.shape)
    return tuple(value < DIRECTED for value in fingerprint.directed[-len(basis.shape) :])


def _width(
    unet: Callable[[int], UNetConfig],
    patch: tuple[int, ...],
    *,
    batch: int,
    basis: _Basis,
    few: bool,
) -> tuple[int, float]:
    """The widest network that makes enough steps in the budget by a timing, and how many steps it makes."""
    settings, machine = basis.settings, basis.machine
    if settings.minutes is None:
        return WIDTHS[-1] if few else 32, settings.steps or 0
    seconds_each = settings.minutes * 60 / _members(settings) / _dearer(settings, batch)
    width, steps = WIDTHS[-1], 0.0
    for width in WIDTHS[-1:] if few else WIDTHS[1:] if machine.device == "cpu" else WIDTHS:
        steps = seconds_each / seconds_per_step(unet(width), patch, batch=batch, machine=machine)
        if steps >= ENOUGH_STEPS:
            break
    return width, steps


def _dearer(settings: TrainSettings, batch: int) -> float:
    """How many times as long a step takes with patches without labels: the way back is twice the way there, and the
    teacher goes there too."""
    return 1.0 if settings.unlabelled is None else 1 + TeacherConfig().batch * 4 / (batch * 3)


def _members(settings: TrainSettings) -> int:
    """How many networks share the minutes, as far as the settings say."""
    words = {"all": 5, "thirds": 2, "auto": 1, "one": 1, "none": 1}
    return settings.members * words.get(settings.folds, settings.folds.count(",") + 1)


def _inputs(basis: _Basis) -> int:
    """Channels that the network takes: those of the image, and those of the prompts."""
    return basis.fingerprint.channels + (prompt_channels(basis.classes.n_classes) if basis.settings.prompts else 0)


def _objective(basis: _Basis, of_classes: str, *, of_objects: str = "objects") -> str:
    return of_objects if basis.settings.instances else of_classes


def _outputs(basis: _Basis) -> int:
    """Channels that the network returns: the classes, and what is said about objects."""
    objective = get_objective(_objective(basis, "dice + cross entropy"))
    return basis.classes.n_classes + objective.extra_outputs(len(basis.shape))


def _lecture(basis: _Basis) -> Plan:
    unet = lecture(len(basis.shape), _inputs(basis), out_channels=basis.classes.n_classes)
    patch = _round(basis.patch(), unet.divisor)
    batch = 4 if unet.ndim == 2 else 2
    budget = Budget(basis.settings.minutes, basis.settings.steps, batch, "adamw", learning_rate=1e-3)
    return _plan(basis, unet, patch=patch, budget=budget, objective="dice + sigmoid per class")


def _paper(basis: _Basis) -> Plan:
    """The 2015 paper: one large tile per step, momentum 0.99, border-weighted loss."""
    unet = paper_unet(len(basis.shape), _inputs(basis), out_channels=_outputs(basis))
    network = UNet(replace(unet, features=(1,) * len(unet.features)))
    largest = PAPER_OUTPUT[basis.machine.device]
    patch = network.valid_input_size(tuple(min(n, largest) for n in basis.shape))
    budget = Budget(
        basis.settings.minutes,
        basis.settings.steps,
        batch=1,
        optimiser="sgd",
        learning_rate=1e-3,  # momentum 0.99 makes steps a hundred times as long
        weight_decay=0.0,
        oversample=0.0,
    )
    objective = _objective(basis, "border-weighted cross entropy", of_objects="objects, border-weighted")
    plan = _plan(basis, unet, patch=patch, budget=budget, objective=objective)
    return replace(plan, augment=augment.paper_augmentation(patch), overlap=0.0)


def _window(basis: _Basis) -> Plan:
    """Cireşan et al. 2012: balanced classes; all patches of a square of `WINDOW_OUTPUT` pixels teach at once."""
    config = WindowConfig(_inputs(basis), _outputs(basis))
    side = WINDOW_OUTPUT + config.window - 1
    budget = Budget(basis.settings.minutes, basis.settings.steps, batch=2, optimiser="adamw", learning_rate=2e-3)
    plan = _plan(basis, config, patch=(side, side), budget=budget, objective="balanced cross entropy")
    return replace(plan, overlap=0.0)


def _plan(basis: _Basis, unet: NetworkConfig, *, patch: tuple[int, ...], budget: Budget, objective: str) -> Plan:
    """What the four forms have in common."""
    fingerprint, machine, settings = basis.fingerprint, basis.machine, basis.settings
    ranges = _ranges(basis, patch)
    return Plan(
        network=settings.network,
        unet=unet,
        objective=objective,
        classes=basis.classes,
        channels=fingerprint.channels,
        spacing=None,
        reorient=fingerprint.anatomical,
        slices=False,
        normalisation=_normalisation(fingerprint),
        patch=patch,
        augment=ranges,
        budget=budget,
        overlap=0.5 if unet.ndim == 2 else 0.25,
        mirrors=tuple(axis for axis, flip in enumerate(ranges.spatial.flips) if flip),
        precision=machine.precision if settings.precision == "auto" else settings.precision,
        seed=settings.seed,
        fingerprint=fingerprint,
        prompts=PromptConfig() if settings.prompts else None,
        instances=Decoding() if settings.instances else None,
        teacher=None if settings.unlabelled is None else TeacherConfig(),
    )


def _ranges(basis: _Basis, patch: tuple[int, ...]) -> AugmentConfig:
    """Augmentation by what the images are: free of direction (cells, tissue) or with an up and a down."""
    fingerprint = basis.fingerprint
    if len(patch) == 3:
        make = augment.medical_3d if fingerprint.anatomical else augment.microscopy_3d
        ranges = make(patch, basis.step)
    else:
        # A picture that one structure fills (a chest, a face) has an up; one of many small things has none.
        directed = fingerprint.anatomical or fingerprint.thickness > 0.2 * min(fingerprint.shape_median)
        ranges = augment.medical_2d(patch) if directed else augment.microscopy_2d(patch)
    if min(fingerprint.brighter, 1 - fingerprint.brighter) >= MIXED_POLARITY:
        ranges = replace(ranges, intensity=replace(ranges.intensity, inversion=0.25))
    if fingerprint.grey > 0:
        ranges = replace(ranges, intensity=replace(ranges.intensity, grey=0.25))
    return ranges


def _normalisation(fingerprint: Fingerprint) -> Normalisation:
    """CT numbers mean the same in every image; everything else is scaled image by image."""
    if fingerprint.anatomical and fingerprint.channels == 1 and -3100 < fingerprint.minimum < -200:
        return Normalisation("ct", fingerprint.low, fingerprint.high, fingerprint.mean, fingerprint.std)
    if fingerprint.anatomical and fingerprint.zero_share > 0.4:
        return Normalisation("zscore nonzero")
    return Normalisation("zscore" if fingerprint.anatomical else "standard")
