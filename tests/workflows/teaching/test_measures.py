"""The lessons on measurement: their scores by hand, and a made study with the failures that its mean hides."""

from __future__ import annotations

import numpy as np
import pytest

from septum.workflows.teaching import measures


def answers(lesson: object, question: int) -> list[float]:
    return [answer.value for answer in lesson.questions[question].answers]  # type: ignore[attr-defined]


def test_dice_and_iou_of_two_moved_masks_are_those_by_hand() -> None:
    reference, prediction = (mask > 0 for mask in measures._masks())
    assert reference.sum() == prediction.sum() == 12
    both, either = (reference & prediction).sum(), (reference | prediction).sum()
    lesson = measures.dice_lesson()
    assert answers(lesson, 0) == pytest.approx([2 * both / 24, both / either])
    assert answers(lesson, 1) == pytest.approx([0.8 / 1.2])
    assert any(f"= {2 * both / either:.4f}, full marks" in line for line in lesson.lines)


def test_the_made_study_looks_good_on_average_and_one_in_twenty_fails() -> None:
    scores = measures.made_scores()
    assert len(scores) == 2500
    assert np.array_equal(scores, measures.made_scores())
    assert 0 <= scores.min() <= scores.max() <= 1
    assert 0.88 < scores.mean() < np.median(scores) < 0.96
    assert 0.03 < (scores < measures.SUCCESS).mean() < 0.07
    failed = f"{(scores < measures.SUCCESS).mean():.1%} lie below"
    assert any(failed in line for line in measures.dice_lesson().lines)


def test_the_challenges_scores_are_those_of_their_definitions() -> None:
    lesson = measures.challenges()
    assert answers(lesson, 0) == [0.375]
    assert answers(lesson, 1) == pytest.approx([2 / 3])
    assert answers(lesson, 2) == [0.5]
    assert any("pixel error 0.143" in line for line in lesson.lines)  # 2 of 14 pixels
    moved = next(line for line in lesson.lines if "one membrane pixel missed" in line)
    assert "pixel error 0.071, V_rand 1.000" in moved  # 1 of 14 pixels, and nobody is joined


def test_the_made_masks_are_the_same_block_moved_by_one_column() -> None:
    reference, prediction = measures._masks()
    assert set(np.unique(reference)) == {0, 1}
    assert np.array_equal(reference[:, :-1], prediction[:, 1:])
