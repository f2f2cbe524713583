"""Judging the networks of a fold by images with a truth, as they are and spoiled, so that later masks can be graded.

The insight: this is measurement, not training, and costs one prediction per row; a bounded share of the minutes buys
the failures that held-out images alone would never show.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry import Image
from septum.workflows.data.cases import Case, Dataset, load_pair
from septum.workflows.data.folds import Fold, block_slices
from septum.workflows.model.plan import Plan
from septum.workflows.prediction.engine import Segmenter
from septum.workflows.prediction.predict import segment_classes
from septum.workflows.quality.grade import HeldOut, NetworkReference, network_distance
from septum.workflows.quality.learn import Seen, held_out_rows
from septum.workflows.quality.looks import ImageReference, Look
from septum.workflows.quality.reverse import dice_per_class
from septum.workflows.quality.spoil import WAYS, spoil

COPIES = 4
"""Spoiled copies of an image, each in another way."""


_MOST_CASES = 12  # of a fold, whose spoiled copies are tried


_MOST_REFERENCES = 12  # training images of a fold whose features are kept


_FEATURE_FLOOR = 0.05  # least spread of a network's feature


_FEW_SEEN = 6  # training images tried where nothing was held out

Stop = Callable[[], bool]


@dataclass(frozen=True)
class Bench:
    """The networks of a fold, ready to be judged.

    Args:
        model: its engine compares mirrored copies where there is one network only.
        members: numbers of the networks, in their order.
        seed: of the copies.
    """

    model: Segmenter
    members: tuple[int, ...]
    seed: int

    @property
    def plan(self) -> Plan:
        """The plan of the model."""
        return self.model.plan

    def look(self, image: Image) -> tuple[NDArray[Any], Look]:
        """The mask of an image, in classes, and what can be seen of both."""
        look = Look(self.plan.classes.n_classes)
        labels = segment_classes(image, self.model, look=look)
        return self.plan.classes.to_classes(labels.array), look


@dataclass(frozen=True)
class Known:
    """The training images of a fold: their intensities, and their features by each network."""

    images: ImageReference | None
    networks: tuple[NetworkReference, ...]

    def seen(self, look: Look, bench: Bench, *, way: str = "", trained_on: bool = False) -> Seen:
        """How far an image lies from them."""
        image = math.nan if self.images is None else self.images.distance(look.features)
        return Seen(way, image, network_distance(look, self.networks, folds=bench.members), trained_on)


def know(data: Dataset, fold: Fold, *, bench: Bench, should_stop: Stop) -> Known:
    """Look at the training images of a fold through its networks; of many, at some spread evenly."""
    looks: list[Look] = []
    for name in fold.train[:: max(1, -(-len(fold.train) // _MOST_REFERENCES))]:
        if should_stop():
            break
        looks.append(bench.look(load_pair(data.case(name))[0])[1])
    if not looks:
        return Known(None, ())
    signatures = [look.evidence.signatures for look in looks]
    networks = []
    for place, member in enumerate(bench.members):
        rows = [found[place] for found in signatures if len(found) > place]
        if len(rows) == len(looks):
            networks.append(NetworkReference(member, ImageReference.of(rows, floor=_FEATURE_FLOOR)))
    return Known(ImageReference.of([look.features for look in looks]), tuple(networks))


def judge_copies(
    data: Dataset, fold: Fold, *, bench: Bench, known: Known, seconds: float, should_stop: Stop
) -> list[HeldOut]:
    """Rows of spoiled copies, until the time is used: every image once before any of them twice.

    Of a fold that holds nothing out, its training images and their copies; of a single image, the block that was held
    out.
    """
    started = time.monotonic()
    rows: list[HeldOut] = []
    for case, way, rng in _trials(data, fold, seed=bench.seed):
        if should_stop() or time.monotonic() - started > seconds:
            break
        image, truth = _part(case, fold, plan=bench.plan)
        if way:
            array, truth = spoil(image.array, truth, way=way, rng=rng)
            image = Image(array, replace(image.grid, shape=truth.shape), image.channels)
        classes, look = bench.look(image)
        ignore = bench.plan.classes.ignore_class
        dice = dice_per_class(truth, np.where(truth == ignore, ignore, classes), n_classes=bench.plan.classes.n_classes)
        seen = known.seen(look, bench, way=way, trained_on=not fold.val)
        rows += held_out_rows(case.id, look, dice=dice.tolist(), plan=bench.plan, seen=seen)
    return rows


def _trials(data: Dataset, fold: Fold, *, seed: int) -> Iterator[tuple[Case, str, np.random.Generator]]:
    """Which image is tried in which way, with its own randomness."""
    names = _spread(fold.val, _MOST_CASES) or _spread(fold.train, _FEW_SEEN)
    ways = list(WAYS)
    if not fold.val or fold.block is not None:  # the measurement on whole held-out images has not looked at these
        for place, name in enumerate(names):
            yield data.case(name), "", np.random.default_rng([seed, place])
    for turn in range(COPIES):
        for place, name in enumerate(names):
            rng = np.random.default_rng([seed, place, turn])
            yield data.case(name), ways[(place * COPIES + turn) % len(ways)], rng


def _spread(names: Sequence[str], most: int) -> Sequence[str]:
    return names[:: max(1, -(-len(names) // most))]


def _part(case: Case, fold: Fold, *, plan: Plan) -> tuple[Image, NDArray[Any]]:
    """An image and its classes; of a single image, the block that was held out."""
    image, labels = load_pair(case)
    truth = plan.classes.to_classes(labels.array)
    if fold.block is None:
        return image, truth
    block = block_slices(fold.block, truth.shape)
    truth = np.ascontiguousarray(truth[block])
    array = np.ascontiguousarray(image.array[(slice(None), *block)])
    return Image(array, replace(image.grid, shape=truth.shape), image.channels), truth
