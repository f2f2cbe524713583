"""Quality without ground truth: how good a mask is likely to be, and which masks a person should look at first.

The insight: an estimate is worth something only where it was tested. The held-out cases of the training are that test:
each was segmented by a network that had not seen it and then compared with its reference, so the model folder can keep
what the network promised beside what came of it (`MODEL/quality.json`), and every later mask is graded by that.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from septum.errors import CheckpointError, ConfigError
from septum.net.learning.sampling import Sample
from septum.workflows.model.plan import Plan
from septum.workflows.quality.calibration import FEWEST, Calibration, calibrate
from septum.workflows.quality.looks import ImageReference, Look, ShapeReference, image_features, shapes, unusual_spacing
from septum.workflows.quality.worklist import THRESHOLD, Estimate
from septum.workflows.runs.files import write_json
from septum.workflows.runs.settings import structure, unstructure

FORMAT = 1


_LARGEST_FILE = 64 << 20


_GAIN = 0.95  # of the error: how much better the estimate must become for the agreement to be used


_MOST_IMAGES = 200  # training images whose features are kept, spread evenly


@dataclass(frozen=True)
class HeldOut:
    """A class of a held-out case: what the network promised, what came of it, and the estimate without this case."""

    case: str
    label: int
    expected: float
    agreement: float | None
    dice: float
    estimate: float = 0.0


@dataclass(frozen=True)
class ClassQuality:
    """How to grade masks of a class.

    Args:
        label: its value.
        alone: from the probabilities; None where no held-out case has it.
        together: from the probabilities and the agreement between networks, where that is better; else None.
        shape: of the training masks; None where none holds it.
    """

    label: int
    alone: Calibration | None
    together: Calibration | None
    shape: ShapeReference | None


@dataclass(frozen=True)
class Quality:
    """What `MODEL/quality.json` holds."""

    format: int
    classes: tuple[ClassQuality, ...]
    images: ImageReference
    held_out: tuple[HeldOut, ...]


@dataclass(frozen=True)
class References:
    """What the training images and masks look like."""

    images: ImageReference
    shapes: tuple[ShapeReference | None, ...]

    @classmethod
    def of(cls, samples: Sequence[Sample], plan: Plan) -> References:
        """From prepared samples, spread evenly where there are many."""
        chosen = samples[:: max(1, -(-len(samples) // _MOST_IMAGES))]
        n = plan.classes.n_classes
        found = [shapes(np.asarray(sample.labels), n, sample.spacing) for sample in chosen]
        each = tuple(ShapeReference.of([one[index] for one in found]) for index in range(n - 1))
        return cls(ImageReference.of([image_features(sample.image) for sample in chosen]), each)


def held_out_rows(case: str, look: Look, dice: Sequence[float], plan: Plan) -> list[HeldOut]:
    """What a held-out case teaches: one row per class whose mask is not empty and whose Dice is defined."""
    rows = []
    for index, (label, score) in enumerate(zip(plan.classes.values[1:], dice, strict=True), start=1):
        expected, agreement = float(look.evidence.expected_dice[index]), float(look.evidence.agreement[index])
        if math.isfinite(expected) and math.isfinite(score):
            rows.append(
                HeldOut(case, int(label), expected, agreement if math.isfinite(agreement) else None, float(score))
            )
    return rows


def make_quality(rows: Sequence[HeldOut], references: References, plan: Plan) -> Quality:
    """Calibrate every class on the held-out cases; a class with few of them on those of all classes."""
    classes, graded = [], []
    for label, shape in zip(plan.classes.values[1:], references.shapes, strict=True):
        own = [row for row in rows if row.label == label]
        alone, together, estimates = _calibrations(own if len(own) >= FEWEST else rows)
        classes.append(ClassQuality(int(label), alone, together, shape))
        if len(own) < FEWEST:
            estimates = [one for row, one in zip(rows, estimates, strict=True) if row.label == label]
        graded += [replace(row, estimate=one) for row, one in zip(own, estimates, strict=True)]
    return Quality(FORMAT, tuple(classes), references.images, tuple(graded))


def _calibrations(rows: Sequence[HeldOut]) -> tuple[Calibration | None, Calibration | None, list[float]]:
    """Without and (where it is better) with agreement, and the held-out estimates of the better one."""
    if not rows:
        return None, None, []
    expected, dice, cases = [r.expected for r in rows], [r.dice for r in rows], [r.case for r in rows]
    alone, estimates = calibrate(expected, dice, groups=cases)
    agreement = [r.agreement for r in rows if r.agreement is not None]
    if len(agreement) == len(rows) and len(set(cases)) >= FEWEST:
        together, better = calibrate(expected, dice, agreement=agreement, groups=cases)
        if together.error < _GAIN * alone.error:
            return alone, together, list(map(float, better))
    return alone, None, list(map(float, estimates))


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
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise CheckpointError(f"{path} must have format {FORMAT}; update Septum, or {advice}")
        found = structure(content, Quality, what=str(path))
        _check(found, plan)
    except (OSError, ValueError, ConfigError) as error:
        raise CheckpointError(f"{path} cannot be used ({error}); {advice}") from error
    return found


def _check(found: Quality, plan: Plan) -> None:
    if [one.label for one in found.classes] != [int(value) for value in plan.classes.values[1:]]:
        raise ValueError("its labels are not those of the model")
    columns = len(found.images.spread)
    numbers = [*found.images.spread, *(v for row in found.images.features for v in row), found.images.limit]
    for one in found.classes:
        for fit in (one.alone, one.together):
            numbers += [] if fit is None else [fit.shift, fit.slope, fit.weight, fit.width or 0.0, fit.coverage]
    if not all(map(math.isfinite, numbers)) or any(len(row) != columns for row in found.images.features):
        raise ValueError("it holds numbers that make no sense")
    if not found.images.features or min(found.images.spread, default=0.0) <= 0:
        raise ValueError("it holds no training image")


def grade(
    case: str, look: Look, plan: Plan, quality: Quality | None, *, threshold: float = THRESHOLD
) -> list[Estimate]:
    """The likely Dice of every class of a mask, with a verdict and its reasons."""
    general = unusual_spacing(look.spacing, plan.fingerprint.spacing_min, plan.fingerprint.spacing_max)
    if quality is not None:
        general += quality.images.unusual(look.features)
    found = []
    for index, (label, name) in enumerate(zip(plan.classes.values[1:], plan.classes.names[1:], strict=True), start=1):
        expected, agreement = float(look.evidence.expected_dice[index]), float(look.evidence.agreement[index])
        one = None if quality is None else quality.classes[index - 1]
        reasons = [*general, *(() if one is None or one.shape is None else one.shape.unusual(look.shapes[index - 1]))]
        dice, low, high = _estimate(one, expected, agreement)
        if math.isnan(expected):
            reasons.append("the mask is empty")
        elif math.isnan(dice):
            reasons.append("no held-out case of the training tells how good this model is")
        elif math.isnan(low):
            reasons.append("too few held-out cases for an interval")
        torn = agreement < threshold
        if torn:
            reasons.append(f"the networks agree with each other to a Dice of {agreement:.2f} only")
            dice, low = min(dice, agreement), min(low, agreement)
        if high < threshold or (torn and not math.isnan(expected)):
            verdict = "fail"
        else:
            verdict = "pass" if low >= threshold and not reasons else "look"
        if verdict != "pass" and not reasons:
            reasons.append(f"an estimate of {dice:.2f} ({low:.2f} to {high:.2f})")
        found.append(Estimate(case, int(label), name, dice, low, high, verdict, tuple(reasons), expected, agreement))
    return found


def _estimate(one: ClassQuality | None, expected: float, agreement: float) -> tuple[float, float, float]:
    """Estimate and interval; nan where unknown."""
    if one is None or one.alone is None or math.isnan(expected):
        return math.nan, math.nan, math.nan
    fit = one.alone if one.together is None or math.isnan(agreement) else one.together
    dice = fit.estimate(expected, agreement)
    return (dice, *fit.interval(dice))
