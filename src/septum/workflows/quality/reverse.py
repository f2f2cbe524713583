"""Reverse classification accuracy: grade a mask from any source with a few references and no network.

The insight (Valindria et al. 2017, IEEE TMI 36:1597): if a mask is right, a classifier trained on its image with the
mask *as if it were the truth* also works on images whose truth is known; if it is wrong, it teaches nonsense. How well
it does on the best of the references is therefore a measure of the mask. What counts is the probability that it gives
to the truth: of a structure whose halves are missing here and there a classifier is half sure, where its decision
would be as empty as that of one who learnt a wrong place. What such a score is worth in Dice is learnt from the
references themselves: their masks are damaged and ruined on purpose, by known amounts, and graded by the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum.errors import DatasetError
from septum.geometry import Image
from septum.geometry.arrays import Float32Array
from septum.geometry.placement import Placement
from septum.interactive.pixels.features import FeatureSettings, FilterBank, boxes_of, features_of
from septum.interactive.tool import Box
from septum.workflows.data.cases import Case, load_pair
from septum.workflows.data.classes import ClassMap
from septum.workflows.quality.calibration import Calibration, calibrate
from septum.workflows.quality.worklist import REASONS, Estimate, verdict_of
from septum.workflows.runs.hooks import Hooks

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier


MOST_REFERENCES = 12
"""References that are used, spread evenly: time grows with their square, and the best of twelve is good enough."""


_FILTERS = FeatureSettings(("gaussian", "gradient", "hessian"), (0.7, 1.6, 3.5), "voxel")


_POOL = 4000  # voxels of an image that each of the two halves of its pool holds: near the structures, and elsewhere


_TRAINED = 1500  # voxels of a class that train a reverse classifier


_TREES = 30


@dataclass(frozen=True)
class Pool:
    """Some voxels of an image: features `(n, F)`, classes, how many voxels of the image each stands for, and their flat
    numbers in the image's own array; channels and axes of the image."""

    features: Float32Array
    classes: NDArray[np.integer]
    weights: NDArray[np.float64]
    source: NDArray[np.int64]
    channels: int
    ndim: int

    def in_colour(self, channels: int) -> Pool:
        """A grey image's voxels as if the grey stood in every channel; others as they are."""
        if self.channels != 1 or channels == 1:
            return self
        filters = len(features_of(_FILTERS, channels=1, ndim=self.ndim))
        own, position = self.features[:, :filters], self.features[:, filters:]
        return replace(self, features=np.hstack([*[own] * channels, position]), channels=channels)

    def labelled(self, classes: NDArray[np.integer]) -> Pool:
        """The same voxels with the classes of another map of the image's shape."""
        return replace(self, classes=classes.ravel()[self.source])


def make_pool(image: Image, classes: NDArray[np.integer], *, case: Case, seed: int = 0) -> Pool:
    """Voxels drawn at random, half of them in and near the structures; features are relative to the image's own mean
    and deviation; volumes of patients are turned to one orientation, and their relative position is a feature."""
    anatomical = image.grid.anatomical
    place = Placement.plan(image.grid, None, reorient=anatomical)
    array = np.stack([_standard(channel) for channel in place.reorient(image.array)])
    target = np.ascontiguousarray(place.reorient(classes))
    spacing = tuple(image.grid.spacing[axis] for axis in place.axes)
    near = ndimage.binary_dilation(target > 0, iterations=3).ravel()
    rng = np.random.default_rng(seed)
    chosen, weights = [], []
    for part in (np.flatnonzero(near), np.flatnonzero(~near)):
        drawn = np.sort(rng.choice(part, min(_POOL, len(part)), replace=False))
        chosen.append(drawn)
        weights.append(np.full(len(drawn), len(part) / max(1, len(drawn))))
    index, order = np.concatenate(chosen), np.argsort(np.concatenate(chosen), kind="stable")
    index = index[order]
    found = _features_at(array, index, spacing=spacing)
    if anatomical:
        where = np.stack(np.unravel_index(index, target.shape), 1) / np.maximum(np.array(target.shape) - 1, 1)
        found = np.concatenate([found, where.astype(np.float32)], axis=1)
    numbers = np.arange(target.size).reshape(image.grid.shape)
    source = np.ascontiguousarray(place.reorient(numbers)).ravel()[index]
    return Pool(found, target.ravel()[index], np.concatenate(weights)[order], source, len(image.array), image.grid.ndim)


def _standard(channel: NDArray[Any]) -> Float32Array:
    values = channel.astype(np.float32)
    values[~np.isfinite(values)] = 0
    low, high = np.percentile(values, (0.5, 99.5))
    if low < high:
        np.clip(values, low, high, out=values)
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6), dtype=np.float32)


def _features_at(array: Float32Array, index: NDArray[np.int64], *, spacing: Sequence[float]) -> Float32Array:
    """Features `(n, F)` of the voxels with these flat numbers, block by block."""
    bank = FilterBank(array, settings=_FILTERS, spacing=spacing)
    places = np.stack(np.unravel_index(index, array.shape[1:]), 1)
    out = np.empty((len(index), len(bank.features)), np.float32)
    for box in boxes_of(Box.whole(array.shape[1:])):
        mine = np.flatnonzero(((places >= box.start) & (places < box.stop)).all(1))
        if len(mine):
            out[mine] = bank.block(box)[(slice(None), *(places[mine] - box.start).T)].T
    return out


def reverse_scores(pool: Pool, references: Sequence[Pool], *, n_classes: int, seed: int = 0) -> NDArray[np.float64]:
    """Dice per reference and class, `(R, K - 1)`, of the probabilities of a classifier that learnt the pool's classes
    with the truth; nan where the pool or the reference has no such class."""
    forest = _learn(pool, n_classes, seed=seed)
    out = np.full((len(references), n_classes - 1), np.nan)
    taught = np.unique(pool.classes).tolist()
    for row, (reference, chances) in enumerate(
        zip(references, _chances(forest, references, n_taught=len(taught)), strict=True)
    ):
        for index in (index for index in taught if index > 0):
            true, weights = reference.classes == index, reference.weights
            if true.any():
                said = weights * chances[:, taught.index(index)]
                out[row, index - 1] = 2 * float(said[true].sum()) / float(said.sum() + weights[true].sum())
    return out


def _learn(pool: Pool, n_classes: int, *, seed: int) -> RandomForestClassifier | None:
    """A forest on about as many voxels of each class; None where there is only one class."""
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(seed)
    each = [np.flatnonzero(pool.classes == index) for index in range(n_classes)]
    rows = [
        rng.choice(mine, min(_TRAINED * (1 + 2 * (k == 0)), len(mine)), replace=False) for k, mine in enumerate(each)
    ]
    chosen = np.concatenate(rows)
    if sum(len(row) > 0 for row in rows) < 2:
        return None
    forest = RandomForestClassifier(_TREES, min_samples_leaf=3, n_jobs=-1, random_state=seed)
    # each class counts as often as it occurs in the image, so that the forest is as cautious as the mask is
    return forest.fit(pool.features[chosen], pool.classes[chosen], sample_weight=_prior(pool, rows))


def _prior(pool: Pool, rows: Sequence[NDArray[np.intp]]) -> NDArray[np.float64]:
    total = [float(pool.weights[pool.classes == k].sum()) for k in range(len(rows))]
    return np.concatenate([np.full(len(row), t / max(1, len(row))) for row, t in zip(rows, total, strict=True)])


def _chances(
    forest: RandomForestClassifier | None, references: Sequence[Pool], *, n_taught: int
) -> list[NDArray[np.floating]]:
    """The probability of each class that was taught, at the voxels of every reference; 1 where there is one only."""
    sizes = [len(reference.classes) for reference in references]
    if forest is None:
        return [np.ones((size, n_taught)) for size in sizes]
    said = forest.predict_proba(np.concatenate([reference.features for reference in references]))
    return np.split(np.asarray(said), np.cumsum(sizes)[:-1])


def damaged(classes: NDArray[np.integer], *, seed: int = 0) -> list[NDArray[np.integer]]:
    """The class map itself, ten that are wrong in ways in which masks are wrong (too small, too large, displaced, with
    parts left out), and two or three that are ruined, as `_ruined` says."""
    rng = np.random.default_rng(seed)
    inside = classes > 0
    if not inside.any():
        return [classes]
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[(slice(1, -1),) * classes.ndim]
    deepest = float(np.quantile(depth[inside], 0.9))
    found = [classes]
    for share in (0.2, 0.5, 0.8):
        found.append(np.where(depth > share * deepest, classes, 0))
    outside, nearest = ndimage.distance_transform_edt(~inside, return_indices=True)
    grown = classes[tuple(nearest)]
    for share in (0.3, 0.8):
        found.append(np.where(outside <= max(1.0, share * deepest), grown, 0))
    for share in (0.5, 1.5, 4.0):
        step = rng.normal(size=classes.ndim)
        step = np.rint(step / max(float(np.linalg.norm(step)), 1e-9) * max(1.0, share * deepest)).astype(int)
        found.append(np.roll(classes, step, axis=tuple(range(classes.ndim))))
    for share in (0.0, 0.5):
        blobs = ndimage.gaussian_filter(rng.normal(size=classes.shape), max(1.0, deepest / 2))
        found.append(np.where(blobs > share * blobs.std(), classes, 0))
    return found + _ruined(classes, rng)


def _ruined(classes: NDArray[np.integer], rng: np.random.Generator) -> list[NDArray[np.integer]]:
    """The structures wholly beside their place, blobs of their size and classes anywhere, and, where there are several
    classes, each in the place of the next: what a score is worth that is as low as theirs must be known."""
    inside = classes > 0
    extent = np.ptp(np.argwhere(inside), axis=0) + 1
    axis = int(np.argmax(np.array(classes.shape) / extent))
    beside = np.roll(classes, min(int(extent[axis]), classes.shape[axis] // 2), axis=axis)
    field = ndimage.gaussian_filter(rng.normal(size=classes.shape), max(1.0, float(extent.min()) / 4))
    anywhere = np.zeros_like(classes)
    places = np.argsort(field, axis=None)[-int(inside.sum()) :]
    anywhere.flat[places] = np.sort(classes[inside])
    values = np.unique(classes[inside])
    if len(values) == 1:
        return [beside, anywhere]
    following = np.roll(values, -1)[np.searchsorted(values, classes[inside])]
    exchanged = classes.copy()
    exchanged[inside] = following
    return [beside, anywhere, exchanged]


def dice_per_class(first: NDArray[np.integer], second: NDArray[np.integer], *, n_classes: int) -> NDArray[np.float64]:
    """Dice per class from 1 on of two class maps of one shape; nan where neither has it."""
    values = []
    for index in range(1, n_classes):
        a, b = first == index, second == index
        total = int(a.sum()) + int(b.sum())
        values.append(2 * int((a & b).sum()) / total if total else math.nan)
    return np.array(values)


@dataclass(frozen=True)
class Grader:
    """References and what a score on them is worth."""

    classes: ClassMap
    pools: tuple[Pool, ...]
    calibrations: tuple[Calibration | None, ...]

    @classmethod
    def of(
        cls,
        cases: Sequence[Case],
        classes: ClassMap,
        *,
        seed: int = 0,
        hooks: Hooks | None = None,
    ) -> Grader:
        """From labelled cases, of which `MOST_REFERENCES` are taken.

        Raises:
            DatasetError: fewer than two labelled cases.
            Cancelled: the hooks said stop.
        """
        if len(cases) < 2:
            raise DatasetError(
                f"references must be at least two labelled images, got {len(cases)}; annotate one more, from 6 on "
                "estimates have intervals"
            )
        hooks = hooks or Hooks()
        chosen = list(cases)[:: -(-len(cases) // MOST_REFERENCES)]
        pools, worse = [], []
        for number, case in enumerate(chosen):
            image, labels = load_pair(case)
            truth = _known(classes.to_classes(labels.array), classes)
            pools.append(make_pool(image, truth, case=case, seed=seed))
            worse.append(
                [
                    (pools[-1].labelled(one), dice_per_class(truth, one, n_classes=classes.n_classes))
                    for one in damaged(truth, seed=seed)
                ]
            )
            hooks.on_progress(f"reading {case.id}", 0.2 * (number + 1) / len(chosen))
        channels = max(pool.channels for pool in pools)
        pools = [pool.in_colour(channels) for pool in pools]
        for pool, case in zip(pools, chosen, strict=True):
            _same_kind(pool, pools[0], case=case)
        rows = []
        for number, variants in enumerate(worse):
            hooks.stop_if_asked()
            others = pools[:number] + pools[number + 1 :]
            for pool, dice in variants:
                scores = reverse_scores(pool.in_colour(channels), others, n_classes=classes.n_classes, seed=seed)
                rows.append((number, best(scores), dice))
            hooks.on_progress(f"trying damaged masks of {chosen[number].id}", 0.2 + 0.8 * (number + 1) / len(worse))
        fits = tuple(_fit(rows, index) for index in range(classes.n_classes - 1))
        return cls(classes, tuple(pools), fits)

    def grade(self, case: Case, *, threshold: float, seed: int = 0) -> list[Estimate]:
        """The likely Dice of every class of a case, whose label is the mask to be graded.

        Raises:
            DatasetError, GeometryError, FormatError: as `load_pair`; values that the references do not have; channels
                other than theirs.
        """
        image, labels = load_pair(case)
        classes = _known(self.classes.to_classes(labels.array), self.classes)
        pool = make_pool(image, classes, case=case, seed=seed).in_colour(self.pools[0].channels)
        _same_kind(pool, self.pools[0], case=case)
        scores = best(reverse_scores(pool, self.pools, n_classes=self.classes.n_classes, seed=seed))
        named = zip(self.classes.values[1:], self.classes.names[1:], self.calibrations, scores, strict=True)
        return [
            _estimate(
                case.id, int(value), name=name, fit=fit, score=float(score), threshold=threshold,
                never_empty=all((one.classes == index).any() for one in self.pools),
            )
            for index, (value, name, fit, score) in enumerate(named, 1)
        ]  # fmt: skip


def _same_kind(pool: Pool, other: Pool, *, case: Case) -> None:
    """Refuse an image of other channels or axes."""
    if pool.features.shape[1] != other.features.shape[1] or pool.ndim != other.ndim:
        raise DatasetError(
            f"case {case.id} must have the channels and axes of the references, got {pool.channels} channel(s), "
            f"{pool.ndim}-D, beside {other.channels} channel(s), {other.ndim}-D; take images of one kind"
        )


def best(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best score over the references, per class; nan where no reference tells."""
    known = np.where(np.isnan(scores), -1.0, scores).max(axis=0)
    return np.where(known < 0, np.nan, known)


def _known(classes: NDArray[np.integer], of: ClassMap) -> NDArray[np.integer]:
    """Ignored voxels as background: no truth is known there, and few."""
    return np.where(classes == of.ignore_class, 0, classes)


def _fit(rows: Sequence[tuple[int, NDArray[np.float64], NDArray[np.float64]]], index: int) -> Calibration | None:
    known = [(n, s[index], d[index]) for n, s, d in rows if math.isfinite(s[index]) and math.isfinite(d[index])]
    if not known:
        return None
    groups, scores, dice = zip(*known, strict=True)
    return calibrate(scores, dice, groups=groups, both_ends=True)[0]


def _estimate(
    case: str, value: int, *, name: str, fit: Calibration | None, score: float, threshold: float, never_empty: bool
) -> Estimate:
    reasons: list[str] = []
    dice, low, high = math.nan, math.nan, math.nan
    if fit is None:
        reasons.append("no reference has this label")
    elif math.isnan(score):
        reasons.append("the mask is empty, and no reference is" if never_empty else "the mask is empty")
    else:
        dice = fit.estimate(score)
        low, high = fit.interval(dice)
    verdict = verdict_of(dice, fit.floor(dice) if fit else math.nan, high=high, threshold=threshold)
    if fit is not None and math.isnan(score) and never_empty:
        verdict = "fail"
    if verdict != "pass" and not reasons:
        reasons.append("too few references for an interval" if math.isnan(low) else REASONS[verdict])
    return Estimate(case, value, name, dice, low, high, verdict, tuple(reasons), score, math.nan)
