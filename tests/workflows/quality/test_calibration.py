"""From what the probabilities promise to what comes of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.workflows.quality.estimates import make_plan, references, simulated

from septum.workflows.quality.calibration import FEWEST, calibrate
from septum.workflows.quality.grade import HeldOut
from septum.workflows.quality.learn import make_quality


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


def test_agreement_is_used_unless_the_probabilities_tell_clearly_more() -> None:
    rng = np.random.default_rng(0)
    dice = rng.uniform(0.3, 0.9, 24)
    rows = [
        HeldOut(f"c{i}", 1, float(rng.uniform(0.8, 0.9)), float(d + rng.normal(0, 0.01)), float(d))
        for i, d in enumerate(dice)
    ]
    plan = make_plan()
    quality = make_quality(rows, references(plan), plan=plan)
    assert quality.classes[0].together is not None
    assert quality.classes[0].together.error < 0.5 * quality.classes[0].alone.error  # type: ignore[union-attr]
    assert np.abs([row.estimate - row.dice for row in quality.held_out]).mean() == pytest.approx(
        quality.classes[0].together.error
    )
    blind = [replace(row, expected=row.dice, agreement=float(rng.uniform(0.8, 0.9))) for row in rows]
    assert make_quality(blind, references(plan), plan=plan).classes[0].together is None
    some = [replace(row, agreement=None if i == 0 else row.agreement) for i, row in enumerate(rows)]
    assert make_quality(some, references(plan), plan=plan).classes[0].together is None


def test_nine_of_ten_masks_reach_the_floor_of_their_estimates() -> None:
    reached = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        agreement = rng.uniform(0.7, 0.98, 240)
        dice = np.clip(agreement - 0.05 + rng.normal(0, 0.04, 240), 0, 1)
        found, _ = calibrate(agreement[:40], dice[:40], agreement=agreement[:40])
        floors = np.array([found.floor(found.estimate(0.5, a)) for a in agreement[40:]])
        reached.append((dice[40:] >= floors).mean())
    assert 0.87 <= np.mean(reached) <= 0.95
    few, _ = calibrate(agreement[:5], dice[:5], agreement=agreement[:5])
    assert math.isnan(few.floor(0.9))
    old = replace(found, below=None)
    assert old.floor(0.9) == old.interval(0.9)[0]  # of a model whose file knows no floor


def test_a_class_with_few_cases_borrows_those_of_the_others() -> None:
    plan = make_plan((0, 1, 2))
    rows = [HeldOut(f"c{i}", 1, 0.9, None, 0.6) for i in range(8)] + [HeldOut("c0", 2, 0.9, None, 0.6)]
    quality = make_quality(rows, references(plan), plan=plan)
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


def test_fewest_is_the_number_of_groups_from_which_intervals_are_given() -> None:
    assert calibrate(*simulated(FEWEST, 0))[0].width is not None
    assert calibrate(*simulated(FEWEST - 1, 0))[0].width is None


def test_what_knows_ruined_masks_as_well_as_good_ones_is_unsure_between_them_only() -> None:
    rng = np.random.default_rng(3)
    true = rng.uniform(0, 1, 60)
    told = np.clip(true + 0.3 * np.sqrt(true * (1 - true)) * rng.normal(size=60), 0.01, 0.99)
    one, both = (calibrate(told, true, both_ends=ends)[0] for ends in (False, True))
    ruined, good, between = (both.interval(value) for value in (0.02, 0.98, 0.5))
    assert ruined[1] == pytest.approx(1 - good[0])
    assert between[1] - between[0] > ruined[1] - ruined[0]
    assert ruined[1] < one.interval(0.02)[1]
    assert both.floor(0.02) > one.floor(0.02)
