"""What an edit may change: an editable area, an editable intensity range, and which labels may be overwritten.

The insight: a tool computes its edit whole, from the labels as they are, and the rules filter it *once*, against the
same labels; then it is set once. A rule such as "only inside label 1" is never asked again while label 1 is changing
under it, so an edit under a rule cannot eat its own ground.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import ConfigError, GeometryError
from septum.interactive.edits.paint import is_one_of
from septum.interactive.tool import Box, Change
from septum.options import one_of

OVERWRITE = ("all", "visible", "none")


AREAS = ("everywhere", "inside", "outside")


Layers = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Rules:
    """The rules of a session; the defaults allow everything.

    Args:
        overwrite: "all" labels may be replaced; "visible" protects the hidden ones, which are neither replaced nor
            removed; with "none" no label takes a voxel of another (removing a label is no overwriting).
        hidden: labels of the edited layer that are not shown.
        hidden_layers: layers that are not shown; all their labels are hidden.
        area: "everywhere", or "inside" or "outside" of what `area_labels` and `area_mask` say.
        area_labels: labels that make the area, as they are before the edit; None: any but 0.
        area_layer: the layer that holds them; None: the edited one.
        area_mask: a mask of the layers' shape that makes the area instead of labels.
        low, high: editable range of intensities, both included; None leaves a side open.
        channel: of an image with several, the one that the range is about.
        exclusive: layers do not overlap: a label that is set takes the voxel from the labels of all other layers, as
            far as `overwrite` allows. By default layers overlap.

    Raises:
        ConfigError: an unknown word, or `low` above `high`.
    """

    overwrite: str = "all"
    hidden: tuple[int, ...] = ()
    hidden_layers: tuple[str, ...] = ()
    area: str = "everywhere"
    area_labels: tuple[int, ...] | None = None
    area_layer: str | None = None
    area_mask: NDArray[np.bool_] | None = field(default=None, repr=False)
    low: float | None = None
    high: float | None = None
    channel: int = 0
    exclusive: bool = False

    def __post_init__(self) -> None:
        one_of(self.overwrite, OVERWRITE, name="overwrite")
        one_of(self.area, AREAS, name="area")
        for name, value in (("low", self.low), ("high", self.high)):
            if value is not None and not math.isfinite(value):
                raise ConfigError(f"{name} must be a number, got {value}; leave it out for an open range")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ConfigError(f"low must not be above high, got {self.low:g} and {self.high:g}; exchange them")


def filtered(
    change: Change, layers: Layers, *, layer: str, rules: Rules, image: NDArray[Any] | None = None
) -> dict[str, Change]:
    """What remains of a change under the rules: a change of the same box for each layer that it touches.

    Args:
        change: what a tool proposes for `layer`.
        layers: all layers by name, of one shape, as they are.
        layer: the one that is edited.
        rules: what may change.
        image: `spatial` or `(C, *spatial)`, for the range of intensities.

    Returns:
        The edited layer first. Its change may be empty of differences; other layers are named only where `exclusive`
        takes something from them.

    Raises:
        GeometryError: a box outside the layers, an image or mask of another shape.
        ConfigError: an unknown layer, a range without an image, a channel that there is not.

    >>> labels = np.array([[0, 2, 2]], np.uint8)
    >>> proposal = Change(Box((0, 0), (1, 2)), np.array([[1, 1]], np.uint8))
    >>> kept = filtered(proposal, {"a": labels}, layer="a", rules=Rules(overwrite="none"))
    >>> kept["a"].labels.tolist()
    [[1, 2]]
    """
    now = known_layer(layers, layer)
    box = change.box
    if len(box.start) != now.ndim or not box.within(Box.whole(now.shape)):
        raise GeometryError(f"the changed box {box} must lie inside the labels of shape {now.shape}")
    before, wanted = now[box.slices], change.labels
    allowed = before != wanted
    allowed &= _replaceable(before, wanted, layer=layer, rules=rules)
    if rules.area != "everywhere":
        allowed &= _area(layers, layer, rules=rules, box=box)
    if rules.low is not None or rules.high is not None:
        allowed &= _in_range(image, now.shape, rules=rules, box=box)
    others = {name: array[box.slices] for name, array in layers.items() if name != layer and rules.exclusive}
    for name, theirs in others.items():
        if rules.overwrite == "none" or (rules.overwrite == "visible" and name in rules.hidden_layers):
            allowed &= (theirs == 0) | (wanted == 0)
    result: dict[str, Change] = {}
    for name, theirs in others.items():
        taken = allowed & (wanted != 0) & (theirs != 0)
        if taken.any():
            result[name] = Change(box, np.where(taken, 0, theirs).astype(theirs.dtype))
    kind = np.result_type(before.dtype, wanted.dtype)
    return {layer: Change(box, np.where(allowed, wanted, before).astype(kind, copy=False)), **result}


def whole_labels(change: Change) -> None:
    """Raise `GeometryError` unless a change holds whole numbers from 0.

    >>> whole_labels(Change(Box((0,), (2,)), np.array([0, 7])))  # says nothing
    """
    labels = change.labels
    if labels.dtype != bool and labels.dtype.kind not in "iu":
        raise GeometryError(f"a change must hold integers, got {labels.dtype}; round them first")
    if labels.dtype.kind == "i" and labels.size and int(labels.min()) < 0:
        raise GeometryError(f"a change must not hold negative labels, got {int(labels.min())}; use 0 for background")


def known_layer(layers: Layers, name: str) -> NDArray[Any]:
    """The layer of this name; `ConfigError` where there is none.

    >>> known_layer({"main": np.array([[3]])}, "main").tolist()
    [[3]]
    """
    if name not in layers:
        raise ConfigError(f"layer must be one of {', '.join(layers)}, got {name!r}; add it first")
    return layers[name]


def _replaceable(
    before: NDArray[Any], wanted: NDArray[Any], *, layer: str, rules: Rules
) -> NDArray[np.bool_] | np.bool_:
    """Where the rule about overwriting lets the label that is there go."""
    if rules.overwrite == "none":
        return np.asarray((before == 0) | (wanted == 0))
    if rules.overwrite == "visible":
        if layer in rules.hidden_layers:
            return np.asarray(before == 0)
        return ~is_one_of(before, rules.hidden) if rules.hidden else np.bool_(True)
    return np.bool_(True)


def _area(layers: Layers, layer: str, *, rules: Rules, box: Box) -> NDArray[np.bool_]:
    shape = layers[layer].shape
    if rules.area_mask is not None:
        if rules.area_mask.shape != shape:
            raise GeometryError(
                f"the mask of the editable area must have the labels' shape {shape}, got {rules.area_mask.shape}; "
                "resample it"
            )
        inside = np.asarray(rules.area_mask[box.slices] != 0)
    else:
        source = known_layer(layers, layer if rules.area_layer is None else rules.area_layer)[box.slices]
        inside = np.asarray(source != 0) if rules.area_labels is None else is_one_of(source, rules.area_labels)
    return inside if rules.area == "inside" else ~inside


def _in_range(image: NDArray[Any] | None, shape: tuple[int, ...], *, rules: Rules, box: Box) -> NDArray[np.bool_]:
    if image is None:
        raise ConfigError("an editable range of intensities needs the image, got none; give it, or leave the range out")
    if image.shape not in (shape, (image.shape[0], *shape)):
        raise GeometryError(f"the image must have the labels' shape {shape}, got {image.shape}; resample one of them")
    channels = image[None] if image.shape == shape else image
    if not 0 <= rules.channel < len(channels):
        raise ConfigError(f"channel must be from 0 to {len(channels) - 1}, got {rules.channel}")
    values = channels[rules.channel][box.slices]
    inside = np.ones(values.shape, bool)
    if rules.low is not None:
        inside &= values >= rules.low
    if rules.high is not None:
        inside &= values <= rules.high
    return inside
