"""The simulated user: careful, truthful, seeded."""

from __future__ import annotations

import numpy as np
import torch

from septum.net.learning.simulated_user import box_around_largest, correct, prompt_batch
from septum.net.prompts import (
    BoxPrompt,
    PromptConfig,
    prompt_channels,
)


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
