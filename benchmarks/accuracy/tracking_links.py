"""Trackings as links between detections: the form in which Septum and its peers are compared, and their scores.

The insight: whatever a tracker calls its results, it says which detection goes on as which later one. From these links
the challenge's files follow by one rule for all: a track goes on where its last detection has one successor, in the
next frame; everything else begins a track, with the old one as its parent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from benchmarks.accuracy.tracking_movies import Film
from septum.instances.detections import Detections
from septum.instances.track import Tracks
from septum.metrics.instances import instance_overlap
from septum.metrics.tracking import score_tracking

Links = NDArray[np.int64]
"""`(n, 2)` rows of detections, the earlier first."""


@dataclass(frozen=True)
class Told:
    """Labels with the numbers of tracks, and rows `L B E P`."""

    labels: list[NDArray[np.uint16]]
    rows: NDArray[np.int64]


def links_of(tracks: Tracks) -> Links:
    """The links of Septum's tracks."""
    order = np.lexsort((tracks.detections.frame, tracks.track))
    same = tracks.track[order[1:]] == tracks.track[order[:-1]]
    found = [(int(a), int(b)) for a, b in zip(order[:-1][same], order[1:][same], strict=True)]
    last = dict(zip(tracks.track[order].tolist(), order.tolist(), strict=True))
    first = dict(zip(tracks.track[order[::-1]].tolist(), order[::-1].tolist(), strict=True))
    found += [(last[parent], first[label]) for label, _, _, parent in tracks.lineage.tolist() if parent]
    return np.array(sorted(found), np.int64).reshape(-1, 2)


def told(found: Detections, links: Links, *, given: list[NDArray[Any]]) -> Told:
    """Tracks of links, as the challenge writes them."""
    before = {int(j): int(i) for i, j in links}
    children = np.bincount(links[:, 0], minlength=len(found.frame))
    track = np.zeros(len(found.frame), np.int64)
    rows: list[list[int]] = []
    for row, frame in enumerate(found.frame.tolist()):
        mother = before.get(row, -1)
        if mother >= 0 and children[mother] == 1 and found.frame[mother] == frame - 1:
            track[row] = track[mother]
            rows[track[row] - 1][2] = frame
            continue
        track[row] = len(rows) + 1
        rows.append([len(rows) + 1, frame, frame, int(track[mother]) if mother >= 0 else 0])
    labels = []
    for frame, one in enumerate(given):
        table = np.zeros(int(one.max()) + 1, np.uint16)
        of_frame = found.of_frame(frame)
        table[found.label[of_frame]] = track[of_frame]
        labels.append(table[one])
    return Told(labels, np.array(rows, np.int64).reshape(-1, 4))


def distance_apart(found: Detections) -> float:
    """Median distance of a detection to its nearest neighbour in the frame."""
    each = []
    for frame in range(found.n_frames):
        centres = found.centre[found.of_frame(frame)]
        if len(centres) > 1:
            each.append(cKDTree(centres).query(centres, k=2)[0][:, 1])
    return float(np.median(np.concatenate(each))) if each else 1.0


def scores(film: Film, found: Detections, links: Links) -> dict[str, float]:
    """TRA, DET, LNK and F1 of divisions, by Septum; F1 of the links between what was found."""
    mine = told(found, links, given=film.given)
    score = score_tracking(
        zip(film.truth, mine.labels, strict=True), reference_lineage=film.rows, prediction_lineage=mine.rows
    )
    return {
        "TRA": score.tra,
        "DET": score.det,
        "LNK": score.lnk,
        "divisions": score.division_f1,
        "links": _link_f1(film, found, links),
    }


def _link_f1(film: Film, found: Detections, links: Links) -> float:
    """F1 of the links between detections of a single cell each; a cell that was missed is linked over the gap."""
    row_of: dict[tuple[int, int], int] = {}  # frame and true track
    for frame, (truth, given) in enumerate(zip(film.truth, film.given, strict=True)):
        overlap = instance_overlap(truth, given)
        pair = np.flatnonzero(2 * overlap.shared > overlap.reference_size[overlap.row])
        alone = np.bincount(overlap.column[pair], minlength=overlap.n_prediction)[overlap.column[pair]] == 1
        of_frame = found.of_frame(frame)
        place = dict(zip(found.label[of_frame].tolist(), of_frame.tolist(), strict=True))
        for index in pair[alone]:
            label = int(overlap.reference_labels[overlap.row[index]])
            row_of[frame, label] = place[int(overlap.prediction_labels[overlap.column[index]])]
    true: set[tuple[int, int]] = set()
    ends: dict[int, int] = {}  # of each track the last row that was found, its own or one of its mother
    for label, first, last, parent in film.rows.tolist():
        before = ends.get(parent, -1)
        for frame in range(first, last + 1):
            row = row_of.get((frame, label), -1)
            if row >= 0:
                true |= {(before, row)} if before >= 0 else set()
                before = row
        ends[label] = before
    known = set(row_of.values())
    guess = {(int(i), int(j)) for i, j in links if int(i) in known and int(j) in known}
    total = len(true) + len(guess)
    return 2 * len(true & guess) / total if total else math.nan


def write_challenge(folder: Path, film: Film, mine: Told) -> None:
    """`01_GT/TRA` and `01_RES` as the challenge has them."""
    for name, stem, text, labels, rows in (
        ("01_GT/TRA", "man_track", "man_track.txt", film.truth, film.rows),
        ("01_RES", "mask", "res_track.txt", mine.labels, mine.rows),
    ):
        (folder / name).mkdir(parents=True)
        for frame, array in enumerate(labels):
            tifffile.imwrite(folder / name / f"{stem}{frame:03d}.tif", array.astype(np.uint16))
        np.savetxt(folder / name / text, rows, fmt="%d")
