"""Which pipelines a comparison tries: channels, smoothing, methods with their options, and ways to mend the mask.

The insight: a grid over everything explodes, so it is walked in two stages: every method on a few preparations of the
image first, then, for the best candidate of each method only, the ways to mend its mask. Sizes are in multiples of the
data's finest spacing, so that one grid serves micrometres and millimetres.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from septum.classical.methods import METHODS
from septum.options import Method, Option
from septum.workflows.pipelines.pipeline import PipelineStep, make_step

_GLOBAL_ON_RIDGES = ("otsu", "triangle", "li", "yen", "multi-otsu", "hysteresis")


_MOST_CHANNELS = 4


@dataclass(frozen=True)
class Candidate:
    """Steps to try, the name of the segmenting method among them, and whether its labels are classes by intensity."""

    steps: tuple[PipelineStep, ...]
    method: str
    classes: bool


def first_stage(*, spacing: Sequence[float], channels: Sequence[str], n_classes: int) -> tuple[Candidate, ...]:
    """Every method that `--suggest` tries, on every preparation of the image, simplest first.

    Args:
        spacing: typical mm per axis.
        channels: names of the images' channels; none where the images differ in their number.
        n_classes: of the labels, background included; above 2 only methods that return classes can answer.
    """
    unit = min(spacing)
    tried = [
        m for m in METHODS if m.suggest and len(spacing) in m.dimensions and (n_classes == 2 or m.result == "classes")
    ]
    found = []
    smoothings: tuple[tuple[PipelineStep, ...], ...] = (
        (),
        (make_step("gaussian", {"sigma_mm": unit}),),
        (make_step("gaussian", {"sigma_mm": 2 * unit}),),
        (make_step("median", {"radius_mm": unit}),),
    )
    for smoothing in smoothings:
        for method in tried:
            whole = method.channels == "any" and len(channels) > 1
            for selection in ((),) if whole else _selections(channels):
                found += [_candidate((*selection, *smoothing), method, values=values) for values in _grid(method, unit)]
    if n_classes == 2 and max(spacing) <= 1.1 * unit:
        found += _on_ridges(channels, unit)
    return tuple(found)


def mended(candidate: Candidate, mapping: Sequence[int] | None, *, spacing: Sequence[float]) -> tuple[Candidate, ...]:
    """`candidate` with its labels turned into classes, followed by each of the ways to mend a mask."""
    unit = min(spacing)
    voxel = 1.0
    for step in spacing:
        voxel *= step
    start = candidate.steps
    if mapping is not None:
        start = (*start, make_step("assign", {"values": [float(v) for v in mapping]}))
    fill, small = make_step("fill-holes"), make_step("remove-small", {"minimum_size": 30 * voxel})
    ways = (
        (fill,),
        (small,),
        (fill, small),
        (make_step("remove-small", {"minimum_size": 150 * voxel}), fill),
        (make_step("opening", {"radius_mm": unit}),),
        (make_step("opening", {"radius_mm": 2 * unit}), fill),
        (make_step("closing", {"radius_mm": 2 * unit}), fill, small),
        (make_step("smooth-median", {"radius_mm": 1.5 * unit}),),
        (make_step("keep-largest"), fill),
        (make_step("opening", {"radius_mm": 3 * unit}), make_step("keep-largest"), fill),
        (make_step("opening", {"radius_mm": 5 * unit}), make_step("keep-largest"), fill),
        (make_step("smooth-median", {"radius_mm": 3 * unit}), make_step("keep-largest"), fill),
        (make_step("keep-largest", {"count": 2}), fill),
    )
    return tuple(Candidate((*start, *way), candidate.method, False) for way in ways)


def _on_ridges(channels: Sequence[str], unit: float) -> list[Candidate]:
    """Global thresholds of the response to lines."""
    methods = [method for method in METHODS if method.name in _GLOBAL_ON_RIDGES]
    found = []
    for side, factor in itertools.product(("dark", "bright"), (1, 2)):
        widths = [factor * unit, 2 * factor * unit, 3 * factor * unit]
        ridges = make_step("ridges", {"sigmas_mm": widths, "side": side})
        for selection, method in itertools.product(_selections(channels), methods):
            values = [v for v in _grid(method, unit) if v.get("side", "bright") == "bright"]
            found += [_candidate((*selection, ridges), method, values=v) for v in values]
    return found


def _candidate(before: Sequence[PipelineStep], method: Method, *, values: dict[str, Any]) -> Candidate:
    return Candidate((*before, make_step(method.name, values)), method.name, method.result == "classes")


def _selections(channels: Sequence[str]) -> tuple[tuple[PipelineStep, ...], ...]:
    """Ways to come from several channels to one; only the grey value where images differ in their channels."""
    if not channels:
        return ((make_step("channel", {"use": "grey"}),),)
    if len(channels) == 1:
        return ((),)
    numbers = [str(i) for i in range(min(len(channels), _MOST_CHANNELS))]
    mixtures = ["grey", "saturation"] if len(channels) == 3 else []
    return tuple((make_step("channel", {"use": use}),) for use in (*mixtures, *numbers))


def _grid(method: Method, unit: float) -> list[dict[str, Any]]:
    """All combinations of the values that the table suggests."""
    tried = [option for option in method.options if option.suggest]
    return [
        {option.name: _scaled(option, value, unit=unit) for option, value in zip(tried, combination, strict=True)}
        for combination in itertools.product(*(option.suggest for option in tried))
    ]


def _scaled(option: Option, value: Any, *, unit: float) -> Any:
    return value * unit if option.unit == "mm" and option.kind == "number" else value
