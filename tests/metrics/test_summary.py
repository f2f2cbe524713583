"""The table of empty cases, cell by cell, and intervals that mean what they say."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum import metrics
from septum.errors import ConfigError
from septum.metrics import EMPTY_CASES, POLICIES, SCORES, SURFACE_SCORES, Counts, empty_case, summarise

NAN = float("nan")
FILLED, NOTHING = np.array([[0, 1, 1], [0, 1, 1]]), np.zeros((2, 3), int)
MASKS = {
    "both empty": (NOTHING, NOTHING),
    "reference empty": (NOTHING, FILLED),
    "prediction empty": (FILLED, NOTHING),
}
DIAGONAL = 5.0  # mm of 2 x 3 pixels at 2 x 1 mm: 4 mm by 3 mm

OVERLAP = ("dice", "iou", "generalised_dice", "weighted_dice", "cl_dice", "boundary_iou", "surface_dice")
DISTANCES = (
    "hausdorff",
    "hausdorff_percentile",
    "average_surface_distance",
    "average_symmetric_surface_distance",
    "mean_absolute_surface_distance",
)


def cells(overlap: float, precision: float, sensitivity: float, distance: float, volume: float) -> dict[str, float]:
    return {
        **dict.fromkeys(OVERLAP, overlap),
        "precision": precision,
        "sensitivity": sensitivity,
        **dict.fromkeys(DISTANCES, distance),
        "volume_difference_percent": volume,
    }


# Every cell of every policy, written down a second time by hand.
CELLS = {
    "undefined": {
        "both empty": cells(NAN, NAN, NAN, NAN, NAN),
        "reference empty": cells(0, 0, NAN, NAN, NAN),
        "prediction empty": cells(0, NAN, 0, NAN, -100),
    },
    "perfect": {
        "both empty": cells(1, 1, 1, 0, 0),
        "reference empty": cells(0, 0, NAN, NAN, NAN),
        "prediction empty": cells(0, NAN, 0, NAN, -100),
    },
    "penalise": {
        "both empty": cells(1, 1, 1, 0, 0),
        "reference empty": cells(0, 0, 0, DIAGONAL, NAN),
        "prediction empty": cells(0, 0, 0, DIAGONAL, -100),
    },
}


def measured(name: str, reference: np.ndarray, prediction: np.ndarray, policy: str) -> float:
    """The metric called `name`, computed by its public function."""
    counts = metrics.confusion_counts(reference, prediction, classes=[1])
    surfaces = metrics.surface_distances(reference, prediction, spacing=(2, 1))
    special = {
        "generalised_dice": lambda: metrics.generalised_dice(counts, policy=policy),
        "weighted_dice": lambda: metrics.weighted_dice(counts, weights=[2], policy=policy),
        "cl_dice": lambda: metrics.cl_dice(reference, prediction, policy=policy),
        "boundary_iou": lambda: metrics.boundary_iou(reference, prediction, policy=policy),
        "surface_dice": lambda: metrics.surface_dice(surfaces, tolerance_mm=1, policy=policy),
        "average_surface_distance": lambda: sum(metrics.average_surface_distance(surfaces, policy=policy)) / 2,
    }
    if name in special:
        return special[name]()
    if name in SURFACE_SCORES:
        return SURFACE_SCORES[name](surfaces, policy=policy)
    return getattr(metrics, name)(counts[0], policy=policy)


@pytest.mark.parametrize("policy", CELLS)
@pytest.mark.parametrize("row", MASKS)
@pytest.mark.parametrize("name", CELLS["undefined"]["both empty"])
def test_every_cell_of_the_table_of_empty_cases(name: str, row: str, policy: str) -> None:
    np.testing.assert_equal(measured(name, *MASKS[row], policy), CELLS[policy][row][name])


@pytest.mark.parametrize("policy", CELLS)
@pytest.mark.parametrize("name", CELLS["undefined"]["both empty"])
def test_no_policy_touches_masks_that_hold_something(name: str, policy: str) -> None:
    expected = 0 if "distance" in name or "difference" in name or "hausdorff" in name else 1
    assert measured(name, FILLED, FILLED, policy) == expected


def test_the_table_has_a_row_for_every_empty_case_and_a_value_for_every_score() -> None:
    columns = set(CELLS["undefined"]["both empty"]) - {"weighted_dice"}  # made of dice
    assert list(POLICIES) == list(CELLS)
    assert POLICIES["undefined"] is EMPTY_CASES
    for rows in POLICIES.values():
        assert [row.name for row in rows] == list(MASKS)
        assert all(set(row.values) == columns for row in rows)
        assert all(row.meaning for row in rows)


def test_an_unknown_policy_is_refused_by_every_kind_of_score_even_where_no_mask_is_empty() -> None:
    for name in CELLS["undefined"]["both empty"]:
        with pytest.raises(ConfigError, match="policy must be one of undefined, perfect, penalise, got 'zero'"):
            measured(name, FILLED, FILLED, "zero")


def test_undefined_scores_are_counted_in_a_summary_and_penalised_ones_are_not() -> None:
    pairs = [*MASKS.values(), (FILLED, FILLED)]
    for policy, n_undefined, mean in (("undefined", 3, 0.0), ("perfect", 2, 0.0), ("penalise", 0, DIAGONAL / 2)):
        found = summarise([measured("hausdorff", a, b, policy) for a, b in pairs])
        assert (found.n, found.n_undefined, found.mean) == (4 - n_undefined, n_undefined, mean)


def test_masks_that_both_hold_something_are_in_no_row_even_without_overlap() -> None:
    counts = Counts(tp=0, fp=2, fn=2, tn=0)
    assert counts.empty is None
    assert empty_case(reference_empty=False, prediction_empty=False) is None
    assert [score(counts) for score in SCORES.values()] == [0, 0, 0, 0]


def test_a_summary_of_known_values() -> None:
    found = summarise([1.0, 0.0, NAN, 0.5, 0.25, 0.75, NAN])
    assert (found.n, found.n_undefined, found.n_groups) == (5, 2, 5)
    assert (found.mean, found.median, found.q1, found.q3) == (0.5, 0.5, 0.25, 0.75)
    assert (found.minimum, found.maximum) == (0.0, 1.0)


def test_nothing_defined_gives_a_count_and_undefined_numbers() -> None:
    found = summarise([NAN, NAN])
    assert (found.n, found.n_undefined, found.n_groups) == (0, 2, 0)
    assert all(math.isnan(v) for k, v in dataclasses.asdict(found).items() if not k.startswith("n"))
    assert summarise([]).n == 0


def test_one_case_or_one_group_has_no_interval() -> None:
    assert math.isnan(summarise([0.8]).mean_ci_low)
    found = summarise([0.8, 0.9], groups=["a", "a"])
    assert found.n_groups == 1
    assert math.isnan(found.median_ci_high)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(0).random(30)
    assert summarise(values, seed=3) == summarise(values, seed=3)
    assert summarise(values, seed=3) != summarise(values, seed=4)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.integers(0, 5))
def test_intervals_lie_within_the_range_and_hold_together(values: list[float], seed: int) -> None:
    found = summarise(values, seed=seed, n_bootstrap=50)
    tolerance = 1e-12
    for low, high in ((found.mean_ci_low, found.mean_ci_high), (found.median_ci_low, found.median_ci_high)):
        assert found.minimum - tolerance <= low <= high <= found.maximum + tolerance


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_the_order_of_the_cases_does_not_matter_without_ties_in_chance(values: list[float]) -> None:
    forth, back = summarise(values, n_bootstrap=20), summarise(values[::-1], n_bootstrap=20)
    assert (forth.median, forth.minimum, forth.q1) == (back.median, back.minimum, back.q1)
    assert math.isclose(forth.mean, back.mean, abs_tol=1e-12)


def test_the_resampled_medians_equal_a_plain_loop() -> None:
    rng = np.random.default_rng(5)
    scores, keys = rng.random(11), np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4, 4])
    found = summarise(scores, groups=list(keys), seed=1, n_bootstrap=200)
    draws = np.random.default_rng(1).multinomial(5, np.full(5, 0.2), size=200)
    resamples = [np.concatenate([np.tile(scores[keys == g], times) for g, times in enumerate(row)]) for row in draws]
    medians, means = [np.median(r) for r in resamples], [r.mean() for r in resamples]
    expected = [*np.quantile(means, [0.025, 0.975]), *np.quantile(medians, [0.025, 0.975])]
    ours = [found.mean_ci_low, found.mean_ci_high, found.median_ci_low, found.median_ci_high]
    np.testing.assert_allclose(ours, expected)


def test_the_interval_of_the_mean_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    trials = [summarise(rng.normal(0.8, 0.05, 30), seed=i, n_bootstrap=300) for i in range(200)]
    mean = np.mean([s.mean_ci_low <= 0.8 <= s.mean_ci_high for s in trials])
    median = np.mean([s.median_ci_low <= 0.8 <= s.median_ci_high for s in trials])
    assert 0.89 <= mean <= 0.99
    assert 0.89 <= median <= 1.0


def test_cases_of_one_patient_widen_the_interval() -> None:
    patients = np.random.default_rng(2).random(8)
    values, groups = np.repeat(patients, 6), list(np.repeat(np.arange(8), 6))
    grouped, single = summarise(values, groups=groups), summarise(values)
    assert grouped.n_groups == 8
    assert grouped.mean_ci_high - grouped.mean_ci_low > 1.8 * (single.mean_ci_high - single.mean_ci_low)


def test_groups_may_be_of_any_type_and_groups_without_a_defined_value_are_not_drawn() -> None:
    found = summarise([0.1, 0.2, NAN], groups=["p1", ("p", 2), None])
    assert (found.n, found.n_groups, found.n_undefined) == (2, 2, 1)


def test_resampling_in_parts_gives_the_same_interval_as_at_once() -> None:
    values = np.random.default_rng(0).random(2000)
    found = summarise(values, n_bootstrap=1500)  # two parts
    assert 0.45 < found.mean_ci_low < found.mean < found.mean_ci_high < 0.55


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        ([[0.1], [0.2]], {}, "1-D list"),
        ([0.1, math.inf], {}, "1 infinite"),
        ([0.1, 0.2], {"groups": ["a"]}, r"one key per value \(2\), got 1"),
        ([0.1], {"n_bootstrap": 0}, "at least 1, got 0"),
        ([0.1], {"confidence": 95}, "between 0 and 1, got 95"),
    ],
)
def test_impossible_settings_are_refused(values: object, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        summarise(values, **settings)  # type: ignore[arg-type]
