"""DRIVE: the vessels of the retina, inside of the field of view, beside a second reader.

The insight: vessels are a tenth of the pixels and the black rim around the eye is known, so accuracy over the whole
picture says little. Scores are taken inside of the field of view, and what two people agree on is the yardstick.

Source: Staal et al. 2004, IEEE TMI 23:501. DRIVE's own division trains on 21 to 40 and tests on 01 to 20.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import DatasetError
from septum.metrics.overlap import confusion_counts, dice, sensitivity, specificity
from septum.metrics.vessels import cl_dice
from septum.workflows.challenges.challenge import Column, Division, Found, Part, Picture, Solver, write_table
from septum.workflows.challenges.pictures import grey, labelled_picture, panels_jpeg
from septum.workflows.data.cases import UNANNOTATED, Case, Source, load_image, load_labels
from septum.workflows.runs.hooks import Hooks

FEWEST, TESTED = 4, 0.3
IMAGES, LABELS, FIELDS = ("images",), ("1st_manual", "labels"), ("mask", "fov")
SECOND = ("2nd_manual", "second")
READER = "second reader"
MAPS = "maps"

COLUMNS = (
    Column("auc", "AUC", "area under the ROC curve of all pixels in the field of view, mean over images"),
    Column("dice", "Dice", "at the probability 0.5", True),
    Column("accuracy", "accuracy", "share of pixels that are right, at 0.5"),
    Column("sensitivity", "sensitivity", "share of the vessels' pixels that are found"),
    Column("specificity", "specificity", "share of the others that are left alone"),
    Column("cl_dice", "clDice", "Dice of centre lines: branches lost and invented"),
)


def divide(data: Path, work: Path) -> Division:
    """DRIVE's folders `training` and `test`; where there is one folder, its last three tenths test.

    Raises:
        DatasetError: no images with vessels drawn, or fewer than four.
    """
    if (data / "training").is_dir() and (data / "test").is_dir():
        train, tests = _cases(data / "training"), _cases(data / "test")
        note = f"{len(train)} images of training/ train, {len(tests)} of test/ test, as DRIVE divides them"
    else:
        cases = _cases(data)
        count = max(1, round(TESTED * len(cases)))
        train, tests = cases[:-count], cases[-count:]
        note = (
            f"one folder only, which is not DRIVE's division: the first {len(train)} images train, the last "
            f"{len(tests)} test"
        )
    if len(train) + len(tests) < FEWEST or not train or not tests:
        raise DatasetError(
            f"{data} must hold at least {FEWEST} images with vessels drawn (images/ and 1st_manual/ or labels/), got "
            f"{len(train) + len(tests)}; check the folder"
        )
    notes = [note]
    if not all(case.roi for case in (*train, *tests)):
        notes.append("not every image has a field of view (mask/ or fov/): without one the whole picture counts")
    if any(_second(data, case) is None for case in tests):
        notes.append("no second reader (2nd_manual/) for the test images: people's agreement cannot be shown")
    return Division((Part("", write_table(work / "training.csv", train), tests=tuple(tests)),), tuple(notes), data)


def _cases(folder: Path) -> list[Case]:
    """Images with their vessels and field of view, matched by the number with which names begin."""
    found = {kind: _numbered(folder, names) for kind, names in (("image", IMAGES), ("label", LABELS), ("roi", FIELDS))}
    return [
        Case(number, (Source(path),), Source(found["label"][number]), roi=_source(found["roi"].get(number)))
        for number, path in sorted(found["image"].items())
        if number in found["label"]
    ]


def _numbered(folder: Path, names: tuple[str, ...]) -> dict[str, Path]:
    inside = next((folder / name for name in names if (folder / name).is_dir()), None)
    files = sorted(path for path in inside.iterdir() if io.is_image(path)) if inside else []
    return {match.group(): path for path in files if (match := re.match(r"\d+", path.name))}


def _source(path: Path | None) -> Source | None:
    return None if path is None else Source(path)


def _second(data: Path, case: Case) -> NDArray[Any] | None:
    """The second reader's vessels, where there are any."""
    for folder in (data / "test", data):
        path = _numbered(folder, SECOND).get(case.id) if folder.is_dir() else None
        if path is not None:
            return np.asarray(io.read_labels(path).array != 0)
    return None


def predict(solver: Solver, part: Part, *, folder: Path, hooks: Hooks) -> None:
    """A map of vessel probabilities for each test image."""
    solver.maps(part.tests, folder / MAPS, hooks=hooks)


def score(division: Division, folder: Path, *, hooks: Hooks) -> Found:
    """Scores inside of the field of view, mean over images."""
    (part,) = division.parts
    rows: list[dict[str, Any]] = []
    pictures: list[Picture] = []
    for number, case in enumerate(part.tests):
        hooks.stop_if_asked()
        hooks.on_progress(f"scoring image {case.id}", number / len(part.tests))
        chances = io.read_image(folder / MAPS / f"{case.id}.tif").array[0]
        rows.append({"image": case.id} | _scores(case, chances))
        if not pictures:
            line = f"vessel probability; vessels at 0.5 (AUC {rows[0]['auc']:.3f}, Dice {rows[0]['dice']:.3f})"
            panels = [
                grey(chances),
                labelled_picture(load_image(case).array, (chances > 0.5).astype(np.uint8), by_class=True),
            ]
            pictures.append(Picture(f"image {case.id}", line, panels_jpeg(panels)))
    return Found(_means(rows), tuple(rows), tuple(pictures))


def _means(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {column.key: float(np.mean([row[column.key] for row in rows])) for column in COLUMNS}


def _scores(case: Case, chances: NDArray[Any]) -> dict[str, float]:
    """Scores of a map (or of a person's mask, whose AUC is that of two levels) in the field of view."""
    from sklearn.metrics import roc_auc_score

    labels = load_labels(case).array
    inside, truth = labels != UNANNOTATED, labels > 0
    reference = np.where(inside, truth, -1).astype(np.int16)
    (counts,) = confusion_counts(reference, (chances > 0.5).astype(np.int16), classes=[1], ignore=-1)
    known = bool(truth[inside].any()) and not bool(truth[inside].all())
    return {
        "auc": float(roc_auc_score(truth[inside], chances[inside])) if known else float("nan"),
        "dice": dice(counts),
        "accuracy": (counts.tp + counts.tn) / max(counts.total, 1),
        "sensitivity": sensitivity(counts),
        "specificity": specificity(counts),
        "cl_dice": cl_dice(truth & inside, (chances > 0.5) & inside),
    }


def shown(division: Division) -> tuple[Picture, ...]:
    """The first test image and its truth, to hold the methods against."""
    case = division.parts[0].tests[0]
    image, truth = load_image(case).array, load_labels(case).array > 0
    panels = [
        labelled_picture(image, np.zeros(truth.shape, int)),
        labelled_picture(image, truth.astype(np.uint8), by_class=True),
    ]
    return (Picture(f"image {case.id}", "the image, and the vessels of the first reader", panels_jpeg(panels)),)


def rivals(division: Division) -> dict[str, dict[str, float]]:
    """What the second reader reaches against the first, where there is one; people give no probabilities."""
    rows = []
    for case in division.parts[0].tests:
        second = _second(division.data, case)
        if second is None:
            return {}
        rows.append(_scores(case, second.astype(np.float32)) | {"auc": float("nan")})
    return {READER: _means(rows)}
