"""Blocks on all cores come in order, and a failure ends the work."""

from __future__ import annotations

import pytest

from septum.interactive.pixels.workers import on_all_cores


def test_a_failure_in_a_block_ends_the_work():
    def work(n: int) -> int:
        if n == 3:
            raise ValueError("three")
        return n

    results = on_all_cores(work, range(1000))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
