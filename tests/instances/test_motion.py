"""Movements of known law are measured as what they are."""

import numpy as np
import pytest
from tests.instances.movies import detections

from septum.instances.motion import expected, foretold, measure_motion

CELLS, FRAMES = 30, 12


def links(frames=FRAMES, cells=CELLS):
    rows = np.arange(frames * cells).reshape(frames, cells)
    return np.stack([rows[:-1].ravel(), rows[1:].ravel()], axis=1)


def walk(*, keeps, noise=0.0, seed=0):
    """Cells far apart that keep part of their movement; noise moves their places, not their way."""
    rng = np.random.default_rng(seed)
    going = rng.normal(0, 2, (CELLS, 2))
    at = np.stack([np.arange(CELLS) * 200.0, np.zeros(CELLS)], axis=1)
    places = []
    for _ in range(FRAMES):
        places.append(at + rng.normal(0, noise, at.shape))
        going = keeps * going + np.sqrt(1 - keeps**2) * rng.normal(0, 2, going.shape)
        at = at + going
    return np.array(places)


@pytest.mark.parametrize("keeps", [0.9, 0.6])
def test_the_kept_part_of_a_movement_is_found(keeps):
    found = detections(walk(keeps=keeps))
    motion = foretold(measure_motion(found), found, links=links())
    assert motion.persistence == pytest.approx(keeps, abs=0.12)
    assert motion.scatter[0] < motion.stride


def test_a_walk_without_a_way_foretells_nothing():
    found = detections(walk(keeps=0.0))
    motion = foretold(measure_motion(found), found, links=links())
    assert motion.persistence == 0.0
    assert not expected(motion, rows=tuple(links().T), steps=1).any()


def test_of_unsharp_places_the_way_is_averaged_over_more_frames():
    """Of steady movement under noise one movement foretells less than the mean of many."""
    found = detections(walk(keeps=1.0, noise=1.5))
    motion = foretold(measure_motion(found), found, links=links())
    true = walk(keeps=1.0)
    last = np.arange((FRAMES - 2) * CELLS, (FRAMES - 1) * CELLS)
    error = np.linalg.norm(motion.persistence * motion.before[last] - (true[-1] - true[-2]), axis=1)
    single = np.linalg.norm((found.centre[last] - found.centre[last - CELLS]) - (true[-1] - true[-2]), axis=1)
    assert np.median(error) < 0.7 * np.median(single)


def test_a_common_movement_is_nobodys_own():
    places = walk(keeps=0.0)
    places[..., 1] += 5.0 * np.arange(FRAMES)[:, None]
    found = detections(places)
    motion = foretold(measure_motion(found), found, links=links())
    assert motion.shift[-1, 1] == pytest.approx(5.0 * (FRAMES - 1), rel=0.1)
    assert motion.persistence == 0.0


def test_few_movements_tell_nothing():
    found = detections(walk(keeps=1.0)[:3, :5])
    assert foretold(measure_motion(found), found, links=links(3, 5)).persistence == 0.0


def test_a_way_is_followed_over_several_frames():
    found = detections(walk(keeps=0.9))
    motion = foretold(measure_motion(found), found, links=links())
    one, two = (expected(motion, rows=(np.array([CELLS]), np.array([5 * CELLS])), steps=steps) for steps in (1, 2))
    np.testing.assert_allclose(two, one * (1 + motion.persistence))
