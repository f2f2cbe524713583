"""Axes in any order lead to channels and space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.errors import FormatError
from septum.io.axes import arrange, declared_axes


@given(letters=st.permutations("TCZYX"), drop=st.sets(st.sampled_from("TCZ")), seed=st.integers(0, 9))
def test_axes_in_any_order_lead_to_channels_and_space(letters: list[str], drop: set[str], seed: int) -> None:
    axes = "".join(letter for letter in letters if letter not in drop)
    sizes = {"T": 1, "C": 2, "Z": 3, "Y": 4, "X": 5}
    array = np.random.default_rng(seed).integers(0, 99, [sizes[letter] for letter in axes])
    result = arrange(array, axes)
    spatial = (3, 4, 5) if "Z" in axes else (4, 5)
    assert result.shape == (2 if "C" in axes else 1, *spatial)
    index = {"T": 0, "C": 1 if "C" in axes else 0, "Z": 2, "Y": 3, "X": 4}
    stored = array[tuple(index[letter] for letter in axes)]
    assert stored == result[(index["C"], *(index[letter] for letter in ("ZYX" if "Z" in axes else "YX")))]


def test_a_frame_must_be_chosen_before_axes_are_arranged() -> None:
    with pytest.raises(FormatError, match="frame must be chosen"):
        arrange(np.zeros((2, 3, 4)), "TYX")


def test_a_left_out_axis_must_have_length_one() -> None:
    assert declared_axes(Path("a"), "zyx", shape=(1, 5, 6, 7), found="TZYX") == "1ZYX"
    with pytest.raises(FormatError, match="slowest axis first"):
        declared_axes(Path("a"), "ZYX", shape=(2, 5, 6, 7), found="TZYX")
