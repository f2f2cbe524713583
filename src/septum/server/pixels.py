"""The pixel classifier of an open case: its features are made once, and what it thinks can be looked at.

The insight: of a scribble's answer nearly all time went into the features, which depend on the image, the scales and
the region alone. They are kept from one scribble to the next, and so are the probabilities behind the proposal.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.geometry.arrays import channels_image
from septum.interactive.pixels.features import SCALES, FeatureSettings
from septum.interactive.pixels.forest import DEPTH, TREES, ForestSettings
from septum.interactive.pixels.live import LivePixels, painted
from septum.interactive.scene import marks_of, scene
from septum.interactive.tool import Box, Change, IsCancelled

Hear = Callable[..., None]
MEMORY_MB = 256.0
"""Of features that are kept for a case; of a larger region they are made anew for each scribble."""


class Pixels:
    """The classifier of one case; may be asked from several threads.

    Args:
        hear: of the labels, their probabilities and `box`, the region, each time it was at work.
    """

    def __init__(self, hear: Hear) -> None:
        self._hear = hear
        self._key: tuple[Any, ...] | None = None
        self._live: LivePixels | None = None
        self._lock = threading.Lock()

    def propose(
        self, image: NDArray[Any], labels: ArrayLike, *, seeds: ArrayLike, region: Box | None = None,
        cancelled: IsCancelled | None = None, **options: Any,
    ) -> Change:  # fmt: skip
        """As `pixel_classifier`, whose options it takes, with the same answer."""
        array, drawn = np.asarray(image), np.asarray(labels)
        channels = channels_image(array if array.ndim == drawn.ndim + 1 else array[None])
        spacing = options.get("spacing")
        found = scene(channels[0], drawn, spacing=spacing, region=region)
        marks = marks_of(seeds, scene(channels[0], drawn, spacing=spacing, region=None))
        with self._lock:
            live = self._prepared(channels, source=image, box=found.box, spacing=found.spacing, options=options)
            learned = live.update(marks, cancelled=cancelled)
            prob = live.probabilities(cancelled=cancelled)
        self._hear(learned.labels, prob, box=found.box)
        return painted(prob, learned.labels, marks=marks, box=found.box, kind=found.labels.dtype)

    def _prepared(
        self,
        channels: NDArray[Any],
        *,
        source: NDArray[Any],
        box: Box,
        spacing: Sequence[float],
        options: dict[str, Any],
    ) -> LivePixels:
        """The classifier for these options, the one before where they are the same."""
        scales = tuple(options.get("scales", SCALES))
        how = ForestSettings(options.get("trees", TREES), options.get("depth", DEPTH), keep=options.get("keep"))
        key = (source.__array_interface__["data"][0], channels.shape, scales, how, box)
        if self._live is None or key != self._key:
            self._live = None  # its features are given back before new ones are made
            self._live = LivePixels(
                channels, settings=FeatureSettings(scales=scales), spacing=spacing, region=box, forest=how,
                memory_mb=MEMORY_MB,
            )  # fmt: skip
            self._key = key
        return self._live
