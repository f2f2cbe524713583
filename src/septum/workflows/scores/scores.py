"""Scores of cases: what `septum evaluate` and training both measure.

The insight: the counts (true and false positives and negatives per case and label) are the result; Dice, intervals,
tables and figures are views of them. Only what counts cannot give (distances between surfaces, matched objects) is
kept beside them, by name.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.metrics import SCORES, Counts, JointTable, joint_table
from septum.workflows.data.regions import alike


@dataclass(frozen=True)
class Score:
    """One label of one case.

    Args:
        case: name of the case.
        label: its label value.
        name: the label's name.
        counts: voxels of this label against the rest.
        pixel_error: fraction of the case's voxels whose labels differ (the same for all labels of a case).
        group: patient or specimen where it is known.
        method: whose prediction it is, where several are compared.
        values: scores that the counts cannot give, or that replace theirs, by their names in
            `project.measures.MEASURES`.
        sample_size: volume of a voxel in mm³ (area of a pixel in mm² in 2-D); nan where files hold no physical size.
    """

    case: str
    label: int
    name: str
    counts: Counts
    pixel_error: float
    group: str | None = None
    method: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    sample_size: float = math.nan

    @property
    def dice(self) -> float:
        """Dice coefficient; nan where the table of empty cases leaves it undefined."""
        return self.value("dice")

    def value(self, metric: str) -> float:
        """A score by its name; nan where it is undefined or was not measured."""
        if metric in self.values:
            return self.values[metric]
        return SCORES[metric](self.counts) if metric in SCORES else math.nan


def score_case(
    case: str,
    reference: NDArray[Any],
    *,
    prediction: NDArray[Any],
    labels: Mapping[int, str],
    ignore: Collection[int] = (),
    group: str | None = None,
    members: Mapping[int, Sequence[int]] | None = None,
) -> tuple[Score, ...]:
    """Scores of one case from two integer arrays of one shape.

    Args:
        case: its name.
        reference: labels of any shape.
        prediction: labels of the same shape.
        labels: label value to name, of the labels to score (not the background).
        ignore: voxels whose reference is one of these values are left out.
        group: patient or specimen where it is known.
        members: the label values of those of `labels` that are numbers of regions.

    Raises:
        GeometryError: shapes that differ, or arrays that are not integer.

    >>> reference, prediction = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 0, 0]])
    >>> (score,) = score_case("p1", reference, prediction=prediction, labels={1: "liver"})
    >>> round(score.dice, 3), mean_dice([score]) == score.dice
    (0.667, True)
    """
    table = joint_table(reference, prediction)
    for value in ignore:
        table = table.without(value)
    return scores_from_table(case, table, labels=labels, group=group, members=members)


def scores_from_table(
    case: str,
    table: JointTable,
    *,
    labels: Mapping[int, str],
    group: str | None = None,
    members: Mapping[int, Sequence[int]] | None = None,
) -> tuple[Score, ...]:
    """As `score_case`, from a joint table without ignored voxels."""
    regions = members or {}
    same = alike(regions)  # what no region tells apart is no error
    reference, prediction = _merged(table.reference, same), _merged(table.prediction, same)
    error = replace(table, reference=reference, prediction=prediction).pixel_error()
    return tuple(
        Score(case, value, name, table.counts_of(regions.get(value, (value,))), error, group)
        for value, name in labels.items()
    )


def _merged(values: NDArray[np.int64], same: Mapping[int, int]) -> NDArray[np.int64]:
    for old, new in same.items():
        values = np.where(values == old, new, values)
    return values


def case_means(scores: Sequence[Score]) -> dict[str, float]:
    """Mean Dice over the defined labels of each case, in order of appearance; nan where no label is defined.

    >>> both = np.array([[1, 2]])
    >>> case_means(score_case("p1", both, prediction=np.array([[1, 0]]), labels={1: "liver", 2: "spleen"}))
    {'p1': 0.5}
    """
    values: dict[str, list[float]] = {}
    for score in scores:
        values.setdefault(score.case, []).append(score.dice)
    return {case: _mean(found) for case, found in values.items()}


def mean_dice(scores: Sequence[Score]) -> float:
    """Mean over cases of the mean Dice over labels; nan when nothing is defined.

    >>> both = np.array([[1, 2]])
    >>> mean_dice(score_case("p1", both, prediction=both, labels={1: "liver", 2: "spleen"}))
    1.0
    """
    return _mean(list(case_means(scores).values()))


def _mean(values: Sequence[float]) -> float:
    defined = [v for v in values if not math.isnan(v)]
    return math.fsum(defined) / len(defined) if defined else math.nan


def pick_examples(scores: Sequence[Score]) -> tuple[tuple[str, str], ...]:
    """`(why, case)` of the worst, the median and the best case by mean Dice; fewer where fewer cases are defined.

    No case is the median of an even number of them: the one below it is said to be the nearest.
    """
    ranked = sorted(
        (mean, i, case) for i, (case, mean) in enumerate(case_means(scores).items()) if not math.isnan(mean)
    )
    cases = [case for _, _, case in ranked]
    if len(cases) < 2:
        return tuple(("only case", case) for case in cases)
    ends = (("worst", cases[0]), ("best", cases[-1]))
    middle = "median" if len(cases) % 2 else "nearest to the median"
    return ends if len(cases) == 2 else (ends[0], (middle, cases[(len(cases) - 1) // 2]), ends[1])
