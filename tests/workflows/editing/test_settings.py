"""Drawn slices as they are typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import ConfigError
from septum.workflows.editing.settings import InterpolateSettings

PLACES = st.lists(st.integers(0, 999), min_size=1, max_size=5)


@given(st.dictionaries(st.sampled_from([0, 1, 2]), PLACES, min_size=1))
def test_an_axis_and_its_slices_come_back_as_typed(planes: dict[int, list[int]]) -> None:
    typed = tuple(f"{'zyx'[axis]}:{','.join(map(str, places))}" for axis, places in planes.items())
    assert InterpolateSettings(drawn=typed).planes() == planes


def test_nothing_named_is_none_and_blanks_do_not_matter() -> None:
    assert InterpolateSettings().planes() is None
    assert InterpolateSettings(drawn=("y: 3, 8",)).planes() == {1: [3, 8]}


@pytest.mark.parametrize("typed", ["q:0,4", "z", "z:", "z:1;4", "z:-1", "zy:1", ":3", "z:1,,2", "z:1.5", ""])
def test_anything_else_is_refused_with_what_was_typed(typed: str) -> None:
    with pytest.raises(ConfigError, match="must be an axis and slices") as told:
        InterpolateSettings(drawn=(typed,)).planes()
    assert repr(typed) in str(told.value)
