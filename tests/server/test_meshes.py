"""Surfaces arrive as they left, to a hair; over the server they are those of the layer that was asked for."""

from __future__ import annotations

import json

import numpy as np
import pytest
from starlette.testclient import TestClient

from septum.geometry.surfaces import Surface, label_meshes
from septum.server.meshes import encoded_meshes


def decoded(body: bytes) -> tuple[list[list[float]], list[Surface]]:
    """What a page makes of it."""
    length = int(np.frombuffer(body, "<u4", 1)[0])
    told = json.loads(body[4 : 4 + length])
    low, high = (np.array(corner) for corner in told["box"])
    at, found = 4 + length, []
    assert at % 4 == 0
    for one in told["surfaces"]:
        count = one["vertices"]
        places = np.frombuffer(body, "<u2", 4 * count, at).reshape(-1, 4)[:, :3] / 65535 * (high - low) + low
        normals = np.frombuffer(body, "i1", 4 * count, at + 8 * count).reshape(-1, 4)[:, :3] / 127
        at += 12 * count
        triangles = np.frombuffer(body, "<u4", 3 * one["triangles"], at).reshape(-1, 3)
        at += triangles.nbytes
        found.append(Surface(one["label"], places.astype(np.float32), normals.astype(np.float32), triangles))
    assert at == len(body)
    return told["box"], found


def test_surfaces_arrive_as_they_left() -> None:
    labels = np.zeros((9, 9, 20), np.uint32)
    labels[2:6, 2:7, 3:8], labels[4:8, 3:6, 11:17] = 1, 70_000
    sent = label_meshes(labels, affine=np.diag([3.0, 0.8, 0.8, 1.0]))
    box, found = decoded(encoded_meshes(sent))
    assert [one.label for one in found] == [1, 70_000]
    for one, other in zip(sent, found, strict=True):
        assert np.abs(one.vertices - other.vertices).max() < 1e-3
        assert np.abs(one.normals - other.normals).max() < 0.01
        assert np.array_equal(one.triangles, other.triangles)
    assert np.allclose(box[0], np.concatenate([one.vertices for one in sent]).min(axis=0))
    assert decoded(encoded_meshes(())) == ([[0.0] * 3, [1e-6] * 3], [])


def test_the_surfaces_of_a_layer_lie_where_its_labels_lie(client: TestClient) -> None:
    _, (one,) = decoded(client.get("/api/cases/volume/surfaces?layer=reference").content)
    low, high = one.vertices.min(axis=0), one.vertices.max(axis=0)
    middle = (low + high) / 2  # of the box from (3, 8, 6) to (6, 16, 14) of the data in tests.server.conftest
    assert middle == pytest.approx([9.5 * 0.8 - 8, 11.5 * 0.8 - 9, 4 * 3 + 5], abs=0.3)
    current = client.get("/api/cases/volume/surfaces")
    assert decoded(current.content)[1][0].label == one.label
    assert current.headers["cache-control"] == "no-store"
    assert client.get("/api/cases/volume/surfaces?layer=nothing").status_code == 404
    assert client.get("/api/cases/square/surfaces").status_code == 400
