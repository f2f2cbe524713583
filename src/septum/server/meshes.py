"""Surfaces as they travel to the page: small whole numbers that a graphics card takes as they are.

The insight: a place within the box of all surfaces needs 16 bits and a direction 8, so a vertex is eight bytes and a
few hundred thousand triangles arrive in a moment.

    4 bytes      length of the description
    description  JSON: `box` (two corners in mm), `surfaces` with `label`, `vertices`, `triangles`; spaces up to 4 bytes
    per surface  vertices: x, y, z as shares of the box times 65535, and 0 (uint16); then normals: x, y, z times 127,
                 and 0 (int8); then triangles: three vertices each (uint32)
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from septum.geometry.surfaces import Surface


def encoded_meshes(surfaces: Sequence[Surface]) -> bytes:
    """Surfaces as bytes, little-endian; see above."""
    corners = [np.concatenate([s.vertices for s in surfaces]) if surfaces else np.zeros((1, 3), np.float32)]
    low, high = corners[0].min(axis=0).astype(np.float64), corners[0].max(axis=0).astype(np.float64)
    size = np.maximum(high - low, 1e-6)
    told = {
        "box": [low.tolist(), (low + size).tolist()],
        "surfaces": [{"label": s.label, "vertices": len(s.vertices), "triangles": len(s.triangles)} for s in surfaces],
    }
    head = json.dumps(told).encode()
    head += b" " * (-len(head) % 4)
    parts = [np.uint32(len(head)).astype("<u4").tobytes(), head]
    for one in surfaces:
        places = np.zeros((len(one.vertices), 4), "<u2")
        places[:, :3] = np.clip(np.rint((one.vertices - low) / size * 65535), 0, 65535)
        normals = np.zeros((len(one.vertices), 4), "i1")
        normals[:, :3] = np.rint(np.clip(one.normals, -1, 1) * 127)
        parts += [places.tobytes(), normals.tobytes(), one.triangles.astype("<u4").tobytes()]
    return b"".join(parts)
