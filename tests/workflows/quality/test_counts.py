"""Counts of objects: corrected by what held-out images show, with intervals that hold, and none where none is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.quality.detectors import RANGES, exact, random, shaped
from tests.workflows.quality.estimates import make_plan, references

from septum.errors import CheckpointError
from septum.workflows.quality.counts import (
    CountedImage,
    CountQuality,
    HeldObjects,
    compare_objects,
    learn_counts,
)
from septum.workflows.quality.grade import read_quality, write_quality
from septum.workflows.quality.learn import make_quality


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


def held(rng: np.random.Generator, n: int, *, kind: str) -> list[HeldObjects]:
    """Images of a detector that is sometimes worse than usual, as `kind` says."""
    found = []
    for _ in range(n):
        one = random(rng)
        if kind == "fails" and rng.random() < 0.07:  # finds next to nothing, and invents much
            one = exact(one.annotated, missed=0.9, invented=0.97)
        if kind == "varies":
            one = exact(one.annotated, missed=float(np.clip(0.2 + rng.standard_t(3) / 20, 0.01, 0.95)))
        found.append(one)
    return found


@pytest.mark.parametrize("kind", ["usual", "varies", "fails"])
@pytest.mark.parametrize("n", [7, 14, 25])
def test_nine_of_ten_intervals_hold_the_count_of_detectors_that_fail_at_times(kind: str, n: int) -> None:
    rng, inside, widths = np.random.default_rng(n), [], []
    for _ in range(60):
        known = learn_counts(held(rng, n, kind=kind))
        for later in held(rng, 12, kind=kind):
            low, high = known.interval(known.expected(later.confidence))
            inside.append(math.floor(low) <= later.annotated <= math.ceil(high))
            widths.append((high - low) / later.annotated)
    assert 0.85 <= np.mean(inside) <= 0.96
    assert np.median(widths) < {7: 0.75, 14: 0.5, 25: 0.55}[n]


def test_intervals_hold_for_many_more_and_for_fewer_objects_than_ever_before() -> None:
    rng, at_large, sparse = np.random.default_rng(5), [], []
    for _ in range(60):
        known = learn_counts([random(rng) for _ in range(12)])
        for cells, inside in ((2000, at_large), (9, sparse)):
            later = random(rng, cells=cells)
            low, high = known.interval(known.expected(later.confidence))
            inside.append(low <= later.annotated <= high)
    assert np.mean(sparse) >= 0.86
    assert np.mean(at_large) >= 0.86


def test_one_network_that_failed_neither_moves_nor_widens_the_interval() -> None:
    rng = np.random.default_rng(2)
    usual = [replace(random(rng), judge=n % 4) for n in range(12)]
    blind = [exact(60, missed=0.97, invented=0.1) for _ in range(3)]
    known = learn_counts([*usual, *(replace(one, judge=4) for one in blind)])
    assert [one.left_out for one in known.images] == [""] * 12 + ["judge"] * 3
    assert known.interval(100.0) == learn_counts(usual).interval(100.0)
    assert known.ratio == learn_counts(usual).ratio
    assert known.knots == learn_counts(usual).knots
    # where the failed images are spread over the networks, they are images that the model cannot count
    spread = [replace(one, judge=n) for n, one in enumerate(blind)]
    assert not any(one.left_out for one in learn_counts([*usual, *spread]).images)


def test_what_other_networks_miss_is_corrected_half_way_and_reached_for() -> None:
    rng = np.random.default_rng(4)
    images = [random(rng) for _ in range(14)]
    own, others = learn_counts(images), learn_counts(images, by_others=True)
    found = random(rng, cells=100).confidence
    assert others.expected(found) == pytest.approx((own.expected(found) * len(found)) ** 0.5)
    low, high = others.interval(others.expected(found))
    assert low < len(found) < high
    assert low < own.expected(found) < high
    inside = []
    for better in (0.2, 0.1):  # as bad as those that judged, and twice as good
        later = [exact(n, missed=better) for n in range(30, 150)]
        ends = [others.interval(others.expected(one.confidence)) for one in later]
        inside.append(np.mean([a <= one.annotated <= b for (a, b), one in zip(ends, later, strict=True)]))
    assert min(inside) > 0.85
    assert others.expected([]) == 0.0


def test_of_two_networks_nobody_knows_which_one_failed() -> None:
    images = [replace(exact(60, missed=0.2 if n < 3 else 0.97), judge=n // 3) for n in range(6)]
    assert not any(one.left_out for one in learn_counts(images).images)


def test_images_of_which_most_is_unlike_annotated_objects_teach_nothing() -> None:
    usual = [shaped(20, odd=n % 3, case=str(n)) for n in range(8)]
    known = learn_counts([*usual, shaped(5, odd=30, found=34, case="strange")], RANGES)
    assert [one.left_out for one in known.images] == [""] * 8 + ["odd"]
    assert known.images[-1].odd == 30
    assert known.ratio == learn_counts(usual, RANGES).ratio
    assert known.odd_limit == pytest.approx(0.2)
    bad = learn_counts([shaped(20, odd=8, case=str(n)) for n in range(8)], RANGES)  # this model always makes such
    assert bad.odd_limit == pytest.approx(0.8)
    assert not any(one.left_out for one in bad.images)


def test_intervals_reach_as_far_up_as_counts_were_too_low_and_not_as_far_down() -> None:
    rng = np.random.default_rng(1)
    images = [exact(100, missed=float(share)) for share in 0.1 + rng.exponential(0.15, 14).clip(0, 0.8)]
    known = learn_counts(images)
    low, high = known.interval(100.0)
    assert 0 < 100 - low < 0.7 * (high - 100)


def test_each_image_is_corrected_by_the_others_alone() -> None:
    odd = exact(100, missed=0.8)
    known = learn_counts([*(exact(100, case=str(n)) for n in range(7)), odd])
    assert known.images[-1].expected < 30  # itself would have told that most cells are missed
    assert known.images[0].annotated == 100
    assert known.images[0].right == 80


def test_fewer_than_six_images_have_no_interval_and_none_have_no_figure() -> None:
    few = learn_counts([exact(50) for _ in range(5)])
    assert few.reach is None
    assert np.isnan(few.interval(50.0)).all()
    assert few.expected(exact(50).confidence) == pytest.approx(50, rel=0.05)
    low, high = learn_counts([exact(50) for _ in range(6)]).interval(50.0)
    assert 40 < low < 50 < high < 60
    none = learn_counts([])
    assert np.isnan([none.expected([0.9]), *none.likely_right([0.9]), none.expected_ap([0.9])]).all()


def test_objects_are_right_one_to_one_and_what_lies_where_nothing_is_annotated_is_not_wrong() -> None:
    truth, found = np.zeros((12, 30), np.int32), np.zeros((12, 30), np.uint16)
    truth[1:5, 1:5], truth[1:5, 8:12], truth[8:11, 1:5] = 1, 2, 3
    truth[:, 20:] = -1
    found[1:5, 1:5] = 1  # right
    found[1:5, 7:10] = 2  # too little of 2 in common
    found[8:11, 14:17] = 3  # invented
    found[2:6, 18:26] = 4  # mostly where nobody looked
    found[8:11, 24:28] = 5  # wholly there
    seen = compare_objects(truth, found, confidence=[0.9, 0.8, 0.7, 0.6, 0.5], spacing=(1.0, 2.0), case="b")
    assert (seen.case, seen.annotated) == ("b", 3)
    assert seen.confidence.tolist() == [0.9, 0.8, 0.7]
    assert seen.right.tolist() == [True, False, False]
    assert seen.forms is not None
    assert seen.forms.ids.tolist() == [1, 2, 3]  # of those that are judged
    assert seen.forms.size.tolist() == [32.0, 24.0, 18.0]
    truth[2:6, 18:20] = 4  # what can be seen of it is annotated
    seen = compare_objects(truth, found, confidence=[0.9, 0.8, 0.7, 0.6, 0.5], spacing=(1.0, 2.0))
    assert seen.annotated == 4
    assert seen.right.tolist() == [True, False, False, True]


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
        {"images": []},
        [1, 2],
        7,
        {"images": [{"case": "a", "annotated": 3, "found": 2, "right": 1, "expected": 2.0, "odd": 3}]},
        {"images": [{"case": "a", "annotated": 3, "found": 2, "right": 1, "expected": 2.0, "left_out": "tired"}]},
        {"images": [{"case": "a", "annotated": 3, "found": 2, "right": 1, "expected": float("nan")}]},
        {"images": [{"case": "a", "annotated": 3, "found": 1 << 60, "right": 1, "expected": 2.0}]},
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
def test_a_damaged_part_is_refused(tmp_path: Path, damage: Any) -> None:
    plan = stored(tmp_path / "quality.json", learn_counts([exact(50) for _ in range(8)], RANGES))
    content = json.loads((tmp_path / "quality.json").read_text())
    content["counts"] = content["counts"] | damage if isinstance(damage, dict) else damage
    (tmp_path / "quality.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"quality\.json cannot be used"):
        read_quality(tmp_path / "quality.json", plan)


def test_a_list_in_its_place_is_refused_in_words(tmp_path: Path) -> None:
    plan = stored(tmp_path / "quality.json", None)
    content = json.loads((tmp_path / "quality.json").read_text())
    (tmp_path / "quality.json").write_text(json.dumps(content | {"counts": [1, 2]}))
    with pytest.raises(CheckpointError, match=r"counts must hold named values, got \[1, 2\]"):
        read_quality(tmp_path / "quality.json", plan)


def test_what_earlier_versions_kept_follows_from_the_images_and_is_not_asked_for(tmp_path: Path) -> None:
    known = learn_counts([exact(50, case=f"case {n}") for n in range(8)], RANGES)
    plan = stored(tmp_path / "quality.json", known)
    content = json.loads((tmp_path / "quality.json").read_text())
    for image in content["counts"]["images"]:
        del image["odd"], image["left_out"]
    content["counts"] |= {"recall": 0.5, "ratio": 1.0, "width": 3.0, "usual": 9.0, "coverage": 0.9}
    (tmp_path / "quality.json").write_text(json.dumps(content))
    found = read_quality(tmp_path / "quality.json", plan)
    assert found is not None
    assert found.counts == known
    assert found.counts.ratio == pytest.approx(50 / 44, abs=0.01)
    assert found.counts.interval(50.0) == known.interval(50.0)


def test_an_image_that_was_held_out_keeps_its_numbers() -> None:
    (one,) = learn_counts([exact(50, case="z")]).images
    assert one == CountedImage("z", 50, 44, 40, 44.0)
