"""Slices, tiles and layers of labels as raw values, and what the page may keep of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.server.routes.test_edits import labels, stroke

from septum import io


def values(client: TestClient, path: str) -> np.ndarray:
    found = client.get(f"/api/cases/{path}")
    assert found.status_code == 200, found.text
    shape = tuple(int(n) for n in found.headers["X-Septum-Shape"].split(","))
    return np.frombuffer(found.content, np.dtype(found.headers["X-Septum-Dtype"]).newbyteorder("<")).reshape(shape)


def test_slices_across_every_axis_are_those_of_the_file(client: TestClient, folder: Path) -> None:
    array = io.read_image(folder.parent / "data" / "images" / "volume.nii.gz").array[0]
    for axis, index in ((0, 4), (1, 11), (2, 19)):
        assert np.array_equal(values(client, f"volume/slices/{axis}/{index}"), np.take(array, index, axis=axis))


def test_a_photograph_comes_with_its_colours_last_or_channel_by_channel(client: TestClient, folder: Path) -> None:
    array = io.read_image(folder.parent / "data" / "images" / "photo.png").array
    assert np.array_equal(values(client, "photo/slices/0/0?channel=all"), np.moveaxis(array, 0, -1))
    assert np.array_equal(values(client, "photo/slices/0/0?channel=2"), array[2])
    assert np.array_equal(values(client, "photo/tiles/0/0/0"), np.moveaxis(array, 0, -1))
    assert client.get("/api/cases/photo/tiles/0/0/0?format=webp").headers["content-type"] == "image/webp"


def test_an_image_may_be_kept_by_the_page_and_labels_never(client: TestClient) -> None:
    first = client.get("/api/cases/volume/slices/0/0")
    again = client.get("/api/cases/volume/slices/0/0", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"].startswith("private")
    assert first.headers["etag"] != client.get("/api/cases/volume/slices/0/1").headers["etag"]
    assert client.get("/api/cases/volume/labels/0/0").headers["cache-control"] == "no-store"


def test_labels_of_a_layer_are_those_of_that_layer(client: TestClient) -> None:
    before = labels(client)
    stroke(client, 1)
    assert np.array_equal(labels(client, "reference"), before)
    assert np.array_equal(labels(client, "version:1"), before)
    assert np.array_equal(values(client, "square/labeltiles/0/0/0"), np.zeros((40, 50)))
    assert client.get("/api/cases/volume/labeltiles/0/0/0").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "volume/slices/3/0", "volume/slices/0/9", "volume/slices/0/-1", "volume/slices/0/0?channel=1",
        "volume/slices/0/0?channel=all", "volume/labels/0/0?layer=version:9", "volume/labels/0/0?layer=prediction:",
        "volume/labels/0/0?layer=nothing", "square/labels/0/0?layer=reference", "volume/tiles/0/0/0",
        "square/tiles/1/0/0", "square/tiles/0/1/0", "photo/tiles/0/0/0?format=svg", "square/labeltiles/17/0/0",
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(client: TestClient, path: str) -> None:
    assert client.get(f"/api/cases/{path}").status_code in (400, 404, 422)
