"""Scores of cases, against counts made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from septum.errors import GeometryError
from septum.workflows.scores.scores import Score, case_means, mean_dice, pick_examples, score_case

REFERENCE = np.array([[1, 1, 0, 0], [2, 2, 0, 9]])
PREDICTION = np.array([[1, 0, 0, 1], [2, 2, 2, 1]])


def scores(**options: object) -> dict[int, Score]:
    found = score_case("a", REFERENCE, prediction=PREDICTION, labels={1: "one", 2: "two", 3: "three"}, **options)  # type: ignore[arg-type]
    return {score.label: score for score in found}


def test_counts_and_dice_are_those_made_by_hand() -> None:
    found = scores(ignore=(9,))
    one, two = found[1].counts, found[2].counts
    assert (one.tp, one.fp, one.fn, one.tn) == (1, 1, 1, 4)
    assert (two.tp, two.fp, two.fn, two.tn) == (2, 1, 0, 4)
    assert found[1].dice == pytest.approx(2 / 4)
    assert found[2].dice == pytest.approx(4 / 5)
    assert math.isnan(found[3].dice)
    assert found[1].pixel_error == pytest.approx(3 / 7)
    assert [found[k].name for k in (1, 2, 3)] == ["one", "two", "three"]


def test_what_is_not_ignored_counts_as_wrong() -> None:
    assert scores()[1].counts.fp == 2
    assert scores()[1].pixel_error == pytest.approx(4 / 8)


def test_a_value_that_was_measured_replaces_that_of_the_counts_and_an_unknown_one_is_undefined() -> None:
    score = scores()[1]
    own = Score("a", 1, "one", score.counts, 0.0, values={"dice": 0.25, "hausdorff": 3.0})
    assert own.dice == 0.25
    assert own.value("hausdorff") == 3.0
    assert own.value("iou") == pytest.approx(score.value("iou"))
    assert math.isnan(own.value("surface_dice"))


def test_arrays_of_different_shapes_are_refused() -> None:
    with pytest.raises(GeometryError):
        score_case("a", REFERENCE, prediction=PREDICTION[:1], labels={1: "one"})


def given(**means: float) -> list[Score]:
    template = scores()[1]
    return [Score(case, 1, "one", template.counts, 0.0, values={"dice": dice}) for case, dice in means.items()]


def test_means_leave_out_what_is_undefined_and_keep_the_order() -> None:
    found = [*given(b=0.5, a=math.nan), *given(b=1.0, c=0.0)]
    means = case_means(found)
    assert list(means) == ["b", "a", "c"]
    assert means["b"] == 0.75
    assert math.isnan(means["a"])
    assert mean_dice(found) == pytest.approx((0.75 + 0.0) / 2)
    assert math.isnan(mean_dice(given(a=math.nan)))


def test_examples_are_the_worst_the_median_and_the_best() -> None:
    assert pick_examples(given(a=0.9, b=0.1, c=0.5, d=math.nan, e=0.4)) == (
        ("worst", "b"),
        ("nearest to the median", "e"),
        ("best", "a"),
    )
    assert pick_examples(given(a=0.9, b=0.1, c=0.5))[1] == ("median", "c")
    assert pick_examples(given(a=0.9, b=0.1)) == (("worst", "b"), ("best", "a"))
    assert pick_examples(given(a=0.9)) == (("only case", "a"),)
    assert pick_examples(given(a=math.nan)) == ()
