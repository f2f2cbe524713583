"""A task of the Medical Segmentation Decathlon: an organ or a tumour in volumes, with the labels of its training half.

The insight: the Decathlon asks for one method that is configured by nobody, so nothing may be tuned here; a fifth of
the cases is held out once, by a seed, and every method meets the same ones.

Source: Antonelli et al. 2022, Nat Commun 13:4128: Dice and normalised surface distance of each label.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from septum import io
from septum.errors import DatasetError
from septum.metrics.overlap import confusion_counts, dice
from septum.metrics.surface import surface_dice, surface_distances
from septum.workflows.challenges.challenge import Column, Division, Found, Part, Picture, Solver, write_table
from septum.workflows.challenges.pictures import labelled_picture, panels_jpeg
from septum.workflows.data.cases import Case, load_image, load_pair
from septum.workflows.data.declared import Declared, labels_json
from septum.workflows.data.folds import make_folds
from septum.workflows.data.load import load_dataset
from septum.workflows.runs.files import write_json
from septum.workflows.runs.hooks import Hooks

TOLERANCE_MM = 1.0
DECLARED = "dataset.json"
MASKS, HANDED_IN = "masks", "labelsTs"

COLUMNS = (
    Column("dice", "Dice", "mean over labels and cases", True),
    Column(
        "nsd", f"NSD, {TOLERANCE_MM:g} mm", "share of both surfaces within the tolerance, mean over labels and cases"
    ),
)


def divide(data: Path, work: Path) -> Division:
    """A fifth of the labelled cases tests, drawn with a fixed seed; cases without labels are predicted for hand-in.

    Raises:
        DatasetError: no `dataset.json`, fewer than five labelled cases, or cases that no table can name.
    """
    if not (data / DECLARED).is_file():
        raise DatasetError(
            f"{data} must hold {DECLARED} as each task of the Decathlon does, got a folder without it; give the folder "
            "of a task, or train and measure other data with `septum train`"
        )
    found = load_dataset(data)
    cases = [case for case in found.labelled if case.split != "test"]
    if len(cases) < 5:
        raise DatasetError(f"a task must have at least 5 labelled cases, got {len(cases)} in {data}; add some")
    fold = make_folds(cases, k=5, seed=0)[0]
    by_id = {case.id: case for case in cases}
    table = write_table(work / "training.csv", [by_id[name] for name in fold.train])
    if found.label_names:
        declared = Declared(found.label_names, found.ignore_value, found.instances, found.regions)
        write_json(work / DECLARED, labels_json(declared))
    tests = tuple(by_id[name] for name in fold.val)
    waiting = tuple(case for case in found.cases if case.label is None and case.split == "test")
    note = f"{len(fold.train)} labelled cases train, {len(tests)} test; divided once with the seed 0"
    return Division((Part("", table, tests=tests, unlabelled=waiting, axes=cases[0].images[0].axes),), (note,), data)


def predict(solver: Solver, part: Part, *, folder: Path, hooks: Hooks) -> None:
    """A mask for each test case, and for each case of the official test."""
    solver.masks(part.tests, folder / MASKS, hooks=hooks)
    if part.unlabelled:
        solver.masks(part.unlabelled, folder / HANDED_IN, hooks=hooks)


def score(division: Division, folder: Path, *, hooks: Hooks) -> Found:
    """Dice and normalised surface distance of each label and case."""
    (part,) = division.parts
    rows: list[dict[str, Any]] = []
    for number, case in enumerate(part.tests):
        hooks.stop_if_asked()
        hooks.on_progress(f"scoring {case.id}", number / len(part.tests))
        rows += _scores(case, folder)
    values = {key: float(np.nanmean([row[key] for row in rows])) for key in ("dice", "nsd")}
    middle = sorted(part.tests, key=lambda c: np.nanmean([r["dice"] for r in rows if r["case"] == c.id]))[
        len(part.tests) // 2
    ]
    return Found(values, tuple(rows), (_picture(middle, folder, rows=rows),))


def _scores(case: Case, folder: Path) -> list[dict[str, Any]]:
    image, reference = load_pair(case)
    found = io.read_labels(_mask(case, folder)).array
    truth = reference.array
    names = sorted({int(v) for v in np.unique(truth)} - {0, -1})
    counts = confusion_counts(truth.astype(np.int64), found.astype(np.int64), classes=names, ignore=-1)
    rows = []
    for value, one in zip(names, counts, strict=True):
        distances = surface_distances(truth == value, (found == value) & (truth != -1), spacing=image.grid.spacing)
        nsd = surface_dice(distances, tolerance_mm=TOLERANCE_MM)
        rows.append({"case": case.id, "label": value, "dice": dice(one), "nsd": nsd})
    return rows


def _mask(case: Case, folder: Path) -> Path:
    return folder / MASKS / f"{case.id}{io.label_suffix(case.images[0].path)}"


def _picture(case: Case, folder: Path, *, rows: list[dict[str, Any]]) -> Picture:
    image, reference = load_pair(case)
    found = io.read_labels(_mask(case, folder)).array
    mean = float(np.nanmean([row["dice"] for row in rows if row["case"] == case.id]))
    place = _largest(reference.array)
    panels = [
        labelled_picture(image.array[(slice(None), *place)], labels[place], by_class=True)
        for labels in (np.maximum(reference.array, 0), found)
    ]
    return Picture(case.id, f"truth and mask, the median case (Dice {mean:.3f})", panels_jpeg(panels))


def _largest(labels: Any) -> tuple[Any, ...]:
    """The place of the plane with most labelled voxels along the first axis; everything of a plane."""
    if labels.ndim == 2:
        return (slice(None),)
    return (int((labels > 0).sum(axis=(1, 2)).argmax()),)


def shown(division: Division) -> tuple[Picture, ...]:
    """The first test case as it is."""
    case = division.parts[0].tests[0]
    image, reference = load_image(case), load_pair(case)[1]
    place = _largest(reference.array)
    plane = image.array[(slice(None), *place)]
    labels = np.maximum(reference.array, 0)[place]
    panels = [labelled_picture(plane, np.zeros_like(labels)), labelled_picture(plane, labels, by_class=True)]
    return (Picture(case.id, "image and truth", panels_jpeg(panels)),)
