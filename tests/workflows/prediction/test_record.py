"""The record beside masks: what went in and what came out, and nothing of where files lie or who is in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.workflows.datasets import picture, write_image
from tests.workflows.models import MODEL, PLAN, Brighter

from septum.workflows.data.cases import Case, Source
from septum.workflows.data.digests import digest
from septum.workflows.data.jobs import Job, JobsResult
from septum.workflows.model.folder import ModelFolder
from septum.workflows.prediction.engine import Segmenter
from septum.workflows.prediction.record import RECORD, SETTINGS, record_prediction
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.runs.settings import load_settings


@pytest.fixture
def record(tmp_path: Path) -> dict[str, object]:
    cases = [Case(n, (Source(write_image(tmp_path / "in" / f"{n}.png", picture(0))),)) for n in "ab"]
    jobs = [Job(case, tmp_path / f"{case.id}.png") for case in cases]
    settings = PredictSettings(scribbles=tmp_path / "drawn.png", clicks=("1,2",))
    result = JobsResult((tmp_path / "a.png",), (("b", "it is broken"),))
    record_prediction(
        tmp_path, ModelFolder(MODEL), model=Segmenter(Brighter(), PLAN, settings), jobs=jobs, result=result,
        notes={"no spacing": ("a",)},
    )  # fmt: skip
    return json.loads((tmp_path / RECORD).read_text())  # type: ignore[no-any-return]


def test_images_that_were_written_and_weights_have_digests(record: dict[str, object], tmp_path: Path) -> None:
    assert record["images"] == {"a.png": [digest(Source(tmp_path / "in" / "a.png"))]}
    assert record["model"] == {"fold 0": digest(Source(ModelFolder(MODEL).weights(0)))}
    assert record["labels"] == PLAN.classes.to_dict()


def test_failures_notes_and_the_warning_are_told(record: dict[str, object]) -> None:
    assert record["failures"] == [{"image": "b", "reason": "it is broken"}]
    assert record["notes"] == {"no spacing": ["a"]}
    assert "not a medical device" in str(record["notice"])


def test_the_record_says_no_folder_and_the_settings_can_be_used_again(
    record: dict[str, object], tmp_path: Path
) -> None:
    assert str(tmp_path) not in json.dumps(record)
    assert record["settings"]["scribbles"] == "drawn.png"  # type: ignore[index]
    again = load_settings(PredictSettings, tmp_path / SETTINGS, overrides={})
    assert again == PredictSettings(scribbles=tmp_path / "drawn.png", clicks=("1,2",))
