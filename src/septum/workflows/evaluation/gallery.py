"""Pictures of cases for a report: the failures, and enough others for the interactive plot.

The insight: a report goes by mail, so pictures are budgeted: all of the worst cases, then an even selection over the
rest, each as one small picture with both outlines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from septum.geometry.resample import resample_image
from septum.report.figures import overlay
from septum.report.figures.overlay import Panel, ShownCase
from septum.workflows.data.cases import Case, load_image
from septum.workflows.data.classes import from_zero
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.pairs import Pair, read_pair
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.hooks import Hooks
from septum.workflows.scores.scores import Score, case_means

MOST_PICTURES = 60
"""Pictures in the interactive plot, beyond the gallery of failures; each has about 12 kB."""


def worst_cases(scores: Sequence[Score]) -> list[tuple[str, float]]:
    """Cases with their mean Dice, worst first; cases without a defined Dice are left out."""
    means = [(mean, i, case) for i, (case, mean) in enumerate(case_means(scores).items()) if not math.isnan(mean)]
    return [(case, mean) for mean, _, case in sorted(means)]


def choose_pictures(scores: Sequence[Score], *, gallery: int) -> list[str]:
    """Cases that get a small picture, worst first: the `gallery` worst and an even selection of the rest."""
    ranked = [case for case, _ in worst_cases(scores)]
    undefined = [case for case, mean in case_means(scores).items() if math.isnan(mean)]
    rest = ranked[gallery:] + undefined
    if len(rest) > MOST_PICTURES:
        rest = [rest[round(i)] for i in np.linspace(0, len(rest) - 1, MOST_PICTURES)]
    return ranked[:gallery] + rest


def draw_cases(
    pairs: Sequence[Pair],
    pictures: Mapping[str, Case],
    *,
    example: Callable[[Pair, Case | None], ShownCase],
    failures: Failures,
    hooks: Hooks,
) -> dict[str, Panel]:
    """Small pictures by case id, in the order of `pairs`; what cannot be drawn goes to `failures`.

    Raises:
        Cancelled: the hooks said stop.
    """
    drawn = {}
    for number, pair in enumerate(pairs):
        hooks.stop_if_asked()
        with failures.of(f"picture of {pair.case.id}"):
            drawn[pair.case.id] = overlay.case_thumbnail(example(pair, pictures.get(pair.case.id)))
        hooks.on_progress(f"drawing {pair.case.id}", (number + 1) / len(pairs))
    return drawn


def example_of(pair: Pair, picture: Case | None, *, coding: Coding, resample: bool, objects: bool = False) -> ShownCase:
    """The arrays of one case for the report, with the background as 0: scored values, or `objects` as they are."""
    opened = read_pair(pair, resample=resample, background=coding.background)
    reference, prediction = opened.reference, opened.prediction
    hidden = np.isin(reference.array, list(coding.unscored))
    shown, guess = np.where(hidden, coding.background, reference.array), prediction.array
    if not objects:
        shown, guess = coding.drawn(coding.reference(shown)), coding.drawn(coding.prediction(guess))
    image = None
    if picture is not None:
        found = load_image(replace(picture, label=None))
        if opened.start and any(opened.start) and found.grid.ndim == reference.grid.ndim:
            found = resample_image(found, reference.grid)  # the reference was continued beyond its edges
        image = found.array if found.array.shape[1:] == reference.grid.shape else None
    return ShownCase(
        pair.case.id,
        image,
        from_zero(shown, coding.background),
        from_zero(guess, coding.background),
        reference.grid.known_spacing,
        reference.grid.letters,
        dict(coding.labels) if coding.background == 0 else {},
        objects,
    )
