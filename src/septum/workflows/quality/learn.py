"""What the end of a training teaches about later masks: calibrations, and the limits beyond which nothing is known.

The insight: an image is unlike those of the training in a way that matters when the network's promise no longer holds
there, and only images with a truth can say where that begins. Held-out images, and copies of them that were spoiled on
purpose, have one: the limits are put where beyond them most promises were broken, and inside them all rows calibrate,
the failures among them too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from septum.geometry.arrays import Float64Array
from septum.net.learning.sampling import Sample
from septum.workflows.model.plan import Plan
from septum.workflows.quality.calibration import FEWEST, Calibration, calibrate
from septum.workflows.quality.doubtful import ObjectRanges, object_forms
from septum.workflows.quality.grade import QUALITY_FORMAT, ClassQuality, HeldKind, HeldOut, NetworkReference, Quality
from septum.workflows.quality.looks import FAR, ImageReference, Look, ShapeReference, image_features, shapes

_MOST_IMAGES = 200  # training images whose features are kept, spread evenly


_MARGIN = 1.1  # times the error of the probabilities alone up to which the agreement of two looks is preferred


_ALWAYS = 4  # training masks, all of which hold a class, from which on an empty mask is a failure


_BROKEN = 0.15  # Dice by which a promise must miss the truth to count as broken


_SLACK = 1.25  # of the farthest held-out image: the next ordinary one may lie a little farther


_SPOILED = 0.25  # weight of a spoiled copy beside a held-out image as it is


@dataclass(frozen=True)
class References:
    """What the training images and masks look like; `always`: whether every one of them holds a class; `objects`: what
    the single objects are like, of a model that learns them."""

    images: ImageReference
    shapes: tuple[ShapeReference | None, ...]
    always: tuple[bool, ...] = ()
    objects: ObjectRanges | None = None

    @classmethod
    def of(cls, samples: Sequence[Sample], plan: Plan) -> References:
        """From prepared samples, spread evenly where there are many."""
        chosen = samples[:: max(1, -(-len(samples) // _MOST_IMAGES))]
        n = plan.classes.n_classes
        found = [shapes(np.asarray(sample.labels), n, spacing=sample.spacing) for sample in chosen]
        each = tuple(ShapeReference.of([one[index] for one in found]) for index in range(n - 1))
        always = tuple(one is not None and one.masks == len(chosen) >= _ALWAYS for one in each)
        images = ImageReference.of([image_features(sample.image) for sample in chosen])
        forms = [object_forms(one.objects.ids, spacing=one.spacing) for one in chosen if one.objects is not None]
        return cls(images, each, always, ObjectRanges.of(forms))


@dataclass(frozen=True)
class Seen:
    """A case as the networks saw it when they were judged: how it was spoiled, how far it lies from the training images
    of these networks, and whether it is one of them."""

    way: str = ""
    image_far: float = math.nan
    network_far: float = math.nan
    trained_on: bool = False


def held_out_rows(case: str, look: Look, *, dice: Sequence[float], plan: Plan, seen: Seen = Seen()) -> list[HeldOut]:
    """What a case with a truth teaches: one row per class whose mask is not empty and whose Dice is defined."""
    rows = []
    for index, (label, score) in enumerate(zip(plan.classes.values[1:], dice, strict=True), start=1):
        expected, agreement = float(look.evidence.expected_dice[index]), float(look.evidence.agreement[index])
        if math.isfinite(expected) and math.isfinite(score):
            rows.append(
                HeldOut(
                    case,
                    int(label),
                    expected,
                    _known(agreement),
                    float(score),
                    way=seen.way,
                    image_far=_known(seen.image_far),
                    network_far=_known(seen.network_far),
                    seen=seen.trained_on,
                )
            )
    return rows


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def make_quality(
    rows: Sequence[HeldOut],
    references: References,
    *,
    plan: Plan,
    networks: Sequence[NetworkReference] = (),
    looks: int = 0,
    held: HeldKind = "",
) -> Quality:
    """Learn the limits, then calibrate every class on the rows inside them; a class with few cases on those of all."""
    image_limit, network_limit = limits(rows)
    near = (_near(rows, "image_far", limit=image_limit), _near(rows, "network_far", limit=network_limit))
    inside = [row for row in rows if not row.seen and _within(row, near[0], network_limit=near[1])]
    classes, graded = [], []
    always = references.always or (False,) * len(references.shapes)
    for label, shape, full in zip(plan.classes.values[1:], references.shapes, always, strict=True):
        own = [row for row in inside if row.label == label]
        few = len({row.case for row in own if not row.way}) < FEWEST
        alone, together, estimates = _calibrations(inside if few else own)
        rough = _rough([row for row in rows if row.seen and row.label == label]) if alone is None else None
        classes.append(ClassQuality(int(label), alone, together, shape, rough, full))
        told = zip(inside if few else own, estimates, strict=True)
        graded += [replace(row, estimate=one) for row, one in told if row.label == label]
    # rows outside the limits have no estimate; they stay for whoever wants to know what the limits rest on
    return Quality(
        QUALITY_FORMAT,
        tuple(classes),
        references.images,
        tuple(graded),
        tuple(networks),
        image_limit,
        network_limit,
        *near,
        looks,
        held,
    )


def _near(rows: Sequence[HeldOut], measure: str, *, limit: float) -> float:
    """How far ordinary images lie: those held out as they are, and a little farther; at least `FAR`."""
    usual = [getattr(row, measure) or 0.0 for row in rows if not row.way]
    return min(limit, max(FAR, _SLACK * max(usual, default=0.0)))


def _within(row: HeldOut, image_limit: float, *, network_limit: float) -> bool:
    return (row.image_far or 0.0) <= image_limit and (row.network_far or 0.0) <= network_limit


def limits(rows: Sequence[HeldOut]) -> tuple[float, float]:
    """How far an image may lie from those of the training, in intensities and in the networks' features.

    A promise is judged by the calibration of the images as they are. Without rows that tell, `FAR`.
    """
    plain = [row for row in rows if not row.way and not row.seen] or [row for row in rows if not row.way]
    if not plain:
        return FAR, FAR
    alone, together, _ = _calibrations(plain)
    fit = together or alone
    if fit is None:
        return FAR, FAR
    misses = [fit.estimate(row.expected, _finite(row.agreement)) - row.dice for row in rows]
    known, broken = np.isfinite(misses), np.array(misses) > _BROKEN
    usual = np.array([not row.way for row in rows])
    image = np.array([math.nan if row.image_far is None else row.image_far for row in rows])
    network = np.array([math.nan if row.network_far is None else row.network_far for row in rows])
    told = {"broken": broken[known], "usual": usual[known]}
    return _limit(image[known], **told), _limit(network[known], **told)


def _limit(far: Float64Array, *, broken: NDArray[np.bool_], usual: NDArray[np.bool_]) -> float:
    """The limit beyond which broken promises outnumber kept ones most, halfway (by ratio) to the nearest of those; no
    image as it is lies near it, and it is never farther than all that were tried."""
    known = np.isfinite(far)
    far, broken, usual = far[known], broken[known], usual[known]
    if not usual.any():
        return FAR
    least = max(FAR, _SLACK * float(far[usual].max()))
    places = np.unique(np.append(far[far > least], least))
    gains = [int(broken[far > place].sum()) - int((~broken[far > place]).sum()) for place in places]
    place = int(np.argmax(gains))
    return float(np.sqrt(places[place] * places[min(place + 1, len(places) - 1)]))


def _calibrations(rows: Sequence[HeldOut]) -> tuple[Calibration | None, Calibration | None, list[float]]:
    """Without agreement and with it, where every row has two looks and they are not clearly worse (failures that nobody
    spoiled show in them first); and the held-out estimates that it makes."""
    if all(row.way for row in rows):
        return None, None, [math.nan] * len(rows)
    expected, dice, cases = [r.expected for r in rows], [r.dice for r in rows], [r.case for r in rows]
    weights = [_SPOILED if row.way else 1.0 for row in rows]
    alone, estimates = calibrate(expected, dice, groups=cases, weights=weights)
    agreement = _agreements(rows)
    if agreement is not None and len(set(cases)) >= FEWEST:
        together, better = calibrate(expected, dice, agreement=agreement, groups=cases, weights=weights)
        if together.error < _MARGIN * alone.error:
            return alone, together, list(map(float, better))
    return alone, None, list(map(float, estimates))


def _agreements(rows: Sequence[HeldOut]) -> list[float] | None:
    """Of every row; None where one has none."""
    found = [row.agreement for row in rows if row.agreement is not None]
    return found if len(found) == len(rows) else None


def _finite(value: float | None) -> float:
    return math.nan if value is None else value


def _rough(rows: Sequence[HeldOut]) -> Calibration | None:
    """From images that the networks were trained on and their spoiled copies; None without any."""
    if not rows:
        return None
    return calibrate([r.expected for r in rows], [r.dice for r in rows], groups=[r.case for r in rows])[0]
