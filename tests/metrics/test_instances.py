"""Instances: hand-drawn objects, dense and independent definitions as oracles, and properties."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment
from tests import phantoms

from septum.errors import ConfigError, GeometryError
from septum.metrics.instances import (
    DSB_THRESHOLDS,
    aggregated_jaccard,
    average_precision,
    instance_overlap,
    match_instances,
    splits_and_merges,
)

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "panoptica.json"
# Reference: objects 1 (4 voxels), 2 (4), 3 (2). Prediction: 5 is object 1 and one more, 6 and 7 halve object 2,
# 8 lies on background.
REFERENCE = np.array([[1, 1, 0, 2, 2, 0, 3], [1, 1, 0, 2, 2, 0, 3], [0, 0, 0, 0, 0, 0, 0]])
PREDICTION = np.array([[5, 5, 5, 6, 7, 0, 0], [5, 5, 0, 6, 7, 0, 0], [0, 0, 0, 0, 0, 8, 8]])

images = hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=7)
pairs = images.flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.uint16, shape, elements=st.integers(0, 4)) for _ in range(2)])
)


def dense_iou(reference: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Every object against every object by masks: the slow definition."""
    rows, columns = ([label for label in np.unique(a) if label] for a in (reference, prediction))
    table = np.zeros((len(rows), len(columns)))
    for i, r in enumerate(rows):
        for j, p in enumerate(columns):
            a, b = reference == r, prediction == p
            table[i, j] = (a & b).sum() / (a | b).sum()
    return table


def test_a_hand_drawn_case_has_the_scores_computed_by_hand() -> None:
    overlap = instance_overlap(REFERENCE, PREDICTION)
    matching = match_instances(overlap, threshold=0.6)
    assert matching.reference_labels.tolist() == [1]
    assert matching.prediction_labels.tolist() == [5]
    assert (matching.tp, matching.fp, matching.fn) == (1, 3, 2)
    assert matching.precision == 1 / 4
    assert matching.recall == 1 / 3
    assert matching.f1 == matching.rq == 2 / 7
    assert matching.average_precision == 1 / 6
    assert matching.sq == 4 / 5
    assert matching.pq == pytest.approx(4 / 5 * 2 / 7)
    # Pairs (1, 5) and (2, 6): shared 4 + 2, union 5 + 4; left over: object 3 and predictions 7 and 8.
    assert aggregated_jaccard(overlap) == 6 / (9 + 2 + 2 + 2)


def test_aggregated_jaccard_plus_by_hand_pairs_each_object_once() -> None:
    """Graham et al. 2019: the one-to-one pairing with the largest sum of IoU; what is left enlarges the union.

    A prediction P of 9 pixels covers objects A (4) and B (4) of the reference, Q is the speck in C (3) and D is false.
    AJI lets both A and B take P: (4 + 4 + 1) / (9 + 9 + 3 + 2). AJI+ gives P to one of them, the other stays alone.
    """
    reference = [1, 1, 1, 1, 2, 2, 2, 2, 0, 3, 3, 3, 0, 0]
    prediction = [7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 0, 0, 9, 9]
    overlap = instance_overlap(reference, prediction)
    assert aggregated_jaccard(overlap) == (4 + 4 + 1) / (9 + 9 + 3 + 2)
    assert aggregated_jaccard(overlap, one_to_one=True) == (4 + 1) / (9 + 3 + 4 + 2)


def test_at_one_half_one_of_two_equal_halves_matches() -> None:
    assert match_instances(instance_overlap(REFERENCE, PREDICTION), threshold=0.5).tp == 2


def test_an_object_in_two_pieces_is_a_split_and_the_other_way_round_a_merge() -> None:
    cut = splits_and_merges(instance_overlap(REFERENCE, PREDICTION))
    assert (cut.splits, cut.merges, cut.extra_pieces, cut.lost_objects) == (1, 0, 1, 0)
    joined = splits_and_merges(instance_overlap(PREDICTION, REFERENCE))
    assert (joined.splits, joined.merges, joined.extra_pieces, joined.lost_objects) == (0, 1, 0, 1)


def test_a_prediction_that_bridges_a_touching_pair_is_a_merge() -> None:
    pair = phantoms.touching_pair()
    found = splits_and_merges(instance_overlap(pair.array, pair.mask))
    assert (found.merges, found.lost_objects, found.splits) == (1, 1, 0)


def test_below_one_half_the_most_pairs_win_over_the_best_pair() -> None:
    # IoU of (1, 1) is 12/23, of (1, 2) 3/20, of (2, 1) 3/25: the best pair alone outweighs the other two together.
    reference = np.array([1] * 20 + [2] * 13)
    prediction = np.array([1] * 12 + [2] * 3 + [0] * 5 + [1] * 3 + [0] * 10)
    matching = match_instances(instance_overlap(reference, prediction), threshold=0.1)
    assert matching.reference_labels.tolist() == [1, 2]
    assert matching.prediction_labels.tolist() == [2, 1]
    np.testing.assert_allclose(matching.iou, [3 / 20, 3 / 25])


def test_a_piece_lies_in_an_object_from_just_above_half_of_its_voxels() -> None:
    def splits(inside: int) -> int:
        reference = np.array([1] * (inside + 10) + [0] * (20 - inside))
        prediction = np.array([2] * 10 + [1] * 20)
        return splits_and_merges(instance_overlap(reference, prediction)).splits

    assert (splits(10), splits(11)) == (0, 1)


@given(pairs, st.sampled_from([0.1, 0.3, 0.5, 0.7, 1.0]))
def test_matches_equal_the_dense_assignment_problem(pair: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    table = dense_iou(*pair)
    ours = match_instances(instance_overlap(*pair), threshold=threshold)
    gain = (table >= threshold) * (1 + table / (2 * max(min(table.shape), 1)))
    picked = linear_sum_assignment(gain, maximize=True)
    chosen = table[picked][table[picked] >= threshold]
    assert ours.tp == chosen.size
    assert ours.iou.sum() == pytest.approx(chosen.sum())


@given(pairs)
def test_aggregated_jaccard_plus_equals_its_dense_definition(pair: tuple[np.ndarray, np.ndarray]) -> None:
    reference, prediction = pair
    table = dense_iou(reference, prediction)
    rows, columns = ([label for label in np.unique(a) if label] for a in pair)
    ours = aggregated_jaccard(instance_overlap(reference, prediction), one_to_one=True)
    assert ours <= 1 or math.isnan(ours)
    if not rows and not columns:
        assert math.isnan(ours)
        return
    best = linear_sum_assignment(table, maximize=True)
    if np.unique(table[table > 0]).size < (table > 0).sum():
        return  # equal pairs: which of them is taken is undefined
    shared = union = 0
    left, right = set(range(len(rows))), set(range(len(columns)))
    for i, j in zip(*best, strict=True):
        if table[i, j] > 0:
            a, b = reference == rows[i], prediction == columns[j]
            shared, union = shared + (a & b).sum(), union + (a | b).sum()
            left.discard(i)
            right.discard(j)
    union += sum((reference == rows[i]).sum() for i in left) + sum((prediction == columns[j]).sum() for j in right)
    assert ours == pytest.approx(shared / union)


@given(pairs)
def test_aggregated_jaccard_equals_its_published_algorithm(pair: tuple[np.ndarray, np.ndarray]) -> None:
    reference, prediction = pair
    rows, columns = ([label for label in np.unique(a) if label] for a in pair)
    table = dense_iou(reference, prediction)
    shared = union = 0
    used = set()
    for i, r in enumerate(rows):
        a = reference == r
        j = int(table[i].argmax()) if columns else -1
        if j < 0 or table[i, j] == 0:
            union += a.sum()
            continue
        b = prediction == columns[j]
        shared, union = shared + (a & b).sum(), union + (a | b).sum()
        used.add(j)
    union += sum((prediction == p).sum() for j, p in enumerate(columns) if j not in used)
    ours = aggregated_jaccard(instance_overlap(reference, prediction))
    assert math.isnan(ours) if union == 0 else ours == pytest.approx(shared / union)


@given(pairs)
def test_names_of_objects_do_not_matter(pair: tuple[np.ndarray, np.ndarray]) -> None:
    names = np.array([0, 900, 3, 70000, 12])
    before, after = instance_overlap(*pair), instance_overlap(names[pair[0]], names[pair[1]])
    assert match_instances(after, threshold=0.2).pq == pytest.approx(
        match_instances(before, threshold=0.2).pq, nan_ok=True
    )
    assert splits_and_merges(after) == splits_and_merges(before)


@given(hnp.arrays(np.uint8, (5, 6), elements=st.integers(0, 3)).filter(np.any))
def test_an_image_against_itself_is_perfect(labels: np.ndarray) -> None:
    overlap = instance_overlap(labels, labels)
    assert average_precision(overlap).tolist() == [1.0] * len(DSB_THRESHOLDS)
    assert match_instances(overlap).pq == aggregated_jaccard(overlap) == 1.0


def test_empty_sides_follow_the_table_of_empty_cases() -> None:
    nothing, something = np.zeros((3, 3), int), np.eye(3, dtype=int)
    both = match_instances(instance_overlap(nothing, nothing))
    assert all(math.isnan(v) for v in (both.precision, both.recall, both.f1, both.pq, both.sq, both.average_precision))
    missed = match_instances(instance_overlap(something, nothing))
    assert math.isnan(missed.precision)
    assert (missed.recall, missed.f1, missed.pq, missed.average_precision) == (0, 0, 0, 0)
    invented = match_instances(instance_overlap(nothing, something))
    assert math.isnan(invented.recall)
    assert (invented.precision, invented.pq) == (0, 0)
    assert aggregated_jaccard(instance_overlap(something, nothing)) == 0
    assert math.isnan(aggregated_jaccard(instance_overlap(nothing, nothing)))


def test_ignored_voxels_take_their_predicted_objects_with_them() -> None:
    overlap = instance_overlap([1, 1, 9, 9, 9], [1, 1, 1, 2, 2], ignore=9)
    assert (overlap.n_reference, overlap.n_prediction) == (1, 1)
    assert match_instances(overlap, threshold=1.0).tp == 1


def test_thousands_of_objects_in_a_volume_are_matched_without_a_square_table() -> None:
    grid = np.arange(1, 20**3 + 1).reshape(20, 20, 20)
    reference = np.kron(grid, np.ones((4, 4, 4), int))
    prediction = np.roll(reference, 1, axis=0)
    matching = match_instances(instance_overlap(reference, prediction), threshold=0.1)
    assert matching.n_reference == 8000
    assert matching.tp == 8000
    np.testing.assert_allclose(matching.iou, 48 / 80)
    assert aggregated_jaccard(instance_overlap(reference, prediction), one_to_one=True) == pytest.approx(48 / 80)


def test_scores_equal_those_of_panoptica() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert len(golden["cases"]) >= 5
    for case in golden["cases"]:
        matching = match_instances(
            instance_overlap(np.array(case["reference"]), np.array(case["prediction"])), threshold=case["threshold"]
        )
        assert (matching.tp, matching.fp, matching.fn) == (case["tp"], case["fp"], case["fn"])
        assert (matching.rq, matching.pq) == pytest.approx((case["rq"], case["pq"]), abs=1e-6)
        # Where nothing matched the mean of no IoU is written as 0 there, and is undefined here.
        assert math.isnan(matching.sq) if case["tp"] == 0 else matching.sq == pytest.approx(case["sq"], abs=1e-6)


def test_bad_settings_are_refused() -> None:
    overlap = instance_overlap(REFERENCE, PREDICTION)
    with pytest.raises(ConfigError, match="threshold must be above 0 and at most 1, got 0"):
        match_instances(overlap, threshold=0)
    with pytest.raises(ConfigError, match=r"inside must be at least 0.5 and below 1, got 0.2"):
        splits_and_merges(overlap, inside=0.2)
    with pytest.raises(GeometryError, match="same shape"):
        instance_overlap(REFERENCE, PREDICTION.T)
