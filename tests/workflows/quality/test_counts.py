"""Counts of objects: corrected by what held-out images show, with intervals that hold, and none where none is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.quality.estimates import make_plan, references

from septum.errors import CheckpointError
from septum.workflows.quality.counts import (
    NOTHING_KNOWN,
    CountedImage,
    CountEstimate,
    CountQuality,
    HeldObjects,
    compare_objects,
    count_words,
    describe_counts,
    judge_objects,
    learn_counts,
)
from septum.workflows.quality.doubtful import ObjectRanges
from septum.workflows.quality.grade import read_quality, write_quality
from septum.workflows.quality.learn import make_quality


def exact(cells: int, *, missed: float = 0.2, invented: float = 0.1, case: str = "a") -> HeldObjects:
    """A detector that misses a share of the cells, and a share of whose finds are no cells; these are less sure."""
    right = round(cells * (1 - missed))
    wrong = round(right * invented / (1 - invented))
    sure = np.concatenate([np.linspace(0.7, 0.95, right), np.linspace(0.3, 0.6, wrong)])
    return HeldObjects(case, cells, sure, np.arange(right + wrong) < right)


def random(rng: np.random.Generator, *, cells: int | None = None) -> HeldObjects:
    """The same by chance, and not the same in every image."""
    n = int(rng.integers(20, 200)) if cells is None else cells
    right = int(rng.binomial(n, np.clip(0.8 + rng.normal(0, 0.05), 0, 1)))
    wrong = int(rng.poisson(right / 9))
    sure = np.concatenate([rng.beta(8, 2, right), rng.beta(4, 4, wrong)])
    return HeldObjects("x", n, sure, np.arange(right + wrong) < right)


def test_a_detector_that_invents_a_tenth_and_misses_a_fifth_is_corrected() -> None:
    known = learn_counts([exact(cells) for cells in (45, 90, 135, 180, 90, 45, 90)])
    assert known.recall == pytest.approx(0.8, abs=0.005)
    assert known.ratio == pytest.approx(0.9 / 0.8, abs=0.01)
    later = exact(360)
    assert len(later.right) == 320  # of which 32 are none, while 72 are missed
    assert known.expected(later.confidence) == pytest.approx(360, rel=0.01)
    assert known.expected_ap(later.confidence) == pytest.approx(288 / (320 + 72), abs=0.01)


def test_confidences_decide_the_count_where_images_differ_in_what_is_invented() -> None:
    held = [exact(90, invented=share) for share in (0.0, 0.1, 0.3, 0.5, 0.2, 0.6, 0.4, 0.1)]
    known = learn_counts(held)
    assert known.by_confidence
    for share in (0.05, 0.5):
        assert known.expected(exact(180, invented=share).confidence) == pytest.approx(180, rel=0.08)
    assert not learn_counts([exact(90) for _ in range(8)]).by_confidence  # as good without


def test_the_probability_of_being_right_rises_with_confidence_and_is_as_often_true() -> None:
    rng = np.random.default_rng(3)
    sure = rng.uniform(0, 1, 4000)
    right = rng.uniform(0, 1, 4000) < sure**2
    known = learn_counts([HeldObjects("a", 2000, sure, right)])
    asked = np.linspace(0, 1, 101)
    likely = known.likely_right(asked)
    assert (np.diff(likely) >= 0).all()
    assert np.abs(likely - asked**2).max() < 0.12
    assert np.abs(likely - asked**2).mean() < 0.03


def test_few_objects_promise_nothing_extreme() -> None:
    for right in ([True, True], [False, False, False], [False, True]):
        known = learn_counts([HeldObjects("a", 2, np.linspace(0.2, 0.9, len(right)), np.array(right))])
        likely = known.likely_right([0.0, 0.2, 0.5, 0.9, 1.0])
        assert (np.diff(likely) >= 0).all()
        assert 0.05 < likely.min() <= likely.max() < 0.95


def test_nine_of_ten_intervals_hold_the_count() -> None:
    rng, inside, at_large, sparse = np.random.default_rng(5), [], [], []
    for _ in range(60):
        known = learn_counts([random(rng) for _ in range(12)])
        for _ in range(15):
            later = random(rng)
            low, high = known.interval(known.expected(later.confidence))
            inside.append(low <= later.annotated <= high)
        later = random(rng, cells=2000)  # ten times as many as ever before
        low, high = known.interval(known.expected(later.confidence))
        at_large.append(low <= later.annotated <= high)
        later = random(rng, cells=9)  # chance weighs more
        low, high = known.interval(known.expected(later.confidence))
        sparse.append(low <= later.annotated <= high)
    assert 0.86 <= np.mean(inside) <= 0.95
    assert np.mean(sparse) >= 0.86
    assert np.mean(at_large) >= 0.86


def test_each_image_is_corrected_by_the_others_alone() -> None:
    odd = exact(100, missed=0.8)
    known = learn_counts([*(exact(100, case=str(n)) for n in range(7)), odd])
    assert known.images[-1].expected < 30  # itself would have told that most cells are missed
    assert known.images[0].annotated == 100
    assert known.images[0].right == 80


def test_fewer_than_six_images_have_no_interval_and_none_have_no_figure() -> None:
    few = learn_counts([exact(50) for _ in range(5)])
    assert few.width is None
    assert np.isnan(few.interval(50.0)).all()
    assert few.expected(exact(50).confidence) == pytest.approx(50, rel=0.05)
    assert learn_counts([exact(50) for _ in range(6)]).coverage == pytest.approx(6 / 7)
    none = learn_counts([])
    assert np.isnan([none.expected([0.9]), *none.likely_right([0.9]), none.expected_ap([0.9])]).all()


def test_images_in_which_nothing_was_found_give_no_figure() -> None:
    blind = learn_counts([HeldObjects("a", 12, np.zeros(0), np.zeros(0, bool)) for _ in range(7)])
    assert blind.width is None
    assert math.isnan(blind.expected([0.5, 0.5]))
    said = judge_objects(np.zeros((4, 4), int), np.zeros(0), spacing=(1.0, 1.0), known=blind).count
    assert said.note == "nothing was found in the images that were held out"


def test_an_image_without_objects_has_a_count_of_none_and_no_precision() -> None:
    known = learn_counts([exact(50) for _ in range(8)])
    said = judge_objects(np.zeros((4, 4), int), np.zeros(0), spacing=(1.0, 1.0), known=known).count
    assert (said.found, said.expected, said.low) == (0, 0.0, 0.0)
    assert math.isnan(said.expected_ap)


def test_objects_are_right_one_to_one_and_what_lies_where_nothing_is_annotated_is_not_wrong() -> None:
    truth, found = np.zeros((12, 30), np.int32), np.zeros((12, 30), np.uint16)
    truth[1:5, 1:5], truth[1:5, 8:12], truth[8:11, 1:5] = 1, 2, 3
    truth[:, 20:] = -1
    found[1:5, 1:5] = 1  # right
    found[1:5, 7:10] = 2  # too little of 2 in common
    found[8:11, 14:17] = 3  # invented
    found[2:6, 18:26] = 4  # mostly where nobody looked
    found[8:11, 24:28] = 5  # wholly there
    seen = compare_objects(truth, found, confidence=[0.9, 0.8, 0.7, 0.6, 0.5], case="b")
    assert (seen.case, seen.annotated) == ("b", 3)
    assert seen.confidence.tolist() == [0.9, 0.8, 0.7]
    assert seen.right.tolist() == [True, False, False]
    truth[2:6, 18:20] = 4  # what can be seen of it is annotated
    seen = compare_objects(truth, found, confidence=[0.9, 0.8, 0.7, 0.6, 0.5])
    assert seen.annotated == 4
    assert seen.right.tolist() == [True, False, False, True]


def squares(n: int = 4) -> np.ndarray:
    labels = np.zeros((20, 10 * n), np.uint16)
    for number in range(n):
        labels[5:13, 10 * number + 1 : 10 * number + 9] = number + 1
    return labels


RANGES = ObjectRanges(400, 30.0, 60.0, 0.9)


def test_objects_of_an_image_get_probabilities_doubts_and_a_count() -> None:
    known = learn_counts([exact(50) for _ in range(8)], RANGES)
    judged = judge_objects(squares(), np.array([0.9, 0.8, 0.35, 0.9]), spacing=(1.0, 1.0), known=known, case="c")
    assert judged.likely_right.shape == (4,)
    assert judged.likely_right[2] < 0.5 < judged.likely_right[0]
    large = "larger than 99 of 100 annotated objects: perhaps several in one"
    assert judged.doubts == (large, large, f"{large}; unsure", large)
    assert (judged.count.case, judged.count.found, judged.count.doubtful, judged.count.note) == ("c", 4, 4, "")
    assert judged.count.low <= judged.count.expected <= judged.count.high


def test_an_image_unlike_the_training_has_neither_figure_nor_doubt() -> None:
    known = learn_counts([exact(50) for _ in range(8)], RANGES)
    judged = judge_objects(squares(), np.full(4, 0.9), spacing=(1.0, 1.0), known=known, unlike=("blurred", "dark"))
    one = judged.count
    assert np.isnan([one.expected, one.low, one.high, one.expected_ap, *judged.likely_right]).all()
    assert judged.doubts == ("",) * 4
    assert (one.found, one.doubtful) == (4, 0)
    assert one.note == "unlike the training images (blurred; dark)"


@pytest.mark.parametrize(
    ("known", "note"),
    [
        (None, NOTHING_KNOWN),
        (learn_counts([], RANGES), "no image was held out when this model was trained"),
        (learn_counts([exact(50)]), "no interval: too few held-out images (1)"),
        (learn_counts([exact(50)] * 8), ""),
    ],
)
def test_the_note_says_what_is_missing(known: CountQuality | None, note: str) -> None:
    judged = judge_objects(squares(), np.full(4, 0.9), spacing=(1.0, 1.0), known=known)
    assert judged.count.note == note
    assert math.isnan(judged.count.high) == bool(note)
    assert (judged.count.doubtful == 4) == (
        known is not None and known.ranges is not None
    )  # sizes need no held-out one


def test_the_worth_of_counts_is_said_in_percent_with_the_number_of_images() -> None:
    known = learn_counts([exact(90, missed=share) for share in (0.1, 0.2, 0.3, 0.2, 0.15, 0.25)])
    off = np.median([abs(one.expected - one.annotated) / one.annotated for one in known.images])
    assert describe_counts(known) == (
        f"counts of 6 held-out images are off by {100 * off:.0f} % in the middle, each expected from the others"
    )
    assert describe_counts(None) == describe_counts(learn_counts([])) == ""
    empty = HeldObjects("a", 0, np.zeros(0), np.zeros(0, bool))
    assert describe_counts(learn_counts([empty])) == ""


def test_the_line_adds_images_up() -> None:
    known = learn_counts([exact(50) for _ in range(4)] + [random(np.random.default_rng(n)) for n in range(5)])
    one = CountEstimate("a", 30, 31.0, 28.0, 34.0, 0.8, 2)
    line = count_words([one] * 9, known)
    # nine times ±3: by chance ±9, and ±27 / 3 of the correction that nine images taught; together 12.7
    assert line == "270 objects in 9 images, likely 266 to 292; 18 are doubtful (counts.csv)"
    assert count_words([one], known).startswith("30 objects in 1 image, likely 27 to 35; 2 are doubtful")
    lost = CountEstimate("b", 5, note="unlike")
    assert "likely 27 to 35 (of 1 like those of the training)" in count_words([one, lost], known)
    rough = replace(one, low=math.nan, high=math.nan, doubtful=1)
    assert count_words([rough], known) == "30 objects in 1 image, likely about 31; 1 is doubtful (counts.csv)"
    assert "not known" in count_words([lost], known)
    assert count_words([], known) == ""


def stored(path: Path, counts: CountQuality | None) -> Any:
    plan = make_plan()
    quality = make_quality([], references(plan), plan=plan)
    write_quality(path, replace(quality, counts=counts))
    return plan


def test_what_is_known_is_read_as_it_was_written_and_old_files_have_none(tmp_path: Path) -> None:
    known = learn_counts([exact(50, case=f"case {n}") for n in range(8)], RANGES)
    plan = stored(tmp_path / "quality.json", known)
    found = read_quality(tmp_path / "quality.json", plan)
    assert found is not None
    assert found.counts == known
    content = json.loads((tmp_path / "quality.json").read_text())
    del content["counts"]
    (tmp_path / "quality.json").write_text(json.dumps(content))
    old = read_quality(tmp_path / "quality.json", plan)
    assert old is not None
    assert old.counts is None


@pytest.mark.parametrize(
    "damage",
    [
        {"recall": 0.0},
        {"recall": 1.5},
        {"recall": 1e-320},
        {"ratio": 1e308},
        {"width": 1e300},
        {"images": []},
        {"ratio": -1.0},
        {"ratio": float("nan")},
        {"width": float("inf")},
        {"width": -0.1},
        {"usual": -3.0},
        {"coverage": 2.0},
        {"knots": [[0.5, 0.9], [0.6, 0.2]]},
        {"knots": [[0.5, 0.9], [0.4, 0.95]]},
        {"knots": [[0.5, 1.9]]},
        {"knots": [[0.5]]},
        {"knots": [["a", "b"]]},
        {"knots": 7},
        {"images": [{"case": "a", "annotated": 3, "found": 2, "right": 4, "expected": 2.0}]},
        {"images": [{"case": "a", "annotated": -1, "found": 2, "right": 0, "expected": 2.0}]},
        {"images": [{"case": "a", "annotated": 3}]},
        {"ranges": {"objects": 30, "smallest": 9.0, "largest": 2.0, "least_solid": 0.9}},
        {"by_confidence": "yes"},
        {"surprise": 1},
    ],
)
def test_a_damaged_part_is_refused(tmp_path: Path, damage: dict[str, Any]) -> None:
    plan = stored(tmp_path / "quality.json", learn_counts([exact(50) for _ in range(8)], RANGES))
    content = json.loads((tmp_path / "quality.json").read_text())
    content["counts"] |= damage
    (tmp_path / "quality.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"quality\.json cannot be used"):
        read_quality(tmp_path / "quality.json", plan)


def test_an_image_that_was_held_out_keeps_its_numbers() -> None:
    (one,) = learn_counts([exact(50, case="z")]).images
    assert one == CountedImage("z", 50, 44, 40, 44.0)
