"""Loops as machine code: the same numbers as Python, and the same bits where their order is kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from septum.geometry.loops import compiled, in_order


def _total(values: Any) -> float:
    total = 0.0
    for value in values:
        total += value * value
    return total


fast, exact = compiled(_total), in_order(_total)


def test_loops_in_order_give_the_bits_of_plain_python() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    assert exact(values) == _total(values)


def test_loops_in_any_order_give_the_same_up_to_rounding() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    np.testing.assert_allclose(fast(values), _total(values), rtol=1e-12)
    assert fast(np.arange(4.0)) == 14
