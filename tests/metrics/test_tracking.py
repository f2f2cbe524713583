"""Tracking scores: py-ctcmetrics as oracle on synthetic movies in the challenge's form, and hand-priced edits."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from septum.errors import ConfigError, GeometryError
from septum.metrics.tracking import score_tracking, segmentation_accuracy

Movie = list[np.ndarray]


def division() -> tuple[Movie, list[list[int]]]:
    """Cell 1 stays; cell 2 divides into 3 and 4 after frame 2."""
    frames = []
    for t in range(5):
        frame = np.zeros((24, 32), np.uint16)
        frame[2 : 8 + t % 2, 2:8] = 1
        if t < 3:
            frame[12:18, 10:22] = 2
        else:
            frame[12:18, 9:15] = 3
            frame[12:18, 17:23] = 4
        frames.append(frame)
    return frames, [[1, 0, 4, 0], [2, 0, 2, 0], [3, 3, 4, 2], [4, 3, 4, 2]]


def random_movie(seed: int, *, n_frames: int = 6) -> tuple[Movie, list[list[int]]]:
    """Squares that drift and now and then divide."""
    rng = np.random.default_rng(seed)
    cells = {k: rng.integers(4, 50, 2) for k in range(1, 7)}
    rows = {k: [k, 0, 0, 0] for k in cells}
    frames = []
    for t in range(n_frames):
        if t and rng.random() < 0.6:
            mother = int(rng.choice(list(cells)))
            place = cells.pop(mother)
            for shift in (-3, 3):
                child = max(rows) + 1
                cells[child], rows[child] = np.clip(place + np.array([0, shift]), 4, 54), [child, t, t, mother]
        frame = np.zeros((60, 60), np.uint16)
        for k in cells:
            cells[k] = np.clip(cells[k] + rng.integers(-1, 2, 2), 4, 54)
            y, x = cells[k]
            frame[y - 2 : y + 3, x - 2 : x + 3] = k
        frames.append(frame)
    return frames, lineage_of(frames, {k: row[3] for k, row in rows.items()})


def lineage_of(frames: Movie, parents: dict[int, int]) -> list[list[int]]:
    """Rows that are valid for the frames: unbroken runs of each label, renamed in place where it pauses."""
    rows = []
    top = max(int(f.max()) for f in frames) + 1
    for label in sorted({int(v) for f in frames for v in np.unique(f) if v}):
        present = [t for t, f in enumerate(frames) if (f == label).any()]
        runs = np.split(np.array(present), np.flatnonzero(np.diff(present) > 1) + 1)
        name, parent = label, parents.get(label, 0)
        for run in runs:
            if name != label:
                for t in run:
                    frames[t][frames[t] == label] = name
            rows.append([name, int(run[0]), int(run[-1]), parent])
            parent, name, top = name, top, top + 1
    ends = {row[0]: row[2] for row in rows}
    return [[n, b, e, p if p in ends and ends[p] < b else 0] for n, b, e, p in rows]


def disturbed(frames: Movie, rows: list[list[int]], seed: int) -> tuple[Movie, list[list[int]]]:
    """Objects lost, merged, invented, shrunk and renamed; divisions forgotten."""
    rng = np.random.default_rng(seed)
    worse = [frame.copy() for frame in frames]
    for frame in worse:
        for label in [int(v) for v in np.unique(frame) if v]:
            draw = rng.random()
            if draw < 0.1:
                frame[frame == label] = 0
            elif draw < 0.2:
                frame[frame == label] = int(rng.choice([v for v in np.unique(frame) if v]))
            elif draw < 0.3:
                where = np.argwhere(frame == label)
                frame[tuple(where[: len(where) // 2].T)] = 0
            elif draw < 0.35:
                frame[frame == label] = int(rng.integers(1, 12))
        if rng.random() < 0.5:
            frame[0:2, 0:2] = 90
    parents = {row[0]: row[3] for row in rows if rng.random() < 0.7}
    return worse, lineage_of(worse, parents)


def write_challenge(
    folder: Path, reference: Movie, rows: list[list[int]], guess: Movie, guessed: list[list[int]]
) -> None:
    for name in ("01_GT/TRA", "01_GT/SEG", "01_RES"):
        (folder / name).mkdir(parents=True)
    for t, (a, b) in enumerate(zip(reference, guess, strict=True)):
        tifffile.imwrite(folder / f"01_GT/TRA/man_track{t:03d}.tif", a)
        tifffile.imwrite(folder / f"01_GT/SEG/man_seg{t:03d}.tif", a)
        tifffile.imwrite(folder / f"01_RES/mask{t:03d}.tif", b)
    np.savetxt(folder / "01_GT/TRA/man_track.txt", rows, fmt="%d")
    np.savetxt(folder / "01_RES/res_track.txt", guessed, fmt="%d")


@pytest.mark.parametrize("seed", range(6))
def test_seg_det_and_tra_equal_py_ctcmetrics(tmp_path: Path, seed: int) -> None:
    from ctc_metrics import evaluate_sequence

    reference, rows = division() if seed == 0 else random_movie(seed)
    guess, guessed = disturbed(reference, rows, seed + 100)
    write_challenge(tmp_path, reference, rows, guess, guessed)
    theirs = evaluate_sequence(
        str(tmp_path / "01_RES"), str(tmp_path / "01_GT"), metrics=["SEG", "DET", "TRA", "LNK", "BC"], threads=1
    )
    pairs = list(zip(reference, guess, strict=True))
    ours = score_tracking(pairs, reference_lineage=rows, prediction_lineage=guessed)
    assert ours.det == pytest.approx(theirs["DET"], abs=1e-9)
    assert ours.tra == pytest.approx(theirs["TRA"], abs=1e-9)
    assert ours.lnk == pytest.approx(theirs["LNK"], abs=1e-9)
    if ours.divisions:  # theirs is none without a division in the reference, and its mean is guarded by 0.0001
        assert ours.division_f1 == pytest.approx(theirs["BC(0)"], abs=1e-3)
    assert segmentation_accuracy(pairs).seg == pytest.approx(theirs["SEG"], abs=1e-9)
    assert 0 < ours.tra < 1


def test_a_movie_against_itself_is_perfect() -> None:
    frames, rows = division()
    pairs = list(zip(frames, frames, strict=True))
    scores = score_tracking(pairs, reference_lineage=rows, prediction_lineage=rows)
    assert (scores.det, scores.tra, segmentation_accuracy(pairs).seg) == (1.0, 1.0, 1.0)
    assert (scores.n_vertices, scores.n_edges) == (12, 4 + 2 + 1 + 1 + 2)


def test_edits_cost_what_the_table_of_weights_says() -> None:
    frames, rows = division()
    n_vertices, n_edges = 12, 10
    whole = 10 * n_vertices + 1.5 * n_edges

    def tra(guess: Movie, guessed: list[list[int]]) -> float:
        pairs = zip(frames, guess, strict=True)
        return score_tracking(pairs, reference_lineage=rows, prediction_lineage=guessed).tra

    forgotten = [[1, 0, 4, 0], [2, 0, 2, 0], [3, 3, 4, 2], [4, 3, 4, 0]]
    assert tra(frames, forgotten) == pytest.approx(1 - 1.5 / whole)
    renamed = [np.where(f == 3, 2, f).astype(np.uint16) for f in frames]
    continued = [[1, 0, 4, 0], [2, 0, 4, 0], [4, 3, 4, 0]]
    # The link 2 → 3 is there, as continuation (1); the link 2 → 4 is missing (1.5).
    assert tra(renamed, continued) == pytest.approx(1 - 2.5 / whole)
    invented = [f.copy() for f in frames]
    invented[0][22:, :3] = 9
    assert tra(invented, [*rows, [9, 0, 0, 0]]) == pytest.approx(1 - 1 / whole)
    merged = [f.copy() for f in frames]
    merged[4][merged[4] == 4] = 3
    # One split (5); the links 3 → 3 and 4 → 4 into frame 4 are missing (3).
    assert tra(merged, [[1, 0, 4, 0], [2, 0, 2, 0], [3, 3, 4, 2], [4, 3, 3, 2]]) == pytest.approx(1 - 8 / whole)


def test_half_an_object_is_not_found_and_more_than_half_is() -> None:
    assert segmentation_accuracy([(np.array([1, 1]), np.array([1, 0]))]).n_found == 0
    assert segmentation_accuracy([(np.array([1, 1, 1]), np.array([1, 1, 0]))]).seg == pytest.approx(2 / 3)


def test_nothing_to_track_is_undefined_and_nothing_found_is_zero() -> None:
    nothing, frames, rows = np.zeros((24, 32), np.uint16), *division()
    none = score_tracking([(nothing, nothing)], reference_lineage=[], prediction_lineage=[])
    assert math.isnan(none.det)
    assert math.isnan(none.tra)
    assert math.isnan(segmentation_accuracy([]).seg)
    missed = score_tracking([(f, nothing) for f in frames], reference_lineage=rows, prediction_lineage=[])
    assert (missed.det, missed.tra) == (0.0, 0.0)


def test_volumes_are_tracked_like_pictures() -> None:
    frames, rows = division()
    stack = [np.stack([f, f]) for f in frames]
    assert score_tracking(zip(stack, stack, strict=True), reference_lineage=rows, prediction_lineage=rows).tra == 1.0


def test_frames_stream_and_never_more_than_one_pair_is_kept() -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def movie() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        nonlocal most
        for _ in range(8):
            frame = np.ones((50, 50), np.uint16)
            alive.append(weakref.ref(frame))
            yield frame, frame
            del frame
            gc.collect()
            most = max(most, sum(ref() is not None for ref in alive))

    row = [[1, 0, 7, 0]]
    assert score_tracking(movie(), reference_lineage=row, prediction_lineage=row).tra == 1.0
    assert most <= 2


def test_a_lineage_that_contradicts_its_frames_is_refused() -> None:
    frames, rows = division()
    pairs = list(zip(frames, frames, strict=True))

    def check(guessed: object, match: str) -> None:
        with pytest.raises(ConfigError, match=match):
            score_tracking(pairs, reference_lineage=rows, prediction_lineage=guessed)  # type: ignore[arg-type]

    check(rows[:3], "prediction_lineage must describe every object, got label 4 in frame 3")
    check([[1, 0, 4, 0], [2, 0, 3, 0], [3, 3, 4, 0], [4, 3, 4, 0]], "label 2 from 0 to 3 which frame 3 lacks")
    check([*rows, [1, 0, 4, 0]], "name each track once, got 1 repeated")
    check([*rows, [7, 0, 9, 0]], "frames 0 to 4, first before last, got row 7 0 9 0")
    check([*rows[:3], [4, 3, 4, 8]], "parent end before its child begins, got row 4 3 4 8")
    check([[1.0, 0.0, 4.0, 0.0]], "whole numbers in rows `L B E P`, got float64")
    with pytest.raises(GeometryError, match="same shape"):
        segmentation_accuracy([(frames[0], frames[0].T)])
