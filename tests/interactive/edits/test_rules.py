"""Rules: editable area, editable range, overwriting, layers that overlap or do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import ConfigError, GeometryError
from septum.interactive.edits.rules import Rules, filtered
from septum.interactive.tool import Box, Change

NOW = np.array([[0, 1, 2, 3], [0, 1, 2, 3]], np.uint8)
WHOLE = Box((0, 0), (2, 4))


def kept(wanted, rules, *, now=NOW, image=None, **others):
    change = Change(WHOLE, np.asarray(wanted, np.uint8))
    return filtered(change, {"a": now, **others}, layer="a", rules=rules, image=image)["a"].labels.tolist()


PAINTED = [[2, 2, 2, 2], [0, 0, 0, 0]]


def test_all_labels_may_be_replaced_and_removed():
    assert kept(PAINTED, Rules()) == PAINTED


def test_with_none_no_label_takes_from_another_but_labels_may_be_removed():
    assert kept(PAINTED, Rules(overwrite="none")) == [[2, 1, 2, 3], [0, 0, 0, 0]]


def test_hidden_labels_are_neither_replaced_nor_removed():
    rules = Rules(overwrite="visible", hidden=(1,))
    assert kept(PAINTED, rules) == [[2, 1, 2, 2], [0, 1, 0, 0]]
    assert kept(PAINTED, Rules(overwrite="visible", hidden_layers=("a",))) == [[2, 1, 2, 3], [0, 1, 2, 3]]
    assert kept(PAINTED, Rules(overwrite="all", hidden=(1,))) == PAINTED


@pytest.mark.parametrize(
    ("rules", "inside"),
    [
        (Rules(area="inside", area_labels=(1, 3)), [0, 1, 0, 1]),
        (Rules(area="outside", area_labels=(1, 3)), [1, 0, 1, 0]),
        (Rules(area="inside"), [0, 1, 1, 1]),
        (Rules(area="outside", area_layer="b"), [1, 1, 1, 0]),
        (Rules(area="inside", area_mask=np.array([[True, False, False, False]] * 2)), [1, 0, 0, 0]),
    ],
)
def test_only_the_editable_area_changes(rules, inside):
    other = np.array([[0, 0, 0, 9], [0, 0, 0, 9]], np.uint8)
    found = np.array(kept(np.full((2, 4), 7), rules, b=other))
    assert np.array_equal(found == 7, np.array([inside] * 2, bool))


def test_only_the_editable_range_changes_both_ends_included():
    image = np.array([[10, 20, 30, 40], [40, 30, 20, 10]], np.int16)
    wanted = np.full((2, 4), 7)
    assert (np.array(kept(wanted, Rules(low=20, high=30), image=image)) == 7).tolist() == [
        [False, True, True, False],
        [False, True, True, False],
    ]
    assert (np.array(kept(wanted, Rules(low=30), image=image)) == 7).sum() == 4
    channels = np.stack([np.zeros_like(image), image])
    assert (np.array(kept(wanted, Rules(high=10, channel=1), image=channels)) == 7).sum() == 2


def test_layers_overlap_unless_they_are_exclusive():
    other = np.array([[5, 5, 0, 0], [0, 0, 0, 6]], np.uint8)
    change = Change(Box((0, 0), (1, 4)), np.array([[2, 2, 2, 2]], np.uint8))
    layers = {"a": NOW, "b": other, "c": np.zeros_like(other)}
    assert set(filtered(change, layers, layer="a", rules=Rules())) == {"a"}
    both = filtered(change, layers, layer="a", rules=Rules(exclusive=True))
    assert set(both) == {"a", "b"}
    assert both["a"].labels.tolist() == [[2, 2, 2, 2]]
    assert both["b"].labels.tolist() == [[0, 0, 0, 0]]
    none = filtered(change, layers, layer="a", rules=Rules(exclusive=True, overwrite="none"))
    assert set(none) == {"a"}
    assert none["a"].labels.tolist() == [[0, 1, 2, 3]]
    hidden = Rules(exclusive=True, overwrite="visible", hidden_layers=("b",))
    assert filtered(change, layers, layer="a", rules=hidden)["a"].labels.tolist() == [[0, 1, 2, 2]]


@given(
    st.lists(st.integers(0, 3), min_size=8, max_size=8),
    st.sampled_from(["all", "visible", "none"]),
    st.sampled_from(["everywhere", "inside", "outside"]),
    st.lists(st.integers(0, 3), max_size=2),
    st.lists(st.integers(0, 3), max_size=2),
)
def test_filtering_twice_is_filtering_once_and_never_invents_a_label(wanted, overwrite, area, hidden, area_labels):
    proposed = np.array(wanted, np.uint8).reshape(2, 4)
    rules = Rules(overwrite=overwrite, hidden=tuple(hidden), area=area, area_labels=tuple(area_labels), low=3)
    image = np.arange(8).reshape(2, 4)
    once = np.array(kept(proposed, rules, image=image))
    assert ((once == proposed) | (once == NOW)).all()
    assert np.array_equal(once, kept(once, rules, image=image))
    assert (once[image < 3] == NOW[image < 3]).all()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Rules(overwrite="some"), ConfigError, "overwrite"),
        (lambda: Rules(area="near"), ConfigError, "area"),
        (lambda: Rules(low=3, high=2), ConfigError, "low"),
        (lambda: Rules(low=float("nan")), ConfigError, "low"),
        (lambda: kept(PAINTED, Rules(low=1)), ConfigError, "needs the image"),
        (lambda: kept(PAINTED, Rules(low=1), image=np.zeros((3, 3))), GeometryError, "image must have"),
        (lambda: kept(PAINTED, Rules(low=1, channel=2), image=np.zeros((2, 2, 4))), ConfigError, "channel"),
        (lambda: kept(PAINTED, Rules(area="inside", area_layer="z")), ConfigError, "layer"),
        (lambda: kept(PAINTED, Rules(area="inside", area_mask=np.zeros((9, 9)))), GeometryError, "area"),
        (lambda: filtered(Change(WHOLE, NOW), {"a": NOW}, layer="z", rules=Rules()), ConfigError, "layer"),
        (lambda: filtered(Change(WHOLE, NOW), {"a": NOW[:1]}, layer="a", rules=Rules()), GeometryError, "inside"),
    ],
)
def test_impossible_rules_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
