"""The compiled correlation against numpy's, and that a block gives the very bits of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from septum.interactive.pixels.correlate import CHUNK, correlate


@pytest.mark.parametrize("count", [1, 7, 8, 9, 17])
@pytest.mark.parametrize("step", [1, 3])
def test_each_output_is_the_sum_of_taps_times_samples(count: int, step: int) -> None:
    rng = np.random.default_rng(count)
    width = CHUNK + 5
    rows = rng.normal(size=(2, width + (count - 1) * step)).astype(np.float32)
    taps, out = rng.normal(size=count).astype(np.float32), np.full((2, width), 9, np.float32)
    correlate(rows, taps, out, step)
    expected = sum(taps[k].astype(float) * rows[:, k * step : k * step + width] for k in range(count))
    np.testing.assert_allclose(out, expected, atol=1e-5)
    part = np.zeros((1, 40), np.float32)
    correlate(rows[1:, 100:], taps, part, step)
    assert np.array_equal(part[0], out[1, 100:140])
