"""Slices, tiles, windows and thumbnails are those of the array, at true proportions."""

from __future__ import annotations

import io as memory
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from starlette.testclient import TestClient

from septum.errors import ConfigError
from septum.geometry import Grid, Image
from septum.server import pictures
from septum.workflows.projects.store import MissingError

AXIAL = Grid((3, 4, 5), np.array([[0, 0, 0.8, 0], [0, 0.5, 0, 0], [3.0, 0, 0, 0], [0, 0, 0, 1.0]]))


def test_a_plane_is_the_slice_across_an_axis_and_nothing_else_can_be_asked_for() -> None:
    array = np.arange(60).reshape(3, 4, 5)
    for axis in range(3):
        assert np.array_equal(pictures.plane(array, axis, index=1), np.take(array, 1, axis=axis))
    assert np.array_equal(pictures.plane(array[0], 0, index=0), array[0])
    for given in ((array, 0, 3), (array, 3, 0), (array, 0, -1), (array[0], 0, 1), (array[0], 1, 0)):
        with pytest.raises(MissingError, match="slice"):
            pictures.plane(given[0], given[1], index=given[2])


def test_letters_and_lengths_are_those_of_the_patient() -> None:
    axes = pictures.axes_of(Image(np.zeros((1, *AXIAL.shape)), AXIAL, ("ct",)))
    assert [one["letters"] for one in axes] == [["I", "S"], ["P", "A"], ["L", "R"]]
    assert [one["mm"] for one in axes] == [3.0, 0.5, 0.8]


def test_tiles_and_levels_cover_the_image_once() -> None:
    array = np.arange(600 * 1100).reshape(600, 1100)
    rows = [np.hstack([pictures.tile(array, r, column=c) for c in range(3)]) for r in range(2)]
    assert np.array_equal(np.vstack(rows), array)
    with pytest.raises(MissingError):
        pictures.tile(array, 2, column=0)
    plane = Grid.from_spacing((600, 1100), (1.0, 1.0))
    assert pictures.pyramid_shapes(Image(array[None], plane, ("x",))) == [(600, 1100), (300, 550), (150, 275)]


def test_a_tile_as_a_picture_is_the_tile() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (4, 5, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Picture.open(memory.BytesIO(pictures.encoded(rgb, "png")))), rgb)
    with pytest.raises(ConfigError, match="format"):
        pictures.encoded(rgb, "gif")


def test_a_thumbnail_has_the_proportions_of_the_body_and_shows_the_mask(client: TestClient, folder: Path) -> None:
    picture = Picture.open(memory.BytesIO(client.get("/api/cases/volume/thumbnail").content))
    assert max(picture.size) <= pictures.THUMBNAIL
    assert picture.size == (20, 24)
    found = np.asarray(picture).astype(int)
    tinted = np.ptp(found, axis=-1) > 20
    assert tinted[8:16, 6:14].all()
    assert not tinted[:7].any()
