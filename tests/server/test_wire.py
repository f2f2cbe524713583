"""Arrays travel as runs and raw values, and come back the same."""

from __future__ import annotations

import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from septum.errors import ConfigError, GeometryError
from septum.interactive.tool import Box
from septum.server import wire

LABELS = arrays.arrays(np.uint16, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=st.integers(0, 3))


@given(LABELS)
def test_runs_of_everything_bring_everything_back(labels: np.ndarray) -> None:
    box = Box.whole(labels.shape)
    found = wire.change_of(box, wire.all_runs(labels), held=np.full(labels.shape, 9, np.uint8))
    assert np.array_equal(found.labels, labels)


@given(LABELS, st.integers(0, 2**32 - 1))
def test_runs_where_a_mask_holds_set_that_and_nothing_else(labels: np.ndarray, seed: int) -> None:
    mask = np.random.default_rng(seed).random(labels.shape) < 0.5
    found = wire.change_of(Box.whole(labels.shape), wire.runs_where(mask, labels), held=np.full(labels.shape, 9))
    assert np.array_equal(found.labels, np.where(mask, labels, 9))


@pytest.mark.parametrize(("start", "stop"), [((0, 0), (5, 1)), ((2, 2), (2, 3)), ((0,), (1,)), ((0, 0, 0), (1, 1, 1))])
def test_a_box_beyond_the_image_is_refused(start: tuple[int, ...], stop: tuple[int, ...]) -> None:
    with pytest.raises(GeometryError, match="box"):
        wire.box_of(start, stop, shape=(4, 4))


@pytest.mark.parametrize("runs", [[0], [0, 5, 1], [4, 1, 1], [0, 1, 2**32], [0, 3, 1, 2, 2, 1]])
def test_runs_that_cannot_be_are_refused(runs: list[int]) -> None:
    with pytest.raises(ConfigError, match="runs"):
        wire.change_of(Box((0, 0), (2, 2)), runs, held=np.zeros((2, 2), np.uint8))


def test_a_label_that_needs_a_wider_type_widens_it() -> None:
    assert wire.change_of(Box((0, 0), (1, 2)), [0, 1, 70_000], held=np.ones((1, 2), np.uint8)).labels.tolist() == [
        [70_000, 1]
    ]


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("uint8", "uint8"),
        ("int16", "int16"),
        (">i2", "int16"),
        ("int8", "int16"),
        ("int32", "float32"),
        ("float64", "float32"),
    ],
)
def test_values_travel_little_endian_in_a_type_that_the_page_knows(kind: str, sent: str) -> None:
    values = np.array([[1, 2], [3, 100]], kind)[:, ::-1]
    body, name = wire.as_sent(values)
    assert name == sent
    assert np.frombuffer(body, np.dtype(sent).newbyteorder("<")).reshape(2, 2).tolist() == values.tolist()
    assert wire.labels_as_sent(np.ones(2, np.int64))[1] == "uint32"


@given(LABELS)
def test_a_deflated_mask_comes_back_and_its_size_is_bounded_whatever_it_holds(labels: np.ndarray) -> None:
    for level in (0, 1, 9):
        packed = zlib.compress(labels.astype("<u2").tobytes(), level)
        assert len(packed) <= wire.most_packed(labels.shape, "uint16")
        assert np.array_equal(wire.mask_of(packed, "uint16", shape=labels.shape), labels)
    with pytest.raises(ConfigError, match="must unpack to"):
        wire.mask_of(packed, "uint16", shape=(*labels.shape, 2))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(1 << 28), 9)
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match="got more"):
            wire.mask_of(bomb, "uint8", shape=(100, 100))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
