"""Tracks of cells against reference tracks, in the folders of the Cell Tracking Challenge: SEG, DET, TRA, LNK and
the divisions.

The insight: a movie is its frames and a text file of who came from whom; both sides say so by file names alone, so a
frame that one side lacks is an error by name, never a frame that silently does not count.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from septum import __version__, io
from septum.errors import ConfigError, DatasetError
from septum.metrics.tracking import (
    FrameErrors,
    SegmentationAccuracy,
    TrackingScores,
    score_tracking,
    segmentation_accuracy,
)
from septum.report import latex
from septum.report.figures.overlay import ShownCase, case_thumbnail
from septum.report.pages.sections import Tile
from septum.report.pages.tracks import MovieRow, TracksContent, drawings, render_tracks
from septum.workflows.evaluation.settings import SETTINGS, EvaluateSettings
from septum.workflows.runs.files import publish
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.settings import write_settings
from septum.workflows.runs.tables import frame_csv
from septum.workflows.runs.words import some
from septum.workflows.scores.report_folder import FIGURES

FILES = ("tracks.csv", "tracks.json", "tracks.tex", "frames.csv", "index.html")


_EDITS = ("missed", "extra", "to split", "links missed", "links extra", "links of wrong kind")


_LINKS = ("edges_missed", "edges_extra", "edges_wrong")


_MASK, _TRACK, _IMAGE = r"^mask(\d+)\.tiff?$", r"^man_track(\d+)\.tiff?$", r"^t(\d+)\.tiff?$"


MaskPair = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class TrackEvaluation:
    """The page that was written, the table with one row per movie and method, and the same in lines."""

    report: Path
    table: pd.DataFrame
    lines: tuple[str, ...]


@dataclass(frozen=True)
class ScoredMovie:
    """A movie of one method with its scores."""

    method: str
    movie: MoviePair
    seg: SegmentationAccuracy
    tracks: TrackingScores

    @property
    def name(self) -> str:
        """Method and movie, where several methods are."""
        return " · ".join(part for part in (self.method, self.movie.name) if part)

    @property
    def row(self) -> dict[str, Any]:
        """Its row of `tracks.csv`."""
        own = dataclasses.asdict(self.tracks)
        del own["frames"]
        found = {"seg_objects": self.seg.n_objects, "seg_found": self.seg.n_found}
        return {
            "method": self.method,
            "movie": self.movie.name,
            "seg": self.seg.seg,
            **own,
            "division_f1": self.tracks.division_f1,
            **found,
        }


@dataclass(frozen=True)
class MoviePair:
    """One sequence: its name, the folder of the reference (with TRA, perhaps SEG) and that of the prediction."""

    name: str
    reference: Path
    prediction: Path


def evaluate_tracks(
    predictions: Path | Mapping[str, Path],
    references: Path,
    *,
    output: Path,
    images: Path | None = None,
    settings: EvaluateSettings | None = None,
    hooks: Hooks | None = None,
) -> TrackEvaluation:
    """Score tracked movies and write `index.html`, the tables by movie (CSV, JSON, LaTeX) and by frame, and figures.

    Args:
        predictions: a folder `01_RES` (masks `mask000.tif` and `res_track.txt`), or a folder that holds several;
            or several of these by the name of their method.
        references: a folder `01_GT` (with `TRA`, perhaps `SEG`), or a folder that holds several.
        output: folder for the report.
        images: a folder `01` of frames `t000.tif`, or a folder that holds several; None: beside the references.
        settings: `gallery` says how many of the worst frames are shown, `overwrite` whether a report in `output` may
            be replaced; the others are of masks.
        hooks: progress by frames, notes, a wish to stop.

    Raises:
        DatasetError: folders that are not as the challenge lays them out, or frames that one side lacks.
        ConfigError: tables that may not be replaced, or tracks that contradict their frames.
        GeometryError: frames of different shapes.
        Cancelled: when the hooks say stop.
    """
    settings, hooks = settings or EvaluateSettings(), hooks or Hooks()
    found = [name for name in FILES if (output / name).exists()]
    if found and not settings.overwrite:
        raise ConfigError(f"{output} already holds {found[0]}; choose another folder or use --overwrite")
    sets = {"": predictions} if isinstance(predictions, Path) else dict(predictions)
    pairs = [(method, movie) for method, folder in sets.items() for movie in pair_movies(folder, references)]
    scored = [score_movie(method, movie, hooks=hooks) for method, movie in pairs]
    _publish(
        output,
        scored,
        methods=sorted(sets),
        references=references,
        tiles=_worst_frames(scored, images or references, most=settings.gallery, hooks=hooks),
    )
    write_settings(output / SETTINGS, settings)
    table = _table(scored)
    return TrackEvaluation(output / "index.html", table, tuple(_line(one) for one in scored))


def _publish(
    folder: Path, found: Sequence[ScoredMovie], *, methods: Sequence[str], references: Path, tiles: Sequence[Tile]
) -> None:
    """The page, the tables and the figures, all at once."""
    table, frames = _table(found), _frame_table(found)
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    content = TracksContent(
        title=f"Tracks: {', '.join(methods) or found[0].movie.prediction.name} against {references.name}",
        movies=tuple(_shown(one) for one in found),
        errors={one.name: _by_frame(one) for one in found},
        tiles=tiles,
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        files=FILES[:-1],
    )
    files: dict[str, str | bytes] = {
        "tracks.csv": frame_csv(table),
        "tracks.json": json.dumps({"format": 1, "movies": records}, indent=1, allow_nan=False),
        "tracks.tex": latex.frame_table(table, name="tracks"),
        "frames.csv": frame_csv(frames),
        "index.html": render_tracks(content),
    }
    drawn = {f"{FIGURES}/{d.name}.{kind}": d.draw(kind) for d in drawings(content) for kind in ("svg", "png")}
    publish(folder, files | drawn)


def _table(found: Sequence[ScoredMovie]) -> pd.DataFrame:
    """One row per movie and method; without the column of the method where there is one."""
    table = pd.DataFrame([one.row for one in found])
    return table if table["method"].nunique() > 1 else table.drop(columns="method")


def _line(one: ScoredMovie) -> str:
    t = one.tracks
    divided = f", {t.divisions_right} of {t.divisions} divisions" if t.divisions else ""
    return (
        f"{one.name}: SEG {one.seg.seg:.4f}  DET {t.det:.4f}  TRA {t.tra:.4f}  LNK {t.lnk:.4f}  "
        f"({t.splits} to split, {t.missed} missed, {t.extra} extra{divided})"
    )


def _shown(one: ScoredMovie) -> MovieRow:
    t = one.tracks
    return MovieRow(
        one.name,
        one.seg.seg,
        t.det,
        t.tra,
        t.lnk,
        t.division_f1,
        (t.splits, t.missed, t.extra),
        (t.edges_missed, t.edges_extra, t.edges_wrong),
        (t.divisions, t.divisions_found, t.divisions_right),
        t.n_vertices,
        t.n_edges,
    )


def _by_frame(one: ScoredMovie) -> dict[str, list[int]]:
    """Errors of each frame by kind, for the figure."""
    frames = one.tracks.frames
    return {
        "missed": [f.missed for f in frames],
        "extra": [f.extra for f in frames],
        "to split": [f.splits for f in frames],
        "wrong links": [f.edges_missed + f.edges_extra + f.edges_wrong for f in frames],
    }


def _frame_table(found: Sequence[ScoredMovie]) -> pd.DataFrame:
    """One row per frame: the edits that TRA prices, and their cost."""
    names = ("splits", "missed", "extra", *_LINKS)
    rows = [
        {"method": one.method, "movie": one.movie.name, "frame": number, "cost": f.cost}
        | {name: getattr(f, name) for name in names}
        for one in found
        for number, f in zip(_numbered(one.movie.reference / "TRA", _TRACK), one.tracks.frames, strict=True)
    ]
    table = pd.DataFrame(rows)
    return table if table["method"].nunique() > 1 else table.drop(columns="method")


def _worst_frames(found: Sequence[ScoredMovie], images: Path, *, most: int, hooks: Hooks) -> tuple[Tile, ...]:
    """The frames that cost most, with the objects that an error concerns."""
    ranked = sorted(
        ((f.cost, one, f) for one in found for f in one.tracks.frames if f.cost > 0), key=lambda item: -item[0]
    )
    tiles = []
    for place, (cost, one, f) in enumerate(ranked[:most]):
        hooks.stop_if_asked()
        number = sorted(_numbered(one.movie.reference / "TRA", _TRACK))[f.frame]
        example = example_of_frame(one.movie, number, errors=f, images=images)
        counts = (f.missed, f.extra, f.splits, f.edges_missed, f.edges_extra, f.edges_wrong)
        line = ", ".join(f"{count} {what}" for count, what in zip(counts, _EDITS, strict=True) if count)
        tiles.append(
            Tile(f"{one.name}, frame {number}", f"{line} (cost {cost:g})", case_thumbnail(example, longest_px=720))
        )
        hooks.on_progress(f"drawing {one.name}, frame {number}", (place + 1) / min(most, len(ranked)))
    return tuple(tiles)


def example_of_frame(movie: MoviePair, number: int, *, errors: FrameErrors, images: Path) -> ShownCase:
    """One frame with only the objects that an error concerns."""
    reference = io.read_labels(_numbered(movie.reference / "TRA", _TRACK)[number]).array
    prediction = io.read_labels(_numbered(movie.prediction, _MASK)[number]).array
    image = None
    beside = images.resolve().parent
    for folder in (images / movie.name, beside / movie.name, images):
        frames = _numbered(folder, _IMAGE) if folder.is_dir() else {}
        if number in frames:
            found = io.read_image(frames[number]).array
            image = found if found.shape[1:] == reference.shape else None
            break
    return ShownCase(
        f"{movie.name}, frame {number}",
        image,
        np.where(np.isin(reference, errors.reference_labels), reference, 0),
        np.where(np.isin(prediction, errors.prediction_labels), prediction, 0),
        objects=True,
    )


def pair_movies(predictions: Path, references: Path) -> list[MoviePair]:
    """Movies of both sides by their number (`01_RES` with `01_GT`); two single movies are a pair whatever their names.

    Raises:
        DatasetError: no movie on a side, or one that the other side lacks.
    """
    results, truths = _movies(predictions, "res_track.txt"), _movies(references, "TRA/man_track.txt")
    if len(results) == len(truths) == 1:
        ((_, result),), ((name, truth),) = results.items(), truths.items()
        return [MoviePair(name, truth, result)]
    alone = sorted(set(results) ^ set(truths))
    if alone:
        raise DatasetError(
            f"every movie must be on both sides, got only one side of {some(alone)} in {predictions} and {references}; "
            "name them like 01_RES and 01_GT"
        )
    return [MoviePair(name, truths[name], results[name]) for name in sorted(truths)]


def _movies(folder: Path, marker: str) -> dict[str, Path]:
    """Folders that hold the file of tracks, by their name without `_RES` or `_GT`."""
    if (folder / marker).is_file():
        found = [folder.resolve()]
    else:
        found = sorted(path for path in folder.glob("*") if (path / marker).is_file())
    if not found:
        raise DatasetError(f"{folder} must hold {marker}, as in the Cell Tracking Challenge, got none; check the path")
    return {re.sub(r"_(RES|GT|ST)$", "", path.name): path for path in found}


def score_movie(method: str, movie: MoviePair, *, hooks: Hooks) -> ScoredMovie:
    """The scores of one movie, frame by frame in memory; errors as `evaluate_tracks`."""
    masks, tracks = _numbered(movie.prediction, _MASK), _numbered(movie.reference / "TRA", _TRACK)
    alone = sorted(str(frame) for frame in set(masks) ^ set(tracks))
    if alone:
        raise DatasetError(
            f"every frame must be on both sides of movie {movie.name}, got only one side of frame {some(alone)}; add "
            "the masks (empty ones where nothing was found)"
        )
    found = score_tracking(
        _frames(movie, tracks, masks=masks, hooks=hooks),
        reference_lineage=_lineage(movie.reference / "TRA" / "man_track.txt"),
        prediction_lineage=_lineage(movie.prediction / "res_track.txt"),
    )
    seg = segmentation_accuracy(_segmented(movie, masks, hooks=hooks))
    return ScoredMovie(method, movie, seg, found)


def _numbered(folder: Path, pattern: str) -> dict[int, Path]:
    matches = ((re.match(pattern, path.name), path) for path in sorted(folder.iterdir()))
    return {int(match.group(1)): path for match, path in matches if match}


def _lineage(path: Path) -> NDArray[np.int64]:
    """Rows `L B E P`."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(len(row) != 4 or not all(word.lstrip("-").isdigit() for word in row) for row in rows):
        raise DatasetError(f"{path} must hold four whole numbers a line (label, first, last, parent); check the file")
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def _frames(
    movie: MoviePair, tracks: Mapping[int, Path], *, masks: Mapping[int, Path], hooks: Hooks
) -> Iterator[MaskPair]:
    """Frame after frame, one pair in memory."""
    for number, frame in enumerate(sorted(tracks)):
        hooks.stop_if_asked()
        yield io.read_labels(tracks[frame]).array, io.read_labels(masks[frame]).array
        hooks.on_progress(f"tracks of {movie.name}, frame {frame}", (number + 1) / len(tracks))


def _segmented(movie: MoviePair, masks: Mapping[int, Path], *, hooks: Hooks) -> Iterator[MaskPair]:
    """The frames (or single slices of volumes) that were segmented in full; none where there is no folder SEG."""
    folder = movie.reference / "SEG"
    files = sorted(folder.glob("man_seg*.tif*")) if folder.is_dir() else []
    for number, path in enumerate(files):
        hooks.stop_if_asked()
        found = re.match(r"^man_seg_?(\d+)(?:_(\d+))?\.tiff?$", path.name)
        if found is None or int(found.group(1)) not in masks:
            raise DatasetError(f"{path} must belong to a frame that has a mask, got none; check the names")
        prediction = io.read_labels(masks[int(found.group(1))]).array
        if found.group(2) is not None:
            prediction = prediction[int(found.group(2))]
        yield io.read_labels(path).array, prediction
        hooks.on_progress(f"segmentation of {movie.name}, {path.name}", (number + 1) / len(files))
