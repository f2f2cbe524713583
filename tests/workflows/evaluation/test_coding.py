"""What label values mean: decided once for all cases, applied to both sides, odd things said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from septum.errors import DatasetError
from septum.geometry import Grid
from septum.metrics import joint_table
from septum.workflows.data.cases import UNANNOTATED, Case, Dataset
from septum.workflows.data.classes import LabelSummary
from septum.workflows.evaluation.coding import Coding, decide_coding, suspicions, unite
from septum.workflows.evaluation.pairs import MeasuredPair
from septum.workflows.scores.scores import scores_from_table

PLAIN = Coding(0, None, None, {}, {1: "organ"})


def measured(reference: list[int], prediction: list[int], name: str = "a") -> MeasuredPair:
    truth, guess = np.array(reference), np.array(prediction)
    counts = {int(v): int((truth == v).sum()) for v in np.unique(truth)}
    return MeasuredPair(
        Case(name, ()), joint_table(truth, guess), LabelSummary(name, counts, 1.0, ()), Grid.pixels((1, 4))
    )


def decide(*pairs: MeasuredPair, background: int = 0, **declared: object) -> tuple[Coding, list[str]]:
    return decide_coding(Dataset(Path("d"), "masks", (), **declared), pairs, background=background, foreground=None)


def test_255_in_a_prediction_is_read_as_the_1_of_the_references() -> None:
    coding, notes = decide(measured([0, 1, 1, 0], [0, 255, 0, 0]))
    assert coding.prediction(np.array([0, 255])).tolist() == [0, 1]
    assert "255 in the predictions is read as 1" in notes[0]


def test_another_label_is_another_class_and_scored_as_one() -> None:
    coding, notes = decide(measured([0, 1, 1, 0], [0, 2, 1, 0]))
    assert coding.recode == {}
    assert set(coding.labels) == {1, 2}
    assert any("Predicted but in no reference: label 2" in note for note in notes)


def test_ignored_and_unannotated_samples_leave_the_table() -> None:
    coding = Coding(0, 9, None, {}, {1: "organ"})
    table = coding.apply(joint_table(np.array([1, 9, 0, 1]), np.array([1, 1, 9, 0])))
    assert dict(
        zip(zip(table.reference.tolist(), table.prediction.tolist(), strict=True), table.voxels, strict=True)
    ) == {
        (0, 0): 1,  # the prediction's "ignored" is background
        (1, 0): 1,
        (1, 1): 1,
    }
    assert coding.unscored == {0, 9, UNANNOTATED}


def test_masks_of_background_alone_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"more than background \(0\).*--background"):
        decide(measured([0, 0], [0, 0]))


def test_a_background_that_occurs_nowhere_is_said() -> None:
    _, notes = decide(measured([1, 2, 1, 2], [1, 1, 1, 2]))
    assert any("The background value 0 occurs in no mask" in note for note in notes)


def test_several_sets_score_every_label_that_any_of_them_has() -> None:
    other = Coding(0, None, None, {}, {2: "vessel", 1: "liver"})
    together = unite({"net": PLAIN, "reader": other})
    assert {tuple(c.labels.items()) for c in together.values()} == {((1, "organ"), (2, "vessel"))}


def test_an_inverted_prediction_is_suspected_and_a_sound_one_is_not() -> None:
    truth = np.array([1] * 20 + [0] * 80)
    sound, inverted = truth.copy(), 1 - truth
    sound[:2] = 0
    for guess, expected in ((inverted, True), (sound, False)):
        scores = [s for n in "ab" for s in scores_from_table(n, joint_table(truth, guess), labels={1: "organ"})]
        assert any("look inverted" in note for note in suspicions(scores, PLAIN)) is expected


def test_copies_and_backgrounds_taken_for_objects_are_suspected() -> None:
    truth = np.array([1] * 80 + [0] * 20)
    scores = [s for n in "ab" for s in scores_from_table(n, joint_table(truth, truth), labels={1: "organ"})]
    notes = suspicions(scores, PLAIN)
    assert any("copies of each other" in note for note in notes)
    assert any("covers 80 % of the image" in note for note in notes)


def test_what_the_other_side_is_worth_is_said_beside_a_background_that_is_scored() -> None:
    truth, guess = np.array([1] * 80 + [0] * 20), np.array([1] * 90 + [0] * 10)
    scores = [s for n in "ab" for s in scores_from_table(n, joint_table(truth, guess), labels={1: "organ"})]
    (note,) = suspicions(scores, PLAIN)
    assert "the median Dice of the rest is 0.667" in note
