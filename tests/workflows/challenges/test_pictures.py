"""Pictures of the page: panels of one size in a row, on white, with their colours."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from septum.workflows.challenges.pictures import GAP_PX, LONGEST_PX, grey, labelled_picture, panels_jpeg


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def panel(colour: tuple[int, int, int], shape: tuple[int, int] = (20, 40)) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (*shape, 3)).copy()


@pytest.mark.parametrize("shape", [(20, 40), (40, 20), (1200, 300)])
def test_panels_stand_side_by_side_with_a_white_gap_and_the_longest_edge_is_bounded(shape: tuple[int, int]) -> None:
    row = opened(panels_jpeg([panel((200, 0, 0), shape), panel((0, 0, 200), shape)]))
    scale = LONGEST_PX / max(shape)
    height, width = round(shape[0] * scale), round(shape[1] * scale)
    assert row.shape == (height, 2 * width + GAP_PX, 3)
    assert np.abs(row[height // 2, width // 2] - (200, 0, 0)).max() < 20
    assert np.abs(row[height // 2, width + GAP_PX + width // 2] - (0, 0, 200)).max() < 20
    assert row[height // 2, width + GAP_PX // 2].min() > 200


def test_grey_runs_from_black_to_white_and_is_cut_off_beyond() -> None:
    found = grey(np.array([[-1.0, 0.0, 0.5, 1.0, 2.0]]))
    assert found.shape == (1, 5, 3)
    assert found[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    assert (found == found[..., :1]).all()


def test_objects_are_painted_over_the_image_and_the_background_is_not() -> None:
    image = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))[None]
    labels = np.zeros((16, 16), int)
    labels[4:12, 4:12] = 1
    plain, found = labelled_picture(image, np.zeros_like(labels)), labelled_picture(image, labels)
    assert (plain[..., 0] == plain[..., 1]).all()
    assert np.array_equal(found[0], plain[0])
    assert not np.array_equal(found[8, 8], plain[8, 8])
    assert len({tuple(colour) for colour in found[8]} - {tuple(colour) for colour in plain[8]}) > 1
