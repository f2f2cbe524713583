"""What an edit changed, as runs."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from septum.interactive.session.rle import Delta, Runs
from septum.interactive.tool import Box


@given(
    arrays.arrays(np.uint16, (3, 4, 5), elements=st.sampled_from([0, 1, 2, 500])),
    arrays.arrays(np.uint16, (3, 4, 5), elements=st.sampled_from([0, 1, 2, 500])),
)
def test_a_difference_leads_from_one_array_to_the_other_and_back(before, after):
    delta = Delta.between("a", Box.whole((3, 4, 5)), before=before, after=after)
    if delta is None:
        assert np.array_equal(before, after)
        return
    assert delta.changed == (before != after).sum()
    there = before.copy()
    delta.set_into(there, forward=True)
    assert np.array_equal(there, after)
    delta.set_into(there, forward=False)
    assert np.array_equal(there, before)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2**40)), min_size=1, max_size=300))
def test_runs_survive_bytes(runs):
    lengths, values = (np.array(column) for column in zip(*runs, strict=True))
    flat = np.repeat(values, lengths)
    packed = Runs.of(flat)
    found, rest = Runs.from_bytes(packed.to_bytes() + b"tail", columns=1)
    assert rest == b"tail"
    length, value = found.arrays(flat.size)
    assert np.array_equal(np.repeat(value, length), flat)
    assert found.count == 1 + sum(a != b for a, b in itertools.pairwise(flat.tolist()))
