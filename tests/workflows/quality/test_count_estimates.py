"""What is said of an image: count, doubts and notes; and of several images in one line."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.workflows.quality.detectors import RANGES, exact, random, shaped, squares

from septum.workflows.quality.count_estimates import (
    LEFT_OUT,
    NOTHING_KNOWN,
    CountEstimate,
    count_words,
    describe_counts,
    judge_objects,
)
from septum.workflows.quality.counts import CountQuality, HeldObjects, learn_counts


def test_images_in_which_nothing_was_found_give_no_figure() -> None:
    blind = learn_counts([HeldObjects("a", 12, np.zeros(0), np.zeros(0, bool)) for _ in range(7)])
    assert blind.reach is None
    assert math.isnan(blind.expected([0.5, 0.5]))
    said = judge_objects(np.zeros((4, 4), int), np.zeros(0), spacing=(1.0, 1.0), known=blind).count
    assert said.note == "nothing was found in the images that were held out"


def test_an_image_without_objects_has_a_count_of_none_and_no_precision() -> None:
    known = learn_counts([exact(50) for _ in range(8)])
    said = judge_objects(np.zeros((4, 4), int), np.zeros(0), spacing=(1.0, 1.0), known=known).count
    assert (said.found, said.expected, said.low) == (0, 0.0, 0.0)
    assert math.isnan(said.expected_ap)


def test_objects_of_an_image_get_probabilities_doubts_and_a_count() -> None:
    known = learn_counts([exact(50) for _ in range(8)], RANGES)
    labels = squares(6, size=7)
    labels[3:5, 19:26] = 3  # a seventh and an eighth row of the third
    judged = judge_objects(labels, np.array([0.9, 0.8, 0.35, 0.9, 0.9, 0.3]), spacing=(1.0, 1.0), known=known, case="c")
    assert judged.likely_right.shape == (6,)
    assert judged.likely_right[2] < 0.5 < judged.likely_right[0]
    large = "larger than 99 of 100 annotated objects: perhaps several in one"
    assert judged.doubts == ("", "", f"{large}; unsure", "", "", "unsure")
    assert (judged.count.case, judged.count.found, judged.count.doubtful, judged.count.note) == ("c", 6, 2, "")
    assert judged.count.low <= judged.count.expected <= judged.count.high
    assert judged.unlike == ()


def test_an_image_unlike_the_training_has_neither_figure_nor_doubt() -> None:
    known = learn_counts([exact(50) for _ in range(8)], RANGES)
    judged = judge_objects(
        squares(size=7), np.full(4, 0.9), spacing=(1.0, 1.0), known=known, unlike=("blurred", "dark")
    )
    one = judged.count
    assert np.isnan([one.expected, one.low, one.high, one.expected_ap, *judged.likely_right]).all()
    assert judged.doubts == ("",) * 4
    assert (one.found, one.doubtful) == (4, 0)
    assert one.note == "unknown: unlike the training images (blurred; dark)"
    assert judged.unlike == ("blurred", "dark")


@pytest.mark.parametrize(("odd", "unlike"), [(0, False), (3, False), (9, True), (12, True)])
def test_an_image_with_too_many_objects_unlike_annotated_ones_has_no_figure_either(odd: int, *, unlike: bool) -> None:
    known = learn_counts([exact(50) for _ in range(8)], RANGES)
    labels = np.hstack([np.pad(squares(12 - odd, size=7), ((0, 1), (0, 0))), *[squares(1)] * odd])
    ids = np.zeros_like(labels)
    starts = np.flatnonzero(np.diff(np.pad((labels > 0).any(0).astype(int), 1)) == 1)
    for number, start in enumerate(starts):
        ids[:, start : start + 9][labels[:, start : start + 9] > 0] = number + 1
    judged = judge_objects(ids, np.full(12, 0.9), spacing=(1.0, 1.0), known=known)
    assert math.isnan(judged.count.high) == unlike
    said = f"{odd} of its 12 objects are larger, smaller or less convex than annotated ones"
    assert judged.unlike == ((said,) if unlike else ())
    assert (judged.count.note == f"unknown: unlike the training images ({said})") == unlike


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
    judged = judge_objects(squares(size=7), np.full(4, 0.9), spacing=(1.0, 1.0), known=known)
    assert judged.count.note == note
    assert math.isnan(judged.count.high) == bool(note)


def test_sizes_need_no_held_out_image() -> None:
    labels = squares(20, size=7)
    labels[3:5, 10:17] = 2
    judged = judge_objects(labels, np.full(20, 0.9), spacing=(1.0, 1.0), known=learn_counts([], RANGES))
    assert judged.count.doubtful == 1
    assert math.isnan(judged.count.expected)


def test_held_out_images_that_teach_nothing_are_said() -> None:
    usual = [shaped(20, odd=0, case=str(n)) for n in range(7)]
    strange = shaped(4, odd=11, found=12, case="strange")
    assert f"; 1 image is left out, {LEFT_OUT['odd']}" in describe_counts(learn_counts([*usual, strange], RANGES))
    held = [replace(exact(50), judge=n // 3) for n in range(6)]
    blind = [replace(exact(50, missed=0.97), judge=2) for _ in range(2)]
    assert f"; 2 images are left out, {LEFT_OUT['judge']}" in describe_counts(learn_counts([*held, *blind]))
    assert "left out" not in describe_counts(learn_counts(held))


def test_the_worth_of_counts_is_said_in_percent_with_the_number_of_images() -> None:
    known = learn_counts([exact(90, missed=share) for share in (0.1, 0.2, 0.3, 0.2, 0.15, 0.25)])
    off = np.median([abs(one.expected - one.annotated) / one.annotated for one in known.teaching])
    assert describe_counts(known) == (
        f"counts of 6 held-out images are off by {100 * off:.0f} % in the middle, each expected from the others"
    )
    assert describe_counts(None) == describe_counts(learn_counts([])) == ""
    empty = HeldObjects("a", 0, np.zeros(0), np.zeros(0, bool))
    assert describe_counts(learn_counts([empty])) == ""


def test_the_line_adds_images_up() -> None:
    known = learn_counts([exact(50) for _ in range(4)] + [random(np.random.default_rng(n)) for n in range(5)])
    assert len(known.teaching) == 9
    one = CountEstimate("a", 30, 31.0, 28.0, 34.0, 0.8, 2)
    line = count_words([one] * 9, known)
    # nine times ±3: by chance ±9, and ±27 / 3 of the correction that nine images taught; together 12.7
    assert line == "270 objects in 9 images, likely 266 to 292; 18 are doubtful (counts.csv)"
    assert count_words([one], known).startswith("30 objects in 1 image, likely 27 to 35; 2 are doubtful")
    skew = replace(one, low=30.0, high=40.0)  # one below, nine above
    assert "270 objects in 9 images, likely 274 to 318" in count_words([skew] * 9, known)
    lost = CountEstimate("b", 5, note="unlike")
    assert "likely 27 to 35 (of 1 like those of the training)" in count_words([one, lost], known)
    rough = replace(one, low=math.nan, high=math.nan, doubtful=1)
    assert count_words([rough], known) == "30 objects in 1 image, likely about 31; 1 is doubtful (counts.csv)"
    assert "not known" in count_words([lost], known)
    assert count_words([], known) == ""
