"""What a notebook shows of an image."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Picture
from tests import phantoms

from septum.errors import GeometryError
from septum.geometry import Grid, Image, LabelMap, picture


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(png)))


def rgb(colour: str) -> list[int]:
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def test_labels_have_their_colour_where_they_are_and_nowhere_else() -> None:
    labels = np.zeros((32, 32), np.uint8)
    labels[8:24, 4:12], labels[8:24, 20:28] = 1, 2
    shown = pixels(picture.draw(None, labels, spacing=(1.0, 1.0), opacity=1.0))
    assert shown.shape == (256, 256, 3)
    assert shown[128, 64].tolist() == rgb(picture.colour_of(1))
    assert shown[128, 192].tolist() == rgb(picture.colour_of(2))
    assert shown[128, 128].tolist() == [0, 0, 0]


def test_proportions_are_true_and_a_volume_is_cut_across_its_coarse_axis_where_most_is_marked() -> None:
    labels = np.zeros((9, 20, 40), np.uint8)
    labels[6, 5:15, 5:15] = 1
    labels[2, 9, 9] = 1
    shown = pixels(picture.draw(None, labels, spacing=(5.0, 2.0, 0.5), opacity=1.0))
    assert shown.shape[0] / shown.shape[1] == pytest.approx(20 * 2.0 / (40 * 0.5), rel=0.02)
    share = np.mean((shown == rgb(picture.colour_of(1))).all(axis=-1))
    assert share == pytest.approx(100 / 800, rel=0.1)


def test_a_volume_is_turned_as_radiologists_read_it() -> None:
    """The front is at the top and the patient's right on the left, however the axes are stored."""
    labels = np.zeros((6, 20, 20), np.uint8)  # superior, anterior, right
    labels[3, 14:20, 14:20] = 1  # front, right
    shown = pixels(picture.draw(None, labels, spacing=(4.0, 1.0, 1.0), orientation="SAR", opacity=1.0))
    marked = (shown == rgb(picture.colour_of(1))).all(axis=-1)
    rows, columns = np.nonzero(marked)
    assert rows.max() < shown.shape[0] / 2
    assert columns.max() < shown.shape[1] / 2


def test_a_plane_can_be_chosen_and_one_outside_is_refused() -> None:
    labels = np.zeros((4, 8, 8), np.uint8)
    labels[1] = 1
    empty = pixels(picture.draw(None, labels, spacing=(1.0, 1.0, 1.0), axis=0, index=0))
    assert not empty.any()
    with pytest.raises(GeometryError, match="must name a plane"):
        picture.draw(None, labels, spacing=(1.0, 1.0, 1.0), axis=0, index=4)
    with pytest.raises(GeometryError, match="must share one"):
        picture.draw(np.zeros((1, 4, 8, 9)), labels, spacing=(1.0, 1.0, 1.0))
    with pytest.raises(GeometryError, match="must share one"):
        picture.draw(None, None, spacing=(1.0, 1.0))


def test_images_and_labels_show_themselves_in_one_line_and_in_html_with_everything_escaped() -> None:
    pair = phantoms.touching_pair((12, 32, 36), (3.0, 1.0, 1.0))
    image = Image(pair.image(channels=2).array, pair.grid, ("T1", "<b>"))
    labels = LabelMap(pair.array, pair.grid, {1: "one", 2: "<script>"})
    assert repr(image) == "Image(12 × 32 × 36, 3 × 1 × 1 mm, SAR, 2 channels (T1, <b>), float32)"
    assert repr(labels) == "LabelMap(12 × 32 × 36, 3 × 1 × 1 mm, SAR, 1 one, 2 <script>, uint8)"
    for text in (image._repr_html_(), labels._repr_html_()):
        assert "data:image/png;base64," in text
        assert "<script>" not in text
        assert "<b>" not in text
    assert " ml" in labels._repr_html_()


def test_many_labels_and_names_are_cut_short() -> None:
    labels = LabelMap(
        np.arange(40).reshape(5, 8), Grid.from_spacing((5, 8), (1.0, 1.0)), {i: f"n{i}" for i in range(40)}
    )
    assert repr(labels).count(", ") < 12
    assert "and 15 more" in labels._repr_html_()
