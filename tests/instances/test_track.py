"""Movies of known lineage are tracked back: TRA at least 0.98, by our scores and by py-ctcmetrics."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from tests.instances import movies

from septum.errors import Cancelled, ConfigError, GeometryError
from septum.instances.events import TrackOptions
from septum.instances.track import relabelled, track_objects
from septum.metrics.tracking import score_tracking


def score(labels, rows, given, tracks):
    numbered = [relabelled(frame, tracks, frame=t) for t, frame in enumerate(given)]
    return score_tracking(
        list(zip(labels, numbered, strict=True)), reference_lineage=rows, prediction_lineage=tracks.lineage
    )


def tracked(labels, images=None, *, seed=0, spacing=None, **options):
    given = movies.shuffled(labels, seed)
    frames = list(zip(given, images or [None] * len(given), strict=True))
    return given, track_objects(frames, spacing=spacing, options=TrackOptions(**options))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "movie",
    [{}, {"drift": (3.0, 1.5)}, {"shape": (30, 80, 80), "cells": 4, "divisions": 1}],
    ids=["2d", "drift", "3d"],
)
def test_wandering_dividing_and_leaving_cells(seed, movie):
    cells = movies.wandering(seed, **movie)
    labels, images, rows = movies.draw(cells, shape=movie.get("shape", (160, 200)), frames=12)
    given, tracks = tracked(labels, images, seed=seed)
    assert score(labels, rows, given, tracks).tra >= 0.98
    assert len(tracks.divisions()) == len({c.parent for c in cells} - {0})


def test_without_the_image_too():
    cells = movies.wandering(7)
    labels, _, rows = movies.draw(cells, shape=(160, 200), frames=12)
    given, tracks = tracked(labels)
    assert score(labels, rows, given, tracks).tra >= 0.98


def test_cells_that_cross_keep_their_identity():
    labels, images, rows = movies.draw(movies.crossing(), shape=(90, 130), frames=11)
    given, tracks = tracked(labels, images)
    assert score(labels, rows, given, tracks).tra == 1.0


def streams(*, frames=14, speed=13.0):
    """Two streams of discs that run through each other unevenly, farther per frame than to their neighbours."""
    cells = [(12 + 10 * k, 20 + 37 * (k % 3) + 55 * n, 1 if k % 2 else -1) for k in range(15) for n in range(3)]
    mesh = np.stack(np.meshgrid(np.arange(164), np.arange(200), indexing="ij"), -1)
    uneven = np.random.default_rng(0).normal(0, 2, (frames, len(cells)))
    movie = np.zeros((frames, 164, 200), np.uint8)
    for t in range(frames):
        for label, (row, column, way) in enumerate(cells, 1):
            at = (row, (column if way > 0 else 200 - column) + way * speed * t + uneven[t, label - 1])
            movie[t][np.linalg.norm(mesh - at, axis=-1) <= 4] = label
    return list(movie)


def test_cells_that_keep_their_way_are_followed_through_each_other():
    labels = streams()
    tracks = track_objects([(frame, None) for frame in labels])
    assert tracks.motion.persistence > 0.8
    linked = 0
    for track in range(1, len(tracks.lineage) + 1):
        cells = tracks.detections.label[tracks.track == track]
        assert len(set(cells.tolist())) == 1
        linked += len(cells) - 1
    seen = np.array([len(np.unique(frame)) - 1 for frame in labels]).sum()
    assert linked >= 0.95 * (seen - len(np.unique(labels)) + 1)


def right_and_wrong(movie):
    """Links of the tracking of a movie whose labels are its tracks."""
    tracks = track_objects([(frame, None) for frame in movie])
    found = tracks.detections
    order = np.lexsort((found.frame, tracks.track))
    one, other = order[:-1], order[1:]
    linked = tracks.track[one] == tracks.track[other]
    same = found.label[one[linked]] == found.label[other[linked]]
    return tracks, int(same.sum()), int((~same).sum())


def discs(places, *, shape, radius=5):
    """A movie of `(frames, n, 2)` places; what leaves the frame is gone."""
    mesh = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    movie = np.zeros((len(places), *shape), np.uint16)
    for frame, there in zip(movie, places, strict=True):
        for label, place in enumerate(there, 1):
            frame[np.linalg.norm(mesh - place, axis=-1) <= radius] = label
    return movie


def strewn(seed, *, count, shape):
    """Places that are at least 14 apart."""
    rng, places = np.random.default_rng(seed), [np.array([-99.0, -99.0])]
    while len(places) <= count:
        place = rng.uniform(0, 1, 2) * shape
        if min(np.linalg.norm(place - one) for one in places) > 14:
            places.append(place)
    return np.array(places[1:])


@pytest.mark.parametrize("step", [20.0, 45.0])
def test_objects_that_all_move_farther_than_they_are_apart_stay_themselves(step):
    start = strewn(1, count=50, shape=(160, 500)) - (0, 250)
    movie = discs([start + np.array([0, step * t]) for t in range(7)], shape=(160, 240))
    tracks, right, wrong = right_and_wrong(movie)
    assert right >= 0.97 * sum(len(np.intersect1d(a[a > 0], b[b > 0])) for a, b in itertools.pairwise(movie))
    assert wrong == 0
    assert [len(rows) for rows in tracks.sudden()] == [0, 0]


def test_a_stage_that_jumps_between_frames_breaks_no_track():
    rng = np.random.default_rng(2)
    start = strewn(2, count=60, shape=(260, 300)) - 50
    movie = discs([start + rng.uniform(-30, 30, 2) for _ in range(8)], shape=(160, 200))
    _, right, wrong = right_and_wrong(movie)
    assert right >= 0.97 * sum(len(np.intersect1d(a[a > 0], b[b > 0])) for a, b in itertools.pairwise(movie))
    assert wrong == 0


def test_rows_that_pass_each_other_by_more_than_half_their_spacing_do_not_run_backwards():
    rows = [
        [*((20, 40 + 20 * k + 12 * t) for k in range(15)), *((40, 124 + 20 * k - 12 * t) for k in range(15))]
        for t in range(7)
    ]
    _, right, wrong = right_and_wrong(discs(rows, shape=(60, 500), radius=4))
    assert (right, wrong) == (180, 0)


def test_how_much_is_guessed_is_known():
    rng = np.random.default_rng(3)
    start = strewn(3, count=40, shape=(200, 300))
    calm = discs(np.cumsum([start, *rng.normal(0, 0.7, (7, 40, 2))], axis=0), shape=(200, 300))
    wild = discs(np.cumsum([start, *rng.normal(0, 8.0, (7, 40, 2))], axis=0), shape=(200, 300))
    assert right_and_wrong(calm)[0].unforeseen() < 0.1
    wildly = right_and_wrong(wild)[0]
    assert wildly.unforeseen() > 0.25
    assert np.abs(wildly.motion.shift).max() < 14  # chance is nothing that they have in common


def test_what_appears_and_disappears_in_the_middle_is_named():
    movie = np.zeros((6, 120, 120), int)
    for t, frame in enumerate(movie):
        frame[20:28, 20 + t : 28 + t] = 1
        if t < 3:
            frame[60:68, 60:68] = 2
        if t > 2:
            frame[90:98, 30:38] = 3
        if t < 4:
            frame[100:108, max(0, 12 - 6 * t) : 20 - 6 * t] = 4  # leaves by the edge
    tracks = track_objects([(frame, None) for frame in movie])
    found = tracks.detections
    begins, ends = tracks.sudden()
    assert [(found.frame[row], found.label[row]) for row in begins] == [(3, 3)]
    assert [(found.frame[row], found.label[row]) for row in ends] == [(2, 2)]


def test_every_tracking_is_told_and_may_be_stopped():
    told = []
    track_objects([(frame, None) for frame in streams()], on_pass=told.append)
    assert told[0] == 0.0
    assert len(told) > 1
    assert told == sorted(told)
    assert told[-1] < 1.0

    def stop(part):
        raise Cancelled

    with pytest.raises(Cancelled):
        track_objects([(frame, None) for frame in streams()], on_pass=stop)


def test_nobody_moves_farther_than_is_allowed():
    tracks = track_objects([(frame, None) for frame in streams()], options=TrackOptions(max_distance=11.0, gap=0))
    found = tracks.detections
    place = found.centre - tracks.motion.shift[found.frame]  # what the image as a whole does is nobody's movement
    for track in range(1, len(tracks.lineage) + 1):
        way = np.diff(place[tracks.track == track], axis=0)
        assert (np.linalg.norm(way, axis=1) <= 11.0).all()


def test_a_cell_that_the_edge_cuts_differently_from_frame_to_frame_stays_one():
    mesh = np.stack(np.meshgrid(np.arange(60), np.arange(120), indexing="ij"), -1)
    labels = [np.zeros((60, 120), np.uint8) for _ in range(8)]
    for t, row in enumerate((7.0, 3.0, -2.0, 2.5, -3.0, 1.0, 5.0, 0.0)):
        for label, centre in enumerate(((row, 20), (30, 60 + t), (40, 90 - t)), start=1):
            labels[t][np.linalg.norm(mesh - centre, axis=-1) <= 7] = label
    _, tracks = tracked(labels)
    assert tracks.lineage.tolist() == [[1, 0, 7, 0], [2, 0, 7, 0], [3, 0, 7, 0]]


def test_a_missed_frame_is_bridged_and_named_as_the_same_cell():
    labels, images, rows = movies.draw(movies.wandering(3, divisions=0), shape=(160, 200), frames=12)
    label = int(rows[np.argmax(rows[:, 2] - rows[:, 1]), 0])
    holed = [frame.copy() for frame in labels]
    holed[5][holed[5] == label] = 0
    given, tracks = tracked(holed, images)
    before = tracks.track[tracks.detections.of_frame(4)]
    piece = {int(t) for t in before if tracks.lineage[t - 1, 2] == 4 and (tracks.lineage[:, 3] == t).any()}
    assert len(piece) == 1
    later = int(np.flatnonzero(tracks.lineage[:, 3] == next(iter(piece)))[0])
    assert tracks.lineage[later, 1] == 6
    assert tracks.cell[later] == tracks.cell[next(iter(piece)) - 1]
    assert not tracks.divisions()
    assert score(labels, rows, given, tracks).tra >= 0.98
    assert (track_objects([(g, None) for g in given], options=TrackOptions(gap=0)).lineage[:, 3] == 0).all()


def test_cells_that_run_together_are_a_merge_and_part_again():
    labels = [np.zeros((130, 130), np.uint8) for _ in range(6)]
    for t, gap in enumerate((9, 8, 7, 7, 8, 9)):
        labels[t][60:74, 60:74], labels[t][60:74, 67 + gap : 81 + gap] = 1, 2
        if t in (2, 3):
            labels[t][60:74, 60:88] = 1
    tracks = track_objects([(frame, None) for frame in labels], options=TrackOptions(merges=True, gap=0))
    assert len(tracks.merged_into) == 1
    assert len(tracks.divisions()) == 1


def test_py_ctcmetrics_agrees(tmp_path):
    from ctc_metrics import evaluate_sequence

    from septum import io
    from septum.geometry import Grid, LabelMap

    labels, images, rows = movies.draw(movies.wandering(2), shape=(160, 200), frames=12)
    given, tracks = tracked(labels, images)
    for folder, name, lineage in (("01_GT/TRA", "man_track", rows), ("01_RES", "mask", tracks.lineage)):
        (tmp_path / folder).mkdir(parents=True)
        for t, frame in enumerate(labels if name == "man_track" else given):
            array = frame if name == "man_track" else relabelled(frame, tracks, frame=t)
            io.write_labels(tmp_path / folder / f"{name}{t:03d}.tif", LabelMap(array, Grid.pixels(array.shape)))
        text = "".join(" ".join(map(str, row)) + "\n" for row in lineage.tolist())
        (tmp_path / folder / ("man_track.txt" if name == "man_track" else "res_track.txt")).write_text(text)
    theirs = evaluate_sequence(str(tmp_path / "01_RES"), str(tmp_path / "01_GT"), metrics=["TRA", "DET"], threads=1)
    assert theirs["TRA"] >= 0.98
    assert theirs["TRA"] == pytest.approx(score(labels, rows, given, tracks).tra, abs=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_every_object_has_one_past_and_one_future(seed):
    rng = np.random.default_rng(seed)
    frames = [ndimage.label(ndimage.gaussian_filter(rng.standard_normal((40, 40)), 2) > 0.12)[0] for _ in range(4)]
    tracks = track_objects([(frame, None) for frame in frames], options=TrackOptions(merges=True))
    assert (tracks.track > 0).all()
    for frame in range(4):
        own = tracks.track[tracks.detections.of_frame(frame)]
        assert len(np.unique(own)) == len(own)
    for label, first, last, parent in tracks.lineage.tolist():
        present = tracks.detections.frame[tracks.track == label]
        assert present.tolist() == list(range(first, last + 1))
        assert parent == 0 or tracks.lineage[parent - 1, 2] < first
    parents = tracks.lineage[:, 3]
    assert np.bincount(parents[parents > 0], minlength=1).max() <= 2


@given(st.sampled_from([0.1, 3.0, 1000.0]))
def test_the_unit_of_the_spacing_changes_nothing(factor):
    labels, images, _ = movies.draw(movies.wandering(5), shape=(160, 200), frames=8 + 4)
    _, one = tracked(labels, images)
    _, other = tracked(labels, images, spacing=(factor, factor))
    assert np.array_equal(one.lineage, other.lineage)


def test_movies_without_objects_or_with_one_that_fills_the_frame():
    nothing = np.zeros((9, 9), int)
    assert len(track_objects([(nothing, None)] * 3).lineage) == 0
    assert track_objects([(nothing + 5, None)] * 3).lineage.tolist() == [[1, 0, 2, 0]]
    assert len(track_objects([]).lineage) == 0


def test_frames_of_different_shapes_and_impossible_options_are_refused():
    with pytest.raises(GeometryError, match="one shape"):
        track_objects([(np.ones((4, 4), int), None), (np.ones((4, 5), int), None)])
    with pytest.raises(GeometryError, match="image of frame 0"):
        track_objects([(np.ones((4, 4), int), np.ones((4, 5)))])
    for values in ({"gap": 9}, {"max_distance": 0.0}, {"coming": -1.0}):
        with pytest.raises(ConfigError, match=next(iter(values))):
            TrackOptions(**values)
