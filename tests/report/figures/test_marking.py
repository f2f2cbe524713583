"""What is drawn over an image by the size of what is marked: lines, fills, rings."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as Picture

from septum.geometry.picture import COLOURS, rgb_of
from septum.report.figures.marking import MOST_RINGS, blend, mark, overlay_png, palette

LINE, FILL, STRONG, RIM = 1, 2, 3, 1 + 3 * len(COLOURS)  # of label 1


def block(size: int, at: slice, value: int = 1) -> np.ndarray:
    labels = np.zeros((size, size), int)
    labels[at, at] = value
    return labels


def test_a_large_object_has_a_line_along_its_edge_a_faint_fill_and_a_dark_rim() -> None:
    drawn = mark(block(64, slice(10, 50)), (64, 64))
    assert (drawn[10, 10:50] == LINE).all()
    assert (drawn[11:49, 11:49] == FILL).all()
    assert (drawn[9, 10:50] == RIM).all()
    assert not drawn[:9].any()


def test_a_thin_structure_is_filled_and_not_covered_by_lines() -> None:
    labels = np.zeros((64, 64), int)
    labels[30:32] = 1
    drawn = mark(labels, (64, 64))
    assert (drawn[30:32] == STRONG).all()
    assert set(np.unique(drawn)) == {0, STRONG}


def test_a_tiny_object_alone_is_ringed_and_what_lies_below_stays_as_it_is() -> None:
    drawn = mark(block(64, slice(30, 33)), (64, 64))
    assert not drawn[27:36, 27:36].any()
    assert (drawn == LINE).sum() > 30
    rows, columns = np.nonzero(drawn == LINE)
    assert np.hypot(rows - 31, columns - 31).max() < 13


def test_a_crumb_beside_a_large_object_has_no_ring() -> None:
    labels = block(64, slice(10, 40))
    labels[42:44, 20:22] = 1
    drawn = mark(labels, (64, 64))
    assert (drawn[42:44, 20:22] == STRONG).all()
    assert not (drawn[46:] == LINE).any()


def test_hundreds_of_tiny_objects_are_filled_instead_of_ringed() -> None:
    labels = np.zeros((400, 400), int)
    labels[::20, ::20] = np.arange(1, 401).reshape(20, 20)
    assert np.count_nonzero(labels) > MOST_RINGS
    assert np.count_nonzero(mark(labels, (400, 400))) == 400


def test_a_label_has_its_colour_in_the_file_and_the_background_is_transparent() -> None:
    labels = block(64, slice(10, 50), value=3)
    with Picture.open(io.BytesIO(overlay_png(mark(labels, (64, 64))))) as picture:
        shown = np.asarray(picture.convert("RGBA"))
    assert tuple(shown[10, 20]) == (*rgb_of(3), 255)
    assert shown[0, 0, 3] == 0
    assert tuple(shown[30, 30, :3]) == rgb_of(3)
    assert 0 < shown[30, 30, 3] < 128


def test_the_picture_with_marks_is_what_a_browser_lays_over_each_other() -> None:
    canvas = np.full((64, 64, 3), 100, np.uint8)
    drawn = mark(block(64, slice(10, 50)), (64, 64))
    base = Picture.fromarray(canvas).convert("RGBA")
    with Picture.open(io.BytesIO(overlay_png(drawn))) as over:  # Pillow's own blending is the oracle
        base.alpha_composite(over.convert("RGBA"))
    difference = np.abs(blend(canvas, drawn).astype(int) - np.asarray(base.convert("RGB")).astype(int))
    assert difference.max() <= 1


@settings(max_examples=40, deadline=None)
@given(
    labels=hnp.arrays(np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 300)),
    zoom=st.integers(1, 9),
)
def test_any_labels_are_drawn_in_indices_of_the_palette(labels: np.ndarray, zoom: int) -> None:
    size = labels.shape[0] * zoom, labels.shape[1] * zoom
    drawn = mark(labels, size)
    assert drawn.shape == size
    assert drawn.max() < len(palette()[1]) == len(palette()[0]) // 3
    assert drawn.any() == labels.any()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_every_type_of_label_is_drawn_alike(dtype: type) -> None:
    labels = block(32, slice(4, 28))
    np.testing.assert_array_equal(mark(labels.astype(dtype), (64, 64)), mark(labels, (64, 64)))
