"""Which scores exist, by name; and one pair of masks measured by those that are wanted.

The insight: a paper needs five numbers, a challenge two, and each has its cost. So scores come in families by what they
are computed from (counts, surfaces, rims, centre lines, objects, neurites); a family is measured when any of its scores
is wanted, on arrays that are read once. One literal table says what every score is called, which way is better and how
far it can reach, and everything else (tables, figures, rankings) asks it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.metrics import (
    SCORES,
    Counts,
    boundary_iou,
    cl_dice,
    empty_value,
    generalised_dice,
    label_surfaces,
    specificity,
    volume_difference_percent,
    weighted_dice,
)
from septum.metrics import surface as surfaces

Values = dict[str, float]


@dataclass(frozen=True)
class Measure:
    """A score: its family, its name in tables and figures (with "{unit}" for the unit of lengths), which way is better
    (0: neither), and its largest value."""

    family: str
    title: str
    better: int = 1
    largest: float | None = 1.0


# Every score that an evaluation can hold, by its column. A percentile and a tolerance are settings, not names.
MEASURES: Mapping[str, Measure] = {
    "dice": Measure("overlap", "Dice"),
    "iou": Measure("overlap", "IoU"),
    "precision": Measure("overlap", "precision"),
    "sensitivity": Measure("overlap", "sensitivity"),
    "specificity": Measure("overlap", "specificity"),
    "volume_difference_percent": Measure("overlap", "size difference, %", 0, None),
    "generalised_dice": Measure("overlap", "generalised Dice"),
    "weighted_dice": Measure("overlap", "weighted Dice"),
    "hausdorff": Measure("surface", "Hausdorff distance, {unit}", -1, None),
    "hausdorff_percentile": Measure("surface", "Hausdorff 95, {unit}", -1, None),
    "average_symmetric_surface_distance": Measure("surface", "average surface distance, {unit}", -1, None),
    "mean_absolute_surface_distance": Measure("surface", "mean absolute surface distance, {unit}", -1, None),
    "surface_dice": Measure("surface", "surface Dice"),
    "boundary_iou": Measure("boundary", "boundary IoU"),
    "cl_dice": Measure("vessels", "clDice"),
    "objects_f1": Measure("instances", "F1 of objects at IoU 0.5"),
    "objects_precision": Measure("instances", "precision of objects"),
    "objects_recall": Measure("instances", "recall of objects"),
    "average_precision": Measure("instances", "average precision at IoU 0.5"),
    "mean_average_precision": Measure("instances", "average precision, IoU 0.5 to 0.95"),
    "segmentation_quality": Measure("instances", "segmentation quality"),
    "panoptic_quality": Measure("instances", "panoptic quality"),
    "aggregated_jaccard": Measure("instances", "aggregated Jaccard (AJI)"),
    "aggregated_jaccard_plus": Measure("instances", "aggregated Jaccard, one to one (AJI+)"),
    "reference_objects": Measure("instances", "objects in the reference", 0, None),
    "prediction_objects": Measure("instances", "objects in the prediction", 0, None),
    "splits": Measure("instances", "objects cut apart", -1, None),
    "merges": Measure("instances", "objects run together", -1, None),
    "v_rand": Measure("em", "V_rand"),
    "v_info": Measure("em", "V_info"),
    "warping_error": Measure("em", "warping error", -1),
}


FAMILIES: Mapping[str, str] = {
    "overlap": "Dice, IoU, precision, sensitivity, specificity, size difference; of several labels generalised Dice",
    "surface": "Hausdorff distance, its 95th percentile, average distances, surface Dice",
    "boundary": "boundary IoU",
    "vessels": "clDice",
    "instances": "objects: F1, average precision, panoptic quality, aggregated Jaccard, splits and merges",
    "em": "electron microscopy: V_rand, V_info, warping error",
}


CARDS: Mapping[str, tuple[str, ...]] = {
    "surface": ("surface_dice", "hausdorff_percentile"),
    "boundary": ("boundary_iou",),
    "vessels": ("cl_dice",),
    "instances": ("objects_f1", "panoptic_quality"),
    "em": ("v_rand", "v_info"),
}
"""What is printed and shown large of a family that somebody asked for."""


WHOLE_CASE = ("generalised_dice", "weighted_dice")
"""Scores of all labels of a case together: the same in every row of the case."""


def titles(*, unit: str) -> dict[str, str]:
    """Column to the name that people read; `unit` of lengths: "mm", or "px" where files hold no physical size."""
    return {name: m.title.format(unit=unit) for name, m in MEASURES.items()} | {"pixel_error": "pixel error"}


def asked_for(metrics: Sequence[str]) -> tuple[str, ...]:
    """The scores that are printed and shown large beside Dice: single scores by name, and the main ones of families.

    >>> asked_for(["overlap", "instances", "cl_dice"])
    ('objects_f1', 'panoptic_quality', 'cl_dice')
    """
    found = [name for one in metrics for name in CARDS.get(one, (one,) if one in MEASURES else ())]
    return tuple(dict.fromkeys(name for name in found if name != "dice"))


def families_of(metrics: Sequence[str]) -> tuple[str, ...]:
    """The families that hold `metrics` (families or single scores), overlap always first.

    Raises:
        ConfigError: a name that is neither.
    """
    found = {"overlap"}
    for name in metrics:
        if name not in FAMILIES and name not in MEASURES:
            raise ConfigError(
                f"metrics must be families ({', '.join(FAMILIES)}) or scores ({', '.join(MEASURES)}), got {name!r}"
            )
        found.add(name if name in FAMILIES else MEASURES[name].family)
    return tuple(family for family in FAMILIES if family in found)


def overlap_values(counts: Counts, *, policy: str) -> Values:
    """The scores that the counts alone give."""
    return {
        **{name: score(counts, policy=policy) for name, score in SCORES.items()},
        "specificity": specificity(counts),
        "volume_difference_percent": volume_difference_percent(counts, policy=policy),
    }


def whole_values(counts: Mapping[int, Counts], *, weights: Mapping[int, float], policy: str) -> Values:
    """The scores of all labels of a case together; none where a single label is scored.

    Args:
        counts: of every scored label.
        weights: label value to its weight in the weighted Dice, those that are left out weigh 0; empty: not measured.
        policy: for empty masks.
    """
    if len(counts) < 2:
        return {}
    found = {"generalised_dice": generalised_dice(list(counts.values()), policy=policy)}
    if weights:
        given = [weights.get(label, 0.0) for label in counts]
        found["weighted_dice"] = weighted_dice(list(counts.values()), weights=given, policy=policy)
    return found


def label_values(
    reference: NDArray[Any],
    prediction: NDArray[Any],
    *,
    labels: Sequence[int],
    families: Sequence[str],
    spacing: Sequence[float],
    tolerance_mm: float,
    policy: str,
) -> dict[int, Values]:
    """Surface, rim and centre-line scores of every label of one case.

    Args:
        reference: integer labels `(Y, X)` or `(Z, Y, X)`, ignored voxels already set to the background.
        prediction: integer labels of the same shape.
        labels: values to score.
        families: of `FAMILIES`; others than these three are left to `object_values`.
        spacing: mm per array axis.
        tolerance_mm: of the surface Dice.
        policy: for empty masks.
    """
    found: dict[int, Values] = {label: {} for label in labels}
    if "surface" in families:
        measured = label_surfaces(reference, prediction, labels=list(labels), spacing=spacing)
        for label, distances in measured.items():
            found[label] |= {name: score(distances, policy=policy) for name, score in surfaces.SURFACE_SCORES.items()}
            found[label]["surface_dice"] = surfaces.surface_dice(distances, tolerance_mm=tolerance_mm, policy=policy)
    for family, name, score in (("boundary", "boundary_iou", boundary_iou), ("vessels", "cl_dice", cl_dice)):
        if family in families:
            for label in labels:
                found[label][name] = score(reference == label, prediction == label, policy=policy)
    return found


def object_values(reference: NDArray[Any], prediction: NDArray[Any], *, ignored: NDArray[np.bool_]) -> Values:
    """Scores of objects; 0 is background, every other value is an object.

    Args:
        reference: object ids of any shape.
        prediction: object ids of the same shape.
        ignored: samples that are left out on both sides.
    """
    from septum.metrics import instances

    truth = np.where(ignored, -1, reference.astype(np.int64))
    overlap = instances.instance_overlap(truth, prediction, ignore=-1)
    at_half = instances.match_instances(overlap)
    parts = instances.splits_and_merges(overlap)
    return {
        "objects_f1": at_half.f1,
        "objects_precision": at_half.precision,
        "objects_recall": at_half.recall,
        "average_precision": at_half.average_precision,
        "mean_average_precision": float(instances.average_precision(overlap).mean()),
        "segmentation_quality": at_half.sq,
        "panoptic_quality": at_half.pq,
        "aggregated_jaccard": instances.aggregated_jaccard(overlap),
        "aggregated_jaccard_plus": instances.aggregated_jaccard(overlap, one_to_one=True),
        "reference_objects": float(overlap.n_reference),
        "prediction_objects": float(overlap.n_prediction),
        "splits": float(parts.splits),
        "merges": float(parts.merges),
    }


def neurite_values(reference: NDArray[Any], prediction: NDArray[Any]) -> Values:
    """V_rand and V_info after border thinning, and the warping error, of cells (not 0) between membranes (0).

    Args:
        reference: cell labels or a mask of cells, `(Y, X)` or `(Z, Y, X)`; masks are split into their components.
        prediction: likewise, of the same shape.
    """
    from septum.metrics import neurite

    truth = reference != 0 if np.unique(reference).size <= 2 else reference
    guess = prediction != 0 if np.unique(prediction).size <= 2 else prediction
    scores = neurite.neurite_scores(truth, neurite.thin_borders(guess))
    return {
        "v_rand": scores.v_rand,
        "v_info": scores.v_info,
        "warping_error": neurite.warping_error(truth, guess).error,
    }


def connected_objects(mask: NDArray[Any]) -> NDArray[np.int64]:
    """Object ids of the connected parts (corners included) of what is not 0."""
    import cc3d

    found: NDArray[Any] = cc3d.connected_components(np.asarray(mask != 0, dtype=np.uint8), connectivity=_corners(mask))
    return found.astype(np.int64)


def _corners(mask: NDArray[Any]) -> int:
    return 8 if mask.ndim == 2 else 26


def check_policy(policy: str) -> None:
    """Raise `ConfigError` for a policy that `metrics.POLICIES` lacks."""
    from septum.metrics import EMPTY_CASES

    empty_value("dice", EMPTY_CASES[0], policy=policy)
