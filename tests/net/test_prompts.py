"""Prompts as channels, and the robot user that gives them in training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from septum.errors import ConfigError, GeometryError
from septum.net.inference.tiles import read_box
from septum.net.prompts import (
    MOST_CLASSES,
    BoxPrompt,
    Mark,
    Painted,
    PromptConfig,
    PromptedImage,
    Prompts,
    paint_prompts,
    prompt_channels,
    unfold,
)

CONFIG = PromptConfig(radius=2)


def click(*voxel: int, index: int = 1) -> Mark:
    return Mark(np.array([voxel]), index)


@given(st.tuples(*[st.integers(0, 8)] * 3), st.floats(0.5, 4), st.sampled_from([(1.0, 1.0, 1.0), (3.0, 1.0, 0.7)]))
def test_a_click_is_the_ball_that_a_distance_transform_finds(
    voxel: tuple[int, ...], radius: float, spacing: tuple[float, ...]
) -> None:
    config = PromptConfig(radius=radius, unit="mm")
    painted = paint_prompts(Prompts((click(*voxel),)), (9, 9, 9), config=config, spacing=spacing)
    free = np.ones((9, 9, 9), bool)
    free[voxel] = False
    distance = ndimage.distance_transform_edt(free, sampling=spacing)
    clear = np.abs(distance - radius) > 1e-6  # where rounding cannot decide
    assert np.array_equal((painted.marks == 2)[clear], (distance <= radius)[clear])


def test_a_radius_in_voxels_does_not_care_about_spacing() -> None:
    given = Prompts((click(4, 4),))
    near, far = (paint_prompts(given, (9, 9), config=CONFIG, spacing=s).marks for s in [(1, 1), (5, 0.2)])
    assert np.array_equal(near, far)
    assert near.any()


def test_flat_prompts_stay_in_their_slice() -> None:
    marks = paint_prompts(Prompts((click(2, 4, 4),)), (5, 9, 9), config=CONFIG, spacing=(1, 1, 1), flat=True).marks
    assert np.array_equal(np.flatnonzero(marks.any(axis=(1, 2))), [2])


def test_the_later_mark_counts_but_never_covers_a_marked_voxel() -> None:
    marks = paint_prompts(Prompts((click(0, 3), click(0, 4, index=0))), (1, 9), config=CONFIG, spacing=(1, 1)).marks
    assert marks.tolist() == [[0, 2, 1, 2, 1, 1, 1, 0, 0]]


def test_channels_are_marks_by_class_then_boxes_by_class() -> None:
    given = Prompts((click(1, 1, index=0), click(6, 6, index=2)), (BoxPrompt((0, 5), (3, 8), 1),))
    channels = unfold(paint_prompts(given, (8, 8), config=PromptConfig(radius=0.5), spacing=(1, 1)), 3)
    assert channels.shape == (prompt_channels(3), 8, 8) == (5, 8, 8)
    assert channels.sum(axis=(1, 2)).tolist() == [1, 0, 1, 9, 0]
    assert channels[0, 1, 1] == channels[2, 6, 6] == channels[3, 2, 7] == 1


def test_no_prompts_are_channels_of_zeros() -> None:
    assert not unfold(paint_prompts(Prompts(), (4, 4), config=CONFIG, spacing=(1, 1)), 4).any()


def test_boxes_of_the_last_class_that_is_allowed_have_their_own_channel() -> None:
    last = MOST_CLASSES - 1
    painted = paint_prompts(Prompts((), (BoxPrompt((0,), (2,), last),)), (3,), config=CONFIG, spacing=(1,))
    channels = unfold(painted, MOST_CLASSES)
    assert channels[-1].tolist() == [1, 1, 0]
    assert channels.sum() == 2


def test_an_image_with_prompts_reads_like_one_array() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(2, 6, 7, 8)).astype(np.float32)
    painted = Painted(
        rng.integers(0, 3, (6, 7, 8)).astype(np.uint8), (rng.integers(0, 2, (6, 7, 8)) * 2).astype(np.uint32)
    )
    lazy, whole = PromptedImage(image, painted, n_classes=2), np.concatenate([image, unfold(painted, 2)])
    assert lazy.shape == whole.shape
    assert lazy.ndim == whole.ndim
    for start, size in [((0, 0, 0), (6, 7, 8)), ((-3, 2, 5), (9, 4, 9))]:
        assert np.array_equal(read_box(lazy, start, shape=size), read_box(whole, start, shape=size))  # type: ignore[arg-type]
    plane = lazy.plane(3)
    assert np.array_equal(plane[:, :, :], whole[:, 3])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"radius": 0}, "radius of prompts"),
        ({"unit": "inch"}, "voxel or mm"),
        ({"none": 1.5}, "share between 0 and 1"),
        ({"most": 0}, "1 to 100 prompts"),
    ],
)
def test_settings_of_prompts_out_of_range_are_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PromptConfig(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, MOST_CLASSES + 1])
def test_too_few_and_too_many_classes_are_refused(count: int) -> None:
    with pytest.raises(ConfigError, match="train without --prompts"):
        prompt_channels(count)


@pytest.mark.parametrize(
    ("prompts", "error", "message"),
    [
        (Prompts((click(0, 9),)), GeometryError, "inside the image"),
        (Prompts((click(0, 0, 0),)), GeometryError, "inside the image"),
        (Prompts((click(0, 0, index=-1),)), ConfigError, "class of a mark"),
        (Prompts((), (BoxPrompt((0, 0), (2, 9), 1),)), GeometryError, "a box must hold voxels"),
        (Prompts((), (BoxPrompt((1, 1), (1, 2), 1),)), GeometryError, "a box must hold voxels"),
        (Prompts((), (BoxPrompt((0, 0), (2, 2), 0),)), ConfigError, "click the background"),
    ],
)
def test_prompts_that_do_not_fit_the_image_are_refused(prompts: Prompts, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        paint_prompts(prompts, (4, 4), config=CONFIG, spacing=(1, 1))


def test_prompts_painted_on_another_grid_are_refused() -> None:
    with pytest.raises(GeometryError, match="painted on the image's grid"):
        PromptedImage(np.zeros((1, 4, 4), np.float32), Painted(np.zeros((4, 5), np.uint8)), n_classes=2)
