"""A reference cropped to a box: it grows to what the prediction marks, and nothing is cut off in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.geometry import Grid, LabelMap
from septum.workflows.evaluation.covering import MOST_GROWTH, Covered, cover, padded

WHOLE = Grid((6, 10, 12), np.array([[0, 0, -1.5, 30], [0, 2, 0, -20], [3, 0, 0, 50], [0, 0, 0, 1.0]]))


def box(shape: tuple[int, ...], low: tuple[int, ...], high: tuple[int, ...]) -> np.ndarray:
    array = np.zeros(shape, np.uint8)
    array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = 1
    return array


def cropped(array: np.ndarray, start: tuple[int, ...], shape: tuple[int, ...]) -> LabelMap:
    part = array[tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))]
    return LabelMap(part, WHOLE.crop(start, shape))


@st.composite
def boxes(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    low = tuple(draw(st.integers(0, n - 2)) for n in WHOLE.shape)
    return low, tuple(draw(st.integers(a + 1, n)) for a, n in zip(low, WHOLE.shape, strict=True))


@given(boxes())
def test_counts_are_those_of_the_whole_image_however_the_reference_was_cropped(marked: Any) -> None:
    truth, found = box(WHOLE.shape, (2, 3, 4), (4, 6, 8)), box(WHOLE.shape, *marked)
    start, shape = (1, 2, 3), (4, 6, 7)
    covered = cover(cropped(truth, start, shape), LabelMap(found, WHOLE), background=0)
    assert isinstance(covered, Covered)
    both = (covered.reference.array > 0) & (covered.prediction.array > 0)
    assert int(both.sum()) == int((truth & found).sum())
    assert int(covered.prediction.array.sum()) == int(found.sum())
    assert int(covered.reference.array.sum()) == int(truth.sum())
    inner = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
    assert covered.outside == int(found.sum()) - int(found[inner].sum())
    assert covered.missed == 0
    assert covered.prediction.grid.matches(covered.reference.grid)


def test_what_the_reference_marks_beyond_the_prediction_is_counted_as_missed() -> None:
    truth = box(WHOLE.shape, (0, 3, 4), (6, 6, 8))
    prediction = cropped(truth, (2, 0, 0), (2, 10, 12))
    covered = cover(LabelMap(truth, WHOLE), prediction, background=0)
    assert isinstance(covered, Covered)
    assert covered.missed == 4 * 3 * 4
    assert covered.outside == 0
    assert covered.start == (0, 0, 0)


def test_the_background_may_have_another_value_and_unannotated_samples_are_not_missed() -> None:
    truth = np.where(box(WHOLE.shape, (0, 3, 4), (6, 6, 8)) > 0, 0, 255).astype(np.int16)
    truth[5] = -1
    prediction = cropped(np.full(WHOLE.shape, 255, np.uint8), (0, 0, 0), (3, 10, 12))
    covered = cover(LabelMap(truth, WHOLE), prediction, background=255)
    assert isinstance(covered, Covered)
    assert covered.missed == 2 * 3 * 4
    assert covered.outside == 0


def test_masks_that_share_no_place_or_lie_far_apart_are_a_sentence() -> None:
    small = LabelMap(np.ones((2, 2, 2), np.uint8), Grid.from_spacing((2, 2, 2), (1.0, 1.0, 1.0)))
    away = LabelMap(
        small.array, Grid((2, 2, 2), np.array([[1, 0, 0, 50.0], [0, 1, 0, 50], [0, 0, 1, 50], [0, 0, 0, 1]]))
    )
    assert cover(small, away, background=0) == "the two share no place"
    long = np.zeros((2, 2, 60 * MOST_GROWTH), np.uint8)
    long[..., -1] = 1
    wide = np.zeros((60 * MOST_GROWTH, 2, 2), np.uint8)
    wide[-1] = 1
    grids = [Grid.from_spacing(array.shape, (1.0, 1.0, 1.0)) for array in (long, wide)]
    found = cover(LabelMap(long, grids[0]), LabelMap(wide, grids[1]), background=0)
    assert isinstance(found, str)
    assert "far beyond the reference" in found


@pytest.mark.parametrize("background", [0, 255, 300])
def test_padding_is_background_in_a_type_that_holds_it(background: int) -> None:
    labels = LabelMap(np.ones((2, 3), np.uint8), Grid.pixels((2, 3)))
    grid = labels.grid.crop((-1, 0), (4, 5))
    found = padded(labels, grid, start=(-1, 0), background=background)
    assert found.array.shape == (4, 5)
    assert found.array[1:3, :3].tolist() == [[1, 1, 1]] * 2
    assert (np.delete(found.array, [1, 2], axis=0) == background).all()
    assert padded(labels, labels.grid, start=(0, 0), background=9) is labels
