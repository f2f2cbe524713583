"""Tracks of cells against reference tracks, in the folders of the Cell Tracking Challenge: SEG, DET and TRA.

The insight: a movie is its frames and a text file of who came from whom; both sides say so by file names alone, so a
frame that one side lacks is an error by name, never a frame that silently does not count.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError, DatasetError
from septum.metrics.tracking import score_tracking, segmentation_accuracy
from septum.project.folders import some
from septum.project.reporting import publish
from septum.project.sets import Hooks
from septum.report import latex

FILES = ("tracks.csv", "tracks.json", "tracks.tex")
Pair = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class TrackResult:
    """The table that was written, one row per movie and method, and the same in lines."""

    report: Path
    table: pd.DataFrame
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Movie:
    """One sequence: its name, the folder of the reference (with TRA, perhaps SEG) and that of the prediction."""

    name: str
    reference: Path
    prediction: Path


def evaluate_tracks(
    predictions: Path | Mapping[str, Path], references: Path, output: Path, *, overwrite: bool, hooks: Hooks
) -> TrackResult:
    """Score tracked movies and write `tracks.csv`, `tracks.json` and `tracks.tex`.

    Args:
        predictions: a folder `01_RES` (masks `mask000.tif` and `res_track.txt`), or a folder that holds several;
            or several of these by the name of their method.
        references: a folder `01_GT` (with `TRA`, perhaps `SEG`), or a folder that holds several.
        output: folder for the tables.
        overwrite: replace tables in `output`.
        hooks: progress by frames, notes, a wish to stop.

    Raises:
        DatasetError: folders that are not as the challenge lays them out, or frames that one side lacks.
        ConfigError: tables that may not be replaced, or tracks that contradict their frames.
        GeometryError: frames of different shapes.
        KeyboardInterrupt: when the hooks say stop.
    """
    found = [name for name in FILES if (output / name).exists()]
    if found and not overwrite:
        raise ConfigError(f"{output} already holds {found[0]}; choose another folder or use --overwrite")
    sets = {"": predictions} if isinstance(predictions, Path) else dict(predictions)
    rows = [
        {"method": method, "movie": movie.name} | _score(movie, hooks)
        for method, folder in sets.items()
        for movie in pair_movies(folder, references)
    ]
    table = pd.DataFrame(rows)
    if len(sets) == 1:
        table = table.drop(columns="method")
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    files: dict[str, str | bytes] = {
        "tracks.csv": table.to_csv(index=False),
        "tracks.json": json.dumps({"format": 1, "movies": records}, indent=1, allow_nan=False),
        "tracks.tex": latex.frame_table(table, name="tracks"),
    }
    publish(output, files)
    return TrackResult(output / FILES[0], table, tuple(_line(row) for row in rows))


def _line(row: Mapping[str, Any]) -> str:
    name = " · ".join(part for part in (str(row["method"]), str(row["movie"])) if part)
    return (
        f"{name}: SEG {row['seg']:.4f}  DET {row['det']:.4f}  TRA {row['tra']:.4f}  "
        f"({row['splits']} to split, {row['missed']} missed, {row['extra']} extra)"
    )


def pair_movies(predictions: Path, references: Path) -> list[Movie]:
    """Movies of both sides by their number (`01_RES` with `01_GT`); two single movies are a pair whatever their names.

    Raises:
        DatasetError: no movie on a side, or one that the other side lacks.
    """
    results, truths = _movies(predictions, "res_track.txt"), _movies(references, "TRA/man_track.txt")
    if len(results) == len(truths) == 1:
        ((_, result),), ((name, truth),) = results.items(), truths.items()
        return [Movie(name, truth, result)]
    alone = sorted(set(results) ^ set(truths))
    if alone:
        raise DatasetError(
            f"every movie must be on both sides, got only one side of {some(alone)} in {predictions} and {references}; "
            "name them like 01_RES and 01_GT"
        )
    return [Movie(name, truths[name], results[name]) for name in sorted(truths)]


def _movies(folder: Path, marker: str) -> dict[str, Path]:
    """Folders that hold the file of tracks, by their name without `_RES` or `_GT`."""
    if (folder / marker).is_file():
        found = [folder.resolve()]
    else:
        found = sorted(path for path in folder.glob("*") if (path / marker).is_file())
    if not found:
        raise DatasetError(f"{folder} must hold {marker}, as in the Cell Tracking Challenge, got none; check the path")
    return {re.sub(r"_(RES|GT|ST)$", "", path.name): path for path in found}


def _score(movie: Movie, hooks: Hooks) -> dict[str, Any]:
    masks = _numbered(movie.prediction, r"^mask(\d+)\.tiff?$")
    tracks = _numbered(movie.reference / "TRA", r"^man_track(\d+)\.tiff?$")
    alone = sorted(str(frame) for frame in set(masks) ^ set(tracks))
    if alone:
        raise DatasetError(
            f"every frame must be on both sides of movie {movie.name}, got only one side of frame {some(alone)}; add "
            "the masks (empty ones where nothing was found)"
        )
    found = score_tracking(
        _frames(movie, tracks, masks, hooks),
        reference_lineage=_lineage(movie.reference / "TRA" / "man_track.txt"),
        prediction_lineage=_lineage(movie.prediction / "res_track.txt"),
    )
    seg = segmentation_accuracy(_segmented(movie, masks, hooks))
    return {"seg": seg.seg, **dataclasses.asdict(found), "seg_objects": seg.n_objects, "seg_found": seg.n_found}


def _numbered(folder: Path, pattern: str) -> dict[int, Path]:
    matches = ((re.match(pattern, path.name), path) for path in sorted(folder.iterdir()))
    return {int(match.group(1)): path for match, path in matches if match}


def _lineage(path: Path) -> NDArray[np.int64]:
    """Rows `L B E P`."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(len(row) != 4 or not all(word.lstrip("-").isdigit() for word in row) for row in rows):
        raise DatasetError(f"{path} must hold four whole numbers a line (label, first, last, parent); check the file")
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _frames(movie: Movie, tracks: Mapping[int, Path], masks: Mapping[int, Path], hooks: Hooks) -> Iterator[Pair]:
    """Frame after frame, one pair in memory."""
    for number, frame in enumerate(sorted(tracks)):
        if hooks.should_stop():
            raise KeyboardInterrupt
        yield io.read_labels(tracks[frame]).array, io.read_labels(masks[frame]).array
        hooks.on_progress(f"tracks of {movie.name}, frame {frame}", (number + 1) / len(tracks))


def _segmented(movie: Movie, masks: Mapping[int, Path], hooks: Hooks) -> Iterator[Pair]:
    """The frames (or single slices of volumes) that were segmented in full; none where there is no folder SEG."""
    folder = movie.reference / "SEG"
    files = sorted(folder.glob("man_seg*.tif*")) if folder.is_dir() else []
    for number, path in enumerate(files):
        if hooks.should_stop():
            raise KeyboardInterrupt
        found = re.match(r"^man_seg_?(\d+)(?:_(\d+))?\.tiff?$", path.name)
        if found is None or int(found.group(1)) not in masks:
            raise DatasetError(f"{path} must belong to a frame that has a mask, got none; check the names")
        prediction = io.read_labels(masks[int(found.group(1))]).array
        if found.group(2) is not None:
            prediction = prediction[int(found.group(2))]
        yield io.read_labels(path).array, prediction
        hooks.on_progress(f"segmentation of {movie.name}, {path.name}", (number + 1) / len(files))
