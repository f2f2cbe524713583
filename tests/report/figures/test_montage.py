"""Montages: outlines in their colours, slices of the coarse axis, windows."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Picture
from tests import phantoms

from septum.errors import GeometryError
from septum.report.figures.montage import COLOURS, _layers, cuts, montage


def open_pair(data):
    return [np.asarray(Picture.open(io.BytesIO(one)).convert("RGB")).astype(int) for one in data]


@pytest.mark.parametrize("phantom", phantoms.every(2) + phantoms.every(3), ids=lambda p: f"{p.name} {p.array.ndim}-D")
def test_pictures_with_and_without_outlines_differ_where_something_was_segmented(phantom):
    outlined, plain = open_pair(montage(phantom.image().array, phantom.array, spacing=phantom.spacing))
    assert outlined.shape == plain.shape
    assert np.any(outlined != plain) == bool(phantom.mask.any())


def test_the_outline_has_the_colour_of_its_label_and_lies_at_its_edge():
    box = phantoms.box((64, 64))
    outlined, plain = open_pair(montage(box.image().array, box.array))
    colour = [int(COLOURS[0][k : k + 2], 16) for k in (1, 3, 5)]
    rows, columns = np.nonzero((outlined == colour).all(axis=-1) & (plain != colour).any(axis=-1))
    scale = outlined.shape[0] / 64
    assert abs(rows.min() / scale - 16) < 0.3
    assert abs(columns.max() / scale - 48) < 0.3


def test_a_volume_is_cut_from_its_first_to_its_last_slice():
    labels = np.zeros((40, 30, 30), np.uint8)
    labels[5:33, 10:20, 10:20] = 1
    labels[20, 5:25, 5:25] = 1
    found = cuts(labels, None, orientation=None)
    assert [axis for axis, _ in found[:3]] == [0, 1, 2]
    assert found[0] == (0, 20)
    assert found[3] == (0, 5)
    assert found[-1] == (0, 32)
    assert len(found) == 11


def test_anisotropic_volumes_are_cut_across_the_coarse_axis_only():
    labels = np.ones((30, 30, 30), np.uint8)
    found = cuts(labels, (1.0, 1.0, 5.0), orientation=None)
    assert {axis for axis, _ in found} == {2}
    assert len(found) == 12


def test_shapes_that_differ_are_refused():
    with pytest.raises(GeometryError, match="must share one"):
        montage(np.zeros((1, 4, 4)), np.zeros((4, 5), int))


def test_a_window_says_what_is_black_and_what_is_white():
    image = np.tile(np.arange(-200, 300, 50, dtype=np.int16), (10, 1))[None]
    _, plain = open_pair(montage(image, np.zeros((10, 10), np.uint8), window=(-100, 100)))
    row = plain[300, 32::64, 0]
    assert row[:3].tolist() == [0, 0, 0]
    assert row[4] == 127
    assert row[6:].tolist() == [255] * 4


def test_a_label_has_its_colour_whatever_else_is_in_the_picture_and_many_objects_have_one() -> None:
    both = _layers(np.array([[0, 1], [2, 2]]))
    assert [colour for _, colour in both] == list(COLOURS[:2])
    assert [layer.tolist() for layer, _ in both] == [[[0, 1], [0, 0]], [[0, 0], [2, 2]]]
    assert [colour for _, colour in _layers(np.array([[0, 2]]))] == [COLOURS[1]]
    assert len(_layers(np.array([[len(COLOURS)]]))) == 1
    ((layer, colour),) = _layers(np.array([[1, len(COLOURS) + 1]]))
    assert (layer.tolist(), colour) == ([[1, len(COLOURS) + 1]], COLOURS[0])
