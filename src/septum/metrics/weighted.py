"""The Dice coefficient in its other forms: as the lecture writes it, weighted, and generalised to many classes.

The insight: "Dice" in a paper may be one of several numbers. The mean of the Dice of each class treats a vessel like a
liver; the generalised form adds up overlaps first and lets each class's weight undo its size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError
from septum.metrics.overlap import Counts, dice
from septum.metrics.summary import UNDEFINED, empty_case, empty_value

WEIGHTINGS = {"square": -2, "simple": -1, "uniform": 0}
"""Exponent of a class's reference volume in its weight."""


def dice_coef(groundtruth_mask: ArrayLike, pred_mask: ArrayLike) -> float:
    """Dice exactly as the lecture's code defines it: masks of 0 and 1, rounded to three decimals.

    Args:
        groundtruth_mask: boolean, or numbers 0 and 1, of any shape.
        pred_mask: the same.

    Returns:
        twice the sum of the product over the sum of the sums, in [0, 1], three decimals; nan for two empty masks.

    Raises:
        GeometryError: shapes that differ, or values other than 0 and 1: the product of 255 and 255 in eight bits is 1,
            and the result would be wrong in silence.

    Two traps. The lecture's second formula, 2 |A and B| / |A or B|, writes the union where the sum of both areas
    belongs: it is 2 IoU, and gives 2 for a perfect mask. And two empty masks divide zero by zero: the lecture's code
    gives nan with a warning; here it gives nan without. Rounding hides differences below 0.0005: compare methods by
    `metrics.dice`.

    >>> dice_coef([[1, 1, 0]], [[1, 0, 0]])
    0.667
    """
    reference, prediction = np.asarray(groundtruth_mask), np.asarray(pred_mask)
    if reference.shape != prediction.shape:
        raise GeometryError(
            f"masks must have the same shape, got {reference.shape} and {prediction.shape}; resample one"
        )
    for mask in (reference, prediction):
        if not ((mask == 0) | (mask == 1)).all():
            raise GeometryError(f"masks must hold 0 and 1, got values up to {mask.max()}; compare with `> 0` first")
    intersect = int(np.count_nonzero((reference == 1) & (prediction == 1)))
    total = int(np.count_nonzero(reference) + np.count_nonzero(prediction))
    return round(2 * intersect / total, 3) if total else UNDEFINED


def weighted_dice(counts: Sequence[Counts], *, weights: Sequence[float], policy: str = "undefined") -> float:
    """Weighted mean of the Dice of each class, in [0, 1].

    Args:
        counts: of each class, from `confusion_counts`.
        weights: one per class, not negative, not all 0.
        policy: for empty masks, see `summary.POLICIES`. An undefined class is left out, and its weight with it.

    Returns:
        nan where no class with a weight is defined.

    Raises:
        ConfigError: weights that are negative, not finite, all 0 or of another number.

    >>> weighted_dice([Counts(1, 0, 0, 0), Counts(0, 1, 0, 0)], weights=[3, 1])
    0.75
    """
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (len(counts),) or not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise ConfigError(f"weights must be one number of at least 0 per class ({len(counts)}), got {list(weights)}")
    values = np.array([dice(c, policy=policy) for c in counts])
    used = ~np.isnan(values) & (weight > 0)
    return float(np.average(values[used], weights=weight[used])) if used.any() else UNDEFINED


def generalised_dice(counts: Sequence[Counts], *, weighting: str = "square", policy: str = "undefined") -> float:
    """Generalised Dice over many classes, 2 sum(w TP) / sum(w (reference + prediction)), in [0, 1].

    Args:
        counts: of each class, from `confusion_counts`.
        weighting: "square" (1 / volume², Sudre), "simple" (1 / volume, Crum) or "uniform" (all classes pooled).
            Volume is that of the reference; a class that is absent there takes the largest weight of the others.
        policy: for a reference, a prediction or both without any of the classes, see `summary.POLICIES`.

    Raises:
        ConfigError: an unknown weighting, or no class.

    Sources: Crum et al. 2006, IEEE TMI 25:1451; Sudre et al. 2017, DLMIA, arXiv:1707.03237, section 2.1.

    >>> round(generalised_dice([Counts(9, 1, 0, 0), Counts(0, 0, 1, 0)], weighting="simple"), 3)
    0.643
    """
    if weighting not in WEIGHTINGS:
        raise ConfigError(f"weighting must be one of {', '.join(WEIGHTINGS)}, got {weighting!r}")
    if not counts:
        raise ConfigError("counts must hold at least one class, got none; name the classes in `confusion_counts`")
    tp, reference, prediction = (
        np.array([getattr(c, name) for c in counts], dtype=np.float64) for name in ("tp", "reference", "prediction")
    )
    case = empty_case(reference_empty=not reference.any(), prediction_empty=not prediction.any())
    decided = empty_value("generalised_dice", case, policy=policy)
    if decided is not None:
        return decided
    weight = _weights(reference, WEIGHTINGS[weighting])
    return float(2 * (weight @ tp) / (weight @ (reference + prediction)))


def _weights(volumes: NDArray[np.float64], exponent: int) -> NDArray[np.float64]:
    weight = np.zeros_like(volumes)
    weight[volumes > 0] = volumes[volumes > 0] ** exponent
    weight[volumes == 0] = weight.max()
    return weight
