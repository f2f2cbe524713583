"""Whether the probabilities of a method mean what they say: `septum evaluate --probabilities`.

The insight: a map of probabilities is three questions. Is a voxel that is given 0.8 right in eight of ten cases (the
reliability curve, and its mean distance from the diagonal, ECE)? How far is the number from the truth at each voxel
(Brier)? And is it so in every case, or only on average? So both errors are measured per case and summarised like any
score, while the curve is that of all voxels together.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from septum.errors import ConfigError, DatasetError
from septum.io.safe import reserved_array, scratch_folder
from septum.metrics import summarise
from septum.metrics.calibration import (
    CalibrationCounts,
    Reliability,
    brier,
    calibration_counts,
    expected_calibration_error,
    reliability,
)
from septum.report.figures import calibration as figures
from septum.report.pages import sections
from septum.report.pages.sections import Drawing, Section, Table
from septum.workflows.evaluation.analysis import Analysis
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.methods import MaskSet
from septum.workflows.evaluation.probability_maps import (
    IGNORED,
    CaseMaps,
    case_of,
    find_maps,
    open_reference,
    read_probability,
    values_of,
)
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.runs.failures import attempt, parted
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool

BINS = 10


ALL_CLASSES = "all classes"
"""Name of the row in which confidence is the largest probability, and an event that its class is right."""


LEAST = 1 / BINS
"""From this probability on, voxels count in `ece_likely`: background that nobody doubts hides every error."""


_SCORES = ("brier", "ece", "ece_likely")


_TITLES = ("Brier", "ECE", f"ECE from {LEAST:g}")


@dataclass(frozen=True, eq=False)
class Calibrated:
    """One class of one case (or all of its classes): its row of the table, and its counts in `BINS` bins."""

    row: Mapping[str, Any]
    counts: CalibrationCounts


def measure_calibration(
    folders: Mapping[str, Path],
    methods: Sequence[MaskSet],
    *,
    codings: Mapping[str, Coding],
    groups: Mapping[str, str],
    hooks: Hooks,
    pool: CasePool,
) -> Analysis:
    """Brier score, calibration errors and reliability curves of the probability maps of methods.

    Args:
        folders: method name to its folder of maps.
        methods: that were scored.
        codings: by the names of methods.
        groups: case to its patient, for the intervals.
        hooks: progress and a wish to stop.
        pool: where maps are read.

    Raises:
        DatasetError: a folder without maps of these cases, or maps that do not say which label they speak of.
        FormatError: files that hold no probabilities.
        GeometryError: maps on another grid than their reference.
        Cancelled: when the hooks say stop.
    """
    found: list[Calibrated] = []
    notes: list[str] = []
    failures: list[tuple[str, str]] = []
    for method in (m for m in methods if m.name in folders):
        maps, said = find_maps(folders[method.name], [pair.case for pair in method.pairs])
        notes += [f"{method.name}: {note}" if method.name else note for note in said]
        measured = pool.map(
            partial(attempt, partial(calibrate_case, coding=codings[method.name], method=method.name)),
            maps,
            name_of=case_of,
            hooks=hooks.about("probabilities of"),
        )
        done, failed = parted(maps, measured)
        found += [one for _, case in done for one in case]
        failures += [(f"probability map of {one.case.id}", reason) for one, reason in failed]
    return replace(_analysis(found, groups, notes=tuple(notes)), failures=tuple(failures))


def calibrate_case(maps: CaseMaps, *, coding: Coding, method: str) -> list[Calibrated]:
    """One case: each scored label against the rest, and all classes together where every class has a map.

    Memory: one map at a time, and a scratch file with all of them.
    """
    reference, grid = open_reference(maps.case, coding)
    values = values_of(maps, coding)
    complete = len(values) > 2 and {coding.background, *coding.labels} <= set(values)
    found = []
    with scratch_folder(Path(tempfile.gettempdir())) as scratch:
        shape = (len(values) if complete else 1, *grid.shape)
        stack = reserved_array(scratch / "maps.bin", shape, dtype=np.float32)
        for place, value in enumerate(values):
            prob = read_probability(maps, coding, value=value, grid=grid)
            if complete:
                stack[place] = prob
            if value in coding.labels:
                counts = calibration_counts(prob, reference, label=value, ignore=IGNORED)
                found.append(_case_row(method, maps.case.id, label=value, name=coding.labels[value], counts=counts))
        if complete:
            known = np.isin(reference, values)
            places = np.where(known, np.searchsorted(values, reference), IGNORED)
            counts = calibration_counts(stack, places, ignore=IGNORED)
            found.append(_case_row(method, maps.case.id, label=None, name=ALL_CLASSES, counts=counts))
        del stack  # Windows deletes no open file
    return found


def _case_row(method: str, case: str, *, label: int | None, name: str, counts: CalibrationCounts) -> Calibrated:
    row = {
        "method": method,
        "case": case,
        "label": label,
        "name": name,
        "brier": brier(counts),
        "ece": expected_calibration_error(counts, n_bins=BINS),
        "ece_likely": _likely(counts).expected_error,
        "ece_adaptive": expected_calibration_error(counts, n_bins=BINS, adaptive=True),
        "largest_error": reliability(counts, n_bins=BINS).largest_error,
        "voxels": counts.voxels,
    }
    return Calibrated(row, counts.merged(BINS))


def _likely(counts: CalibrationCounts) -> Reliability:
    """The curve without its first bin: the class has at least the probability `LEAST`."""
    whole = counts.merged(BINS)
    rest = CalibrationCounts(whole.n.copy(), whole.confidence.copy(), whole.events.copy(), whole.squared)
    for sums in (rest.n, rest.confidence, rest.events):
        sums[0] = 0
    return reliability(rest, n_bins=BINS)


def _analysis(found: Sequence[Calibrated], groups: Mapping[str, str], *, notes: tuple[str, ...]) -> Analysis:
    table = pd.DataFrame([one.row for one in found])
    table["label"] = table["label"].astype("Int64")
    pooled: dict[tuple[str, str], CalibrationCounts] = {}
    for one in found:
        key = (one.row["method"], one.row["name"])
        pooled[key] = pooled[key] + one.counts if key in pooled else one.counts
    rows, curve, curves, lines = [], [], {}, []
    for (method, name), counts in pooled.items():
        own = table[(table["method"] == method) & (table["name"] == name)]
        units = [groups.get(case, case) for case in own["case"]]
        means = {score: summarise(own[score].to_numpy(dtype=float), groups=units) for score in _SCORES}
        curve_of = reliability(counts, n_bins=BINS)
        shown = " · ".join(part for part in (method, name) if part)
        curves[shown] = curve_of
        cells = [c for s in means.values() for c in (s.mean, sections.interval_text(s.mean_ci_low, s.mean_ci_high))]
        adaptive = float(own["ece_adaptive"].mean())
        rows.append((shown, means["brier"].n, *cells, adaptive, curve_of.largest_error))
        points = zip(curve_of.confidence, curve_of.frequency, curve_of.n, strict=True)
        curve += [{"method": method, "name": name, "confidence": c, "frequency": f, "voxels": n} for c, f, n in points]
        values = ", ".join(f"{title} {means[name].mean:.4f}" for name, title in zip(_SCORES, _TITLES, strict=True))
        lines.append(f"{shown}: {values}, n {means['brier'].n}")
    named = [word for title in _TITLES for word in (title, "95 % interval")]
    columns = ("class", "cases", *named, "ECE, equal mass", "largest error")
    several = table["method"].nunique() > 1
    tables = {"calibration": table if several else table.drop(columns="method"), "reliability": pd.DataFrame(curve)}
    if not several:
        tables["reliability"] = tables["reliability"].drop(columns="method")
    return Analysis((_section(curves, Table(columns, rows)),), tables, notes, tuple(lines))


def _section(curves: Mapping[str, Any], table: Table) -> Section:
    drawing = Drawing(
        "reliability",
        "How often a probability is right",
        "Frequency of the class against its probability: "
        + "; ".join(
            f"{name}, mean distance from the diagonal {curve.expected_error:.3f}" for name, curve in curves.items()
        ),
        lambda f: figures.reliability_plot(curves, image_format=f),
    )
    text = (
        f"Probabilities against the reference, voxel by voxel, in {BINS} bins of equal width. Brier: mean squared "
        "distance from the truth (of all classes: summed over classes). ECE: mean distance of frequency from "
        "confidence over voxels, per case, then the mean over cases; in bins of equal mass each holds as many "
        "voxels. Below the diagonal a method is too sure. Background far from any structure is easy and makes all of "
        f"these small, so ECE is also given over the voxels to which the class was given at least {LEAST:g}. Largest "
        "error: of the curve, in which all voxels are pooled."
    )
    return Section("Calibration", text, (drawing,), (table,))


def folders_of(settings: EvaluateSettings, methods: Sequence[MaskSet]) -> dict[str, Path]:
    """Set of masks to its folder of maps; a folder without a name belongs to the first method.

    Raises:
        ConfigError: a name that no method has.
        DatasetError: no such folder.
    """
    names = [method.name for method in methods if not method.reader]
    found = {name or names[0]: folder for name, folder in settings.probabilities.items()}
    lost = [folder for folder in found.values() if not folder.is_dir()]
    if lost:
        raise DatasetError(f"probabilities must be a folder of maps, got {lost[0]}; check the path")
    unknown = [name for name in found if name not in names]
    if unknown:
        raise ConfigError(
            f"probabilities must belong to a method ({', '.join(n or '-' for n in names)}), got {unknown[0]!r}"
        )
    return found
