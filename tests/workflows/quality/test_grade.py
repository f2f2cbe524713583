"""Masks are graded by what held-out cases showed: estimates, intervals, verdicts, reasons, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.quality.estimates import make_plan, picture, references, simulated

from septum.errors import CheckpointError
from septum.workflows.quality.calibration import Calibration
from septum.workflows.quality.grade import (
    ClassQuality,
    HeldKind,
    HeldOut,
    NetworkReference,
    Quality,
    grade,
    promise,
    read_quality,
    write_quality,
)
from septum.workflows.quality.learn import held_out_rows, make_quality
from septum.workflows.quality.looks import (
    ImageReference,
    Look,
    Shape,
    image_features,
)
from septum.workflows.quality.worklist import REASONS, Estimate

SURE = Calibration(0.0, 1.0, 0.0, 0.2, 0.9, 20, 0.02)


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
    (one,) = grade("case", look, plan=plan, quality=quality, threshold=threshold)
    return one


def test_an_interval_above_the_threshold_passes_below_fails_and_across_is_to_be_looked_at() -> None:
    good, middling, bad = graded(seen(0.9)), graded(seen(0.72)), graded(seen(0.4))
    assert (good.verdict, good.reasons) == ("pass", ())
    assert good.dice == pytest.approx(0.9)
    assert (good.low, good.high) == pytest.approx((0.9 - 0.2 * 0.15, 0.9 + 0.2 * 0.15))
    assert (middling.verdict, middling.reasons) == ("look", ("it may lie on either side of the threshold",))
    assert (bad.verdict, bad.reasons) == ("fail", ("the estimate lies below the threshold",))
    assert graded(seen(0.9), threshold=0.95).verdict == "fail"


def test_an_image_unlike_those_of_the_training_gets_no_figure_however_sure_the_network_is() -> None:
    strange = seen(0.95)
    strange.features = strange.features + 3
    coarse = seen(0.95)
    coarse.spacing = (1.0, 4.0)
    for look, why in ((strange, "nearest training image"), (coarse, "voxels of 4")):
        one = graded(look)
        assert one.verdict == "unknown"
        assert [math.isnan(value) for value in (one.dice, one.low, one.high)] == [True] * 3
        assert one.reasons[0].startswith("unlike the training images (")
        assert why in one.reasons[0]


def test_an_image_that_only_the_network_finds_strange_gets_no_figure() -> None:
    plan, usual = make_plan(), np.random.default_rng(0).normal(size=(8, 6))
    network = NetworkReference(2, ImageReference.of(list(usual)))
    found = references(plan)
    quality = Quality(2, (ClassQuality(1, SURE, None, None),), found.images, (), (network,), 3.0, 2.0)
    for offset, verdict in ((0.0, "pass"), (50.0, "unknown")):
        look = seen(0.95)
        look.evidence.sums, look.evidence.voxels = {0: usual[0, :3] + offset}, {0: 1}
        look.evidence.squares = {0: (usual[0, :3] + offset) ** 2 + usual[0, 3:] ** 2}
        (one,) = grade("case", look, plan=plan, quality=quality, folds=(2,))
        assert one.verdict == verdict
        (other,) = grade("case", look, plan=plan, quality=quality, folds=(0,))  # a network that nothing is known about
        assert other.verdict == "pass"
    assert "as the network sees it, it differs from the nearest training image" in one.reasons[0]


def test_a_mask_of_unusual_shape_is_never_passed() -> None:
    one = graded(seen(0.95, volume=5000))
    assert one.verdict == "look"
    assert len(one.reasons) == 1
    assert one.dice == pytest.approx(0.95)


def test_networks_that_disagree_fail_a_mask_however_sure_each_of_them_is() -> None:
    torn = graded(seen(0.95, agreement=0.4))
    assert (torn.verdict, torn.dice) == ("fail", pytest.approx(0.4))
    assert "0.40" in torn.reasons[0]
    assert graded(seen(0.95, agreement=0.9)).verdict == "pass"


def test_an_empty_mask_is_to_be_looked_at_and_fails_where_no_training_mask_was_empty() -> None:
    empty = graded(seen(0.9, volume=0))
    assert (empty.verdict, empty.reasons) == ("look", ("the mask is empty",))
    assert math.isnan(empty.dice)
    plan = make_plan()
    quality = Quality(2, (ClassQuality(1, SURE, None, None, always=True),), references(plan).images, ())
    (one,) = grade("case", seen(0.9, volume=0), plan=plan, quality=quality)
    assert one.verdict == "fail"


def test_without_held_out_cases_there_is_neither_a_figure_nor_a_pass() -> None:
    unknown = graded(seen(0.95), None)
    assert (unknown.verdict, unknown.reasons) == ("look", (REASONS["nothing"],))
    assert math.isnan(unknown.dice)
    (old,) = grade("case", seen(0.95), plan=make_plan(), quality=None)
    assert (old.verdict, old.reasons) == ("look", (REASONS["nothing"],))
    plan = make_plan()
    quality = Quality(2, (ClassQuality(1, None, None, None, rough=SURE),), references(plan).images, ())
    (kept,), (bad,) = (grade("case", seen(promise), plan=plan, quality=quality) for promise in (0.95, 0.5))
    assert (kept.verdict, bad.verdict) == ("look", "fail")
    assert math.isnan(bad.dice)
    assert "trained on" in bad.reasons[0]


def test_few_held_out_cases_give_a_figure_without_an_interval_and_fail_what_is_far_below() -> None:
    few = replace(SURE, width=None)
    good, bad = graded(seen(0.95), few), graded(seen(0.3), few)
    assert (good.verdict, good.dice) == ("look", pytest.approx(0.95))
    assert math.isnan(good.low)
    assert bad.verdict == "fail"


def test_what_cannot_be_promised_is_said_in_one_sentence_with_the_remedy() -> None:
    def of(n: int, held: HeldKind = "") -> Quality:
        plan = make_plan()
        rows = [HeldOut(f"c{i}", 1, 0.9, None, 0.8) for i in range(n)]
        return make_quality(rows, references(plan), plan=plan, held=held)

    assert "--resume" in promise(None)
    assert "--folds none" in promise(of(0))
    assert "only 1 held-out image judged" in promise(of(1))
    assert promise(of(4)).endswith("annotate 2 more, or train with --folds all")
    assert promise(of(4), judged=True).endswith("annotate 2 more")  # each was held out once already
    assert promise(of(6)) == ""
    assert promise(of(3), judged=True, unfinished=True).endswith("--resume`")  # not more images: the rest of them


def test_a_block_of_the_only_image_and_images_in_which_nothing_was_found_were_held_out_all_the_same() -> None:
    plan = make_plan()
    rows = [HeldOut("c", 1, 0.9, None, 0.8)]
    for given, figures in (([], "its masks get no figure"), (rows, "its figures have no interval")):
        block = promise(make_quality(given, references(plan), plan=plan, held="block"))
        assert f"a block of it shows promises nothing about others, so {figures}" in block
        assert block.endswith("annotate 5 more")
    empty = promise(make_quality([], references(plan), plan=plan, held="images"))
    assert empty.startswith("nothing was found in the images that were held out")


def test_agreement_that_is_calibrated_decides_by_what_it_is_worth_and_only_where_images_are_looked_at_alike() -> None:
    plan = make_plan()
    agreement = np.linspace(0.45, 0.9, 24)
    rows = [HeldOut(f"c{i}", 1, 0.95, float(a), float(a) + 0.09) for i, a in enumerate(agreement)]
    quality = replace(make_quality(rows, references(plan), plan=plan), looks=1)
    low = seen(0.95, agreement=0.66)
    (one,) = grade("case", low, plan=plan, quality=quality, folds=(0,))
    assert one.dice == pytest.approx(0.75, abs=0.03)  # thin structures agree less than they are right
    assert one.verdict != "fail"
    (several,) = grade("case", low, plan=plan, quality=quality, folds=(0, 1))
    assert several.verdict == "fail"  # networks that agree with each other: nothing tested what that is worth
    assert any("the mask comes out different: Dice 0.66 between the two" in reason for reason in several.reasons)
    (old,) = grade("case", low, plan=plan, quality=replace(quality, looks=0), folds=(0, 1))
    assert old.dice == one.dice


def test_agreement_calibrates_where_the_model_learnt_it() -> None:
    plan = make_plan()
    found = references(plan)
    together = Calibration(0.0, 1.0, 1.0, 0.2, 0.9, 20, 0.01)
    quality = Quality(1, (ClassQuality(1, SURE, together, found.shapes[0]),), found.images, ())
    (both,) = grade("case", seen(0.95, agreement=0.8), plan=plan, quality=quality)
    (alone,) = grade("case", seen(0.95), plan=plan, quality=quality)
    assert (both.dice, alone.dice) == (pytest.approx(0.8), pytest.approx(0.95))


def test_held_out_rows_leave_out_empty_masks_and_undefined_scores() -> None:
    plan = make_plan()
    assert held_out_rows("a", seen(0.9, volume=0), dice=[0.0], plan=plan) == []
    assert held_out_rows("a", seen(0.9), dice=[math.nan], plan=plan) == []
    (row,) = held_out_rows("a", seen(0.9, agreement=0.7), dice=[0.8], plan=plan)
    assert row == HeldOut("a", 1, pytest.approx(0.9), pytest.approx(0.7), 0.8)
    assert held_out_rows("a", seen(0.9), dice=[0.8], plan=plan)[0].agreement is None


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, Quality]:
    plan = make_plan()
    promised, dice = simulated(12, 0)
    rows = [HeldOut(f"c{i}", 1, float(p), None, float(d)) for i, (p, d) in enumerate(zip(promised, dice, strict=True))]
    quality = make_quality(rows, references(plan), plan=plan)
    write_quality(tmp_path / "quality.json", quality)
    return tmp_path / "quality.json", quality


def test_a_file_of_the_first_format_still_grades(stored: tuple[Path, Quality]) -> None:
    path, quality = stored
    content = json.loads(path.read_text())
    content["format"] = 1
    for name in ("networks", "image_limit", "network_limit"):
        del content[name]
    for row in content["held_out"]:
        for name in ("way", "image_far", "network_far", "seen"):
            del row[name]
    for one in content["classes"]:
        del one["rough"], one["always"]
    path.write_text(json.dumps(content))
    old = read_quality(path, make_plan())
    assert old is not None
    assert old.classes == quality.classes
    assert (old.image_limit, old.networks) == (1.5, ())
    (one,) = grade("case", seen(0.9), plan=make_plan(), quality=old)
    assert one.low < one.dice < one.high


def test_a_calibration_comes_back_from_its_file_as_it_was(stored: tuple[Path, Quality]) -> None:
    path, quality = stored
    assert read_quality(path, make_plan()) == quality
    assert read_quality(path.with_name("none.json"), make_plan()) is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c.update(format=3), "at most format 2"),
        (lambda c: c.update(image_limit=math.inf), "no sense"),
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
