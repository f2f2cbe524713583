"""Names in sentences and in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from septum.workflows.runs.words import natural_key, some


def test_numbers_sort_as_numbers_and_stand_before_letters() -> None:
    names = ["b2", "a10", "a9", "a", "10", "9", "a9b2", "a9b10"]
    assert sorted(names, key=natural_key) == ["9", "10", "a", "a9", "a9b2", "a9b10", "a10", "b2"]


@given(st.lists(st.text(st.sampled_from("ab019_"), max_size=6)))
def test_any_names_can_be_sorted_and_the_order_is_that_of_their_numbers(names: list[str]) -> None:
    found = sorted(names, key=natural_key)
    assert sorted(found) == sorted(names)
    assert [natural_key(name) for name in found] == sorted(natural_key(name) for name in names)


def test_a_few_names_are_all_said_and_many_are_counted() -> None:
    assert some([]) == ""
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c, d, e"
    assert some(["a", "b", "c", "d", "e", "f"]) == "a, b, c, d, e and 1 more"
    assert some(["a", "b", "c"], most=1) == "a and 2 more"
