"""Pictures of a tracked movie: a GIF, the tree, and the page on which a click shows a track's frames."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from septum import __version__
from septum.geometry import Grid
from septum.instances.track import Tracks
from septum.report.figures.lineage import lineage_plot
from septum.report.figures.objects import id_colours, tinted_labels
from septum.report.pages.lineage import LineageContent, render_lineage
from septum.workflows.runs.files import publish

_LONGEST_PX, _TAIL = 720, 6
_FILES = ("res_track.txt", "mask000.tif …", "tracks.csv", "objects.csv", "tracks.gif", "lineage.png")


def show_tracks(found: Tracks, grid: Grid, *, most_frames: int) -> TrackPictures:
    """Empty pictures of a movie; `add` its frames, then `publish`."""
    return TrackPictures(found, grid, most_frames=most_frames)


class TrackPictures:
    """Frames as small pictures with objects in the colours of their tracks, and their recent paths.

    A volume is shown from the top: the brightest voxel, and the uppermost object, along its first axis. What is kept of
    a frame is its JPEG.
    """

    def __init__(self, found: Tracks, grid: Grid, *, most_frames: int) -> None:
        self._found, self._grid = found, grid
        count = found.detections.n_frames
        self._every = max(1, -(-count // most_frames))
        rows, columns = grid.shape[-2:]
        height, width = rows * grid.spacing[-2], columns * grid.spacing[-1]
        scale = min(_LONGEST_PX, max(240, 4 * max(rows, columns))) / max(height, width)
        self._size = max(round(height * scale), 8), max(round(width * scale), 8)
        self._scale = scale
        self._jpegs: list[bytes] = []
        self._shown: list[int] = []
        self._window: tuple[float, float] | None = None

    def add(self, frame: int, labels: NDArray[Any], *, image: NDArray[Any] | None) -> None:
        """Draw a frame, unless a long movie is thinned."""
        if frame % self._every:
            return
        flat = labels if labels.ndim == 2 else _from_top(labels)
        canvas = np.zeros((*flat.shape, 3), np.uint8) if image is None else self._grey(image)
        smooth = Picture.Resampling.BICUBIC if self._size[0] < 2 * flat.shape[0] else Picture.Resampling.NEAREST
        resized = np.array(Picture.fromarray(canvas).resize(self._size[::-1], smooth))
        picture = Picture.fromarray(tinted_labels(resized, flat, opacity=0.3))
        self._paths(ImageDraw.Draw(picture), frame)
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=80)
        self._jpegs.append(buffer.getvalue())
        self._shown.append(frame)

    def _grey(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """The image with one window for the whole movie, so that it does not flicker."""
        flat = (image if image.ndim == 2 else image.max(axis=0)).astype(np.float32)
        if self._window is None:
            low, high = np.percentile(flat, [0.5, 99.7])
            self._window = float(low), float(high)
        low, high = self._window
        grey = np.clip((flat - low) / max(high - low, 1e-12), 0, 1) * 255
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)

    def _paths(self, pen: ImageDraw.ImageDraw, frame: int) -> None:
        """Where the objects of this frame were in the frames before; daughters begin at their mother."""
        found, d = self._found, self._found.detections
        recent = np.arange(*np.searchsorted(d.frame, [max(0, frame - _TAIL), frame + 1]))
        places: dict[int, list[tuple[float, float]]] = {}
        for row in recent.tolist():
            places.setdefault(int(found.track[row]), []).append(self._place(row))
        here = {int(found.track[row]) for row in d.of_frame(frame).tolist()}
        for label, colour in zip(sorted(here), id_colours(np.array(sorted(here))).tolist(), strict=True):
            path = places[label]
            parent = int(found.lineage[label - 1, 3])
            if parent in places and found.lineage[label - 1, 1] > frame - _TAIL:
                path = [places[parent][-1], *path]
            if len(path) > 1:
                pen.line(path, fill=tuple(colour), width=2)

    def _place(self, row: int) -> tuple[float, float]:
        y, x = self._found.detections.centre[row, -2:]
        half = self._grid.spacing[-2] / 2, self._grid.spacing[-1] / 2
        return float((x + half[1]) * self._scale), float((y + half[0]) * self._scale)

    def publish(self, folder: Path, notes: Sequence[str]) -> None:
        """Write `tracks.gif`, `lineage.png`, `lineage.svg` and `index.html`."""
        found, d = self._found, self._found.detections
        places = [
            [(int(found.track[row]), *self._place(row)) for row in d.of_frame(frame).tolist()] for frame in self._shown
        ]
        told = list(notes)
        lineage = found.lineage
        if self._every > 1:
            told.append(f"Of {d.n_frames} frames one in {self._every} is shown; the tables hold all of them.")
            lineage = _thinned(lineage, self._every, count=len(self._shown))
        ndim = self._grid.ndim
        size = float(np.median(d.size)) if len(d.size) else 1.0
        crop = round(max(24.0, 3 * float(size ** (1 / ndim)) * self._scale))
        content = LineageContent(
            f"Tracks of {d.n_frames} frames",
            _facts(found),
            self._jpegs,
            places,
            lineage,
            crop,
            told,
            datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            __version__,
            _FILES,
        )
        drawn = {f"lineage.{k}": lineage_plot(found.lineage, merged_into=found.merged_into, image_format=k)
                 for k in ("png", "svg")}  # fmt: skip
        publish(folder, {"tracks.gif": _gif(self._jpegs), "index.html": render_lineage(content), **drawn})


def _from_top(labels: NDArray[Any]) -> NDArray[Any]:
    """The first label along the first axis, at every place of the plane."""
    first = np.argmax(labels != 0, axis=0)
    return np.asarray(np.take_along_axis(labels, first[None], axis=0)[0])


def _thinned(lineage: NDArray[np.int64], every: int, *, count: int) -> NDArray[np.int64]:
    """Frames counted as they are shown."""
    thin = lineage.copy()
    thin[:, 1] = np.minimum(-(-lineage[:, 1] // every), count - 1)
    thin[:, 2] = np.maximum(lineage[:, 2] // every, thin[:, 1])
    return thin


def _gif(frames: Sequence[bytes]) -> bytes:
    """An animation of the frames, five a second, with the colours of each frame."""
    pictures = []
    for data in frames:
        with Picture.open(io.BytesIO(data)) as picture:
            pictures.append(picture.convert("P", palette=Picture.Palette.ADAPTIVE, colors=128))
    buffer = io.BytesIO()
    pictures[0].save(buffer, format="GIF", save_all=True, append_images=pictures[1:], duration=200, loop=0)
    return buffer.getvalue()


def _facts(found: Tracks) -> list[tuple[str, str, str]]:
    d = found.detections
    counts = np.bincount(d.frame, minlength=d.n_frames)
    lengths = found.lineage[:, 2] - found.lineage[:, 1] + 1
    return [
        ("Frames", str(d.n_frames), ""),
        ("Objects", f"{counts[0]} → {counts[-1]}", "first and last frame"),
        ("Tracks", str(len(found.lineage)), f"median length {np.median(lengths):g}" if len(lengths) else ""),
        ("Divisions", str(len(found.divisions())), ""),
        ("Merges", str(len(found.merged_into)), ""),
    ]
