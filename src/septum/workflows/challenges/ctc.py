"""The Cell Tracking Challenge: cells segmented and followed through two movies, in the challenge's own files.

The insight: the challenge gives two movies, so each can be segmented by a network that has seen only the other one, and
the scores are those of a movie that is new. Outlines are given for some frames only (SEG), and in them perhaps for some
cells only: around cells that are marked (TRA) but not outlined, nobody has said what is background.

Sources: Maška et al. 2014, Bioinformatics 30:1609 (SEG); Matula et al. 2015, PLoS ONE 10:e0144959 (DET and TRA).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from septum import io
from septum.errors import DatasetError
from septum.geometry import Grid, LabelMap
from septum.workflows.challenges.challenge import Column, Division, Found, Part, Picture, Solver, write_table
from septum.workflows.challenges.pictures import labelled_picture, panels_jpeg
from septum.workflows.data.cases import Case, Source, load_image, load_labels
from septum.workflows.data.load import load_dataset
from septum.workflows.evaluation.movies import MoviePair, ScoredMovie, score_movie
from septum.workflows.runs.hooks import Hooks
from septum.workflows.tracking.track import TrackSettings, track

REACH = 2.0
"""Radii of a typical cell around the mark of a cell without outline, within which nothing counts as background."""

COLUMNS = (
    Column("op_ctb", "OP_CTB", "mean of SEG and TRA, by which the tracking benchmark ranks"),
    Column("seg", "SEG", "mean IoU of outlined cells with the object that covers more than half of them", True),
    Column("det", "DET", "how few edits the objects need"),
    Column("tra", "TRA", "how few edits objects and links need"),
    Column("op_csb", "OP_CSB", "mean of SEG and DET, by which the segmentation benchmark ranks"),
)


def divide(data: Path, work: Path) -> Division:
    """Each movie is tested by what was trained on the other; a single annotated movie is both, and the page says so.

    Raises:
        DatasetError: no movie with outlines and tracks.
    """
    names = sorted(p.name for p in data.iterdir() if p.is_dir() and re.fullmatch(r"\d{2,}", p.name))
    outlined = [name for name in names if any((data / f"{name}_GT" / "SEG").glob("man_seg*.tif"))]
    tracked = [name for name in names if (data / f"{name}_GT" / "TRA" / "man_track.txt").is_file()]
    if not outlined or not tracked:
        raise DatasetError(
            f"{data} must hold movies 01, 02 with 01_GT/SEG and 01_GT/TRA, got outlines of {outlined or 'none'} and "
            f"tracks of {tracked or 'none'}; give the folder of a training data set of the challenge"
        )
    parts, notes = [], []
    for name in names:
        others = [other for other in outlined if other != name]
        if not others and name not in outlined:
            continue
        chosen = max(others or [name], key=lambda other: len(list((data / f"{other}_GT" / "SEG").glob("man_seg*.tif"))))
        tests = load_dataset(data / name).cases
        training, frames = _training(data, chosen, work=work / name)
        parts.append(Part(name, training, tests=tests))
        notes.append(f"movie {name}: the network saw {frames} outlined frames of movie {chosen}")
    if any(part.name in outlined and len(outlined) == 1 for part in parts):
        notes.append("one movie alone has outlines: its own scores are those of frames that were trained on")
    return Division(tuple(parts), tuple(notes), data)


def _training(data: Path, name: str, *, work: Path) -> tuple[Path, int]:
    """A table of the outlined frames with the region in which their annotation is complete; the folder for slices."""
    cases = [case for case in load_dataset(data / name).labelled if "SEG" in _label(case).path.parts]
    if any(_label(case).slices for case in cases):
        return data / name, len(cases)
    rows = []
    for case in cases:
        outlines = load_labels(case).array
        marks = data / f"{name}_GT" / "TRA" / _label(case).path.name.replace("man_seg", "man_track")
        known = complete(outlines, io.read_labels(marks).array) if marks.is_file() else None
        if known is None or known.all():
            rows.append(case)
            continue
        roi = work / "complete" / f"{case.id}.tif"
        roi.parent.mkdir(parents=True, exist_ok=True)
        io.write_labels(roi, LabelMap(known.astype(np.uint8), Grid.pixels(known.shape)))
        rows.append(replace(case, roi=Source(roi)))
    return write_table(work / "training.csv", rows), len(rows)


def _label(case: Case) -> Source:
    if case.label is None:
        raise DatasetError(f"frame {case.id} must have outlines, got none; leave it out")
    return case.label


def complete(outlines: NDArray[Any], marks: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a frame's outlines say what is cell and what is not.

    Args:
        outlines: ids of outlined cells, 0 elsewhere.
        marks: ids of all cells, each marked somewhere inside of it.

    Returns:
        False around marks on which no outlined cell lies, as far as `REACH` radii of a typical outlined cell.

    >>> outlines, marks = np.zeros((9, 30), int), np.zeros((9, 30), int)
    >>> outlines[3:6, 3:6] = marks[4, 4] = 1
    >>> marks[4, 24] = 2
    >>> known = complete(outlines, marks)
    >>> bool(known[4, 4]), bool(known[4, 24]), bool(known[4, 12])
    (True, False, True)
    """
    ids = np.unique(marks[marks > 0])
    inside = ndimage.maximum(outlines > 0, marks, ids) if len(ids) else np.zeros(0)
    alone = ids[~np.asarray(inside, bool)]
    sizes = np.bincount(outlines[outlines > 0].astype(np.int64).ravel())
    if not len(alone) or not sizes.any():
        return np.ones(outlines.shape, bool)
    power = 1 / outlines.ndim
    ball = {2: np.pi, 3: 4 / 3 * np.pi}[outlines.ndim]
    radius = float((np.median(sizes[sizes > 0]) / ball) ** power)
    far = ndimage.distance_transform_edt(~np.isin(marks, alone)) > REACH * radius
    return np.asarray(far | (outlines > 0))


def predict(solver: Solver, part: Part, *, folder: Path, hooks: Hooks) -> None:
    """Objects of every frame, and their tracks as `NN_RES` with `mask000.tif` … and `res_track.txt`."""
    masks = folder / f"{part.name}_segmented"
    solver.masks(part.tests, masks, hooks=hooks)
    movie = part.tests[0].images[0].path.parent
    settings = TrackSettings(overwrite=True)
    track(masks, folder / f"{part.name}_RES", images=movie, settings=settings, hooks=hooks.unspoken())


def score(division: Division, folder: Path, *, hooks: Hooks) -> Found:
    """SEG, DET and TRA of every movie that has tracks, mean over movies."""
    rows, pictures = [], []
    for part in division.parts:
        if not _tracked(division, part):
            continue
        truth = division.data / f"{part.name}_GT"
        found = score_movie("", MoviePair(part.name, truth, folder / f"{part.name}_RES"), hooks=hooks)
        rows.append(_row(part.name, found))
        pictures.append(_picture(part, folder, row=rows[-1]))
    values = {column.key: float(np.nanmean([row[column.key] for row in rows])) for column in COLUMNS}
    return Found(values, tuple(rows), tuple(pictures))


def _row(name: str, found: ScoredMovie) -> dict[str, Any]:
    seg, det, tra = found.seg.seg, found.tracks.det, found.tracks.tra
    return {"movie": name, "op_ctb": (seg + tra) / 2, "seg": seg, "det": det, "tra": tra, "op_csb": (seg + det) / 2}


def _picture(part: Part, folder: Path, *, row: dict[str, Any]) -> Picture:
    middle = len(part.tests) // 2
    masks = sorted((folder / f"{part.name}_RES").glob("mask*.tif"))
    panels = [_panel(part.tests[at], io.read_labels(masks[at]).array) for at in (middle, middle + 1)]
    line = f"two frames, a cell in one colour (SEG {row['seg']:.3f}, TRA {row['tra']:.3f})"
    return Picture(f"movie {part.name}, frames {middle} and {middle + 1}", line, panels_jpeg(panels))


def _panel(case: Case, labels: NDArray[Any]) -> NDArray[np.uint8]:
    """A frame with objects; of a volume the middle plane."""
    image = load_image(case).array
    if labels.ndim == 3:
        image, labels = image[:, len(labels) // 2], labels[len(labels) // 2]
    return labelled_picture(image, labels)


def shown(division: Division) -> tuple[Picture, ...]:
    """The middle frames of every movie that is scored, with the marks of its tracks."""
    return tuple(_truth(division, part) for part in division.parts if _tracked(division, part))


def _truth(division: Division, part: Part) -> Picture:
    middle = len(part.tests) // 2
    panels = [_panel(part.tests[at], _marks(division, part, at=at)) for at in (middle, middle + 1)]
    return Picture(f"movie {part.name}", "the same frames with the marks of the truth", panels_jpeg(panels))


def _tracked(division: Division, part: Part) -> bool:
    return (division.data / f"{part.name}_GT" / "TRA" / "man_track.txt").is_file()


def _marks(division: Division, part: Part, *, at: int) -> NDArray[Any]:
    files: Sequence[Path] = sorted((division.data / f"{part.name}_GT" / "TRA").glob("man_track*.tif"))
    if at < len(files):
        return io.read_labels(files[at]).array
    return np.zeros(load_image(part.tests[at]).grid.shape, int)
