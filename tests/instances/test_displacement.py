"""Movements farther than objects are apart are found where many share them, and not where none do."""

import numpy as np
import pytest
from tests.instances import movies

from septum.instances.displacement import displacements, first_motions, peaks, spacing_apart


def scattered(seed=0, *, count=40, size=300.0):
    """Places at least 14 apart."""
    rng = np.random.default_rng(seed)
    places = np.empty((0, 2))
    while len(places) < count:
        place = rng.uniform(0, size, 2)
        if not len(places) or np.linalg.norm(places - place, axis=1).min() > 14:
            places = np.vstack([places, place])
    return places


def movie(*drifts, own=0.0, seed=0, count=40):
    """Places that all move by the drift of each frame, and a little on their own."""
    rng = np.random.default_rng(seed)
    places = [scattered(seed, count=count)]
    for drift in drifts:
        places.append(places[-1] + drift + rng.normal(0, own, places[0].shape) if own else places[-1] + drift)
    return movies.detections(np.array(places))


def test_neighbours_are_as_far_apart_as_they_are():
    grid = np.stack(np.meshgrid(np.arange(5) * 20.0, np.arange(5) * 30.0, indexing="ij"), -1).reshape(-1, 2)
    assert spacing_apart(movies.detections(np.array([grid, grid + 7]))) == 20.0
    assert spacing_apart(movies.detections(np.array([[[3.0, 3.0]]]))) == pytest.approx(2 * np.sqrt(12 / np.pi))


@pytest.mark.parametrize("drift", [(0.0, 20.0), (45.0, -30.0), (0.0, 0.0)])
def test_what_all_share_is_the_highest_peak_however_far_it_goes(drift):
    found = movie(drift, own=0.5)
    place, count = peaks(displacements(found, 0), apart=spacing_apart(found), most=1)[0]
    assert place == pytest.approx(drift, abs=0.5)
    assert count >= 35


def test_peaks_come_in_order_and_apart():
    moves = np.concatenate([np.tile((9.0, 0.0), (5, 1)), np.tile((-4.0, 2.0), (3, 1)), np.tile((9.1, 0.0), (2, 1))])
    found = peaks(moves, apart=10.0, most=5)
    assert [count for _, count in found] == [7, 3]
    assert found[1][0].tolist() == [-4.0, 2.0]


def test_of_equal_peaks_the_smaller_movement_comes_first():
    moves = np.concatenate([np.tile((float(k), 0.0), (4, 1)) for k in (-40, -20, 30, 5, 60, 80, -90, 100)])
    assert [place[0] for place, _ in peaks(moves, apart=10.0, most=3)] == [5.0, -20.0, 30.0]


def test_a_stage_that_jumps_is_followed_frame_by_frame():
    jumps = [(25.0, -18.0), (-30.0, 4.0), (0.0, 28.0)]
    nearest, common = list(first_motions(movie(*jumps, own=0.5)))[:2]
    assert np.diff(common.shift, axis=0) == pytest.approx(np.array(jumps), abs=0.6)
    assert np.abs(np.diff(nearest.shift, axis=0) - jumps).max() > 10
    assert common.scatter[0] < 2.0


def test_a_few_objects_are_enough_for_a_jump():
    common = list(first_motions(movie((31.0, -24.0), count=5)))[1]
    assert common.shift[-1] == pytest.approx((31.0, -24.0), abs=0.1)


def test_streams_give_each_object_its_own_way():
    way = np.where(np.arange(40) % 2, 1.0, -1.0)[:, None] * (0.0, 21.0)
    found = movie(way, way, way, own=0.3)
    motion = list(first_motions(found))[-1]
    assert not motion.shift.any()
    assert motion.persistence > 0.9
    known = np.isfinite(motion.after[:, 0])
    assert np.abs(motion.after[known] - np.tile(way, (4, 1))[known]).max() < 2.0


def test_objects_that_stay_have_nothing_in_common_but_that():
    assert len(list(first_motions(movie((0.0, 0.0), (0.0, 0.0), own=1.0)))) == 1


def test_movies_of_one_frame_and_of_none_are_no_trouble():
    assert len(list(first_motions(movies.detections(np.empty((3, 0, 2)))))) == 1
    assert len(list(first_motions(movie()))) == 1
