"""Masks are graded by what held-out cases showed: estimates, intervals, verdicts, reasons, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from septum.errors import CheckpointError
from septum.workflows.quality.calibration import FEWEST, Calibration, calibrate
from septum.workflows.quality.grade import (
    ClassQuality,
    HeldOut,
    Quality,
    References,
    grade,
    held_out_rows,
    make_quality,
    read_quality,
    write_quality,
)
from septum.workflows.quality.looks import (
    ImageReference,
    Look,
    Shape,
    ShapeReference,
    image_features,
    image_names,
    shapes,
    unusual_spacing,
)
from septum.workflows.quality.worklist import Estimate, read_list, worst_first, write_list

SURE = Calibration(0.0, 1.0, 0.0, 0.2, 0.9, 20, 0.02)


# --- the estimate -----------------------------------------------------------------------------------------------------


def simulated(n: int, seed: int, *, noise: float = 0.03) -> tuple[np.ndarray, np.ndarray]:
    """Networks that promise too much: true logit = 0.7 · promised - 0.5, with noise."""
    rng = np.random.default_rng(seed)
    promised = rng.uniform(0.5, 0.97, n)
    line = 0.7 * np.log(promised / (1 - promised)) - 0.5
    return promised, np.clip(1 / (1 + np.exp(-line)) + rng.normal(0, noise, n), 0.01, 1)


def test_a_regular_overconfidence_is_learnt_from_twenty_cases() -> None:
    found, _ = calibrate(*simulated(20, 0))
    promised, dice = simulated(500, 1, noise=0.0)
    error = np.abs([found.estimate(p) for p in promised] - dice)
    assert error.mean() < 0.02
    assert np.abs(promised - dice).mean() > 0.1  # what believing the probabilities would have cost


@pytest.mark.parametrize("n", [9, 20, 60])
def test_the_interval_holds_the_share_of_cases_that_it_promises(n: int) -> None:
    held = []
    for seed in range(40):
        found, _ = calibrate(*simulated(n, seed))
        promised, dice = simulated(50, 1000 + seed)
        for p, d in zip(promised, dice, strict=True):
            low, high = found.interval(found.estimate(p))
            held.append(low <= d <= high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.05)


def test_without_cases_the_probabilities_are_believed_and_few_cases_bend_little() -> None:
    found, held_out = calibrate([0.8], [0.6])
    assert held_out[0] == pytest.approx(0.8, abs=0.01)
    assert 0.6 < found.estimate(0.8) < 0.8
    assert found.width is None
    assert math.isnan(found.interval(0.8)[0])


def test_below_ten_groups_the_coverage_is_said_as_it_is() -> None:
    found, _ = calibrate(*simulated(5, 3))
    assert found.coverage == pytest.approx(5 / 6)
    assert calibrate(*simulated(30, 3))[0].coverage == pytest.approx(0.9)


def test_classes_of_one_case_are_held_out_together() -> None:
    promised, dice = np.full(8, 0.8), np.repeat([0.5, 0.7, 0.8, 0.9], 2)
    _, alone = calibrate(promised, dice)
    _, together = calibrate(promised, dice, groups=np.repeat(list("abcd"), 2).tolist())
    assert together[0] > alone[0]  # alone, the twin of a bad case had told


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
def test_an_estimate_never_falls_when_the_probabilities_promise_more(pairs: list[tuple[float, float]]) -> None:
    found, _ = calibrate(*zip(*pairs, strict=True))
    line = [found.estimate(p) for p in np.linspace(0, 1, 21)]
    assert (np.diff(line) >= -1e-12).all()
    assert 0 <= min(line) <= max(line) <= 1


def test_agreement_is_used_where_it_tells_more() -> None:
    rng = np.random.default_rng(0)
    dice = rng.uniform(0.3, 0.9, 24)
    rows = [
        HeldOut(f"c{i}", 1, float(rng.uniform(0.8, 0.9)), float(d + rng.normal(0, 0.01)), float(d))
        for i, d in enumerate(dice)
    ]
    plan = make_plan()
    quality = make_quality(rows, references(plan), plan)
    assert quality.classes[0].together is not None
    assert quality.classes[0].together.error < 0.5 * quality.classes[0].alone.error  # type: ignore[union-attr]
    assert np.abs([row.estimate - row.dice for row in quality.held_out]).mean() == pytest.approx(
        quality.classes[0].together.error
    )
    blind = [replace(row, agreement=float(rng.uniform(0.8, 0.9))) for row in rows]
    assert make_quality(blind, references(plan), plan).classes[0].together is None
    some = [replace(row, agreement=None if i == 0 else row.agreement) for i, row in enumerate(rows)]
    assert make_quality(some, references(plan), plan).classes[0].together is None


def test_a_class_with_few_cases_borrows_those_of_the_others() -> None:
    plan = make_plan((0, 1, 2))
    rows = [HeldOut(f"c{i}", 1, 0.9, None, 0.6) for i in range(8)] + [HeldOut("c0", 2, 0.9, None, 0.6)]
    quality = make_quality(rows, references(plan), plan)
    assert quality.classes[1].alone is not None
    assert quality.classes[1].alone.cases == 9
    assert quality.classes[1].alone.estimate(0.9) == pytest.approx(0.6, abs=0.05)
    assert [row.label for row in quality.held_out] == [1] * 8 + [2]


def test_calibrate_needs_finite_numbers() -> None:
    for wrong in ([], [math.nan]):
        with pytest.raises(ValueError, match="finite"):
            calibrate(wrong, [0.5] * len(wrong))
    with pytest.raises(ValueError, match="finite"):
        calibrate([0.5], [0.5], agreement=[math.nan])


# --- images and masks -------------------------------------------------------------------------------------------------


def picture(seed: int, *, blur: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.indices((64, 64))
    blob = np.exp(-((y - 32 + seed % 5) ** 2 + (x - 30) ** 2) / (180 + 10 * (seed % 4)))
    array = ndimage.gaussian_filter(rng.normal(0, 0.3, (64, 64)), blur) + blob
    return ((array - array.mean()) / array.std()).astype(np.float32)[None]


def test_images_of_the_same_kind_are_usual_and_spoiled_ones_are_not() -> None:
    known = ImageReference.of([image_features(picture(seed)) for seed in range(20)])
    assert sum(bool(known.unusual(image_features(picture(seed)))) for seed in range(100, 140)) <= 1
    rng = np.random.default_rng(0)
    spoiled = {
        "noise": picture(50) + rng.normal(0, 1, (1, 64, 64)).astype(np.float32),
        "sharpness": ndimage.gaussian_filter(picture(50), (0, 5, 5)),
        "quantile": picture(50) ** 3,
    }
    for array in spoiled.values():
        reasons = known.unusual(image_features(array))
        assert len(reasons) == 1
        assert "unlike the training images" in reasons[0]


def test_a_mixture_of_kinds_is_usual_at_each_of_its_kinds_and_unusual_between() -> None:
    sharp = [image_features(picture(seed, blur=0.3)) for seed in range(8)]
    smooth = [image_features(picture(seed, blur=3)) for seed in range(8)]
    known = ImageReference.of(sharp + smooth)
    assert known.unusual(image_features(picture(30, blur=0.3))) == ()
    assert known.unusual(image_features(picture(30, blur=3))) == ()


def test_of_three_images_nothing_can_be_said() -> None:
    known = ImageReference.of([image_features(picture(seed)) for seed in range(3)])
    assert known.limit == 0
    assert known.unusual(image_features(picture(3) * 100)) == ()


def test_names_fit_the_features_of_any_number_of_channels() -> None:
    for channels in (1, 3):
        array = np.random.default_rng(0).random((channels, 5, 6, 7)).astype(np.float32)
        assert len(image_names(channels)) == len(image_features(array))
    assert np.isfinite(image_features(np.zeros((1, 1, 9), np.float32))).all()


def test_voxels_of_another_size_are_named_with_the_sizes_of_the_training() -> None:
    assert unusual_spacing((1.0, 1.2), (1.0, 1.0), (1.0, 1.0)) == ()
    (reason,) = unusual_spacing((5.0, 1.0), (1.0, 1.0), (2.0, 1.0))
    assert "5" in reason
    assert "axis 0" in reason
    assert "1 to 2" in reason


def test_shapes_count_volume_parts_and_the_largest_part() -> None:
    classes = np.zeros((6, 8), np.uint8)
    classes[0, :3] = 1
    classes[4, 4] = 1
    classes[2, 2:4] = 2
    classes[5, 7] = 9  # ignored
    first, second, third = shapes(classes, 4, (2.0, 0.5))
    assert first == Shape(4.0, 2, 0.75)
    assert second == Shape(2.0, 1, 1.0)
    assert (third.volume, third.parts) == (0.0, 0)


def test_parts_of_large_masks_are_counted_on_fewer_samples_and_volumes_are_exact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classes = np.zeros((30, 40), np.uint8)
    classes[2:12, 3:13] = classes[20:28, 20:30] = 1
    exact = shapes(classes, 2, (1.0, 1.0))
    monkeypatch.setattr("septum.workflows.quality.looks._MOST_PARTS", 200)
    (coarse,) = shapes(classes, 2, (1.0, 1.0))
    assert (coarse.volume, coarse.parts) == (exact[0].volume, 2) == (180.0, 2)
    assert coarse.largest == pytest.approx(exact[0].largest, abs=0.1)


def test_masks_much_larger_smaller_or_more_scattered_than_in_training_are_unusual() -> None:
    known = ShapeReference.of([Shape(v, 1, 1.0) for v in (10.0, 12.0, 14.0, 20.0)] + [Shape(0.0, 0, math.nan)])
    assert known == ShapeReference(10.0, 20.0, 1, 1.0, 4)
    assert known.unusual(Shape(15.0, 2, 0.9)) == ()
    assert "size of 3" in known.unusual(Shape(3.0, 1, 1.0))[0]
    assert "size of 50" in known.unusual(Shape(50.0, 1, 1.0))[0]
    assert "9 parts" in known.unusual(Shape(15.0, 9, 0.5))[0]
    assert replace(known, masks=3).unusual(Shape(50.0, 1, 1.0)) == ()
    assert ShapeReference.of([Shape(0.0, 0, math.nan)]) is None


# --- grading ----------------------------------------------------------------------------------------------------------


def make_plan(values: tuple[int, ...] = (0, 1)) -> Any:
    return SimpleNamespace(
        classes=SimpleNamespace(
            values=values, names=("background", *(f"label {v}" for v in values[1:])), n_classes=len(values)
        ),
        fingerprint=SimpleNamespace(spacing_min=(1.0, 1.0), spacing_max=(1.0, 1.0)),
    )


def references(plan: Any) -> References:
    known = ImageReference.of([image_features(picture(seed)) for seed in range(12)])
    return References(known, tuple(ShapeReference(50.0, 400.0, 2, 0.8, 8) for _ in plan.classes.values[1:]))


def seen(expected: float, *, agreement: float = math.nan, seed: int = 40, volume: int = 100) -> Look:
    """A look at an image whose mask has these numbers."""
    look = Look(2)
    look.features, look.spacing = image_features(picture(seed)), (1.0, 1.0)
    look.shapes = (Shape(float(volume), 1 if volume else 0, 1.0 if volume else math.nan),)
    evidence = look.evidence
    if volume:
        evidence.count[1], evidence.held[1] = volume, volume * expected
        evidence.total[1] = volume  # 2 · held / (total + count) = expected
    if not math.isnan(agreement):
        evidence.shared[1], evidence.marked[1] = agreement, 1.0
    return look


def graded(look: Look, fit: Calibration | None = SURE, *, threshold: float = 0.7) -> Estimate:
    plan = make_plan()
    found = references(plan)
    quality = Quality(1, (ClassQuality(1, fit, None, found.shapes[0]),), found.images, ())
    (one,) = grade("case", look, plan, quality, threshold=threshold)
    return one


def test_an_interval_above_the_threshold_passes_below_fails_and_across_is_to_be_looked_at() -> None:
    good, middling, bad = graded(seen(0.9)), graded(seen(0.72)), graded(seen(0.4))
    assert (good.verdict, good.reasons) == ("pass", ())
    assert good.dice == pytest.approx(0.9)
    assert (good.low, good.high) == pytest.approx((0.9 - 0.2 * 0.15, 0.9 + 0.2 * 0.15))
    assert middling.verdict == "look"
    assert "0.72" in middling.reasons[0]
    assert bad.verdict == "fail"
    assert graded(seen(0.9), threshold=0.95).verdict == "fail"


def test_whatever_is_unusual_is_never_passed() -> None:
    strange = seen(0.95)
    strange.features = strange.features + 3
    coarse = seen(0.95)
    coarse.spacing = (1.0, 4.0)
    for look in (strange, coarse, seen(0.95, volume=5000)):
        one = graded(look)
        assert one.verdict == "look"
        assert len(one.reasons) == 1
        assert one.dice == pytest.approx(0.95)


def test_networks_that_disagree_fail_a_mask_however_sure_each_of_them_is() -> None:
    torn = graded(seen(0.95, agreement=0.4))
    assert (torn.verdict, torn.dice) == ("fail", pytest.approx(0.4))
    assert "0.40" in torn.reasons[0]
    assert graded(seen(0.95, agreement=0.9)).verdict == "pass"


def test_an_empty_mask_and_a_model_without_held_out_cases_are_to_be_looked_at() -> None:
    empty = graded(seen(0.9, volume=0))
    assert (empty.verdict, empty.reasons) == ("look", ("the mask is empty",))
    assert math.isnan(empty.dice)
    unknown = graded(seen(0.95), None)
    assert unknown.verdict == "look"
    assert "no held-out case" in unknown.reasons[0]
    few = graded(seen(0.95), replace(SURE, width=None))
    assert (few.verdict, few.dice) == ("look", pytest.approx(0.95))
    assert "too few" in few.reasons[0]
    (old,) = grade("case", seen(0.95), make_plan(), None)
    assert old.verdict == "look"
    assert "no held-out case" in old.reasons[0]


def test_agreement_calibrates_where_the_model_learnt_it() -> None:
    plan = make_plan()
    found = references(plan)
    together = Calibration(0.0, 1.0, 1.0, 0.2, 0.9, 20, 0.01)
    quality = Quality(1, (ClassQuality(1, SURE, together, found.shapes[0]),), found.images, ())
    (both,) = grade("case", seen(0.95, agreement=0.8), plan, quality)
    (alone,) = grade("case", seen(0.95), plan, quality)
    assert (both.dice, alone.dice) == (pytest.approx(0.8), pytest.approx(0.95))


def test_held_out_rows_leave_out_empty_masks_and_undefined_scores() -> None:
    plan = make_plan()
    assert held_out_rows("a", seen(0.9, volume=0), [0.0], plan) == []
    assert held_out_rows("a", seen(0.9), [math.nan], plan) == []
    (row,) = held_out_rows("a", seen(0.9, agreement=0.7), [0.8], plan)
    assert row == HeldOut("a", 1, pytest.approx(0.9), pytest.approx(0.7), 0.8)
    assert held_out_rows("a", seen(0.9), [0.8], plan)[0].agreement is None


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, Quality]:
    plan = make_plan()
    promised, dice = simulated(12, 0)
    rows = [HeldOut(f"c{i}", 1, float(p), None, float(d)) for i, (p, d) in enumerate(zip(promised, dice, strict=True))]
    quality = make_quality(rows, references(plan), plan)
    write_quality(tmp_path / "quality.json", quality)
    return tmp_path / "quality.json", quality


def test_a_calibration_comes_back_from_its_file_as_it_was(stored: tuple[Path, Quality]) -> None:
    path, quality = stored
    assert read_quality(path, make_plan()) == quality
    assert read_quality(path.with_name("none.json"), make_plan()) is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c.update(format=2), "format 1"),
        (lambda c: c.update(more=1), "more"),
        (lambda c: c["classes"][0].update(label=5), "labels"),
        (lambda c: c["classes"][0]["alone"].update(slope=math.inf), "no sense"),
        (lambda c: c["classes"][0]["alone"].update(slope="steep"), "slope"),
        (lambda c: c["images"]["features"].append([1.0]), "no sense"),
        (lambda c: c["images"].update(features=[]), "no training image"),
        (lambda c: c["images"]["spread"].__setitem__(0, 0.0), "no training image"),
        (lambda c: c.pop("classes"), "classes"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(stored: tuple[Path, Quality], change: Any, text: str) -> None:
    path, _ = stored
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=text):
        read_quality(path, make_plan())


@pytest.mark.parametrize("content", ["", "[]", "{", "\x00\xff", '{"format": 1}'])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "quality.json"
    path.write_text(content)
    with pytest.raises(CheckpointError, match="delete it"):
        read_quality(path, make_plan())


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("septum.workflows.quality.grade._LARGEST_FILE", 10)
    (tmp_path / "quality.json").write_text(" " * 11)
    with pytest.raises(CheckpointError, match="smaller"):
        read_quality(tmp_path / "quality.json", make_plan())


def estimate(case: str, dice: float, verdict: str, label: int = 1) -> Estimate:
    return Estimate(case, label, f"label {label}", dice, dice - 0.1, dice + 0.1, verdict, ("a, b",), dice, math.nan)


def test_the_list_is_worst_first_with_the_classes_of_a_case_together(tmp_path: Path) -> None:
    given = [
        estimate("good", 0.9, "pass"),
        estimate("mixed", 0.95, "pass"),
        estimate("mixed", 0.5, "fail", 2),
        estimate("unknown", math.nan, "look"),
        estimate("middling", 0.7, "look"),
    ]
    order = [one.case for one in worst_first(given)]
    assert order == ["mixed", "mixed", "unknown", "middling", "good"]
    path = write_list(tmp_path, given, threshold=0.7)
    table = pd.read_csv(path)
    assert table["case"].tolist() == order
    assert table["reasons"].tolist() == ["a, b"] * 5
    assert math.isnan(table["dice"][2])
    content = json.loads((tmp_path / "quality.json").read_text())
    assert content["threshold"] == 0.7
    assert "not a medical device" in content["notice"]
    assert [(one.case, one.label, one.verdict, one.reasons) for one in read_list(tmp_path)] == [
        (one.case, one.label, one.verdict, one.reasons) for one in worst_first(given)
    ]


def test_cases_of_an_earlier_run_stay_in_the_list_and_are_replaced_when_graded_anew(tmp_path: Path) -> None:
    write_list(tmp_path, [estimate("a", 0.9, "pass"), estimate("b", 0.5, "fail")], threshold=0.7)
    write_list(tmp_path, [estimate("b", 0.8, "pass"), estimate("c", 0.6, "look")], threshold=0.7)
    assert [(one.case, one.dice) for one in read_list(tmp_path)] == [("c", 0.6), ("b", 0.8), ("a", 0.9)]
    for damaged in ("{", '{"cases": [{"case": "x"}]}', '{"cases": 3}'):
        (tmp_path / "quality.json").write_text(damaged)
        assert read_list(tmp_path) == []


def test_fewest_is_the_number_of_groups_from_which_intervals_are_given() -> None:
    assert calibrate(*simulated(FEWEST, 0))[0].width is not None
    assert calibrate(*simulated(FEWEST - 1, 0))[0].width is None
