"""What people suffered when they trained: classes that were never seen, runs that went on with other data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.field.conftest import square, train, write_case

from septum import io
from septum.errors import ConfigError, DatasetError
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.folds import make_folds
from septum.workflows.doctor.examine import examine


def with_a_rare_class(root: Path, *, cases: int = 6, rare: int = 3) -> Path:
    for number in range(cases):
        labels = square(number)
        if number == rare:
            labels[:6, 24:30] = 2
        write_case(root, f"r{number}", labels, seed=number)
    return root


@pytest.mark.parametrize("rare", range(4))
def test_the_only_case_of_a_class_always_trains(tmp_path: Path, rare: int) -> None:
    data = with_a_rare_class(tmp_path / "data", cases=4, rare=rare)
    notes: list[str] = []
    train(data, tmp_path / "model", steps=1, notes=notes)
    (split,) = json.loads((tmp_path / "model" / "splits.json").read_text())
    assert f"r{rare}" in split["train"]
    assert "label 2: annotated in one case only, which always trains" in " ".join(notes)


def test_the_card_counts_what_trained(tmp_path: Path) -> None:
    data = with_a_rare_class(tmp_path / "data")
    train(data, tmp_path / "model", steps=1)
    (split,) = json.loads((tmp_path / "model" / "splits.json").read_text())
    assert "trained on 5 annotated cases; " in (tmp_path / "model" / "card.md").read_text()
    assert len(split["train"]) == 5


def test_a_class_that_only_a_declared_validation_case_holds_is_not_called_learnt(tmp_path: Path) -> None:
    data = with_a_rare_class(tmp_path / "data", cases=4)
    rows = [f"images/r{n}.tif,labels/r{n}.tif,{'val' if n == 3 else 'train'}" for n in range(4)]
    (data / "cases.csv").write_text("image,label,split\n" + "\n".join(rows) + "\n")
    notes: list[str] = []
    train(data, tmp_path / "model", steps=1, notes=notes)
    assert "no training case holds label 2 (held out: r3): it is not learnt" in " ".join(notes)
    card = (tmp_path / "model" / "card.md").read_text()
    assert "label 2 (not learnt: no training case holds it)" in card
    assert "label 1 (not" not in card


def test_doctor_names_a_class_of_one_case(tmp_path: Path) -> None:
    found = [f for f in examine(with_a_rare_class(tmp_path / "data")) if f.code == "rare-class"]
    assert [(f.case, f.message) for f in found] == [("r3", "label 2 occurs in this case only, of 6 with labels")]


def test_two_cases_of_a_class_never_lie_in_one_fold() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        names = [f"c{n}" for n in range(int(rng.integers(4, 14)))]
        cases = [Case(name, (Source(Path(name)),), Source(Path(name))) for name in names]
        rare = set(rng.choice(names, 2, replace=False))
        classes = {name: {"a": int(rng.integers(1, 99))} | ({"b": 9} if name in rare else {}) for name in names}
        folds = make_folds(cases, seed=seed, classes=classes)
        assert all(len(rare & set(fold.val)) < 2 for fold in folds)
        assert sorted(case for fold in folds for case in fold.val) == sorted(names)
        sizes = [len(fold.val) for fold in folds]
        assert max(sizes) - min(sizes) <= 1


def stopped_run(root: Path) -> tuple[Path, Path]:
    for number in range(5):
        write_case(root / "data", f"s{number}", square(number), seed=number)
    asked = iter([False, False])
    train(root / "data", root / "model", steps=6, should_stop=lambda: next(asked, True))
    return root / "data", root / "model"


def relabel(data: Path) -> None:
    path = data / "labels" / "s1.tif"
    labels = io.read_labels(path)
    array = labels.array.copy()
    array[0, 0] = 1
    io.write_labels(path, type(labels)(array, labels.grid))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: write_case(data, "s5", square(5)), "new cases: s5"),
        (lambda data: [(data / kind / "s2.tif").unlink() for kind in ("images", "labels")], "missing cases: s2"),
        (relabel, "other labels: s1"),
    ],
    ids=["added", "removed", "relabelled"],
)
def test_a_resumed_run_refuses_other_data(tmp_path: Path, change: Callable[[Path], object], said: str) -> None:
    data, model = stopped_run(tmp_path)
    before = (model / "data.json").read_text()
    change(data)
    with pytest.raises(DatasetError, match=said):
        train(data, model, steps=6, resume=True)
    assert (model / "data.json").read_text() == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 9}, "keeps its budget of 6 steps, got steps 9"),
        ({"steps": None, "minutes": 1.0}, "keeps its budget of 6 steps, got minutes 1"),
        ({"seed": 4}, "keeps seed 0, got 4"),
        ({"network": "lecture"}, "keeps network auto, got lecture"),
        ({"folds": "none"}, "keeps folds one, got none"),
    ],
)
def test_a_resumed_run_refuses_options_that_it_cannot_follow(
    tmp_path: Path, options: dict[str, object], said: str
) -> None:
    data, model = stopped_run(tmp_path)
    with pytest.raises(ConfigError, match=said):
        train(data, model, **{"steps": 6, **options}, resume=True)


def test_a_resumed_run_says_what_holds_and_keeps_its_division(tmp_path: Path) -> None:
    data, model = stopped_run(tmp_path)
    before = json.loads((model / "splits.json").read_text())
    notes: list[str] = []
    assert not train(data, model, steps=None, resume=True, notes=notes).stopped
    assert any("resumed as it began: auto, 6 steps, seed 0" in note for note in notes)
    assert json.loads((model / "splits.json").read_text()) == before
    assert json.loads((model / "fold_0" / "run.json").read_text())["steps"] == 6
