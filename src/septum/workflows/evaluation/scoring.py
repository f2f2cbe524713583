"""The scores of every pair of masks: from the counts, and from the arrays where a family of scores needs them.

The insight: the counts of a pair are there already when its coding is decided, so a report of overlap reads every file
once; surfaces and objects need the arrays again, one pair at a time, on as many processes as there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError
from septum.workflows.data.case_table import CaseTable
from septum.workflows.data.cases import UNANNOTATED
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.methods import MaskSet
from septum.workflows.evaluation.pairs import MeasuredPair, Pair, name_of, read_pair
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.runs.failures import Failed, attempt, parted
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool
from septum.workflows.scores.measures import (
    connected_objects,
    families_of,
    label_values,
    neurite_values,
    object_values,
    overlap_values,
    whole_values,
)
from septum.workflows.scores.scores import Score, scores_from_table


@dataclass(frozen=True)
class Scoring:
    """What is computed for every pair, once its coding is decided; travels to other processes."""

    coding: Coding
    families: tuple[str, ...]
    tolerance_mm: float
    policy: str
    resample: bool
    objects: tuple[bool, bool]
    weights: Mapping[int, float]


def plan_scoring(
    codings: Mapping[str, Coding], counted: Sequence[Sequence[MeasuredPair]], *, settings: EvaluateSettings
) -> dict[str, Scoring]:
    """What is computed for the pairs of each method. A side whose masks hold one value is split into components.

    Raises:
        ConfigError: weights of labels that are not scored.
    """
    families = families_of(settings.metrics)
    found = {}
    for (name, coding), measured in zip(codings.items(), counted, strict=True):
        tables = [m.table for m in measured]
        objects = (
            len({int(v) for t in tables for v in np.unique(t.reference)} - coding.unscored) > 1,
            len({int(v) for t in tables for v in np.unique(t.prediction)} - coding.unscored) > 1,
        )
        weights = label_weights(settings.weights, coding.labels)
        found[name] = Scoring(
            coding, families, settings.tolerance_mm, settings.policy, settings.resample, objects, weights
        )
    return found


def label_weights(weights: Mapping[str, float], labels: Mapping[int, str]) -> dict[int, float]:
    """Weights by label value, from weights by value or by name.

    Raises:
        ConfigError: a label that is not scored, one that is named twice, or a single label: it has nothing to outweigh.
    """
    by_name = {name: value for value, name in labels.items()} | {str(value): value for value in labels}
    unknown = [name for name in weights if name not in by_name]
    known = ", ".join(f"{value} ({name})" for value, name in labels.items())
    if unknown:
        raise ConfigError(f"weights must name scored labels, got {unknown[0]!r}; scored are {known}")
    found = {by_name[name]: weight for name, weight in weights.items()}
    if weights and (len(labels) < 2 or len(found) < len(weights)):
        raise ConfigError(f"weights must name several labels, each once, got {', '.join(weights)}; scored are {known}")
    return found


def score_method(
    method: MaskSet,
    measured: Sequence[MeasuredPair],
    *,
    scoring: Mapping[str, Scoring],
    settings: EvaluateSettings,
    hooks: Hooks,
    table: CaseTable | None,
    pool: CasePool,
) -> tuple[MaskSet, list[Score]]:
    """Scores of all cases of a method: from the counts, and from the arrays where a family needs them; with the method
    without the cases that could not be scored."""
    wanted = scoring[method.name]
    groups = table.column(settings.groups) if table and settings.groups else {}
    more: Sequence[Mapping[int, Mapping[str, float]] | Failed] = [{}] * len(measured)
    if set(wanted.families) != {"overlap"}:
        more = pool.map(
            partial(attempt, partial(score_arrays, scoring=wanted)),
            method.pairs,
            name_of=name_of,
            hooks=hooks.about("measuring"),
        )
    done, failed = parted(measured, more)
    lost = {one.case.id: reason for one, reason in failed}
    kept = tuple(pair for pair in method.pairs if pair.case.id not in lost)
    method = replace(method, pairs=kept, failed=(*method.failed, *lost.items()))
    scores = []
    for one, values in done:
        group = groups.get(one.case.id, one.case.group)
        counts = scores_from_table(
            one.case.id,
            wanted.coding.apply(one.table),
            labels=wanted.coding.labels,
            group=group,
            members=wanted.coding.members,
        )
        size = one.grid.voxel_volume if one.grid.unit == "mm" else float("nan")
        by_label = {score.label: score.counts for score in counts}
        whole = whole_values(by_label, weights=wanted.weights, policy=settings.policy)
        for score in counts:
            own = overlap_values(score.counts, policy=settings.policy) | whole | dict(values.get(score.label, {}))
            scores.append(replace(score, method=method.name, values=own, sample_size=size))
    return method, scores


def score_arrays(pair: Pair, *, scoring: Scoring) -> dict[int, dict[str, float]]:
    """The scores of one pair that need more than counts, by label; runs on any process."""
    opened = read_pair(pair, resample=scoring.resample, background=scoring.coding.background)
    reference, prediction = opened.reference, opened.prediction
    coding, labels = scoring.coding, list(scoring.coding.labels)
    ignored = ignored_samples(reference.array, coding.ignore)
    truth = coding.reference(without_ignored(reference.array, ignored, background=coding.background))
    guess = coding.prediction(without_ignored(prediction.array, ignored, background=coding.background))
    measured = partial(
        label_values,
        families=scoring.families,
        spacing=reference.grid.spacing,
        tolerance_mm=scoring.tolerance_mm,
        policy=scoring.policy,
    )
    found = {} if coding.members else measured(truth, guess, labels=labels)
    for label in labels:
        inside = (coding.mask(truth, label), coding.mask(guess, label))
        if coding.members:  # regions overlap: each is measured by itself
            found[label] = measured(inside[0].astype(np.uint8), inside[1].astype(np.uint8), labels=[1])[1]
        if "instances" in scoring.families:
            sides = [
                np.where(own, raw.astype(np.int64) + int(coding.background != 0), 0) if many else connected_objects(own)
                for own, raw, many in zip(inside, (reference.array, prediction.array), _objects(scoring), strict=True)
            ]
            hidden = np.zeros(truth.shape, dtype=bool) if ignored is None else ignored
            found[label] |= object_values(sides[0], sides[1], ignored=hidden)
        if "em" in scoring.families:
            found[label] |= neurite_values(*inside)
    return found


def _objects(scoring: Scoring) -> tuple[bool, bool]:
    """Which sides hold numbers of objects; where several labels are scored, values are classes, never numbers."""
    return scoring.objects if len(scoring.coding.labels) == 1 else (False, False)


def ignored_samples(reference: NDArray[Any], ignore: int | None) -> NDArray[np.bool_] | None:
    """Samples that are not scored; None where every one is."""
    values = [v for v in (ignore, UNANNOTATED) if v is not None and (v >= 0 or reference.dtype.kind == "i")]
    return np.isin(reference, values) if values else None


def without_ignored(values: NDArray[Any], ignored: NDArray[np.bool_] | None, *, background: int) -> NDArray[Any]:
    """The values with background where samples are ignored; `ignored` as of `ignored_samples`."""
    return values if ignored is None else np.where(ignored, background, values)
