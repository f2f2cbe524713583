"""Which scores exist, and each family against an independent way to get it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label as skimage_label
from tests import phantoms

from septum.errors import ConfigError
from septum.metrics import confusion_counts
from septum.workflows.scores import measures

BALL = phantoms.ball((20, 24, 22), radius_mm=7.0).array
MOVED = np.roll(BALL, 2, axis=1)


def test_every_measure_belongs_to_a_family_that_is_explained() -> None:
    assert {m.family for m in measures.MEASURES.values()} == set(measures.FAMILIES)
    assert all(m.better in (-1, 0, 1) for m in measures.MEASURES.values())


@pytest.mark.parametrize("unit", ["mm", "px"])
def test_titles_carry_the_unit_of_lengths_and_of_nothing_else(unit: str) -> None:
    found = measures.titles(unit=unit)
    assert found["hausdorff"] == f"Hausdorff distance, {unit}"
    assert found["dice"] == "Dice"
    assert not any("{" in title for title in found.values())


def test_families_are_found_from_single_scores_and_overlap_is_always_among_them() -> None:
    assert measures.families_of(["hausdorff", "v_rand"]) == ("overlap", "surface", "em")
    assert measures.families_of(["vessels"]) == ("overlap", "vessels")
    with pytest.raises(ConfigError, match="'hausdorf'"):
        measures.families_of(["hausdorf"])


def test_overlap_values_are_those_of_the_counts() -> None:
    (counts,) = confusion_counts(BALL, MOVED, classes=[1])
    found = measures.overlap_values(counts, policy="undefined")
    both, one, other = (BALL & MOVED).sum(), BALL.sum(), MOVED.sum()
    assert found["dice"] == pytest.approx(2 * both / (one + other))
    assert found["iou"] == pytest.approx(both / (BALL | MOVED).sum())
    assert found["precision"] == pytest.approx(both / other)
    assert found["sensitivity"] == pytest.approx(both / one)
    assert found["specificity"] == pytest.approx(((BALL == 0) & (MOVED == 0)).sum() / (BALL == 0).sum())
    assert found["volume_difference_percent"] == pytest.approx(0.0)


def test_scores_of_all_labels_together_need_two_labels_and_weights_are_obeyed() -> None:
    counts = dict(zip((1, 2), confusion_counts(BALL + 2 * (MOVED > 9), MOVED, classes=[1, 2]), strict=True))
    assert measures.whole_values({1: counts[1]}, weights={1: 1.0}, policy="undefined") == {}
    assert set(measures.whole_values(counts, weights={}, policy="undefined")) == {"generalised_dice"}
    only = measures.whole_values(counts, weights={1: 3.0}, policy="undefined")["weighted_dice"]
    assert only == pytest.approx(measures.overlap_values(counts[1], policy="undefined")["dice"])


def test_surfaces_scale_with_the_spacing_and_the_tolerance_is_in_millimetres() -> None:
    def values(factor: float, tolerance: float) -> measures.Values:
        return measures.label_values(
            BALL,
            MOVED,
            labels=[1],
            families=["surface"],
            spacing=[factor] * 3,
            tolerance_mm=tolerance,
            policy="undefined",
        )[1]

    one, three = values(1.0, 1.0), values(3.0, 3.0)
    assert one["hausdorff"] == pytest.approx(2.0)
    assert three["hausdorff"] == pytest.approx(6.0)
    assert three["surface_dice"] == pytest.approx(one["surface_dice"])
    assert values(1.0, 2.0)["surface_dice"] == pytest.approx(1.0)
    assert one["surface_dice"] < 0.9


def test_only_the_families_that_are_asked_for_are_measured() -> None:
    found = measures.label_values(
        BALL, MOVED, labels=[1], families=["boundary"], spacing=[1.0] * 3, tolerance_mm=1.0, policy="undefined"
    )
    assert set(found[1]) == {"boundary_iou"}


def test_objects_are_counted_and_ignored_samples_take_part_on_neither_side() -> None:
    truth = np.zeros((12, 30), np.int32)
    truth[2:8, 2:8], truth[2:8, 12:18], truth[2:8, 22:28] = 1, 2, 3
    guess = truth.copy()
    guess[guess == 3] = 0
    nothing = np.zeros(truth.shape, bool)
    found = measures.object_values(truth, guess, ignored=nothing)
    assert (found["reference_objects"], found["prediction_objects"]) == (3, 2)
    assert found["objects_recall"] == pytest.approx(2 / 3)
    assert found["objects_precision"] == 1
    assert found["average_precision"] == pytest.approx(2 / 3)
    without = measures.object_values(truth, guess, ignored=truth == 3)
    assert (without["objects_recall"], without["reference_objects"]) == (1, 2)


def test_merged_and_cut_objects_are_told_apart() -> None:
    truth = np.zeros((10, 20), np.int32)
    truth[2:8, 2:9], truth[2:8, 10:17] = 1, 2
    merged = np.where(truth > 0, 1, 0)
    merged[2:8, 9] = 1
    assert measures.object_values(truth, merged, ignored=truth < 0)["merges"] == 1
    assert measures.object_values(merged, truth, ignored=truth < 0)["splits"] == 1


def test_cells_between_membranes_are_perfect_against_themselves_and_worse_when_merged() -> None:
    cells = np.ones((24, 36), np.uint8)
    cells[:, 12], cells[:, 24], cells[12, :] = 0, 0, 0
    same = measures.neurite_values(cells, cells)
    assert same["v_rand"] == pytest.approx(1)
    assert same["v_info"] == pytest.approx(1)
    assert same["warping_error"] == 0
    broken = cells.copy()
    broken[3:9, 12] = 1
    worse = measures.neurite_values(cells, broken)
    assert worse["v_rand"] < 0.95
    assert worse["warping_error"] > 0


@pytest.mark.parametrize("shape", [(9, 11), (5, 7, 6)])
def test_components_touch_by_their_corners(shape: tuple[int, ...]) -> None:
    mask = np.random.default_rng(3).random(shape) < 0.2
    found = measures.connected_objects(mask)
    expected = skimage_label(mask, connectivity=len(shape))
    assert found.max() == expected.max() == ndimage.label(mask, np.ones((3,) * len(shape)))[1]
    assert len({*zip(found[mask].tolist(), expected[mask].tolist(), strict=True)}) == expected.max()


def test_an_unknown_policy_is_refused() -> None:
    measures.check_policy("undefined")
    with pytest.raises(ConfigError):
        measures.check_policy("kind")
