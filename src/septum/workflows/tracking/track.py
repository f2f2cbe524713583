"""`septum track`: objects followed through a movie, in the Cell Tracking Challenge's files, as tables, GIF and page.

The insight: tracking needs two passes over the frames, one for the objects and one to write them with their tracks'
numbers; so a movie of any length needs the memory of a few frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError, DatasetError, GeometryError
from septum.geometry import LabelMap
from septum.instances.events import TrackOptions
from septum.instances.measure import length_unit
from septum.instances.split import split_objects
from septum.instances.track import Tracks, relabelled, track_objects
from septum.workflows.data.doubts import assumed, heard, listens
from septum.workflows.objects.measure import is_semantic
from septum.workflows.runs.files import refuse_file, write_json, write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.settings import write_settings
from septum.workflows.runs.tables import frame_csv
from septum.workflows.runs.words import with_notice
from septum.workflows.tracking.movie import Movie, find_movie
from septum.workflows.tracking.show import show_tracks

_LOOSE = 0.25  # unforeseen movement, of the distance of neighbours: beyond, more than one link in twenty was wrong
_SUDDEN = 0.03  # of the objects: tracks that begin (or end) away from the edge; with faultless masks it was 0.00
SETTINGS, RECORD, LINEAGE = "septum-track.toml", "septum-track.json", "res_track.txt"


@dataclass(frozen=True)
class TrackSettings:
    """What `septum track` can be told; weights as in `septum.instances.track.TrackOptions`.

    Args:
        max_distance: farthest that an object moves in a frame beside the common movement of all, in mm, or in pixels
            where the files have no physical size.
        gap: how many frames an object may be missing.
        divisions, merges: whether objects divide, and run together.
        coming, division, merge, missing, at_edge: costs, see `TrackOptions`.
        split: split masks into objects first; None: where they have few values in many parts.
        axes: meaning of the files' axes where they do not say.
        most_frames: most frames in the GIF and on the page; longer movies are thinned there, not in the tables.
        overwrite: replace results.
    """

    max_distance: float | None = None
    gap: int = TrackOptions.gap
    divisions: bool = TrackOptions.divisions
    merges: bool = TrackOptions.merges
    coming: float = TrackOptions.coming
    division: float = TrackOptions.division
    merge: float = TrackOptions.merge
    missing: float = TrackOptions.missing
    at_edge: float = TrackOptions.at_edge
    split: bool | None = None
    axes: str | None = None
    most_frames: int = 100
    overwrite: bool = False

    def options(self) -> TrackOptions:
        """The weights for the array room; errors as its own."""
        names = TrackOptions.__dataclass_fields__
        return TrackOptions(**{name: getattr(self, name) for name in names})

    def __post_init__(self) -> None:
        self.options()
        if self.most_frames < 2:
            raise ConfigError(f"most_frames must be at least 2, got {self.most_frames}")


@dataclass(frozen=True)
class TrackResult:
    """The files that were written, and what was found."""

    written: tuple[Path, ...]
    tracks: Tracks
    page: Path


@listens
def track(
    masks: Path, output: Path, *, images: Path | None = None, settings: TrackSettings, hooks: Hooks
) -> TrackResult:
    """Track label maps, frame by frame, and write what was found.

    Args:
        masks: a folder with a label map (or mask) per frame, or one file with frames; ids mean nothing between frames.
        output: folder for `mask000.tif` …, `res_track.txt`, `tracks.csv`, `objects.csv`, `lineage.png`, `tracks.gif`
            and `index.html`.
        images: the movie itself, for brightness and the pictures.
        settings: weights.
        hooks: progress, notes, a wish to stop.

    Raises:
        DatasetError: fewer than two frames, a missing frame, or another number of images.
        GeometryError: frames of different shapes.
        ConfigError: an output that is a file, results that may not be replaced.
        Cancelled: when the hooks say stop.
    """
    refuse_file(output)
    if (output / LINEAGE).exists() and not settings.overwrite:
        raise ConfigError(f"{output} already holds {LINEAGE}; choose another folder or use --overwrite")
    movie = find_movie(masks, axes=settings.axes)
    pictures = None if images is None else find_movie(images, axes=settings.axes)
    if pictures is not None and len(pictures.frames) != len(movie.frames):
        raise DatasetError(
            f"masks and images must have as many frames, got {len(movie.frames)} and {len(pictures.frames)}; "
            "leave out what has no partner"
        )
    hooks.on_note(with_notice(f"{len(movie.frames)} frames"))
    reader = _Reader(movie, pictures, split=settings.split, hooks=hooks)
    grid = reader.labels(0).grid
    objects, options = reader.frames("finding objects"), settings.options()
    found = track_objects(objects, spacing=grid.spacing, options=options, on_pass=reader.linking)
    if not len(found.track):
        hooks.on_note("no frame holds any object: the tracking is empty")
    _publish(output, reader, found=found, settings=settings, hooks=hooks)
    page = output / "index.html"
    return TrackResult((*(output / name for name in (LINEAGE, "tracks.csv", "objects.csv")), page), found, page)


class _Reader:
    """The frames of a movie, read when they are asked for; whether masks are split is decided by the first."""

    def __init__(self, movie: Movie, pictures: Movie | None, *, split: bool | None, hooks: Hooks) -> None:
        self.movie, self.pictures, self.hooks = movie, pictures, hooks
        self.split = False
        if split is None:
            self.split = any(is_semantic(self.labels(t).array) for t in (0, len(movie.frames) // 2))
        else:
            self.split = split
        if self.split:
            hooks.on_note("the masks say which pixels, not which object: they are split by distance and watershed")

    def labels(self, frame: int) -> LabelMap:
        """The objects of a frame."""
        source = self.movie.frames[frame]
        labels = io.read_labels(source.path, axes=source.axes, frame=source.frame)
        heard(f"frame {frame}", labels)
        if not self.split:
            return labels
        return LabelMap(split_objects(labels.array, spacing=labels.grid.spacing).labels, labels.grid)

    def image(self, frame: int) -> NDArray[Any] | None:
        """The mean of the image's channels, `(*spatial)`."""
        if self.pictures is None:
            return None
        source = self.pictures.frames[frame]
        image = io.read_image(source.path, axes=source.axes, frame=source.frame)
        heard(f"image of frame {frame}", image)
        array = image.array
        return np.asarray(array[0] if len(array) == 1 else array.mean(axis=0))

    def linking(self, part: float) -> None:
        """That objects are being linked, and how far that is at least."""
        self.hooks.stop_if_asked()
        self.hooks.on_progress("linking objects", part)

    def frames(self, what: str) -> Iterator[tuple[NDArray[Any], NDArray[Any] | None]]:
        """All frames with their images, with progress."""
        for t in range(len(self.movie.frames)):
            self.hooks.stop_if_asked()
            labels, image = self.labels(t).array, self.image(t)
            if image is not None and image.shape != labels.shape:
                raise GeometryError(
                    f"image and mask of frame {t} must have one shape, got {image.shape} and {labels.shape}; "
                    "resample one of them"
                )
            yield labels, image
            self.hooks.on_progress(f"{what}, frame {t}", (t + 1) / len(self.movie.frames))


def _publish(output: Path, reader: _Reader, *, found: Tracks, settings: TrackSettings, hooks: Hooks) -> None:
    """Masks with the numbers of tracks, tables, pictures, and the record."""
    output.mkdir(parents=True, exist_ok=True)
    digits = max(3, len(str(len(reader.movie.frames) - 1)))
    grid = reader.labels(0).grid
    shown = show_tracks(found, grid, most_frames=settings.most_frames)
    for t, (labels, image) in enumerate(reader.frames("writing tracks")):
        numbered = relabelled(labels, found, frame=t)
        io.write_labels(output / f"mask{t:0{digits}d}.tif", LabelMap(numbered, grid))
        shown.add(t, numbered, image=image)
    before = output.glob("mask*.tif") if (output / LINEAGE).exists() else ()
    for old in before:  # of a longer movie that was tracked into this folder
        number = old.stem.removeprefix("mask")
        if number.isdigit() and (len(number) != digits or int(number) >= len(reader.movie.frames)):
            old.unlink()
    rows = "".join(" ".join(map(str, row)) + "\n" for row in found.lineage.tolist())
    tables = lineage_table(found), object_rows(found, grid)
    write_text(output / "tracks.csv", frame_csv(tables[0]))
    write_text(output / "objects.csv", frame_csv(tables[1]))
    shown.publish(output, notes(found, reader))
    write_settings(output / SETTINGS, settings)
    record = describe_run(
        frames=len(reader.movie.frames),
        first_frame_in_files=reader.movie.first,
        scatter=found.motion.scatter,
        persistence=found.motion.persistence,
        notes=assumed(),
    )
    write_json(output / RECORD, record)
    write_text(output / LINEAGE, rows)
    for note in notes(found, reader):
        hooks.on_note(note)
    if _short(found):
        hooks.on_note("where objects move far between frames, give --max-distance")


def lineage_table(found: Tracks) -> pd.DataFrame:
    """One row per track: label, frames, parent, daughters, the object it belongs to across gaps, what it runs into."""
    daughters = dict(found.divisions())
    rows = [
        {
            "track": label,
            "first": first,
            "last": last,
            "parent": parent,
            "cell": int(found.cell[label - 1]),
            "daughters": " ".join(map(str, daughters.get(label, ()))),
            "merged_into": found.merged_into.get(label, 0),
        }
        for label, first, last, parent in found.lineage.tolist()
    ]
    columns = ["track", "first", "last", "parent", "cell", "daughters", "merged_into"]
    return pd.DataFrame(rows, columns=columns)


def object_rows(found: Tracks, grid: Any) -> pd.DataFrame:
    """One row per object and frame: track, id in the input, centroid and size with their units, brightness."""
    d = found.detections
    unit, factor = length_unit(grid.spacing, grid.unit)
    size = f"area_{unit}2" if grid.ndim == 2 else f"volume_{unit}3"
    columns: dict[str, Any] = {"frame": d.frame, "track": found.track, "label": d.label}
    columns |= {f"centroid_{a}_{unit}": d.centre[:, i] * factor for i, a in enumerate("zyx"[-grid.ndim :])}
    columns[size] = d.size * factor**grid.ndim
    if np.isfinite(d.brightness).any():
        columns["mean_intensity"] = d.brightness
    return pd.DataFrame(columns)


def _short(found: Tracks) -> int:
    """Tracks of at most two frames, where the movie is twice as long and they are more than a third of all; else 0."""
    if found.detections.n_frames < 4:
        return 0
    short = int(((found.lineage[:, 2] - found.lineage[:, 1]) < 2).sum())
    return short if short > len(found.lineage) / 3 else 0


def doubts(found: Tracks) -> list[str]:
    """Why a person should look at the tracks before believing them."""
    told = []
    loose = found.unforeseen()
    if loose > _LOOSE:
        told.append(
            f"Objects move about {loose:.2f} of the distance to their neighbours between frames in ways that could "
            "not be foreseen: some links are wrong (of made-up movies 1 in 20 at 0.3, 1 in 4 at 0.5). Look at "
            "tracks.gif; more frames in the same time help."
        )
    begun, ended = found.sudden()
    often = max(len(begun), len(ended)) / max(len(found.detections.frame), 1)
    if often > _SUDDEN:
        told.append(
            f"{len(begun)} tracks begin and {len(ended)} end away from the edge of the picture: objects are missing in "
            "the masks, or move farther between frames than they are apart. Look at tracks.gif."
        )
    if found.excess:
        told.append(
            f"The solver was stopped by its time limit: the assignment may cost {found.excess:.1%} more than the best "
            "one. It is quicker with fewer gaps or a smaller farthest distance."
        )
    return told


def notes(found: Tracks, reader: _Reader) -> Sequence[str]:
    """What a reader has to know first."""
    told = []
    if reader.split:
        told.append("The masks said which pixels, not which object: they were split by distance and watershed.")
    if short := _short(found):
        told.append(
            f"{short} of {len(found.lineage)} tracks last at most two frames: objects may move farther than expected, "
            "or the masks change from frame to frame."
        )
    told += doubts(found)
    gaps = int((found.cell != found.lineage[:, 0]).sum())
    if gaps:
        how_often = "time" if gaps == 1 else "times"
        told.append(
            f"{gaps} {how_often} an object was missing for frames; it goes on under a new number (column cell)."
        )
    return told
