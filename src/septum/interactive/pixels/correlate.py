"""The compiled loop that correlates rows with a short kernel, in one order of sums.

The insight: a matrix product sums in an order that depends on the size of the block and on the processor, so that a
block of an image would differ from the whole one. Here each output is the first tap times its sample, plus the second,
and so on, whatever lies around it; eight taps a pass keep the outputs in the processor's registers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from septum.geometry.loops import in_order

CHUNK = 512
"""Outputs that are summed together: they stay in the nearest memory."""


@in_order
def correlate(rows: Any, taps: Any, out: Any, step: int) -> None:
    """`out[r, j] = taps[0] * rows[r, j] + taps[1] * rows[r, j + step] + ...`, all float32; `rows` are long enough."""
    count, width = len(taps), out.shape[1]
    for r in range(out.shape[0]):
        for start in range(0, width, CHUNK):
            size = min(CHUNK, width - start)
            sums = out[r, start : start + size]
            for j in range(size):
                sums[j] = np.float32(0)
            k = 0
            while k + 8 <= count:
                t0, t1, t2, t3 = taps[k], taps[k + 1], taps[k + 2], taps[k + 3]
                t4, t5, t6, t7 = taps[k + 4], taps[k + 5], taps[k + 6], taps[k + 7]
                at = start + k * step
                p0, p1 = rows[r, at : at + size], rows[r, at + step : at + step + size]
                at += 2 * step
                p2, p3 = rows[r, at : at + size], rows[r, at + step : at + step + size]
                at += 2 * step
                p4, p5 = rows[r, at : at + size], rows[r, at + step : at + step + size]
                at += 2 * step
                p6, p7 = rows[r, at : at + size], rows[r, at + step : at + step + size]
                for j in range(size):
                    half = (((sums[j] + t0 * p0[j]) + t1 * p1[j]) + t2 * p2[j]) + t3 * p3[j]
                    sums[j] = (((half + t4 * p4[j]) + t5 * p5[j]) + t6 * p6[j]) + t7 * p7[j]
                k += 8
            while k < count:
                tap, p = taps[k], rows[r, start + k * step : start + k * step + size]
                for j in range(size):
                    sums[j] += tap * p[j]
                k += 1
