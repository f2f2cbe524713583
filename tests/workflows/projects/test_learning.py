"""What a training may learn from, and what a measurement compares."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.workflows.projects.conftest import BOX, GRID, save

from septum import io
from septum.errors import DatasetError
from septum.geometry import LabelMap
from septum.workflows.data.slices import read_slices
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.projects import learning
from septum.workflows.projects.learning import evaluate_model, looked_at, measurable, models_of, training_data
from septum.workflows.projects.project import Project
from septum.workflows.quality.worklist import GradedResult
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training.train import TrainResult


def test_only_what_was_looked_at_is_trained_on(project: Project) -> None:
    save(project, BOX, letters="..dd..")
    save(project, BOX, letters="..dd..")
    project.store.change_case("b", status="drawn")
    table, count = training_data(project, "model-1")
    assert count == 2
    roi = io.read_labels(table.parent / "roi" / "b.nii.gz").array
    assert roi.any(axis=(1, 2)).tolist() == [False, False, True, True, False, False]
    assert not (table.parent / "roi" / "a.nii.gz").exists()
    assert looked_at((2, 2), {}, complete=False).all()


def test_cases_kept_for_testing_and_cases_without_a_drawing_are_not_learnt_from(project: Project) -> None:
    assert training_data(project, "model-1")[1] == 1  # the labels that came with the data
    project.store.change_case("a", split="test")
    with pytest.raises(DatasetError, match="annotated"):
        training_data(project, "model-1")


def test_a_measurement_compares_the_mask_with_what_was_drawn_since_and_knows_the_worst_slice(project: Project) -> None:
    with pytest.raises(DatasetError, match="no case has both"):
        evaluate_model(project, "model-1", hooks=Hooks())
    predicted = BOX.copy()
    predicted[3, 2:4] = 0
    folder = project.predictions / "model-1"
    folder.mkdir(parents=True)
    io.write_labels(folder / "b.nii.gz", LabelMap(predicted, GRID))
    save(project, BOX)
    project.store.change_case("b", status="corrected")
    found = evaluate_model(project, "model-1", hooks=Hooks())
    assert found["worst"] == {"b": 3}
    assert found["dice"] == pytest.approx(2 * 24 / (24 + 32))
    assert (project.reports / "model-1" / "index.html").is_file()


def test_models_are_those_that_a_training_left_and_pipelines_can_be_measured_too(project: Project) -> None:
    facts = {"cases": 3, "minutes": 1.0, "dice": 0.8, "prompts": False}
    for name, made in (("model-1", True), ("model-2", False)):
        job = project.store.add_job("train", {})
        project.store.change_job(job.id, state="done", model=name, result=facts)
        if made:
            (project.models / name).mkdir(parents=True)
    assert [(one.name, one.dice) for one in models_of(project)] == [("model-1", 0.8)]
    for name in ("model-1", "pipeline-bright"):
        (project.predictions / name).mkdir(parents=True)
    assert measurable(project) == ["pipeline-bright", "model-1"]


def test_probabilities_are_kept_beside_the_masks_where_they_are_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[PredictSettings] = []

    def predicts(*given: object, settings: PredictSettings, **more: object) -> GradedResult:
        asked.append(settings)
        return GradedResult((), (), (), "", None)

    monkeypatch.setattr(learning, "predict", predicts)
    for wanted in (False, True):
        learning.predict_others(project, "model-1", hooks=Hooks(), on_case=lambda case: None, probabilities=wanted)
    assert [one.probabilities for one in asked] == [False, True]


def test_a_round_tells_the_minutes_that_it_took_not_its_budget(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((100.0, 190.0) * 2)
    monkeypatch.setattr(learning, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    ended = TrainResult(project.models / "model-1", None, True, 0.5, ())
    monkeypatch.setattr(learning, "train", lambda *given, **more: ended)
    for settings in (TrainSettings(minutes=10.0), TrainSettings(steps=20)):
        found = learning.train_model(
            project, "model-1", settings=settings, hooks=Hooks(), on_status=lambda status: None
        )
        assert found["minutes"] == 1.5


def test_interpolated_slices_are_told_to_the_training_unless_somebody_reviewed_the_case(project: Project) -> None:
    save(project, BOX, letters=".didc.")
    for status, kept in (("drawn", True), ("corrected", True), ("reviewed", False)):
        project.store.change_case("b", status=status)
        table, _ = training_data(project, "model-1")
        found = read_slices(table.parent / "labels" / "b.nii.gz", GRID.shape)
        assert (found is not None and found[0] == ".didc.") == kept
