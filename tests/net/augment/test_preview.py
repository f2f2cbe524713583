"""Previews: an untouched tile, outlines, colour and volumes, sheets of any width."""

from __future__ import annotations

import numpy as np
import pytest
from tests.net.augment.patches import noise, smooth

from septum.net.augment import augment
from septum.net.augment.preview import GAP, full_columns, preview, stacked_pictures


@pytest.mark.parametrize(("tiles", "columns"), [(9, 9), (2, 2), (10, 5), (18, 9), (19, 7), (1, 1)])
def test_rows_of_a_preview_are_full(tiles: int, columns: int) -> None:
    assert full_columns(tiles) == columns


def test_the_first_tile_of_a_preview_is_untouched_and_outlined() -> None:
    labels = np.zeros((200, 220), np.uint8)
    labels[80:120, 90:140] = 1
    image = smooth(200, 220)[None]
    sheet = preview(
        augment.microscopy_2d((200, 200)),
        image,
        labels=labels,
        spacing=(1, 1),
        patch=(200, 200),
        count=10,
        seed=1,
    )
    assert sheet.dtype == np.uint8
    assert sheet.shape == (2 * 200 + GAP, 6 * 200 + 5 * GAP, 3)
    first = sheet[:200, :200].astype(int)
    coloured = np.ptp(first, axis=-1) > 0
    assert coloured.sum() == 2 * 40 + 2 * 50 - 4
    grey = first[~coloured][:, 0]
    assert np.ptp(grey) == 255
    assert not (sheet[:200, 200 + GAP : 400 + GAP] == sheet[:200, :200]).all()


def test_previews_show_colour_volumes_and_images_without_labels() -> None:
    colour = preview(augment.none(2), noise(3, 30, 30), labels=None, spacing=(1, 1), patch=(24, 24), count=1, seed=0)
    assert np.ptp(colour.reshape(-1, 3).astype(int), axis=1).max() > 0
    volume = preview(
        augment.medical_3d((8, 24, 24), (3, 1, 1)),
        noise(2, 9, 30, 30),
        labels=np.zeros((9, 30, 30), np.uint8),
        spacing=(3, 1, 1),
        patch=(8, 24, 24),
        count=2,
        seed=0,
    )
    assert volume.shape == (192, 3 * 192 + 2 * GAP, 3)


def test_contact_sheets_of_different_widths_are_padded_with_white() -> None:
    sheet = stacked_pictures([np.zeros((2, 3, 3), np.uint8), np.zeros((1, 5, 3), np.uint8)])
    assert sheet.shape == (3 + GAP, 5, 3)
    assert (sheet[0, 3:] == 255).all()
    assert (sheet[2 : 2 + GAP] == 255).all()
