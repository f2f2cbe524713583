"""V_rand and V_info over all thresholds of membrane probability maps: `septum evaluate --em --probabilities`.

The insight: a mask is one threshold of a map, and its author's choice of it may cost more than the map is worth. The
electron microscopy challenge therefore cuts every map at the same thresholds, thins what it finds, and takes for each
score the threshold at which the mean over the sections is best; the curve says how much hangs on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from septum.errors import ConfigError
from septum.metrics import summarise
from septum.metrics.neurite import THRESHOLDS, BestScores, NeuriteScores, best_over_thresholds, threshold_curve
from septum.report.figures.calibration import threshold_plot
from septum.report.pages import sections
from septum.report.pages.sections import Drawing, Section, Table
from septum.workflows.evaluation.analysis import Analysis
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.methods import MaskSet
from septum.workflows.evaluation.probability_maps import CaseMaps, case_of, find_maps, open_reference, read_probability
from septum.workflows.runs.failures import attempt, parted
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool

Curves = Mapping[str, tuple[NeuriteScores, ...]]


def membrane_curves(
    folders: Mapping[str, Path],
    methods: Sequence[MaskSet],
    *,
    codings: Mapping[str, Coding],
    groups: Mapping[str, str],
    hooks: Hooks,
    pool: CasePool,
) -> Analysis:
    """V_rand and V_info of the maps of methods at every threshold, and the best of them.

    Args:
        folders: method name to its folder of maps.
        methods: that were scored.
        codings: by the names of methods; the scored label is the inside of cells.
        groups: section to its block, for the intervals.
        hooks: progress and a wish to stop.
        pool: where maps are cut and thinned.

    Raises:
        ConfigError: several labels are scored, so that none is the inside of cells.
        Cancelled: when the hooks say stop.
    """
    found: dict[str, dict[str, tuple[NeuriteScores, ...]]] = {}
    notes: list[str] = []
    for method in (m for m in methods if m.name in folders):
        coding = codings[method.name]
        if len(coding.labels) != 1:
            names = ", ".join(coding.labels.values())
            raise ConfigError(
                f"--em with maps must score one label, the inside of cells, got {names}; use --foreground"
            )
        maps, _ = find_maps(folders[method.name], [pair.case for pair in method.pairs])  # calibration says who has none
        curves = pool.map(
            partial(attempt, partial(section_curve, coding=coding)),
            maps,
            name_of=case_of,
            hooks=hooks.about("membranes of"),
        )
        done, failed = parted(maps, curves)  # calibration lists maps that cannot be read
        notes += [f"The membranes of {m.case.id} could not be scored: {reason}" for m, reason in failed]
        found[method.name] = {m.case.id: curve for m, curve in done}
    return _analysis(found, groups, notes=tuple(notes))


def section_curve(maps: CaseMaps, *, coding: Coding) -> tuple[NeuriteScores, ...]:
    """The scores of one section (or volume) at `THRESHOLDS`; runs on any process."""
    reference, grid = open_reference(maps.case, coding)
    (cells,) = coding.labels
    return threshold_curve(1 - read_probability(maps, coding, value=cells, grid=grid), reference == cells)


def _analysis(found: Mapping[str, Curves], groups: Mapping[str, str], *, notes: tuple[str, ...]) -> Analysis:
    best = {name: best_over_thresholds(list(curves.values())) for name, curves in found.items()}
    rows = [
        {"method": name, "case": case, "threshold": threshold, **asdict(point)}
        for name, curves in found.items()
        for case, curve in curves.items()
        for threshold, point in zip(THRESHOLDS, curve, strict=True)
    ]
    table = pd.DataFrame(rows)
    if len(found) == 1:
        table = table.drop(columns="method")
    lines = [
        f"{f'{name}: ' if name else ''}best over thresholds: V_rand {one.v_rand:.4f} at {one.v_rand_threshold}, "
        f"V_info {one.v_info:.4f} at {one.v_info_threshold}, sections {len(found[name])}"
        for name, one in best.items()
    ]
    return Analysis((_section(found, best, groups=groups),), {"membranes": table}, notes, tuple(lines))


def _section(found: Mapping[str, Curves], best: Mapping[str, BestScores], *, groups: Mapping[str, str]) -> Section:
    means = {
        " · ".join(part for part in (name, title) if part): _mean_curve(curves, score)
        for name, curves in found.items()
        for score, title in (("v_rand", "V_rand"), ("v_info", "V_info"))
    }
    alt = "; ".join(
        f"{name} best V_rand {one.v_rand:.3f} at {one.v_rand_threshold}, V_info {one.v_info:.3f} at "
        f"{one.v_info_threshold}"
        for name, one in best.items()
    )
    drawing = Drawing(
        "membranes",
        "Scores of the maps by threshold, mean over sections",
        alt.strip(),
        lambda f: threshold_plot(THRESHOLDS, means, image_format=f),
    )
    rows: list[tuple[Any, ...]] = []
    for name, curves in found.items():
        for score, title in (("v_rand", "V_rand"), ("v_info", "V_info")):
            place = THRESHOLDS.index(getattr(best[name], f"{score}_threshold"))
            at_best = {part: _column(curves, part, place=place) for part in (score, f"{score}_split", f"{score}_merge")}
            s = summarise(at_best[score], groups=[groups.get(case, case) for case in curves])
            shown = " · ".join(part for part in (name, title) if part)
            interval = sections.interval_text(s.mean_ci_low, s.mean_ci_high)
            split, merge = (
                float(np.nanmean(at_best[f"{score}_{side}"])) if s.n else np.nan for side in ("split", "merge")
            )
            rows.append((shown, s.n, THRESHOLDS[place], s.mean, interval, split, merge))
    columns = ("score", "sections", "best threshold", "mean", "95 % interval", "split", "merge")
    text = (
        f"Maps are cut at the membrane probabilities {', '.join(str(t) for t in THRESHOLDS)} (a pixel at or above is "
        "membrane), the membranes thinned to one pixel, and the regions compared on the pixels that the reference "
        "gives to cells, as the 2012 challenge is re-scored (Arganda-Carreras 2015). Each score takes the threshold at "
        "which its mean over the sections is best; since that is chosen on the sections that are scored, it flatters "
        "a little. Split falls where cells are cut apart, merge where they run together."
    )
    return Section("Membranes: scores over thresholds", text, (drawing,), (Table(columns, rows, "", "membranes-best"),))


def _column(curves: Curves, score: str, *, place: int) -> Any:
    return np.array([getattr(curve[place], score) for curve in curves.values()])


def _mean_curve(curves: Curves, score: str) -> Any:
    """Mean over the sections that hold a neurite, `(thresholds,)`."""
    values = np.stack([_column(curves, score, place=place) for place in range(len(THRESHOLDS))])
    known = ~np.isnan(values).any(axis=0)
    return values[:, known].mean(axis=1) if known.any() else np.full(len(THRESHOLDS), np.nan)
