"""The pixel classifier while a person scribbles: features are made once, each stroke costs a training and a vote.

The insight: features depend on the image alone. Those of the region in view are kept, within a bound of memory; without
room for them they are made anew, and only those that the forest asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Float32Array, Spacing, channels_image
from septum.interactive.pixels.classifier import PixelClassifier, blocks_of, learnt, marked_samples, voted
from septum.interactive.pixels.features import SCALES, FeatureSettings, FilterBank, checked_box
from septum.interactive.pixels.forest import DEPTH, TREES, ForestSettings
from septum.interactive.pixels.workers import on_all_cores
from septum.interactive.scene import label_type, marks_of, scene
from septum.interactive.tool import UNMARKED, Box, Change, IsCancelled, stop_if
from septum.options import at_least


class LivePixels:
    """A classifier of one image that follows the scribbles.

    Args:
        image: `(C, *spatial)` with 2 or 3 spatial axes, finite.
        settings: filters and scales; None takes the defaults.
        spacing: mm per spatial axis.
        region: the voxels in view (None: all); marks elsewhere count too.
        memory_mb: most memory for features that are kept; 0 keeps none.
        forest: how it is grown.

    Raises:
        GeometryError, DatasetError, ConfigError: as `FilterBank`; a region that is empty or reaches outside.
    """

    def __init__(
        self,
        image: ArrayLike,
        *,
        settings: FeatureSettings | None = None,
        spacing: Spacing = None,
        region: Box | None = None,
        memory_mb: float = 1024,
        forest: ForestSettings | None = None,
    ) -> None:
        self.bank = FilterBank(image, settings=settings, spacing=spacing)
        self.region = checked_box(region, self.bank.shape)
        self._spacing = spacing
        self._how = forest or ForestSettings()
        self._made: dict[Box, Float32Array] = {}
        needed = int(np.prod(self.region.shape)) * len(self.bank.features) * 4
        self._keeps = needed <= at_least(memory_mb, 0, name="memory_mb") * 1e6
        self.classifier: PixelClassifier | None = None

    def update(self, seeds: ArrayLike, *, cancelled: IsCancelled | None = None) -> PixelClassifier:
        """The classifier for these marks: `UNMARKED` (-1), 0 for the background, k for label k, anywhere in the image.

        Raises:
            GeometryError: seeds of another shape, not integer, or below -1.
            ConfigError: fewer than two labels.
            Cancelled: `cancelled` said so; the classifier is the one before.
        """
        if self._keeps and not self._made:
            self._make(cancelled)
        part = marked_samples(self.bank, seeds, made=self._made, cancelled=cancelled)
        self.classifier = learnt(self.bank, [part], how=self._how, cancelled=cancelled)
        return self.classifier

    def probabilities(self, *, cancelled: IsCancelled | None = None) -> Float32Array:
        """Probability of each label `(K, *region)`, 0 to 1 with sum 1.

        Raises:
            ConfigError: before the first `update`.
            Cancelled: `cancelled` said so.
        """
        learned = self.classifier
        if learned is None:
            raise ConfigError("probabilities must come after update, got no marks yet; call update with seeds")
        if not self._made:
            return learned.probabilities(
                self.bank.array, spacing=self._spacing, region=self.region, cancelled=cancelled
            )
        selection = learned.settings.selection
        chosen = None if selection == self.bank.settings.selection or selection is None else self._rows(selection)
        out = np.empty((len(learned.labels), *self.region.shape), np.float32)

        def features_in(block: Box) -> Float32Array:
            return self._made[block] if chosen is None else self._made[block][chosen]

        for block, prob in voted(learned.forest, features_in, boxes=self._made, cancelled=cancelled):
            inner = (slice(a - o, b - o) for a, b, o in zip(block.start, block.stop, self.region.start, strict=True))
            out[(slice(None), *inner)] = prob
        return out

    def _rows(self, selection: Sequence[int]) -> list[int]:
        """Where the features of a selection lie among those that are kept."""
        before = self.bank.settings.selection
        return list(selection) if before is None else [before.index(i) for i in selection]

    def _make(self, cancelled: IsCancelled | None) -> None:
        def work(block: Box) -> tuple[Box, Float32Array]:
            stop_if(cancelled)
            return block, self.bank.block(block)

        self._made = dict(on_all_cores(work, blocks_of(self.bank, self.region)))


def pixel_classifier(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    seeds: ArrayLike,
    scales: Sequence[float] = SCALES,
    keep: int | None = None,
    trees: int = TREES,
    depth: int = DEPTH,
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """Each voxel gets the label that a forest, trained on the marked voxels, finds most probable.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite; or with channels first.
        labels: label map of the image's spatial shape; only its type matters.
        seeds: integer array of that shape, -1 without a mark, 0 for the background (`seeds_of`). Marks outside the
            region count too.
        scales: of the filters, in multiples of the finest spacing (`FeatureSettings`).
        keep: how many of the most important features to use; None uses all.
        trees, depth: of the forest.
        spacing: mm per axis.
        region: box of interest; only its voxels are changed.
        cancelled: asked in every block.

    Returns:
        The region with its new labels; marked voxels keep theirs.

    Raises:
        GeometryError: shapes that differ, an empty region.
        ConfigError: no seeds, seeds of one label only, options out of range.
        Cancelled: `cancelled` said so.

    >>> image, seeds = np.repeat([[1, 9]], 8, axis=1), np.full((1, 16), -1)
    >>> seeds[0, :3], seeds[0, 13:] = 2, 0
    >>> pixel_classifier(image, image, seeds=seeds, scales=[0.3]).labels.tolist()
    [[2, 2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0]]
    """
    array, drawn = np.asarray(image), np.asarray(labels)
    channels = channels_image(array if array.ndim == drawn.ndim + 1 else array[None])
    found = scene(channels[0], drawn, spacing=spacing, region=region)
    everywhere = scene(channels[0], drawn, spacing=spacing, region=None)
    marks = marks_of(seeds, everywhere)
    live = LivePixels(
        channels, settings=FeatureSettings(scales=tuple(scales)), spacing=found.spacing, region=found.box,
        forest=ForestSettings(trees, depth, keep=keep),
    )  # fmt: skip
    learned = live.update(marks, cancelled=cancelled)
    prob = live.probabilities(cancelled=cancelled)
    return painted(prob, learned.labels, marks=marks, box=found.box, kind=found.labels.dtype)


def painted(prob: Float32Array, labels: Sequence[int], *, marks: NDArray[Any], box: Box, kind: np.dtype[Any]) -> Change:
    """The most probable label of each voxel of a region; what is marked keeps its mark.

    Args:
        prob: `(K, *box.shape)`.
        labels: the K labels, rising.
        marks: of the whole image, -1 without a mark.
        box: the region.
        kind: type of the label map; a wider one is taken where a label needs it.

    >>> prob = np.array([[0.2, 0.9, 0.2]], np.float32)
    >>> prob, box = np.stack([1 - prob, prob]), Box((0, 0), (1, 3))
    >>> painted(prob, (0, 4), marks=np.array([[4, -1, -1]]), box=box, kind=np.dtype(np.uint8)).labels.tolist()
    [[4, 4, 0]]
    """
    new = np.array(labels, label_type(kind, labels[-1]))[prob.argmax(axis=0)]
    near = marks[box.slices]
    new[near != UNMARKED] = near[near != UNMARKED]
    return Change(box, new)
