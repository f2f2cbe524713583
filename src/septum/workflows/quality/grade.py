"""Quality without ground truth: how good a mask is likely to be, and which masks a person should look at first.

The insight: an estimate is worth something only where it was tested. The held-out cases of the training, and copies of
them that were spoiled on purpose, are that test (`learn`): each was segmented by a network that had not seen it and
then compared with its reference. The model folder keeps what came of it (`MODEL/quality.json`); every later mask is
graded by that, and an image unlike all of them gets no figure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from septum.errors import CheckpointError, ConfigError
from septum.io.documents import read_json
from septum.workflows.model.plan import Plan
from septum.workflows.quality.calibration import FEWEST, Calibration
from septum.workflows.quality.counts import CountQuality, without_former
from septum.workflows.quality.looks import (
    FAR,
    ImageReference,
    Look,
    ShapeReference,
    times_as_different,
    unusual_spacing,
)
from septum.workflows.quality.worklist import REASONS, THRESHOLD, Estimate, verdict_of
from septum.workflows.runs.files import write_json
from septum.workflows.runs.settings import structure, unstructure
from septum.workflows.runs.words import counted

QUALITY_FORMAT = 2
"""Of `quality.json`; 1 knew neither spoiled copies nor networks' features."""


HeldKind = Literal["", "images", "block", "nothing"]
"""What was held out: images, a block of the only one, or nothing; empty where an old file does not say."""


_LARGEST_FILE = 64 << 20


@dataclass(frozen=True)
class HeldOut:
    """A class of a held-out case: what the network promised, what came of it, and the estimate without this case.

    Args:
        case, label: whose.
        expected, agreement: as `Evidence` says them.
        dice: the truth.
        estimate: of a calibration on the other cases.
        way: how the image was spoiled (`spoil.WAYS`); empty for the image itself.
        image_far, network_far: how far the image lies from those of the training, in intensities and in the features of
            the networks (`ImageReference.distance`).
        seen: the networks were trained on the image, so that the truth is better than it would be.
    """

    case: str
    label: int
    expected: float
    agreement: float | None
    dice: float
    estimate: float = 0.0
    way: str = ""
    image_far: float | None = None
    network_far: float | None = None
    seen: bool = False


@dataclass(frozen=True)
class ClassQuality:
    """How to grade masks of a class.

    Args:
        label: its value.
        alone: from the probabilities; None where no held-out case has it.
        together: from the probabilities and the agreement between networks, where that is better; else None.
        shape: of the training masks; None where none holds it.
        rough: as `alone`, from spoiled copies of images that the networks saw, where nothing was held out: too kind, so
            that it can fail a mask and never pass one.
        always: every training mask holds it, and there are enough of them for an empty mask to be a failure.
    """

    label: int
    alone: Calibration | None
    together: Calibration | None
    shape: ShapeReference | None
    rough: Calibration | None = None
    always: bool = False


@dataclass(frozen=True)
class NetworkReference:
    """The training images as one network sees them: its features, averaged over each image; `fold` says which."""

    fold: int
    images: ImageReference


@dataclass(frozen=True)
class Quality:
    """What `MODEL/quality.json` holds; beyond the limits an image is unlike those of the training, and only masks of
    images that are near pass: on images like those the intervals were tried."""

    format: int
    classes: tuple[ClassQuality, ...]
    images: ImageReference
    held_out: tuple[HeldOut, ...]
    networks: tuple[NetworkReference, ...] = ()
    image_limit: float = FAR
    network_limit: float = FAR
    image_near: float = 1e9
    network_near: float = 1e9
    looks: int = 0
    """Networks whose agreement was judged: one is compared with another copy of the image, several with each other, and
    the one kind says nothing about the other; 0 where an old file does not say."""
    held: HeldKind = ""
    counts: CountQuality | None = None
    """Of a model of single objects; None of others, and where an old file does not say."""


def write_quality(path: Path, quality: Quality) -> None:
    """Write `MODEL/quality.json`."""
    write_json(path, unstructure(quality))


def read_quality(path: Path, plan: Plan) -> Quality | None:
    """What `MODEL/quality.json` says; None where a model has none (old ones, or no case was held out).

    Raises:
        CheckpointError: when the file is damaged, too large, newer than this version, or of another model.
    """
    if not path.is_file():
        return None
    advice = "delete it to predict without estimates, or train again"
    if path.stat().st_size > _LARGEST_FILE:
        raise CheckpointError(f"{path} must be smaller than {_LARGEST_FILE >> 20} MB; {advice}")
    try:
        content = read_json(path)
        if not isinstance(content, dict) or content.get("format") not in range(1, QUALITY_FORMAT + 1):
            raise CheckpointError(f"{path} must have at most format {QUALITY_FORMAT}; update Septum, or {advice}")
        content["counts"] = without_former(content.get("counts"))
        found = structure(content, Quality, what=str(path))
        _check(found, plan)
    except (OSError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{path} cannot be used ({error}); {advice}") from error
    return found


def _check(found: Quality, plan: Plan) -> None:
    if [one.label for one in found.classes] != [int(value) for value in plan.classes.values[1:]]:
        raise ValueError("its labels are not those of the model")
    numbers = [found.image_limit, found.network_limit]
    for table in (found.images, *(network.images for network in found.networks)):
        numbers += [*table.spread, *(v for row in table.features for v in row), table.limit]
        if any(len(row) != len(table.spread) for row in table.features):
            raise ValueError("it holds numbers that make no sense")
        if not table.features or min(table.spread, default=0.0) <= 0:
            raise ValueError("it holds no training image")
    for one in found.classes:
        for fit in (one.alone, one.together, one.rough):
            if fit is not None:
                numbers += [fit.shift, fit.slope, fit.weight, fit.width or 0.0, fit.below or 0.0, fit.coverage]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("it holds numbers that make no sense")
    if found.counts is not None:
        found.counts.check()


def grade(
    case: str,
    look: Look,
    *,
    plan: Plan,
    quality: Quality | None,
    threshold: float = THRESHOLD,
    folds: Sequence[int] = (),
) -> list[Estimate]:
    """The likely Dice of every class of a mask, with a verdict and its reasons.

    Args:
        case: its name.
        look: at the image and its mask.
        plan: of the model.
        quality: what the model knows of itself; None where it knows nothing.
        threshold: Dice from which a mask counts as good.
        folds: numbers of the networks that made the mask, in their order.
    """
    far = distances(look, quality, folds=folds)
    unlike = unlikeness(look, plan, quality=quality, far=far)
    found = []
    for index, (label, name) in enumerate(zip(plan.classes.values[1:], plan.classes.names[1:], strict=True), start=1):
        expected, agreement = float(look.evidence.expected_dice[index]), float(look.evidence.agreement[index])
        one = None if quality is None else quality.classes[index - 1]
        usual = None if one is None else one.shape
        shape = () if usual is None else usual.unusual(look.shapes[index - 1], unit=look.size_unit)
        alike = quality is None or not quality.looks or (quality.looks > 1) == (len(folds) > 1)
        fit = _calibration(one, agreement if alike else math.nan)
        figure, verdict, reasons = _judge(
            one, expected, fit=fit, agreement=agreement, unlike=unlike, threshold=threshold
        )
        doubts = (*shape, *look.unheeded, *(() if unlike else _outlying(quality, far)))
        reasons = (*reasons, *doubts)
        if verdict == "pass" and doubts:
            verdict = "look"
        if verdict == "look" and not reasons:
            reasons = (REASONS["nothing" if math.isnan(figure[0]) else "alone" if math.isnan(figure[1]) else "look"],)
        found.append(Estimate(case, int(label), name, *figure, verdict, reasons, expected, agreement, *far))
    return found


_Figure = tuple[float, float, float]


_NONE: _Figure = (math.nan, math.nan, math.nan)


def _judge(
    one: ClassQuality | None,
    expected: float,
    *,
    fit: Calibration | None,
    agreement: float,
    unlike: Sequence[str],
    threshold: float,
) -> tuple[_Figure, str, tuple[str, ...]]:
    """Estimate with its interval, verdict and reasons, before the shape of the mask is looked at."""
    empty = math.isnan(expected)
    if unlike:
        why = (f"unlike the training images ({'; '.join(unlike)})",)
        return _NONE, "unknown", (*why, "the mask is empty") if empty else why
    if empty:
        always = one is not None and one.always
        return _NONE, *(
            ("fail", ("the mask is empty, as none of the training is",)) if always else ("look", ("the mask is empty",))
        )
    dice = math.nan if fit is None else fit.estimate(expected, agreement)
    low, high = (math.nan, math.nan) if fit is None else fit.interval(dice)
    tested = fit is not None and one is not None and fit is one.together  # what the agreement is worth is known
    if agreement < threshold and not tested:
        why = (
            f"made a second time in another way, the mask comes out different: Dice {agreement:.2f} between the two",
        )
        return (min(dice, agreement), min(low, agreement), high) if dice == dice else _NONE, "fail", why
    if math.isnan(dice):
        return _NONE, *_without_figure(one, expected, threshold=threshold)
    floor = math.nan if fit is None else fit.floor(dice)
    verdict = verdict_of(dice, floor, high=high, threshold=threshold)
    return (dice, low, high), verdict, (REASONS["fail"],) if verdict == "fail" else ()


def _without_figure(one: ClassQuality | None, expected: float, *, threshold: float) -> tuple[str, tuple[str, ...]]:
    """Where nothing was held out, spoiled copies of training images can still tell a failure."""
    if one is None or one.rough is None or one.rough.estimate(expected) >= threshold:
        return "look", ()
    return "fail", ("even of images that it was trained on, the network makes bad masks when it is as unsure",)


def _outlying(quality: Quality | None, far: tuple[float, float]) -> tuple[str, ...]:
    """Whether an image lies between those on which the intervals were tried and those that are unlike the training."""
    if quality is None or not (far[0] > quality.image_near or far[1] > quality.network_near):
        return ()
    return ("the image lies farther from those of the training than held-out images do",)


def distances(look: Look, quality: Quality | None, *, folds: Sequence[int]) -> tuple[float, float]:
    """How far an image lies from those of the training, in intensities and in the networks' features; nan: unknown."""
    if quality is None:
        return math.nan, math.nan
    return quality.images.distance(look.features), network_distance(look, quality.networks, folds=folds)


def unlikeness(look: Look, plan: Plan, *, quality: Quality | None, far: tuple[float, float]) -> tuple[str, ...]:
    """Why an image is outside the range in which the model was judged, in words; empty where it is inside."""
    known = plan.fingerprint
    reasons = unusual_spacing(look.spacing, known.spacing_min, high=known.spacing_max, unit=look.unit)
    if quality is None:
        return reasons
    reasons += quality.images.unusual(look.features, far=quality.image_limit)
    if far[1] > quality.network_limit:
        reasons += (f"as the network sees it, {times_as_different(far[1])}",)
    return reasons + tuple(reason for reason in look.unlike if reason not in reasons)


def network_distance(look: Look, networks: Sequence[NetworkReference], *, folds: Sequence[int]) -> float:
    """How far an image lies from those of the training in the features of the networks that saw it, on average; nan
    where no network tells."""
    known = {network.fold: network.images for network in networks}
    found = [
        known[fold].distance(seen) for fold, seen in zip(folds, look.evidence.signatures, strict=False) if fold in known
    ]
    return float(np.mean(found)) if found else math.nan


def _calibration(one: ClassQuality | None, agreement: float) -> Calibration | None:
    """What turns a promise into an estimate: two looks where there are two; None where nothing was held out."""
    if one is None or one.alone is None:
        return None
    return one.alone if one.together is None or math.isnan(agreement) else one.together


def promise(quality: Quality | None, *, judged: bool = False, unfinished: bool = False) -> str:
    """One sentence about what the figures of a model are worth and how to get better ones; empty where all is said by
    the intervals themselves. Of a `judged` model every case was held out already, unless it is `unfinished`."""
    if quality is None:
        return (
            "this model was never measured (its training was stopped, or it comes from elsewhere), so its masks get no "
            "figure and none is passed: finish it with `septum train --resume`, or measure it with `septum evaluate`"
        )
    own = {row.case for row in quality.held_out if not row.way and not row.seen}
    if quality.held == "block":
        figures = "its figures have no interval" if own else "its masks get no figure"
        return (
            "this model was trained on one image, and what a block of it shows promises nothing about others, so "
            f"{figures} and no mask is passed: annotate {FEWEST - 1} more"
        )
    if not own and quality.held == "images":
        return (
            "nothing was found in the images that were held out, so masks of this model get no figure and none is "
            f"passed: {FINISH if unfinished else 'train longer, or annotate more images'}"
        )
    if not own:
        return (
            "no image was held out when this model was trained, so its masks get no figure and none is passed: train "
            "on two images or more without --folds none, or measure it with `septum evaluate`"
        )
    if len(own) < FEWEST:
        more = f"annotate {FEWEST - len(own)} more" + ("" if judged else ", or train with --folds all")
        return (
            f"only {counted(len(own), 'held-out image')} judged this model, so its figures have no "
            f"interval and no mask is passed: {FINISH if unfinished else more}"
        )
    return ""


FINISH = "finish its training with `septum train DATASET -o MODEL --resume`"
"""What to do with a model whose training was stopped."""
