"""Tables of label against class: Dice by hand, the best meaning of labels, and candidates that share their steps."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.datasets import mask, planes

from septum.workflows.data.cases import Case, Source
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.folds import Fold
from septum.workflows.data.load import load_dataset
from septum.workflows.pipelines import comparison
from septum.workflows.pipelines.candidates import Candidate
from septum.workflows.pipelines.comparison import (
    ScoredUnit,
    best_mapping,
    dice_of,
    mean_of,
    members,
    run_candidates,
    units_of,
)
from septum.workflows.pipelines.pipeline import Pipeline, make_step, run_pipeline
from septum.workflows.runs.hooks import Hooks


def test_dice_of_a_table_by_hand():
    table = np.array([[50, 5], [10, 35]])
    assert dice_of(table, None).tolist() == [2 * 35 / (45 + 40)]
    assert dice_of(table, (1, 0)).tolist() == [2 * 5 / (55 + 40)]
    three_labels = np.array([[50, 0], [5, 10], [5, 30]])
    assert dice_of(three_labels, (0, 1, 1)).tolist() == [2 * 40 / (50 + 40)]
    assert dice_of(three_labels, (0, 1)).tolist() == [2 * 10 / (15 + 40)]  # a label without a meaning is background
    assert math.isnan(dice_of(np.array([[9, 0]]), None)[0])
    assert mean_of([table, np.array([[9, 0], [0, 0]])], None) == 2 * 35 / 85


def test_the_mapping_of_labels_is_the_one_of_largest_mean_dice():
    tables = [np.array([[90, 4], [6, 5], [1, 30]]), np.array([[80, 2], [9, 9], [0, 20]])]
    every = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    assert best_mapping(tables) == max(every, key=lambda mapping: mean_of(tables, mapping))
    many = [np.eye(13, 4, dtype=int)]
    assert best_mapping(many)[:4] == (0, 1, 2, 3)  # too many to try: the majority


def test_many_labels_of_two_classes_are_mapped_by_the_share_of_each():
    rng = np.random.default_rng(0)
    totals, shares = rng.integers(50, 500, 12), rng.uniform(0, 0.6, 12)
    table = np.stack([totals - (totals * shares).astype(int), (totals * shares).astype(int)], axis=1)
    found = best_mapping([table])
    every = itertools.product((0, 1), repeat=12)
    assert mean_of([table], found) == pytest.approx(max(mean_of([table], mapping) for mapping in every))
    majority = tuple(int(share) for share in table.argmax(axis=1))
    assert mean_of([table], found) > mean_of([table], majority) + 0.1


BINARY = ClassMap((0, 1), ("background", "cell"))
GIVEN = Case("a", (Source(Path("a.png")),))


def case(name: str) -> Case:
    return Case(name, (Source(Path(f"{name}.png")),))


def test_units_are_the_cases_that_folds_use_or_the_blocks_of_the_only_one() -> None:
    cases = [case(name) for name in "abcd"]
    folds = [Fold(("a", "b"), ("c",)), Fold(("a", "c"), ("b",))]
    units = units_of(cases, folds)
    assert [unit.case.id for unit in units] == ["a", "b", "c"]
    assert [members(fold, units) for fold in folds] == [([0, 1], [2]), ([0, 2], [1])]
    blocks = [(0, 0, 8), (0, 8, 16), (0, 16, 24)]
    folds = [Fold(("a",), ("a",), block=block) for block in blocks]
    units = units_of(cases[:1], folds)
    assert [unit.block for unit in units] == blocks
    assert members(folds[1], units) == ([0, 2], [1])


def test_every_candidate_is_measured_on_every_unit_as_if_it_ran_alone(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 2)).cases
    smooth, otsu = make_step("gaussian", {"sigma_mm": 1.0}), make_step("otsu")
    tried = [Candidate((smooth, otsu), "otsu", False),
             Candidate((smooth, otsu, make_step("fill-holes")), "otsu", False),
             Candidate((otsu,), "otsu", False), Candidate((smooth, otsu), "otsu", False)]  # fmt: skip
    units = [ScoredUnit(one) for one in cases]
    found = run_candidates(tried, units, classes=BINARY, workers="1", hooks=Hooks())
    assert found is not None
    assert len(found) == 3
    for candidate in tried:
        for seed, (unit, measured) in enumerate(zip(units, found[comparison.key_of(candidate)], strict=True)):
            image, _ = comparison.load_pair(unit.case)
            alone = run_pipeline(Pipeline(candidate.steps), image.array, spacing=image.grid.spacing)
            truth = mask(seed)
            table = [[int(((alone == label) & (truth == value)).sum()) for value in (0, 1)] for label in (0, 1)]
            assert measured.table.tolist() == table
            assert measured.failure == ""
            assert measured.seconds > 0


def test_a_candidate_that_fails_is_an_empty_mask_and_the_next_one_goes_on(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 1)).cases
    bad = Candidate((make_step("channel", {"use": "7"}), make_step("otsu")), "otsu", False)
    good = Candidate((make_step("otsu"),), "otsu", False)
    found = run_candidates([bad, good], [ScoredUnit(cases[0])], classes=BINARY, workers="1", hooks=Hooks())
    assert found is not None
    (failed,), (fine,) = found[comparison.key_of(bad)], found[comparison.key_of(good)]
    assert failed.failure
    assert failed.table.tolist() == [[int((mask(0) == 0).sum()), int(mask(0).sum())]]
    assert dice_of(fine.table, None)[0] > 0.99


def test_a_block_counts_only_what_lies_in_it_and_ignored_samples_never(tmp_path: Path) -> None:
    reference = np.array([[0, 1, 1], [1, 1, BINARY.ignore_class]])
    prediction = np.array([[0, 1, 0], [1, 1, 1]], np.uint8)
    whole = comparison._count(reference, prediction, block=None, classes=BINARY)
    assert whole.tolist() == [[1, 1], [0, 3]]
    lower = comparison._count(reference, prediction, block=(0, 1, 2), classes=BINARY)
    assert lower.tolist() == [[0, 0], [0, 2]]


def test_a_stop_is_none_and_nothing_is_measured(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 1)).cases
    tried = [Candidate((make_step("otsu"),), "otsu", False)]
    stop = Hooks(should_stop=lambda: True)
    assert run_candidates(tried, [ScoredUnit(cases[0])], classes=BINARY, workers="1", hooks=stop) is None


def test_the_share_of_a_label_decides_the_order_in_which_labels_are_taken() -> None:
    table: Any = np.array([[90, 10], [10, 90], [50, 50]])
    assert comparison._by_share(table) == [(0, 1, 0), (0, 1, 1), (1, 1, 1)]
