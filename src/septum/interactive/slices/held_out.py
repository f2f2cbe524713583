"""How good is an interpolation that nobody drew? Hide what was drawn, and look.

The insight: a drawn slice that is hidden can be compared with its interpolation. But hiding it doubles the gap, and the
Dice so found is too low for the gap that is really there. Interpolating a curve between two points errs about as
the product a·b of the distances to both; so several slices are hidden in a row as well, the growth of the error with
sqrt(a·b) is fitted, and the fit is read at the distances that every undrawn slice really has. The same numbers say
where drawing one more slice would help most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError
from septum.geometry.arrays import Spacing
from septum.interactive.slices.interpolate import checked_drawn, interpolate
from septum.interactive.tool import IsCancelled

HIDDEN_IN_A_ROW = (1, 2)


# Chosen on 24 hippocampi, a spleen and 7 spinal cords (gaps of 2, 3 and 5): mean of |bias| 0.020, of |error| 0.028.
TREMBLE = 0.15  # voxels by which two drawings of one outline differ


PRIOR_POWER = 3.0


_STIFFNESS = 0.05


_POWERS = (1.0, 4.0)


@dataclass(frozen=True)
class Hidden:
    """A drawn slice that was hidden and interpolated between the drawn slices at `a` and `b` slices from it.

    `wrong` counts the voxels whose label is wrong, each as missed and as added; `size` the labelled voxels of both.
    """

    index: int
    a: int
    b: int
    label: int
    wrong: int
    size: int

    @property
    def dice(self) -> float:
        """Dice of the label on the hidden slice; NaN where neither has it."""
        return 1 - self.wrong / self.size if self.size else float("nan")


@dataclass(frozen=True)
class Slice:
    """What is expected of one undrawn slice: its Dice over all labels, and its wrong voxels."""

    axis: int
    index: int
    dice: float
    wrong: float


@dataclass(frozen=True)
class InterpolationEstimate:
    """The expected Dice of the slices that were interpolated.

    Attributes:
        dice: over all undrawn slices between the first and the last drawn one, mean of the labels; NaN without slices.
        by_label: the same per label.
        left_out: Dice per label and hidden slice, one hidden at a time, as it came out (its gap is twice the real one).
        slices: every undrawn slice, in order.
        power: exponent by which the error was found to grow with sqrt(a·b).
    """

    dice: float
    by_label: Mapping[int, float]
    left_out: tuple[Hidden, ...]
    slices: tuple[Slice, ...]
    power: float

    def next_slice(self) -> tuple[int, int] | None:
        """Axis and index of the slice whose drawing would help most; None when every slice is drawn.

        Of the gap with most wrong voxels to be expected, the middle: drawing it quarters the products a·b of its gap.
        """
        if not self.slices:
            return None
        best, most = None, -1.0
        for run in _runs(self.slices):
            total = sum(one.wrong for one in run)
            if total > most:
                best, most = run[(len(run) - 1) // 2], total
        return None if best is None else (best.axis, best.index)


def leave_one_slice_out(
    labels: ArrayLike,
    *,
    drawn: Mapping[int, Sequence[int]] | None = None,
    method: str = "distance",
    image: ArrayLike | None = None,
    spacing: Spacing = None,
    cancelled: IsCancelled | None = None,
    **options: Any,
) -> InterpolationEstimate:
    """What Dice to expect of `interpolate` with the same arguments, along the axis with most drawn slices.

    The first and the last drawn slice cannot be hidden: nothing lies on their other side. Where only they are drawn,
    nothing can be hidden, and the estimate is refused.

    Args:
        labels, drawn, method, image, spacing, options: as of `interpolate`.
        cancelled: asked before each slice.

    Raises:
        ConfigError: fewer than three drawn slices.
        GeometryError, Cancelled: as `interpolate`.

    >>> rod = np.zeros((9, 5, 5), int); rod[::2, 1:4, 1:4] = 1
    >>> leave_one_slice_out(rod).dice
    0.9048374180359595
    """
    given = np.asarray(labels)
    planes = checked_drawn(given, drawn)
    axis = max(planes, key=lambda a: len(planes[a]))
    slices = planes[axis]
    if len(slices) < 3:
        raise ConfigError(
            f"an estimate must have at least three drawn slices along an axis, got {len(slices)}; draw another between"
        )
    picture = None if image is None else np.asarray(image)
    seen: list[Hidden] = []
    for count in HIDDEN_IN_A_ROW:
        seen += _hide(
            given,
            axis,
            slices=slices,
            count=count,
            picture=picture,
            options={"method": method, "spacing": spacing, "cancelled": cancelled, **options},
        )
    left_out = tuple(one for one in seen if (one.a, one.b) == _own_gap(one.index, slices))
    return _estimate(given, axis, slices=slices, seen=seen, left_out=left_out)


def next_slice(labels: ArrayLike, **options: Any) -> tuple[int, int] | None:
    """`leave_one_slice_out(labels, **options).next_slice()`: the axis and index to be drawn next.

    >>> rod = np.zeros((9, 5, 5), int); rod[[0, 4, 8], 1:4, 1:4] = 1
    >>> next_slice(rod)
    (0, 2)
    """
    return leave_one_slice_out(labels, **options).next_slice()


def _own_gap(index: int, slices: Sequence[int]) -> tuple[int, int]:
    place = list(slices).index(index)
    return index - slices[place - 1], slices[place + 1] - index


def _hide(
    labels: NDArray[Any],
    axis: int,
    *,
    slices: Sequence[int],
    count: int,
    picture: NDArray[Any] | None,
    options: Mapping[str, Any],
) -> list[Hidden]:
    """Hide every run of `count` drawn slices in turn, and compare what is interpolated with what was drawn; `options`
    are those of `interpolate`."""
    found: list[Hidden] = []
    for first in range(1, len(slices) - count):
        low, high = slices[first - 1], slices[first + count]
        cut = tuple(slice(low, high + 1) if a == axis else slice(None) for a in range(3))
        part = labels[cut]
        filled = interpolate(
            part,
            drawn={axis: [0, high - low]},
            image=None if picture is None else picture[cut],
            **options,
        )
        for index in slices[first : first + count]:
            made, true = (np.moveaxis(x, axis, 0)[index - low] for x in (filled, part))
            found += _compared(made, true, index=index, a=index - low, b=high - index)
    return found


def _compared(made: NDArray[Any], true: NDArray[Any], *, index: int, a: int, b: int) -> list[Hidden]:
    rows = []
    for label in np.union1d(made, true):
        if label:
            is_made, is_true = made == label, true == label
            wrong, size = np.count_nonzero(is_made != is_true), np.count_nonzero(is_made) + np.count_nonzero(is_true)
            rows.append(Hidden(index, a, b, int(label), int(wrong), int(size)))
    return rows


def _growth(seen: Sequence[Hidden], floor: Mapping[int, float]) -> float:
    """p of the error's growth with sqrt(a·b)^p beyond its floor: least squares of the logarithm, held near a prior."""
    groups: dict[int, tuple[float, float, float]] = {}
    for one in seen:
        wrong, size, least = groups.get(one.a * one.b, (0.0, 0.0, 0.0))
        groups[one.a * one.b] = (wrong + one.wrong, size + one.size, least + one.size * floor[one.label])
    rows = [
        (0.5 * np.log(ab), np.log(max(_logit_error(wrong / size) - least / size, 1e-3)), size)
        for ab, (wrong, size, least) in groups.items()
        if size
    ]
    if len(rows) < 2:
        return PRIOR_POWER
    x, y, weight = (np.array(column) for column in zip(*rows, strict=True))
    weight = weight / weight.max()
    x, y = x - np.average(x, weights=weight), y - np.average(y, weights=weight)
    slope = (weight @ (x * y) + _STIFFNESS * PRIOR_POWER) / (weight @ (x * x) + _STIFFNESS)
    return float(np.clip(slope, *_POWERS))


def _logit_error(share: float) -> float:
    """-log of the Dice: grows without bound where the share of wrong voxels is bound by 1."""
    return -float(np.log(max(1 - share, 0.02)))


def _estimate(
    labels: NDArray[Any], axis: int, *, slices: Sequence[int], seen: Sequence[Hidden], left_out: tuple[Hidden, ...]
) -> InterpolationEstimate:
    """The fitted error read at every undrawn slice, with the size that the label has on the drawn slices around it."""
    view = np.moveaxis(labels, axis, 0)
    names = sorted({one.label for one in seen})
    floor = {label: _floor(view, slices, label=label) for label in names}
    power = _growth(seen, floor)
    rate = {label: _rate([o for o in seen if o.label == label], floor[label], power=power) for label in names}
    sizes = {label: np.array([np.count_nonzero(view[i] == label) for i in slices], float) for label in names}
    wrong, total = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    rows = []
    for low, high in pairwise(slices):
        local = {
            label: _near(left_out, label, gap=(low, high), floor=floor[label], overall=rate[label], power=power)
            for label in names
        }
        for index in range(low + 1, high):
            far = float(np.sqrt((index - low) * (high - index))) ** power
            expected, both = 0.0, 0.0
            for label in names:
                size = 2 * float(np.interp(index, slices, sizes[label]))
                miss = size * (1 - float(np.exp(-floor[label] - local[label] * far)))
                wrong[label], total[label] = wrong[label] + miss, total[label] + size
                expected, both = expected + miss, both + size
            rows.append(Slice(axis, index, 1 - expected / both if both else float("nan"), expected))
    by_label = {label: 1 - wrong[label] / total[label] for label in names if total[label]}
    dice = float(np.mean(list(by_label.values()))) if by_label else float("nan")
    return InterpolationEstimate(dice, by_label, left_out, tuple(rows), power)


def _floor(view: NDArray[Any], slices: Sequence[int], *, label: int) -> float:
    """What a hand that trembles by `TREMBLE` voxels gets wrong along the label's outline, as a share of its size."""
    outline, size = 0, 0
    for index in slices:
        mask = view[index] == label
        size += int(np.count_nonzero(mask))
        outline += sum(int(np.count_nonzero(np.diff(mask, axis=a))) for a in range(mask.ndim))
    return TREMBLE * outline / (2 * size) if size else 0.0


def _rate(seen: Sequence[Hidden], floor: float, *, power: float) -> float:
    """Error beyond the floor per sqrt(a·b)^power, pooled over hidden slices of one label."""
    size = sum(one.size for one in seen)
    if not size:
        return 0.0
    error = _logit_error(sum(one.wrong for one in seen) / size)
    reach = float(sum(one.size * np.sqrt(one.a * one.b) ** power for one in seen)) / size
    return max(error - floor, 0.0) / reach


def _near(
    left_out: Sequence[Hidden], label: int, *, gap: tuple[int, int], floor: float, overall: float, power: float
) -> float:
    """The rate at a gap: that of the two slices at its ends, drawn toward that of all, which is surer."""
    ends = [one for one in left_out if one.label == label and one.index in gap]
    return 0.5 * (overall + _rate(ends, floor, power=power)) if ends else overall


def _runs(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Undrawn slices that follow one another, gap by gap."""
    runs: list[list[Slice]] = []
    for one in slices:
        if runs and runs[-1][-1].index + 1 == one.index:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs
