"""The pixel classifier: a few scribbles per label teach a forest what each label looks like, everywhere at once.

The insight: what a scribble says is not where an object is but how it looks, so the answer can be carried to the rest
of the image and to other images. Judged voxel by voxel a forest always looks better than it is, because neighbours in
one stroke are nearly equal; so whole strokes are held out.

Method: Sommer et al. 2011, ilastik (IEEE ISBI, 230); Berg et al. 2019, Nature Methods 16:1226.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import Float32Array, Spacing
from septum.interactive.pixels.features import FeatureSettings, FilterBank, boxes_of, checked_box, features_of
from septum.interactive.pixels.forest import Forest, ForestSettings, grow_forest
from septum.interactive.pixels.workers import on_all_cores
from septum.interactive.scene import label_type
from septum.interactive.tool import UNMARKED, Box, IsCancelled, stop_if
from septum.options import at_least

Samples = tuple[Float32Array, NDArray[np.int64], NDArray[np.int64]]


PLANE_BLOCK, VOLUME_BLOCK = 1 << 17, 1 << 19
"""Voxels of a block in 2-D and 3-D: the fastest of 2^16 to 2^20, with two threads and the features of one channel."""


BLOCK_BYTES = 128 << 20
"""Most memory for the features of a block, which is smaller where there are many channels."""


MOST_MARKS = 20_000
"""Marked voxels of one label that are learnt from; of more, so many are drawn."""


FOLDS = 5


MOST_LABELS = 255


@dataclass(frozen=True, eq=False)
class Example:
    """An image `(C, *spatial)` and seeds of its spatial shape (`UNMARKED`, 0 for background, k for label k)."""

    image: NDArray[Any]
    seeds: NDArray[np.integer]
    spacing: Sequence[float] | None = None


@dataclass(frozen=True)
class Forecast:
    """How the forest did on marks that it did not see; strokes in hard places make it lower than in the image.

    Args:
        held_out: "stroke", or "image" where every label is marked in two images or more.
        recall: by label, the share of held-out marked voxels that got their label, 0 to 1.
        groups: by label, how many strokes or images were held out.
    """

    held_out: str
    recall: dict[int, float]
    groups: dict[int, int]

    @property
    def accuracy(self) -> float:
        """The mean of the recalls: each label counts the same."""
        return float(np.mean(list(self.recall.values())))


@dataclass(frozen=True, eq=False)
class PixelClassifier:
    """A forest with all that it needs to be applied to another image.

    Args:
        settings: the filters, with the selection of those that the forest asks for.
        labels: what the K classes are, ascending; 0 is the background.
        channels, ndim: of the images it was trained on; others are refused.
        forest: the trees.
        importance: of each feature of the selection, not negative.
        marks: by label, how many voxels were marked.
        forecast: None where some label had a single stroke, or where none was asked for.
    """

    settings: FeatureSettings
    labels: tuple[int, ...]
    channels: int
    ndim: int
    forest: Forest
    importance: tuple[float, ...]
    marks: dict[int, int]
    forecast: Forecast | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The features that it asks for, in the order of `importance`."""
        return tuple(f.name for f in features_of(self.settings, channels=self.channels, ndim=self.ndim))

    def bank(self, image: ArrayLike, *, spacing: Spacing = None) -> FilterBank:
        """The features of an image `(C, *spatial)` that this classifier asks for.

        Raises:
            GeometryError: another number of axes or channels than it was trained on.
        """
        array = np.asarray(image)
        if array.ndim - 1 != self.ndim or len(array) != self.channels:
            raise GeometryError(
                f"image must be {self.ndim}-D with {self.channels} channel(s), as those that the classifier was "
                f"trained on, got shape {array.shape} (channels first); train one for such images"
            )
        return FilterBank(array, settings=self.settings, spacing=spacing)

    def probabilities(
        self,
        image: ArrayLike,
        *,
        spacing: Spacing = None,
        region: Box | None = None,
        cancelled: IsCancelled | None = None,
    ) -> Float32Array:
        """Probability of each label `(K, *region)`, 0 to 1 with sum 1; the region (None: all) is held whole.

        Raises:
            GeometryError: as `bank`, and a region that is empty or reaches outside.
            Cancelled: `cancelled` said so.
        """
        bank = self.bank(image, spacing=spacing)
        place = checked_box(region, bank.shape)
        out = np.empty((len(self.labels), *place.shape), np.float32)
        for block, prob in voted(self.forest, bank.block, boxes=blocks_of(bank, place), cancelled=cancelled):
            out[(slice(None), *_within(block, place))] = prob
        return out

    def segment(
        self,
        image: ArrayLike,
        *,
        spacing: Spacing = None,
        region: Box | None = None,
        cancelled: IsCancelled | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> NDArray[Any]:
        """The most probable label of each voxel of the region, the lower one where two are equal.

        Memory is bounded by blocks: no probabilities of a whole volume are held. Errors as `probabilities`.
        """
        bank = self.bank(image, spacing=spacing)
        place = checked_box(region, bank.shape)
        values = np.array(self.labels, label_type(np.dtype(np.uint8), self.labels[-1]))
        out = np.empty(place.shape, values.dtype)
        done = 0
        for block, prob in voted(self.forest, bank.block, boxes=blocks_of(bank, place), cancelled=cancelled):
            out[_within(block, place)] = values[prob.argmax(axis=0)]
            done += prob[0].size
            if on_progress is not None:
                on_progress(done / out.size)
        return out


def train_classifier(
    examples: Iterable[Example],
    *,
    settings: FeatureSettings | None = None,
    forest: ForestSettings | None = None,
    forecast: bool = True,
    cancelled: IsCancelled | None = None,
) -> PixelClassifier:
    """A classifier that has learnt from the marked voxels of one image or more.

    Args:
        examples: images with their marks; all of one number of channels and axes. One is held at a time.
        settings: filters and scales.
        forest: how it is grown.
        forecast: hold strokes (or images) out to say what to expect; costs as many trainings again.
        cancelled: asked between steps.

    Raises:
        ConfigError: no mark, marks of one label only, over 255 labels, options out of range.
        GeometryError: seeds of another shape than their image, examples that differ in channels or axes.
        Cancelled: `cancelled` said so.

    >>> image, seeds = np.zeros((1, 16, 16)), np.full((16, 16), -1)
    >>> image[:, :, 8:] = 1.0; seeds[2:6, 2] = 0; seeds[2:6, 13] = 1
    >>> train_classifier([Example(image, seeds)], forest=ForestSettings(3), forecast=False).labels
    (0, 1)
    """
    first: FilterBank | None = None
    parts: list[Samples] = []
    for one in examples:
        bank = FilterBank(one.image, settings=settings, spacing=one.spacing)
        first = first or bank
        if len(bank.array) != len(first.array) or bank.array.ndim != first.array.ndim:
            raise GeometryError(
                f"examples must have the same channels and axes, got shapes {first.array.shape} and "
                f"{bank.array.shape} (channels first); train one classifier for each kind of image"
            )
        parts.append(marked_samples(bank, one.seeds, cancelled=cancelled))
    if first is None:
        raise ConfigError("examples must hold one image with marks or more, got none")
    return learnt(first, parts, how=forest or ForestSettings(), forecast=forecast, cancelled=cancelled)


def learnt(
    bank: FilterBank,
    parts: Sequence[Samples],
    *,
    how: ForestSettings | None = None,
    forecast: bool = False,
    cancelled: IsCancelled | None = None,
) -> PixelClassifier:
    """Train on the samples of each image, on all features or on those that a first forest found important.

    Args:
        bank: of any of the images.
        parts: what `marked_samples` gave for each.
        how: a forest is grown.
        forecast, cancelled: as of `train_classifier`, whose errors these are.

    >>> bank, seeds = FilterBank(np.zeros((1, 8, 8))), np.full((8, 8), -1)
    >>> seeds[1, 1:3] = 0; seeds[6, 5:7] = 2
    >>> learnt(bank, [marked_samples(bank, seeds)], how=ForestSettings(3, 2)).labels
    (0, 2)
    """
    how, settings = how or ForestSettings(), bank.settings
    features, marks, groups = _joined(parts, np.random.default_rng(how.seed))
    stop_if(cancelled)
    labels, classes, counts = np.unique(marks, return_inverse=True, return_counts=True)
    if not 2 <= len(labels) <= MOST_LABELS:
        raise ConfigError(
            f"marks must hold 2 to {MOST_LABELS} labels, got {labels[:5].tolist()}; "
            "draw a stroke of another label, or of the background (0)"
        )
    grown = partial(grow_forest, trees=how.trees, depth=how.depth, seed=how.seed)
    forest, importance = grown(features, classes)
    if how.keep is not None and int(at_least(how.keep, 1, name="keep")) < features.shape[1]:
        best = np.sort(np.argsort(-importance, kind="stable")[: how.keep])
        before = settings.selection or range(features.shape[1])
        settings = replace(settings, selection=tuple(int(before[i]) for i in best))
        features = np.ascontiguousarray(features[:, best])
        forest, importance = grown(features, classes)
    expected = _forecast((features, marks, groups), how, cancelled=cancelled) if forecast else None
    numbered = {int(label): int(n) for label, n in zip(labels, counts, strict=True)}
    return PixelClassifier(
        settings, tuple(numbered), channels=len(bank.array), ndim=len(bank.shape), forest=forest,
        importance=tuple(importance.tolist()), marks=numbered, forecast=expected,
    )  # fmt: skip


def marked_samples(
    bank: FilterBank,
    seeds: ArrayLike,
    *,
    made: Mapping[Box, Float32Array] | None = None,
    cancelled: IsCancelled | None = None,
) -> Samples:
    """Features `(N, F)`, labels and strokes `(N,)` of the marked voxels, in array order.

    A stroke is what hangs together in one label, corners included; strokes are numbered from 1.

    Args:
        bank: of the image.
        seeds: integer array of the image's spatial shape, at least `UNMARKED`.
        made: features that are at hand, by box; those of other marked voxels are made here.
        cancelled: asked before each block.

    Raises:
        GeometryError: seeds of another shape, not integer, or below -1.
        Cancelled: `cancelled` said so.

    >>> bank, seeds = FilterBank(np.zeros((1, 8, 8))), np.full((8, 8), -1)
    >>> seeds[1, 1:3] = 0; seeds[6, 6] = 2
    >>> marked_samples(bank, seeds)[1].tolist()
    [0, 0, 2]
    """
    marks = np.asarray(seeds)
    if marks.shape != bank.shape or marks.dtype.kind not in "iu" or int(marks.min()) < UNMARKED:
        raise GeometryError(
            f"seeds must be an integer array of the image's shape {bank.shape} with values from -1 (no mark), "
            f"got {marks.dtype} of shape {marks.shape}; make it with `seeds_of`"
        )
    left = marks != UNMARKED
    rows = [np.zeros((0, len(bank.features)), np.float32)]
    places = [np.zeros((0, marks.ndim), np.int64)]
    for box in (*(made or ()), *blocks_of(bank)):
        points = np.argwhere(left[box.slices])
        if not len(points):
            continue
        stop_if(cancelled)
        left[box.slices] = False
        points += box.start
        known = made is not None and box in made
        near = box if known else Box.around(points, bank.shape)
        found = made[box] if made is not None and known else bank.block(near)
        rows.append(found[(slice(None), *(points - near.start).T)].T)
        places.append(points)
    where = tuple(np.concatenate(places).T)
    order = np.argsort(np.ravel_multi_index(where, bank.shape))
    where = tuple(axis[order] for axis in where)
    return np.concatenate(rows)[order], marks[where].astype(np.int64), _strokes(marks)[where]


def _strokes(marks: NDArray[np.integer]) -> NDArray[np.int64]:
    """Number the strokes from 1: marked voxels of one label that touch, corners included."""
    from scipy import ndimage

    out = np.zeros(marks.shape, np.int64)
    count = 0
    for label in np.unique(marks[marks != UNMARKED]):
        numbered, found = ndimage.label(marks == label, np.ones((3,) * marks.ndim))
        out[numbered > 0] = numbered[numbered > 0] + count
        count += found
    return out


def _joined(parts: Sequence[Samples], rng: np.random.Generator) -> Samples:
    """The samples of all images, of each label `MOST_MARKS` at most, with the group that each is held out with.

    Groups are strokes, numbered from 0 on; or images, numbered from -1 down, where each label is marked in several.
    """
    features, labels, strokes = (np.concatenate(column) for column in zip(*parts, strict=True))
    images = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
    shared = len(labels) and all(len(np.unique(images[labels == label])) > 1 for label in np.unique(labels))
    groups = -1 - images if shared else images * (int(strokes.max(initial=0)) + 1) + strokes
    kept = [np.zeros(0, np.int64)]
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        kept.append(rows if len(rows) <= MOST_MARKS else np.sort(rng.choice(rows, MOST_MARKS, replace=False)))
    chosen = np.concatenate(kept)
    return np.ascontiguousarray(features[chosen]), labels[chosen], groups[chosen]


def _forecast(samples: Samples, how: ForestSettings, *, cancelled: IsCancelled | None) -> Forecast | None:
    """Train without some groups and ask for their labels, until each was left out once; None with one group a label."""
    features, marks, groups = samples
    labels = np.unique(marks)
    of_label = {int(label): np.unique(groups[marks == label]) for label in labels}
    fewest = min(len(found) for found in of_label.values())
    if fewest < 2:
        return None
    rng = np.random.default_rng(how.seed)
    folds = min(FOLDS, fewest)
    if groups.min() < 0:
        turns = {int(g): i % folds for i, g in enumerate(rng.permutation(np.unique(groups)))}
    else:
        turns = {int(g): i % folds for found in of_label.values() for i, g in enumerate(rng.permutation(found))}
    fold = np.array([turns[int(g)] for g in groups])
    right = np.zeros(len(marks), bool)
    for number in range(folds):
        stop_if(cancelled)
        out = fold == number
        present, classes = np.unique(marks[~out], return_inverse=True)
        if len(present) < len(labels):
            return None
        forest, _ = grow_forest(features[~out], classes, trees=how.trees, depth=how.depth, seed=how.seed)
        right[out] = present[forest.probabilities(features[out].T).argmax(axis=0)] == marks[out]
    recall = {int(label): float(right[marks == label].mean()) for label in labels}
    kind = "image" if groups.min() < 0 else "stroke"
    return Forecast(kind, recall, {label: len(found) for label, found in of_label.items()})


def blocks_of(bank: FilterBank, box: Box | None = None) -> Iterator[Box]:
    """The blocks of a box (None: of the whole image) in which features are made.

    >>> list(blocks_of(FilterBank(np.zeros((1, 8, 8)))))
    [Box(start=(0, 0), stop=(8, 8))]
    """
    most = PLANE_BLOCK if len(bank.shape) == 2 else VOLUME_BLOCK
    room = BLOCK_BYTES // (4 * len(bank.features))
    return boxes_of(Box.whole(bank.shape) if box is None else box, voxels=max(min(most, room), 1))


def voted(
    forest: Forest,
    features_in: Callable[[Box], Float32Array],
    *,
    boxes: Iterable[Box],
    cancelled: IsCancelled | None = None,
) -> Iterator[tuple[Box, Float32Array]]:
    """Every box with its probabilities `(K, *box)`, in order, on all cores, a few boxes ahead of their use.

    >>> samples, box = np.linspace(0, 1, 40, dtype=np.float32)[:, None], Box((0, 0), (1, 2))
    >>> forest, _ = grow_forest(samples, np.repeat([0, 1], 20), trees=5)
    >>> [(box, prob)] = voted(forest, lambda box: np.array([[[0.0, 1.0]]], np.float32), boxes=[box])
    >>> prob.argmax(axis=0).tolist()
    [[0, 1]]
    """

    def work(block: Box) -> tuple[Box, Float32Array]:
        stop_if(cancelled)
        features = features_in(block)
        prob = forest.probabilities(features.reshape(len(features), -1))
        return block, prob.reshape(-1, *block.shape)

    return on_all_cores(work, boxes)


def _within(inner: Box, outer: Box) -> tuple[slice, ...]:
    return tuple(slice(a - o, b - o) for a, b, o in zip(inner.start, inner.stop, outer.start, strict=True))
