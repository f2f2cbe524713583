"""Pictures to leaf through: cells show the slices they say, turned and sized as people read them."""

import numpy as np
import pytest
from tests.report.figures.viewed import pixels

from septum.errors import GeometryError
from septum.report.figures.views import CELL_PX, MOST_SLICES, cell_box, picture_of, views


def test_each_cell_shows_the_slice_it_names() -> None:
    steps = np.arange(100, dtype=np.float32)[:, None, None] * np.ones((1, 20, 30), np.float32)
    labels = np.zeros(steps.shape, np.uint8)
    labels[77, 5:15, 5:25] = 1
    view = views(steps[None], {"mask": labels}, spacing=(3.0, 1.0, 1.0))[0]
    assert len(view.slices) in (MOST_SLICES[0], MOST_SLICES[0] + 1)
    assert view.total == 100
    assert view.slices[view.first] == 77
    shown = pixels(view.image)
    for cell, index in enumerate(view.slices):
        left, upper, right, lower = cell_box(view, cell)
        assert abs(shown[upper + 5 : lower - 5, left + 5 : right - 5].mean() - 255 * index / 99) < 5


def test_a_volume_gives_three_planes_in_true_proportions_with_their_names_and_directions() -> None:
    image = np.random.default_rng(0).normal(size=(1, 10, 40, 20)).astype(np.float32)
    found = views(image, {"mask": np.zeros((10, 40, 20), int)}, spacing=(4.0, 1.0, 2.0), orientation="SAR")
    assert [view.title for view in found] == ["axial", "coronal", "sagittal"]
    assert [view.letters for view in found] == ["RLAP", "RLSI", "APSI"]
    assert [view.cell for view in found] == [(CELL_PX, CELL_PX)] * 3  # 40 × 40 mm each
    assert [len(view.slices) for view in found] == [10, 40, 20]


def test_the_outline_lies_where_the_label_is_after_turning() -> None:
    labels = np.zeros((4, 30, 60), int)
    labels[:, :15, :30] = 1  # towards A and R grow the indices: back, left
    view = views(None, {"mask": labels}, spacing=(5.0, 1.0, 1.0), orientation="SAR")[0]
    marked = np.asarray(picture_of(view)).sum(axis=2) > 60
    height, width = marked.shape
    assert marked[height // 2 + 2 :, width // 2 + 2 :].mean() > 0.9  # back is below, the patient's left on the right
    assert not marked[: height // 2 - 2].any()


def test_a_small_picture_is_enlarged_and_a_large_one_reduced() -> None:
    for side, longest in ((50, 512), (700, 700), (3000, 1024)):
        view = views(
            np.zeros((1, side, side // 2), np.uint8), {"mask": np.zeros((side, side // 2), int)}, spacing=(1.0, 1.0)
        )[0]
        assert view.cell == (longest // 2, longest)


def test_colours_stay_colours_and_a_constant_image_is_no_fault() -> None:
    image = np.zeros((3, 64, 64), np.uint8)
    image[0] = 200
    view = views(image, {"mask": np.zeros((64, 64), int)}, spacing=(1.0, 1.0))[0]
    assert abs(pixels(view.image)[30, 30] - (200, 0, 0)).max() <= 4
    views(np.full((1, 8, 8), np.nan, np.float32), {"mask": np.zeros((8, 8), int)}, spacing=(1.0, 1.0))


def test_arrays_of_different_shape_are_refused() -> None:
    with pytest.raises(GeometryError, match=r"share one 2-D or 3-D shape, got \[\(4, 4\), \(4, 5\)\]"):
        views(np.zeros((1, 4, 4)), {"mask": np.zeros((4, 5), int)}, spacing=(1.0, 1.0))
