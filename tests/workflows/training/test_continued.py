"""What a resumed run may change: how it goes on, never what it makes or on which data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.workflows.datasets import mask, planes, write_labels
from tests.workflows.models import PLAN

from septum.errors import ConfigError, DatasetError
from septum.workflows.data.cases import Case
from septum.workflows.data.folds import Fold
from septum.workflows.data.load import load_dataset
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.settings import TrainSettings
from septum.workflows.runs.settings import write_settings
from septum.workflows.training import continued
from septum.workflows.training.continued import (
    continue_run,
    left_out,
    record_data,
    record_unlabelled,
    recorded_division,
    refuse_other_options,
)

FOLDS = (
    Fold(("case0", "case1"), ("case2",), note="one"),
    Fold(("case2",), ("case2",), block=(0, 2, 9), unlearnt=("x",)),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return planes(tmp_path / "set", 3)


def labelled(data: Path) -> tuple[Case, ...]:
    return load_dataset(data).labelled


def test_the_division_comes_back_as_it_was_drawn(data: Path, tmp_path: Path) -> None:
    record_data(tmp_path / "data.json", labelled(data), folds=FOLDS, left_out=[("bad", "it is broken")])
    assert recorded_division(tmp_path / "data.json", labelled(data)) == FOLDS
    assert left_out(tmp_path / "data.json") == {"bad": "it is broken"}
    assert recorded_division(tmp_path / "none.json", labelled(data)) is None
    assert left_out(tmp_path / "none.json") == {}


def test_other_images_without_labels_are_refused_by_name(data: Path, tmp_path: Path) -> None:
    cases, path = labelled(data), tmp_path / "data.json"
    record_data(path, cases, folds=FOLDS)
    free = [replace(case, label=None) for case in cases]
    record_unlabelled(path, free[:2])
    record_unlabelled(path, free[:2])
    assert recorded_division(path, cases) == FOLDS
    for now, message in ((free, "new cases: case2"), (free[:1], "missing cases: case1")):
        with pytest.raises(DatasetError, match=f"images without labels that it began with, got {message}"):
            record_unlabelled(path, now)


def test_data_that_changed_are_refused_by_name(data: Path, tmp_path: Path) -> None:
    before = labelled(data)
    record_data(tmp_path / "data.json", before, folds=FOLDS)
    with pytest.raises(DatasetError, match="missing cases: case2"):
        recorded_division(tmp_path / "data.json", before[:2])
    with pytest.raises(DatasetError, match="new cases: new"):
        recorded_division(tmp_path / "data.json", (*before, replace(before[0], id="new")))
    write_labels(data / "labels" / "case1.png", mask(5))
    with pytest.raises(DatasetError, match="got other labels: case1;"):
        recorded_division(tmp_path / "data.json", labelled(data))
    (data / "images" / "case0.png").write_bytes(b"another")
    with pytest.raises(DatasetError, match="other images: case0; other labels: case1"):
        recorded_division(tmp_path / "data.json", labelled(data))


@pytest.mark.parametrize("text", ["{", "[]", '{"cases": {}}', '{"cases": 3, "folds": []}'])
def test_a_damaged_record_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.json").write_text(text)
    with pytest.raises(ConfigError, match="must hold cases and folds"):
        recorded_division(tmp_path / "data.json", ())
    assert left_out(tmp_path / "data.json") == {}


def refused(asked: dict[str, Any], recorded: dict[str, Any] | None = None, plan: Any = PLAN) -> str:
    return refuse_other_options(TrainSettings(**asked), TrainSettings(**recorded or {}), plan=plan)


@pytest.mark.parametrize(
    ("asked", "recorded", "message"),
    [
        ({"steps": 41}, {}, "keeps its budget of 40 steps, got steps 41"),
        ({"minutes": 5.0}, {}, "keeps its budget of 40 steps, got minutes 5"),
        ({"seed": 3}, {"seed": 1}, "keeps seed 1, got 3"),
        ({"network": "paper"}, {}, "keeps network auto, got paper"),
        ({"folds": "thirds"}, {"folds": "one"}, "keeps folds one, got thirds"),
        ({"folds": "all"}, {"folds": "none"}, "keeps folds none, got all"),
    ],
)
def test_options_that_make_another_model_are_refused(
    asked: dict[str, Any], recorded: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        refused(asked, recorded)


@pytest.mark.parametrize(
    ("asked", "recorded"),
    [
        ({}, {"seed": 4, "network": "paper", "folds": "thirds"}),  # what is at its default was not given
        ({"steps": 40}, {}),
        ({"seed": 4}, {"seed": 4}),
        ({"devices": "cpu", "patience": 3, "until_dice": 0.9, "baselines": True}, {}),
        ({"folds": "all"}, {"folds": "one"}),
    ],
)
def test_options_that_say_how_it_goes_on_are_taken(asked: dict[str, Any], recorded: dict[str, Any]) -> None:
    assert "auto, 40 steps, seed 0, the same division" in refused(asked, recorded)
    minutes = replace(PLAN, budget=replace(PLAN.budget, steps=None, minutes=7.5))
    assert "7.5 minutes" in refused({}, {}, minutes)


def test_a_run_goes_on_with_its_own_settings_and_division(data: Path, tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    write_settings(tmp_path / "settings.toml", TrainSettings(seed=4, folds="all", patience=9, steps=40))
    record_data(folder.data, labelled(data), folds=FOLDS)
    now = continue_run(folder, TrainSettings(patience=2, devices="cpu"), plan=PLAN, cases=labelled(data))
    assert (now.settings.seed, now.settings.folds, now.settings.steps) == (4, "all", 40)
    assert (now.settings.patience, now.settings.devices) == (2, "cpu")
    assert now.folds == FOLDS
    chosen = continue_run(folder, TrainSettings(folds="0"), plan=PLAN, cases=labelled(data))
    assert chosen.settings.folds == "0"
    assert set(continued.MAY_CHANGE) <= set(TrainSettings.__dataclass_fields__)
