"""What is held out, and that nothing leaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.workflows.datasets import mask, write_labels

from septum.errors import ConfigError, DatasetError
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.folds import make_folds


def cases(n, groups=None, splits=None):
    return [
        Case(f"c{i}", (), Source(Path("x")), groups[i] if groups else None, splits[i] if splits else None)
        for i in range(n)
    ]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=2, max_size=40), st.integers(0, 3))
def test_every_case_is_held_out_once_and_no_group_is_divided(groups, seed):
    made = cases(len(groups), [None if g is None else f"g{g}" for g in groups])
    folds = make_folds(made, seed=seed)
    group_of = {case.id: case.group or case.id for case in made}
    assert sorted(c for fold in folds for c in fold.val) == sorted(group_of)
    for fold in folds:
        assert fold.train
        assert set(fold.train) | set(fold.val) == set(group_of)
        assert not set(fold.train) & set(fold.val)
        if len(set(group_of.values())) > 1:
            assert not {group_of[c] for c in fold.train} & {group_of[c] for c in fold.val}
            assert fold.note == ""
        else:
            assert "optimistic" in fold.note


@pytest.mark.parametrize(("n", "k"), [(2, 2), (3, 3), (4, 4), (5, 5), (6, 5), (23, 5)])
def test_there_are_five_folds_or_as_many_as_cases(n, k):
    folds = make_folds(cases(n))
    assert len(folds) == k
    sizes = [len(fold.val) for fold in folds]
    assert max(sizes) - min(sizes) <= 1


def test_folds_depend_on_the_seed_and_not_on_the_order_of_the_cases():
    made = cases(20)
    assert make_folds(made, seed=3) == make_folds(made[::-1], seed=3)
    assert make_folds(made, seed=3) != make_folds(made, seed=4)


def test_large_groups_do_not_end_up_in_one_fold():
    folds = make_folds(cases(20, ["a"] * 8 + ["b"] * 8 + [f"s{i}" for i in range(4)]), k=2)
    assert [len(fold.val) for fold in folds] == [10, 10]


def test_a_declared_split_is_the_only_fold_and_test_cases_are_in_none():
    (fold,) = make_folds(cases(4, splits=["train", "val", "test", None]))
    assert fold.train == ("c0", "c3")
    assert fold.val == ("c1",)


def test_test_cases_are_never_held_out_for_validation():
    folds = make_folds(cases(6, splits=[None, None, None, None, "test", "test"]))
    assert {c for fold in folds for c in fold.train + fold.val} == {"c0", "c1", "c2", "c3"}


def test_a_declared_split_that_divides_a_group_is_noted():
    (fold,) = make_folds(cases(2, groups=["p", "p"], splits=["train", "val"]))
    assert "leaks" in fold.note


def test_frames_of_one_movie_are_held_out_as_runs_of_neighbours():
    folds = make_folds(cases(20, ["movie"] * 20))
    assert [fold.val for fold in folds][1] == ("c4", "c5", "c6", "c7")


def test_blocks_of_a_single_image_cover_its_longest_axis(tmp_path):
    label = write_labels(tmp_path / "a.png", mask(0, (40, 100)))
    folds = make_folds([Case("a", (), Source(label))])
    assert sorted(fold.block for fold in folds) == [(1, 0, 20), (1, 20, 40), (1, 40, 60), (1, 60, 80), (1, 80, 100)]
    assert all(fold.train == fold.val == ("a",) and "optimistic" in fold.note for fold in folds)


def test_the_first_block_of_a_single_image_is_the_one_most_like_the_whole(tmp_path):
    drawn = np.zeros((40, 100), np.uint8)
    drawn[:20, 30:60] = 255  # 0, 25, 50, 0 and 15 % of the five blocks are drawn, and 18 % of the whole
    drawn[:8, 85:100] = 255
    folds = make_folds([Case("a", (), Source(write_labels(tmp_path / "a.png", drawn)))])
    assert [fold.block[1] for fold in folds] == [80, 20, 0, 60, 40]


def test_an_image_too_small_for_a_block_is_refused(tmp_path):
    label = write_labels(tmp_path / "a.png", mask(0, (12, 12)))
    with pytest.raises(DatasetError, match="16 samples long"):
        make_folds([Case("a", (), Source(label))])


@pytest.mark.parametrize(("n", "k"), [(3, 1), (3, 4)])
def test_an_impossible_number_of_folds_is_refused(n, k):
    with pytest.raises(ConfigError, match="number of folds"):
        make_folds(cases(n), k=k)


@pytest.mark.parametrize("made", [[], [Case("a", ())], cases(1, splits=["test"]), cases(1, splits=["val"])])
def test_nothing_to_train_on_is_refused(made):
    with pytest.raises(DatasetError, match="train"):
        make_folds(made)
