"""Several sets of masks against one set of references."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tests.workflows.evaluation.cohorts import N, cohort, run

from septum.errors import ConfigError
from septum.workflows.evaluation.methods import pair_sets
from septum.workflows.evaluation.pairs import reference_cases
from septum.workflows.evaluation.settings import EvaluateSettings


def test_cases_that_one_method_lacks_are_listed_with_its_name(sets: dict[str, Path], tmp_path: Path) -> None:
    (sets["far"] / "c3.png").unlink()
    result = run({"near": sets["near"], "far": sets["far"]}, sets["reference"], tmp_path / "out")
    assert result.missing_predictions == ("c3 (far)",)
    comparison = pd.read_csv(tmp_path / "out" / "comparison.csv")
    assert comparison[["n", "n_undefined"]].to_numpy().tolist() == [[N - 1, 1]]


def test_one_name_for_a_method_and_a_reader_is_refused(sets: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got 'near' twice"):
        run({"near": sets["near"]}, sets["reference"], tmp_path / "out", readers={"near": sets["far"]})
    with pytest.raises(ConfigError, match="at least one set of masks"):
        run({}, sets["reference"], tmp_path / "out")


def test_a_single_set_has_no_name_and_its_notes_do_not_name_it(tmp_path: Path) -> None:
    dataset = reference_cases(cohort(tmp_path / "ref"), None)
    near = cohort(tmp_path / "near")
    (near / "c0.png").unlink()
    (method,), notes = pair_sets(dataset, near, readers={}, settings=EvaluateSettings())
    assert (method.name, method.missing, method.reader, len(method.pairs)) == ("", ("c0",), False, N - 1)
    assert notes == [f"1 of {N} references have no prediction and are not scored."]


def test_readers_follow_the_methods_and_notes_name_the_set(tmp_path: Path) -> None:
    dataset = reference_cases(cohort(tmp_path / "ref"), None)
    near, anna = cohort(tmp_path / "near"), cohort(tmp_path / "anna")
    (anna / "c1.png").rename(anna / "z.png")
    methods, notes = pair_sets(dataset, near, readers={"anna": anna}, settings=EvaluateSettings())
    assert [(one.name, one.reader, one.surplus) for one in methods] == [
        ("prediction", False, ()),
        ("anna", True, ("z",)),
    ]
    assert all(note.startswith("anna: ") for note in notes)
    assert len(notes) == 2
    with pytest.raises(ConfigError, match="at least one set of masks"):
        pair_sets(dataset, {}, readers={}, settings=EvaluateSettings())
