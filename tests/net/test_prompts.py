"""Prompts as channels, and the simulated user that gives them in training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from septum.errors import ConfigError, GeometryError
from septum.net.inference.tiles import read_box
from septum.net.learning.simulated_user import box_around_largest, correct, prompt_batch
from septum.net.prompts import (
    MOST_CLASSES,
    BoxPrompt,
    Mark,
    Painted,
    PromptConfig,
    PromptedImage,
    Prompts,
    paint,
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
    painted = paint(Prompts((click(*voxel),)), (9, 9, 9), config=config, spacing=spacing)
    free = np.ones((9, 9, 9), bool)
    free[voxel] = False
    distance = ndimage.distance_transform_edt(free, sampling=spacing)
    clear = np.abs(distance - radius) > 1e-6  # where rounding cannot decide
    assert np.array_equal((painted.marks == 2)[clear], (distance <= radius)[clear])


def test_a_radius_in_voxels_does_not_care_about_spacing() -> None:
    given = Prompts((click(4, 4),))
    near, far = (paint(given, (9, 9), config=CONFIG, spacing=s).marks for s in [(1, 1), (5, 0.2)])
    assert np.array_equal(near, far)
    assert near.any()


def test_flat_prompts_stay_in_their_slice() -> None:
    marks = paint(Prompts((click(2, 4, 4),)), (5, 9, 9), config=CONFIG, spacing=(1, 1, 1), flat=True).marks
    assert np.array_equal(np.flatnonzero(marks.any(axis=(1, 2))), [2])


def test_the_later_mark_counts_but_never_covers_a_marked_voxel() -> None:
    marks = paint(Prompts((click(0, 3), click(0, 4, index=0))), (1, 9), config=CONFIG, spacing=(1, 1)).marks
    assert marks.tolist() == [[0, 2, 1, 2, 1, 1, 1, 0, 0]]


def test_channels_are_marks_by_class_then_boxes_by_class() -> None:
    given = Prompts((click(1, 1, index=0), click(6, 6, index=2)), (BoxPrompt((0, 5), (3, 8), 1),))
    channels = unfold(paint(given, (8, 8), config=PromptConfig(radius=0.5), spacing=(1, 1)), 3)
    assert channels.shape == (prompt_channels(3), 8, 8) == (5, 8, 8)
    assert channels.sum(axis=(1, 2)).tolist() == [1, 0, 1, 9, 0]
    assert channels[0, 1, 1] == channels[2, 6, 6] == channels[3, 2, 7] == 1


def test_no_prompts_are_channels_of_zeros() -> None:
    assert not unfold(paint(Prompts(), (4, 4), config=CONFIG, spacing=(1, 1)), 4).any()


def test_boxes_of_the_last_class_that_is_allowed_have_their_own_channel() -> None:
    last = MOST_CLASSES - 1
    painted = paint(Prompts((), (BoxPrompt((0,), (2,), last),)), (3,), config=CONFIG, spacing=(1,))
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
        paint(prompts, (4, 4), config=CONFIG, spacing=(1, 1))


def test_prompts_painted_on_another_grid_are_refused() -> None:
    with pytest.raises(GeometryError, match="painted on the image's grid"):
        PromptedImage(np.zeros((1, 4, 4), np.float32), Painted(np.zeros((4, 5), np.uint8)), n_classes=2)


# --- the simulated user -----------------------------------------------------------------------------------------------


def discs() -> np.ndarray:
    """A plane with a large disc of class 1, a small one of class 2 and a column without annotation."""
    y, x = np.mgrid[:40, :40]
    truth = np.zeros((40, 40), np.uint8)
    truth[(y - 12) ** 2 + (x - 12) ** 2 <= 64] = 1
    truth[(y - 30) ** 2 + (x - 30) ** 2 <= 9] = 2
    truth[:, 39] = 255
    return truth


def test_a_careful_person_clicks_the_middle_of_the_largest_error_first() -> None:
    truth, guess = discs(), np.zeros((40, 40), np.uint8)
    first = correct(truth, guess, ignore=255)
    assert first is not None
    assert (first.points.tolist(), first.index) == ([[12, 12]], 1)
    guess[truth == 1] = 1
    second = correct(truth, guess, ignore=255)
    assert second is not None
    assert (second.points.tolist(), second.index) == ([[30, 30]], 2)


def test_a_careful_person_marks_a_false_alarm_as_background() -> None:
    truth = discs()
    guess = np.where(truth == 255, 1, truth)
    guess[3:6, 30:33] = 1
    found = correct(truth, guess, ignore=255)
    assert found is not None
    assert (found.points.tolist(), found.index) == ([[4, 31]], 0)


def test_nothing_is_clicked_where_nothing_is_wrong_or_annotated() -> None:
    truth = discs()
    assert correct(truth, np.where(truth == 255, 1, truth), ignore=255) is None


def test_the_box_of_a_careful_person_fits_the_largest_object() -> None:
    truth = discs()
    assert box_around_largest(truth, ignore=255) == BoxPrompt((4, 4), (21, 21), 1)
    truth[truth == 1] = 255
    assert box_around_largest(truth, ignore=255) == BoxPrompt((27, 27), (34, 34), 2)
    assert box_around_largest(np.zeros((4, 4), np.uint8)) is None


def test_boxes_are_as_usual_as_clicks_and_often_alone() -> None:
    """A network whose training hardly had a box alone did not obey one."""
    guess = np.zeros((40, 40), np.uint8)
    config = PromptConfig(radius=0.5, none=0)
    patches = [patch for seed in range(150) for patch in prompted(seed, config, guess)[0]]
    boxed = [patch for patch in patches if patch[3:].any()]
    assert 0.25 < len(boxed) / len(patches) < 0.42
    assert np.mean([not patch[:3].any() for patch in boxed]) > 0.25


def prompted(seed: int, config: PromptConfig, guess: np.ndarray, *, margin: int = 0) -> tuple[np.ndarray, list[int]]:
    """The prompt channels of two patches, and how often the network was asked."""
    labels = torch.from_numpy(np.stack([discs(), discs()]).astype(np.int64))
    asked: list[int] = []

    def predict(batch: torch.Tensor) -> torch.Tensor:
        asked.append(batch.shape[1])
        return torch.from_numpy(np.stack([guess, guess]).astype(np.int64))

    found = prompt_batch(
        torch.zeros((2, 1, 40 + 2 * margin, 40 + 2 * margin)),
        labels,
        config=config,
        n_classes=3,
        spacings=[(1.0, 1.0)] * 2,
        generators=[np.random.default_rng((seed, index)) for index in range(2)],
        predict=predict,
    )
    return found.numpy()[:, 1:], asked


def test_every_mark_of_the_simulated_user_tells_the_truth() -> None:
    config, truth = PromptConfig(radius=0.5, none=0, most=5), discs()
    guess = np.zeros((40, 40), np.uint8)
    total, boxes = 0, 0
    for seed in range(25):
        found, _ = prompted(seed, config, guess)
        for patch in found:
            for index in range(3):
                assert (truth[patch[index] > 0] == index).all()
            total += int((patch[:3] > 0).sum())
            boxes += int(patch[3:].any())
    assert total > 50
    assert boxes > 0


def test_corrections_lie_in_errors_alone() -> None:
    config, truth = PromptConfig(radius=0.5, none=0, most=1), discs()
    guess = np.where(truth == 1, 0, truth)
    hits = 0
    for seed in range(40):
        found, asked = prompted(seed, config, guess)
        if asked:
            for patch in found:
                hits += int(patch[1].any() or patch[2].any() or patch[0].any())
                if patch[2].any() or patch[0].any():
                    continue  # a prompt that came before the prediction
                assert (truth[patch[1] > 0] == 1).all()
    assert hits > 20


def test_a_share_of_the_patches_has_no_prompts() -> None:
    guess = np.zeros((40, 40), np.uint8)
    none = [not patch.any() for seed in range(100) for patch in prompted(seed, PromptConfig(none=0.3), guess)[0]]
    assert 0.2 < np.mean(none) < 0.4
    always, asked = prompted(0, PromptConfig(none=1.0), guess)
    assert not always.any()
    assert asked == []  # nothing to correct: the network is not asked


def test_the_simulated_user_is_seeded() -> None:
    guess = np.zeros((40, 40), np.uint8)
    config = PromptConfig(none=0)
    assert np.array_equal(prompted(5, config, guess)[0], prompted(5, config, guess)[0])
    assert not np.array_equal(prompted(5, config, guess)[0], prompted(6, config, guess)[0])


def test_the_network_is_asked_with_the_prompts_that_came_first() -> None:
    _, asked = prompted(0, PromptConfig(none=0, most=5), np.zeros((40, 40), np.uint8))
    assert asked == [1 + prompt_channels(3)]


def test_prompts_of_a_network_that_eats_its_margin_lie_where_its_output_is() -> None:
    found, _ = prompted(3, PromptConfig(none=0), np.zeros((40, 40), np.uint8))
    wide, _ = prompted(3, PromptConfig(none=0), np.zeros((40, 40), np.uint8), margin=6)
    assert found.any()
    assert np.array_equal(wide[..., 6:-6, 6:-6], found)
    assert wide.sum() == found.sum()


def test_a_patch_without_annotation_gets_no_prompts() -> None:
    labels = torch.full((1, 16, 16), 255, dtype=torch.int64)
    found = prompt_batch(
        torch.zeros((1, 1, 16, 16)),
        labels,
        config=PromptConfig(none=0),
        n_classes=2,
        spacings=[(1.0, 1.0)],
        generators=[np.random.default_rng(0)],
        predict=lambda batch: torch.zeros((1, 16, 16), dtype=torch.int64),
    )
    assert found.shape == (1, 4, 16, 16)
    assert not found.any()
