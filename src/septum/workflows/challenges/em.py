"""The ISBI 2012 challenge: neuronal membranes in serial sections of electron microscopy.

The insight: neighbouring sections show the same cells, so a division at random would test on what was trained on. The
last sections are held out as a block, and those next to it neither train nor test: on them the cut-off is chosen.

Source: Arganda-Carreras et al. 2015, Front Neuroanat 9:142. Files are as in the challenge: 0 is membrane, and the TIFF
that is handed in says 1 where a pixel is surely no membrane.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import DatasetError
from septum.geometry import Grid, Image
from septum.metrics.neurite import THRESHOLDS, best_over_thresholds, thin_borders, threshold_curve, warping_error
from septum.workflows.challenges.challenge import Column, Division, Found, Part, Picture, Solver, write_table
from septum.workflows.challenges.pictures import grey, labelled_picture, panels_jpeg
from septum.workflows.data.cases import Case, Source, load_image, load_labels
from septum.workflows.data.load import load_dataset
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.words import natural_key

FEWEST = 5
STACK, TRUTH, OFFICIAL = "train-volume.tif", "train-labels.tif", "test-volume.tif"
MAPS, HANDED_IN, HELD_OUT = "maps", "submission.tif", "held-out.tif"

COLUMNS = (
    Column("v_rand", "V_rand", "foreground-restricted Rand score at its best cut-off, as the challenge takes it"),
    Column("v_info", "V_info", "foreground-restricted information score at its best cut-off"),
    Column("v_rand_chosen", "V_rand, chosen cut-off", "at the cut-off that is best on the sections between"),
    Column("v_info_chosen", "V_info, chosen cut-off", "likewise"),
    Column("pixel_error", "pixel error", "share of pixels on the wrong side of 0.5"),
    Column("warping_error", "warping error", "share of pixels at which topology differs, at 0.5"),
)


def divide(data: Path, work: Path) -> Division:
    """The last fifth of the sections tests, the tenth before it is for the cut-off, the others train.

    Raises:
        DatasetError: fewer than five sections, or labels that are not 0 at membranes and one other value at cells.
    """
    official: tuple[Case, ...] = ()
    if (data / STACK).is_file():
        cases = _sections(data / STACK, work / "sections", truth=data / TRUTH)
        if (data / OFFICIAL).is_file():
            official = tuple(_sections(data / OFFICIAL, work / "official", truth=None))
    else:
        cases = sorted(load_dataset(data).labelled, key=lambda case: natural_key(case.id))
    if len(cases) < FEWEST:
        raise DatasetError(f"the challenge must have at least {FEWEST} sections, got {len(cases)} in {data}; add some")
    cells = _cell_value(cases[0])
    tests = max(1, len(cases) // 5)
    between = max(1, len(cases) // 10)
    train, tuning, held = cases[: -tests - between], cases[-tests - between : -tests], cases[-tests:]
    note = (
        f"sections {train[0].id} to {train[-1].id} train, {held[0].id} to {held[-1].id} test; the {between} between "
        "neither trains nor tests: the chosen cut-off is the best on it. Test sections are neighbours and no "
        "independent samples, so that there are no intervals"
    )
    table = write_table(work / "training.csv", train)
    return Division(
        (Part("", table, tests=tuple(held), tuning=tuple(tuning), unlabelled=official, background=cells),),
        (note,),
        data,
    )


def _sections(stack: Path, folder: Path, *, truth: Path | None) -> list[Case]:
    """A file for each section of a stack (and of its labels), as tables and `septum train` take them."""
    count = io.count_frames(stack, axes="TYX")
    if truth is not None and (not truth.is_file() or io.count_frames(truth, axes="TYX") != count):
        raise DatasetError(f"{stack.name} must have labels of as many sections in {truth.name}; add that file")
    cases = []
    for number in range(count):
        image, label = folder / "images" / f"{number:02d}.tif", folder / "labels" / f"{number:02d}.tif"
        for path in (image, label):
            path.parent.mkdir(parents=True, exist_ok=True)
        if not image.is_file():
            io.write_image(image, io.read_image(stack, axes="TYX", frame=number))
        if truth is not None and not label.is_file():
            io.write_labels(label, io.read_labels(truth, axes="TYX", frame=number))
        cases.append(Case(f"{number:02d}", (Source(image),), None if truth is None else Source(label)))
    return cases


def _cell_value(case: Case) -> int:
    """The value of cells in the labels: what is learnt is the membrane, which is thin and needs the full resolution."""
    values, counts = np.unique(load_labels(case).array, return_counts=True)
    if len(values) != 2 or values[0] != 0:
        shown = ", ".join(str(value) for value in values[:5])
        raise DatasetError(f"labels must be 0 at membranes and one other value, got {shown} in section {case.id}")
    if counts[0] > counts[1]:
        share = counts[0] / counts.sum()
        raise DatasetError(
            f"labels must be 0 at membranes, which are the smaller part, got 0 at {share:.0%} of section {case.id}; "
            "invert them"
        )
    return int(values[1])


def predict(solver: Solver, part: Part, *, folder: Path, hooks: Hooks) -> None:
    """A map for each section, and the 32-bit stack of the held-out ones, and of the official test where it is there."""
    solver.maps((*part.tuning, *part.tests), folder / MAPS, hooks=hooks)
    _stack(folder / HELD_OUT, [_membrane(folder / MAPS, case) for case in part.tests])
    if part.unlabelled:
        solver.maps(part.unlabelled, folder / "official", hooks=hooks)
        _stack(folder / HANDED_IN, [_membrane(folder / "official", case) for case in part.unlabelled])


def _stack(path: Path, membranes: Sequence[NDArray[Any]]) -> None:
    """The challenge's file: 0 where a pixel is surely membrane, 1 where it is surely none."""
    volume = 1 - np.stack(membranes).astype(np.float32)
    io.write_image(path, Image(volume[None], Grid.pixels(volume.shape)))


def _membrane(folder: Path, case: Case) -> NDArray[Any]:
    """Probability of membrane of a section."""
    found: NDArray[Any] = io.read_image(folder / f"{case.id}.tif").array[0]
    return found


def score(division: Division, folder: Path, *, hooks: Hooks) -> Found:
    """V_rand and V_info over cut-offs, pixel and warping error."""
    (part,) = division.parts
    curves = {}
    for number, case in enumerate((*part.tuning, *part.tests)):
        hooks.stop_if_asked()
        hooks.on_progress(f"scoring section {case.id}", number / len((*part.tuning, *part.tests)))
        curves[case.id] = threshold_curve(_membrane(folder / MAPS, case), load_labels(case).array != 0)
    best = best_over_thresholds([curves[case.id] for case in part.tests])
    tuned = best_over_thresholds([curves[case.id] for case in part.tuning])
    rows: list[dict[str, Any]] = []
    for case in part.tests:
        truth, cells = load_labels(case).array != 0, _membrane(folder / MAPS, case) < 0.5
        row: dict[str, Any] = {"section": case.id}
        for name in ("v_rand", "v_info"):
            curve = [getattr(point, name) for point in curves[case.id]]
            row[name] = curve[THRESHOLDS.index(getattr(best, f"{name}_threshold"))]
            row[f"{name}_chosen"] = curve[THRESHOLDS.index(getattr(tuned, f"{name}_threshold"))]
        row["pixel_error"] = float((truth != cells).mean())
        row["warping_error"] = warping_error(truth, cells).error
        rows.append(row)
    values = {column.key: float(np.mean([row[column.key] for row in rows])) for column in COLUMNS}
    return Found(values, tuple(rows), (_picture(folder, part.tests[0], cut=best.v_rand_threshold, row=rows[0]),))


def _picture(folder: Path, case: Case, *, cut: float, row: dict[str, Any]) -> Picture:
    membrane, image = _membrane(folder / MAPS, case), load_image(case).array
    cells = thin_borders(membrane < cut)
    line = f"membrane probability; cells at the cut-off {cut} (V_rand {row['v_rand']:.3f} on this section)"
    return Picture(f"section {case.id}", line, panels_jpeg([grey(1 - membrane), labelled_picture(image, cells)]))


def shown(division: Division) -> tuple[Picture, ...]:
    """The first test section and its truth, to hold the methods against."""
    case = division.parts[0].tests[0]
    image, labels = load_image(case).array, load_labels(case).array
    cells = thin_borders(labels != 0)
    panels = [labelled_picture(image, np.zeros_like(cells)), labelled_picture(image, cells)]
    return (Picture(f"section {case.id}", "the section, and the cells of the truth", panels_jpeg(panels)),)
