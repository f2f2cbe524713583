"""Sessions: undo is exact, memory is bounded, rules hold, tools run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import phantoms
from tests.interactive.session.sequences import SHAPE, fresh

from septum.errors import Cancelled, ConfigError, GeometryError
from septum.interactive.edits import regions
from septum.interactive.edits.paint import erase, paint
from septum.interactive.edits.polygon import scissors
from septum.interactive.edits.rules import Rules
from septum.interactive.session.session import Session
from septum.interactive.tool import Box, Change

position = st.tuples(*[st.integers(0, n - 1) for n in SHAPE])


step = st.one_of(
    st.builds(
        lambda points, radius, label: (paint, {"points": points, "radius_mm": radius, "label": label}),
        st.lists(position, min_size=1, max_size=3),
        st.floats(0, 5),
        st.sampled_from([1, 2, 7, 300, 70_000]),
    ),
    st.builds(lambda point, radius: (erase, {"points": [point], "radius_mm": radius}), position, st.floats(0, 5)),
    st.builds(lambda distance: (regions.margin, {"distance_mm": distance}), st.floats(-2, 2)),
    st.just((regions.hollow, {"thickness_mm": 1.5})),
    st.just((regions.islands, {"operation": "split"})),
    st.builds(lambda label: (regions.logic, {"operation": "invert", "label": label}), st.sampled_from([1, 2])),
)


rule = st.sampled_from(
    [Rules(), Rules(overwrite="none"), Rules(exclusive=True), Rules(area="outside", area_labels=(2,)), Rules(low=0.0)]
)


def state(session):
    return {name: session.labels(name).copy() for name in session.names}


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@given(st.lists(st.tuples(step, rule, st.sampled_from(["main", "other"])), min_size=1, max_size=6))
def test_undo_takes_every_edit_back_and_redo_does_it_again(sequence):
    session = fresh()
    states = [state(session)]
    for (tool, options), rules, layer in sequence:
        session.rules = rules
        if session.run(tool, layer=layer, **options) is not None:
            states.append(state(session))
        assert same(state(session), states[-1])
    assert len(session.can_undo) == len(states) - 1
    for before in reversed(states[:-1]):
        session.undo()
        assert same(state(session), before)
    for after in states[1:]:
        session.redo()
        assert same(state(session), after)


@given(st.lists(st.tuples(step, st.booleans()), min_size=1, max_size=8))
@settings(max_examples=15)
def test_what_was_journaled_is_what_is_opened(tmp_path_factory, sequence):
    folder = tmp_path_factory.mktemp("session") / "s"
    image = np.random.default_rng(0).standard_normal(SHAPE)
    layers = {"main": phantoms.box(SHAPE).array, "other": np.zeros(SHAPE, np.uint8)}
    with Session.create(folder, layers, image=image, spacing=(2, 1, 1), autosave=3) as session:
        for (tool, options), back in sequence:
            session.run(tool, **options)
            if back and session.can_undo:
                session.undo()
        expected = state(session), session.can_undo, session.can_redo, session.spacing
    with Session.open(folder, image=image) as again:
        found = state(again), again.can_undo, again.can_redo, again.spacing
        assert same(found[0], expected[0])
        assert found[1:] == expected[1:]
        while again.can_undo:
            again.undo()
        assert same(state(again), {name: np.asarray(labels) for name, labels in layers.items()})


def test_an_edit_reports_its_box_and_voxels_and_an_empty_one_makes_no_step():
    session = fresh()
    done = session.run(paint, points=[[0, 0, 0]], radius_mm=1, label=5, what="a dab")
    assert (done.what, done.changed) == ("a dab", 3)
    assert done.boxes == {"main": Box((0, 0, 0), (1, 2, 2))}
    assert session.run(paint, points=[[0, 0, 0]], radius_mm=1, label=5) is None
    assert session.can_undo == ("a dab",)
    assert session.revision == 1


def test_what_the_session_hands_out_cannot_be_changed_and_what_it_was_given_is_copied():
    given_labels = np.zeros(SHAPE, np.uint8)
    session = Session({"main": given_labels})
    with pytest.raises(ValueError, match="read-only"):
        session.labels()[0] = 1
    given_labels[:] = 9
    assert not session.labels().any()


def test_an_edit_that_takes_from_other_layers_is_one_step():
    session = fresh(rules=Rules(exclusive=True))
    before = state(session)
    done = session.run(regions.logic, layer="other", operation="fill", label=4)
    assert set(done.boxes) == {"main", "other"}
    assert not session.labels("main").any()
    session.undo()
    assert same(state(session), before)


def test_a_tool_in_steps_shows_each_and_is_one_edit():
    def growing(image, labels, *, spacing, radii):
        for radius in radii:
            yield paint(image, labels, points=[[3, 7, 7]], radius_mm=radius, label=2, spacing=spacing)

    session, seen = fresh(), []
    done = session.run(growing, radii=[1, 2, 3], on_preview=seen.append)
    assert len(seen) == 3
    assert done.changed == int((session.labels() == 2).sum())
    assert session.can_undo == ("growing",)
    assert session.run(growing, radii=[]) is None


def test_steps_that_each_change_another_place_all_count():
    def walking(image, labels, *, spacing):
        for place in range(3):
            yield Change(Box((place, place), (place + 1, place + 1)), np.array([[4]]))

    session = Session({"main": np.zeros((4, 4), np.uint8)}, image=np.zeros((4, 4)))
    session.run(walking)
    assert np.array_equal(session.labels(), 4 * np.diag([1, 1, 1, 0]))
    session.undo()
    assert not session.labels().any()


def test_a_tool_that_is_stopped_leaves_everything_as_it_was():
    session = fresh()
    before = state(session)
    with pytest.raises(Cancelled):
        session.run(regions.margin, cancelled=lambda: True)
    assert same(state(session), before)
    assert session.can_undo == ()


def test_a_layer_is_widened_for_a_label_that_it_cannot_hold():
    session = fresh()
    before = state(session)
    session.run(paint, points=[[3, 3, 3]], radius_mm=0, label=70_000)
    assert session.labels()[3, 3, 3] == 70_000
    assert session.labels("other").dtype == np.uint8
    session.undo()
    assert same(state(session), before)


def test_a_layer_can_be_added_and_is_opened_again(tmp_path):
    with Session.create(tmp_path / "s", {"main": np.zeros((4, 5), np.uint8)}) as session:
        session.add_layer("more", np.full((4, 5), 1000, np.int64))
        session.run(paint, layer="more", points=[[1, 1]], radius_mm=0, label=2)
        expected = session.labels("more").copy()
        with pytest.raises(ConfigError, match="new name"):
            session.add_layer("more")
        with pytest.raises(GeometryError, match="shape"):
            session.add_layer("wrong", np.zeros((3, 3), np.uint8))
    with Session.open(tmp_path / "s") as again:
        assert np.array_equal(again.labels("more"), expected)
        assert again.names == ("main", "more")


def test_impossible_sessions_and_changes_are_refused():
    with pytest.raises(ConfigError, match="must have a layer"):
        Session({})
    with pytest.raises(ConfigError, match="name"):
        Session({"a/b": np.zeros((3, 3), np.uint8)})
    with pytest.raises(GeometryError, match="shape"):
        Session({"a": np.zeros((3, 3), np.uint8), "b": np.zeros((3, 4), np.uint8)})
    with pytest.raises(GeometryError, match="image"):
        Session({"a": np.zeros((3, 3), np.uint8)}, image=np.zeros((4, 4)))
    session = Session({"a": np.zeros((3, 3), np.uint8)}, image=np.zeros((2, 3, 3)))
    with pytest.raises(GeometryError, match="inside"):
        session.apply(Change(Box((0, 0), (4, 1)), np.ones((4, 1), int)))
    with pytest.raises(GeometryError, match="negative"):
        session.apply(Change(Box((0, 0), (1, 1)), np.full((1, 1), -1)))
    with pytest.raises(GeometryError, match="integers"):
        session.apply(Change(Box((0, 0), (1, 1)), np.full((1, 1), 0.5)))
    with pytest.raises(ConfigError, match="layer"):
        session.labels("b")
    with pytest.raises(ConfigError, match="channel"):
        session.run(paint, points=[[1, 1]], channel=2)


def test_tools_get_the_channel_they_ask_for():
    image = np.arange(18.0).reshape(2, 3, 3)
    session, seen = Session({"a": np.zeros((3, 3), np.uint8)}, image=image), []

    def tool(picture, labels, *, spacing):
        seen.append(picture)
        return Change(Box((0, 0), (0, 0)), np.zeros((0, 0), np.uint8))

    session.run(tool)
    session.run(tool, channel=1)
    assert np.array_equal(seen[0], image)
    assert np.array_equal(seen[1], image[1])


def test_scissors_in_a_session_obey_the_rules():
    session = Session({"main": np.full((3, 8, 8), 1, np.uint8)}, rules=Rules(area="outside", area_labels=(1,)))
    assert session.run(scissors, points=[[1, 1, 1], [1, 1, 5], [1, 5, 5]]) is None
