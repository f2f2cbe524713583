"""The compiled loop of a forest: every voxel walks down every tree, many voxels at a time.

The insight: a walk waits for memory and for guesses at its next turn. When many voxels take their steps by turns, and a
step is a sum (the node on the left, plus one where the feature is larger), the processor works on several at once. A
leaf leads to itself, so that no voxel needs to know that it has arrived. Indices are unsigned, which spares a test
for negative ones in each step: half of the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from septum.geometry.loops import compiled

CHUNK = 256
"""Voxels that walk together: their features stay in the processor's nearest memory."""


@compiled
def vote(features: Any, split: Any, threshold: Any, left: Any, roots: Any, depths: Any, prob: Any, out: Any) -> None:
    """Add the probabilities `(nodes, K)` of the leaves that columns of `features` `(F, N)` reach to `out` `(K, N)`."""
    count = features.shape[1]
    local = np.empty(features.shape[0] * CHUNK, np.float32)
    nodes = np.empty(CHUNK, np.uint32)
    row_of, next_of = (split * CHUNK).astype(np.uint32), left.astype(np.uint32)
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        for row in range(features.shape[0]):
            for i in range(size):
                local[row * CHUNK + i] = features[row, start + i]
        for tree in range(len(roots)):
            for i in range(size):
                nodes[i] = roots[tree]
            for _ in range(depths[tree]):
                for i in range(size):
                    node = nodes[i]
                    larger = local[row_of[node] + np.uint32(i)] > threshold[node]
                    nodes[i] = next_of[node] + np.uint32(larger)
            for i in range(size):
                for k in range(prob.shape[1]):
                    out[k, start + i] += prob[nodes[i], k]
