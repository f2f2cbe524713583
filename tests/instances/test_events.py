"""What can happen is priced as its arithmetic says, one event at a time."""

import itertools
import math

import numpy as np
import pytest
from tests.instances import movies

from septum.errors import ConfigError
from septum.instances.detections import detect
from septum.instances.events import TrackOptions, comings, possible_events
from septum.instances.motion import measure_motion


def found():
    labels, images, _ = movies.draw(movies.wandering(1), shape=(160, 200), frames=12)
    return detect(list(zip(labels, images, strict=True))[:6], gap=1)


def rise(deviations):
    return math.sqrt(1 + deviations**2) - 1


def unlike(deviations):
    return 0.5 * math.log1p(deviations**2 / 2)


def priced(d, motion, *, ends, begins, options):
    """The cost of a link, a division or a merge, written out for one event."""
    move, size, light = motion.scatter
    place = d.centre - motion.shift[d.frame]
    if len(ends) == len(begins) == 1:
        (i,), (j,) = ends, begins
        steps = int(d.frame[j] - d.frame[i])
        share = d.overlaps.get((i, j), 0.0)
        cost = rise(math.dist(place[i], place[j]) / (move * math.sqrt(steps))) + options.missing * (steps - 1)
        if not (d.cut[i] or d.cut[j]):
            cost += unlike(math.log(d.size[j] / d.size[i]) / size)
        return cost + unlike((d.brightness[j] - d.brightness[i]) / light) + 1.5 * (1 - share)
    (one,), (a, b) = (ends, begins) if len(begins) == 2 else (begins, ends)
    pairs = [tuple(sorted((int(one), int(other)))) for other in (a, b)]
    share = max(d.overlaps.get(pair, 0.0) for pair in pairs)
    total = d.size[a] + d.size[b]
    middle = (d.size[a] * place[a] + d.size[b] * place[b]) / total
    cost = (options.division if len(begins) == 2 else options.merge) + rise(math.dist(middle, place[one]) / move)
    if not (d.cut[one] or d.cut[a] or d.cut[b]):
        cost += unlike(math.log(total / d.size[one]) / (2 * size)) + unlike(
            math.log(d.size[a] / d.size[b]) / (2 * size)
        )
    return cost + unlike((d.brightness[a] - d.brightness[b]) / (2 * light)) + 1.5 * (1 - share)


def test_every_event_costs_what_its_arithmetic_says():
    d, options = found(), TrackOptions(merges=True)
    motion = measure_motion(d)
    events = possible_events(d, motion, options=options)
    kinds = set()
    for ends, begins, cost in zip(events.ends.tolist(), events.begins.tolist(), events.cost, strict=True):
        ends, begins = [i for i in ends if i >= 0], [j for j in begins if j >= 0]
        kinds.add((len(ends), len(begins)))
        if ends and begins:
            assert cost == pytest.approx(priced(d, motion, ends=ends, begins=begins, options=options))
    assert kinds == {(0, 1), (1, 0), (1, 1), (1, 2), (2, 1)}


def test_divisions_and_merges_are_all_pairs_of_the_links():
    d, options = found(), TrackOptions(merges=True)
    events = possible_events(d, measure_motion(d), options=options)
    links, _ = events.links()
    next_frame = links[d.frame[links[:, 1]] == d.frame[links[:, 0]] + 1]
    for side, whole, parts in ((0, events.ends, events.begins), (1, events.begins, events.ends)):
        wanted = {
            (int(one), *sorted(pair))
            for one in np.unique(next_frame[:, side])
            for pair in itertools.combinations(next_frame[next_frame[:, side] == one, 1 - side].tolist(), 2)
        }
        joint = parts[:, 1] >= 0
        got = [(int(one), *sorted(pair)) for one, pair in zip(whole[joint, 0], parts[joint].tolist(), strict=True)]
        assert len(got) == len(set(got))
        assert set(got) == wanted


def test_what_is_not_allowed_is_not_there():
    d = found()
    events = possible_events(d, measure_motion(d), options=TrackOptions(divisions=False, gap=0))
    assert (events.ends[:, 1] < 0).all()
    assert (events.begins[:, 1] < 0).all()
    links, _ = events.links()
    assert (d.frame[links[:, 1]] == d.frame[links[:, 0]] + 1).all()


def test_coming_costs_little_at_the_edge_and_within_reach_of_what_all_move_in_common():
    places = np.array([[[50.0, 5.0 + 60 * k] for k in range(9)], [[50.0, 45.0 + 60 * k] for k in range(9)]])
    d = movies.detections(places)
    object.__setattr__(d, "edge", np.minimum(d.centre[:, 1], 600 - d.centre[:, 1]))
    still, drifting = measure_motion(d), measure_motion(d, drift=np.array([[0.0, 0.0], [0.0, 40.0]]))
    assert drifting.shift[-1].tolist() == [0.0, 40.0]
    first = len(places[0])
    assert still.shift[-1].tolist() != [0.0, 40.0]
    options = TrackOptions()
    come, go = comings(d, drifting, options=options)
    assert (come[:first] == 0).all()
    assert (go[first:] == 0).all()
    assert come[first] < comings(d, still, options=options)[0][first] - 0.5
    assert come[first + 4] == pytest.approx(options.coming, abs=0.1)


@pytest.mark.parametrize("values", [{"gap": 9}, {"max_distance": 0.0}, {"coming": -1.0}, {"at_edge": math.nan}])
def test_impossible_options_are_refused(values):
    with pytest.raises(ConfigError, match=next(iter(values))):
        TrackOptions(**values)
