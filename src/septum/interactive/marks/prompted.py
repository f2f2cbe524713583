"""A network that is told where to look: clicks, scribbles and boxes in, new labels out.

The insight: this room knows no network. It is handed `predict`, a function that answers for a region with labels, and
does for it what every tool does: check the marks, keep what lies outside of the region, and never contradict a voxel
that a person marked. `septum.workflows.prediction.prompts` makes such a function from a trained model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError
from septum.geometry.arrays import Spacing, channels_image
from septum.interactive.scene import label_type, scene
from septum.interactive.tool import Box, Change, IsCancelled, Stroke, points_inside, stop_if


class Predict(Protocol):
    """Labels `region.shape` that a network gives a region of an image, told strokes and boxes in voxels of the image.

    The image is `(Y, X)` or `(Z, Y, X)`, with a channel axis before them where it has several channels; its spacing is
    in mm per spatial axis; `cancelled` is asked now and then.
    """

    def __call__(
        self,
        image: NDArray[Any],
        *,
        strokes: Sequence[Stroke],
        boxes: Sequence[tuple[Box, int]],
        region: Box,
        spacing: Sequence[float],
        cancelled: IsCancelled | None,
    ) -> NDArray[Any]: ...


def prompted_network(
    image: ArrayLike,
    labels: ArrayLike,
    *,
    predict: Predict,
    strokes: Sequence[Stroke] = (),
    boxes: Sequence[tuple[Box, int]] = (),
    spacing: Spacing = None,
    region: Box | None = None,
    cancelled: IsCancelled | None = None,
) -> Change:
    """The labels that a network gives the region when it is told the prompts.

    Args:
        image: `(Y, X)` or `(Z, Y, X)`, finite; with several channels `(C, Y, X)` or `(C, Z, Y, X)`.
        labels: label map of the image's spatial shape; only its type matters.
        predict: the network.
        strokes: clicks (one voxel) and scribbles, label 0 marks the background. Those outside of the region count too.
        boxes: each around something of the label beside it, 1 or more.
        spacing: mm per axis.
        region: box of interest; only its voxels are changed.
        cancelled: asked before and after the prediction, and handed to it.

    Returns:
        The region with its new labels; marked voxels have the label of their last stroke. Without any prompt it is
        what the network finds alone.

    Raises:
        GeometryError: prompts outside of the image, an empty box or region, an answer of another shape.
        ConfigError: a negative label, a box of the background, an answer that is no label map.
        Cancelled: `cancelled` said so.

    >>> def bright(image, *, strokes, boxes, region, spacing, cancelled):
    ...     return (image[region.slices] > 5).astype(int)
    >>> click = Stroke(np.array([[0, 0]]), 2)
    >>> prompted_network([[1, 9, 9]], [[0, 0, 0]], predict=bright, strokes=[click]).labels.tolist()
    [[2, 1, 1]]
    """
    picture = np.asarray(image)
    plane = channels_image(picture)[0] if picture.ndim == np.ndim(labels) + 1 else picture
    found = scene(plane, labels, spacing=spacing, region=region)
    marked = [_checked(stroke, found.shape) for stroke in strokes]
    _check_boxes(boxes, found.shape)
    stop_if(cancelled)
    answer = np.asarray(
        predict(
            picture, strokes=marked, boxes=tuple(boxes), region=found.box, spacing=found.spacing,
            cancelled=cancelled,
        )
    )  # fmt: skip
    stop_if(cancelled)
    if answer.shape != found.box.shape:
        raise GeometryError(
            f"predict must answer with labels of the region's shape {found.box.shape}, got {answer.shape}"
        )
    if answer.dtype.kind not in "iub" or (answer.size and int(answer.min()) < 0):
        raise ConfigError(f"predict must answer with labels of 0 or more, got {answer.dtype}; round and clip them")
    highest = max([int(answer.max()), *(stroke.label for stroke in marked)])
    out: NDArray[Any] = answer.astype(label_type(found.labels.dtype, highest))
    start, stop = np.array(found.box.start), np.array(found.box.stop)
    for stroke in marked:
        inside = stroke.points[((stroke.points >= start) & (stroke.points < stop)).all(axis=1)] - start
        out[tuple(inside.T)] = stroke.label
    return Change(found.box, out)


def _check_boxes(boxes: Sequence[tuple[Box, int]], shape: tuple[int, ...]) -> None:
    for box, label in boxes:
        if not box.within(Box.whole(shape)) or 0 in box.shape:
            raise GeometryError(
                f"a box must hold voxels of the image of shape {shape}, got {box.start} to {box.stop}; "
                "draw it inside the image"
            )
        if label < 1:
            raise ConfigError(f"a box must hold a label of 1 or more, got {label}; mark background with a stroke")


def _checked(stroke: Stroke, shape: tuple[int, ...]) -> Stroke:
    if stroke.label < 0:
        raise ConfigError(f"a stroke's label must be 0 (background) or more, got {stroke.label}")
    points = points_inside(stroke.points, shape, name="strokes")
    if not len(points):
        raise ConfigError("a stroke must hold at least one voxel, got none; click on the image")
    return Stroke(points, stroke.label)
