"""Comparing methods: tables by hand, choices that never see the image they are scored on, and what is written."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tests.workflows import datasets

from septum import Grid, io
from septum.errors import ConfigError, DatasetError
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.folds import make_folds
from septum.workflows.pipelines import suggest
from septum.workflows.pipelines.candidates import Candidate
from septum.workflows.pipelines.pipeline import make_step, read_pipeline, run_pipeline
from septum.workflows.pipelines.suggest import SuggestSettings
from septum.workflows.runs.hooks import Hooks

BINARY = ClassMap((0, 1), ("background", "cell"))


def few(*, spacing, channels, n_classes):
    """A small grid for fast tests."""
    names = ("otsu", "triangle", "multi-otsu") if n_classes == 2 else ("multi-otsu",)
    return tuple(Candidate((make_step(n, o),), n, n == "multi-otsu") for n in names for o in _options(n))


def _options(name):
    return [{"classes": 3}, {"classes": 4}] if name == "multi-otsu" else [{"side": "bright"}, {"side": "dark"}]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(suggest, "first_stage", few)


def test_settings_are_chosen_on_other_images_than_they_are_scored_on(tmp_path, small):
    """In one image the object is dark: its own choice would be "dark", the choice without it is "bright"."""
    root = datasets.planes(tmp_path / "data", 5)
    odd = io.read_image(root / "images" / "case2.png").array[0]
    datasets.write_image(root / "images" / "case2.png", 255 - odd)
    cases = suggest.load_dataset(root).cases
    found = suggest.compare_candidates(cases, BINARY, folds=make_folds(cases), workers="1", hooks=Hooks())
    row = next(row for row in found.rows if row.method == "otsu")
    dice = dict(zip([unit.case.id for unit in found.units], row.dice, strict=True))
    assert dice["case2"] < 0.3
    assert min(value for name, value in dice.items() if name != "case2") > 0.9
    assert row.pipeline.steps[0].options["side"] == "bright"
    assert found.rows[0].method == suggest.BEST


def test_the_rows_equal_running_the_chosen_pipelines(tmp_path, small):
    cases = suggest.load_dataset(datasets.planes(tmp_path / "data", 4)).cases
    found = suggest.compare_candidates(cases, BINARY, folds=make_folds(cases), workers="1", hooks=Hooks())
    scores, examples = suggest.held_out_scores(found, BINARY)
    assert [score.dice for score in scores] == pytest.approx(list(found.rows[0].dice))
    assert len(examples) == 4


def test_several_processes_find_what_one_finds(tmp_path, small, monkeypatch):
    cases = suggest.load_dataset(datasets.planes(tmp_path / "data", 4)).cases
    folds = make_folds(cases)
    one = suggest.compare_candidates(cases, BINARY, folds=folds, workers="1", hooks=Hooks())
    two = suggest.compare_candidates(cases, BINARY, folds=folds, workers="2", hooks=Hooks())
    assert [(row.method, row.dice) for row in one.rows] == [(row.method, row.dice) for row in two.rows]


def test_one_image_is_compared_block_by_block(tmp_path, small):
    cases = suggest.load_dataset(datasets.planes(tmp_path / "data", 1)).cases
    folds = make_folds(cases)
    found = suggest.compare_candidates(cases, BINARY, folds=folds[:1], workers="1", hooks=Hooks())
    assert [unit.block for unit in found.units] == [folds[0].block]
    everything = suggest.compare_candidates(cases, BINARY, folds=folds, workers="1", hooks=Hooks())
    assert len(everything.units) == len(folds)


def test_a_wish_to_stop_ends_the_comparison(tmp_path, small):
    root = datasets.planes(tmp_path / "data", 4)
    result = suggest.suggest(
        root, tmp_path / "out", settings=SuggestSettings(workers="1"), hooks=Hooks(should_stop=lambda: True)
    )
    assert result is None
    assert not (tmp_path / "out").exists()


def test_what_is_written_can_be_replayed_and_read(tmp_path, small):
    root = datasets.planes(tmp_path / "data", 4)
    notes = []
    result = suggest.suggest(
        root, tmp_path / "out", settings=SuggestSettings(workers="1"), hooks=Hooks(on_note=notes.append)
    )
    pipeline = read_pipeline(result.pipeline)
    image = io.read_image(root / "images" / "case1.png")
    mask = run_pipeline(pipeline, image.array, spacing=image.grid.spacing)
    truth = io.read_labels(root / "labels" / "case1.png").array
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.9
    table = pd.read_csv(tmp_path / "out" / "methods.csv")
    assert table["method"].tolist() == [row.method for row in result.rows]
    content = json.loads((tmp_path / "out" / "methods.json").read_text())
    assert len(content["methods"][0]["dice_by_image"]) == 4
    page = result.report.read_text()
    assert "Classical methods on the same cases" in page
    assert "multi-otsu" in page
    lines = suggest.table_lines(result.rows)
    assert lines[1].startswith(suggest.BEST)
    with pytest.raises(ConfigError, match="already holds"):
        suggest.suggest(root, tmp_path / "out", hooks=Hooks(on_note=notes.append))


def test_label_values_of_the_data_set_come_out(tmp_path, small):
    root = tmp_path / "data"
    for i in range(3):
        datasets.write_image(root / "images" / f"c{i}.png", datasets.picture(i))
        datasets.write_labels(root / "labels" / f"c{i}.png", np.where(datasets.mask(i) > 0, 0, 255).astype(np.uint8))
    result = suggest.suggest(root, tmp_path / "out", settings=SuggestSettings(background=255, workers="1"))
    assert result.best.summary.mean > 0.9
    image = io.read_image(root / "images" / "c0.png")
    mask = run_pipeline(read_pipeline(result.pipeline), image.array, spacing=(1, 1))
    assert (mask == io.read_labels(root / "labels" / "c0.png").array).mean() > 0.95


def test_three_classes_are_told_apart_by_methods_of_classes(tmp_path, small):
    root = tmp_path / "data"
    for i in range(3):
        labels = np.repeat(np.repeat(np.array([[0, 1], [2, 1]], np.uint8), 12, axis=0), 12 + i, axis=1)
        noise = np.random.default_rng(i).normal(0, 5, labels.shape)
        datasets.write_image(root / "images" / f"c{i}.png", (np.array([60, 200, 130])[labels] + noise).astype(np.uint8))
        datasets.write_labels(root / "labels" / f"c{i}.png", labels)
    result = suggest.suggest(root, tmp_path / "out", settings=SuggestSettings(workers="1"))
    assert [row.method for row in result.rows] == [suggest.BEST, "multi-otsu"]
    assert result.best.summary.mean > 0.95


def test_a_method_that_fails_on_an_image_counts_as_an_empty_mask(tmp_path, monkeypatch):
    root = datasets.planes(tmp_path / "data", 3)
    flat = np.repeat(np.arange(24, dtype=np.uint8), 32).reshape(24, 32)
    datasets.write_image(root / "images" / "case1.png", flat)
    only = (Candidate((make_step("intermodes"),), "intermodes", False),)
    monkeypatch.setattr(suggest, "first_stage", lambda **given: only)
    cases = suggest.load_dataset(root).cases
    found = suggest.compare_candidates(cases, BINARY, folds=make_folds(cases), workers="1", hooks=Hooks())
    row = found.rows[1]
    assert row.failures == 1
    assert dict(zip([u.case.id for u in found.units], row.dice, strict=True))["case1"] == 0.0


def test_no_method_for_these_labels_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(suggest, "first_stage", lambda **given: ())
    cases = suggest.load_dataset(datasets.planes(tmp_path / "data", 3)).cases
    with pytest.raises(DatasetError, match="no classical method"):
        suggest.compare_candidates(cases, BINARY, folds=make_folds(cases), workers="1", hooks=Hooks())


def test_volumes_are_compared_too(tmp_path, small):
    cases = suggest.load_dataset(datasets.volumes(tmp_path / "data", 3)).cases
    found = suggest.compare_candidates(cases, BINARY, folds=make_folds(cases), workers="1", hooks=Hooks())
    assert found.rows[0].summary.mean > 0.9
    assert isinstance(cases[0], Case)
    assert isinstance(cases[0].images[0], Source)
    assert Grid.from_spacing((2, 2), (1, 1)).ndim == 2
