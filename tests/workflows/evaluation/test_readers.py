"""Readers beside the methods: how well they agree, and copies that are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.workflows.evaluation.cohorts import N, cohort, disc, run

from septum.metrics import Counts
from septum.workflows.evaluation import readers
from septum.workflows.evaluation.analysis import Scored
from septum.workflows.scores.scores import Score


def test_readers_are_the_ceiling_and_copies_are_found(sets: dict[str, Path], tmp_path: Path) -> None:
    people = {
        "anna": cohort(tmp_path / "anna", grow=1),
        "copy": cohort(tmp_path / "copy"),
        "ben": cohort(tmp_path / "ben", grow=-1),
        "twin": cohort(tmp_path / "twin", grow=-1),
    }
    result = run(sets["near"], sets["reference"], tmp_path / "out", readers=people)
    said = " ".join(result.notes)
    assert "The masks of copy are equal to those of the reference" in said
    assert "The masks of twin are equal to those of ben" in said
    table = pd.read_csv(tmp_path / "out" / "readers.csv")
    assert len(table) == 1 + 4 + 2 + 6  # method, readers, both consensus masks, pairs of readers
    pair = table[(table["masks"] == "anna") & (table["against"] == "ben")]
    expected = []
    for i in range(N):
        a, b = disc(9 + i / 2) > 0, disc(7 + i / 2) > 0
        expected.append(2 * (a & b).sum() / (a.sum() + b.sum()))
    assert pair["mean_dice"].item() == pytest.approx(np.mean(expected))
    assert result.lines[-1] == result.lines[0]
    assert f"readers among each other: mean Dice {np.mean(expected):.3f}" in result.lines[0]
    page = result.report.read_text()
    assert "intraclass correlation of sizes" in page
    assert (tmp_path / "out" / "figures" / "readers.svg").exists()


def test_a_copy_among_real_readers_is_found(realdata: Path, tmp_path: Path) -> None:
    base = realdata / "multirater-bubil-cells"
    people = {name: base / "readers" / name for name in ("Person1_Amira", "Person2_Amira", "Person3_ImageJ")}
    predictions = base / "readers" / "Person5_ImageJ"
    result = run(predictions, base / "labels", tmp_path / "out", readers=people, background=255)
    assert "Person2_Amira is no independent reader" in " ".join(result.notes)
    assert 0.8 < result.mean_dice < 0.95


def counted(case: str, reader: str, tp: int, fp: int, fn: int) -> Score:
    return Score(case, 1, "x", Counts(tp, fp, fn, 50), 0.0, method=reader)


def test_a_copy_is_equal_wherever_something_is_and_empty_masks_are_none() -> None:
    scores = [counted("a", "copy", 5, 0, 0), counted("b", "copy", 0, 0, 0), counted("a", "real", 5, 1, 0),
              counted("a", "blank", 0, 0, 0)]  # fmt: skip
    scored = Scored(scores, (), ("copy", "real", "blank"), 2)
    between = {
        ("copy", "real"): [counted("a", "x", 5, 1, 0)],
        ("real", "blank"): [counted("a", "x", 6, 0, 0)],
        ("copy", "blank"): [counted("a", "x", 6, 0, 0)],
    }
    assert readers._copies(scored, between) == [(readers.REFERENCE, "copy"), ("real", "blank")]


def test_the_mean_over_readers_leaves_out_what_is_not_known() -> None:
    nan = float("nan")
    found = readers._mean([np.array([0.5, nan, nan]), np.array([0.7, 0.9, nan])], 3)
    np.testing.assert_allclose(found, [0.6, 0.9, nan])
    assert np.isnan(readers._mean([], 3)).all()


def test_sizes_are_summed_over_the_labels_of_a_case() -> None:
    scores = [counted("a", "x", 5, 2, 0), counted("a", "x", 1, 1, 4), counted("b", "y", 3, 0, 0)]
    scored = Scored(scores, (), ("x", "y"), 2)
    np.testing.assert_allclose(readers._sizes(scored, "x"), [9.0, np.nan])


def test_one_reader_has_no_agreement_of_sizes_and_two_that_agree_have_one_of_1() -> None:
    scores = [counted(case, who, size, 0, 0) for case, size in (("a", 5), ("b", 20), ("c", 40)) for who in ("x", "y")]
    scored = Scored(scores, (), ("x", "y"), 2)
    assert readers._size_agreement(scored, ["x"]) is None
    table = readers._size_agreement(scored, ["x", "y"])
    assert table is not None
    assert [(row[0], row[1], round(row[2], 6)) for row in table.rows] == [("readers", 3, 1.0)]
