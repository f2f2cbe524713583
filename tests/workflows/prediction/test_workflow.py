"""`septum predict` on a model that is kept: masks, list of estimates, page and record, and guards before any work."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.measure import label
from tests.workflows.models import IMAGE, MODEL

from septum import io
from septum.errors import ConfigError, DatasetError
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.jobs import JobsResult
from septum.workflows.model.folder import ModelFolder
from septum.workflows.prediction import workflow
from septum.workflows.prediction.record import RECORD
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.specks import SAID
from septum.workflows.quality.looks import Look
from septum.workflows.runs.hooks import Hooks


def run(images: list[Path], output: Path, notes: list[str] | None = None, *, stop: Any = None, **given: Any) -> Any:
    settings = PredictSettings(**{"devices": "cpu", "precision": "32-true"} | given)
    heard: list[str] = [] if notes is None else notes
    hooks = Hooks(on_note=heard.append, should_stop=stop or (lambda: False))
    return workflow.predict(MODEL, images, output=output, settings=settings, hooks=hooks)


def test_masks_are_graded_listed_and_shown_and_one_bad_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.tif").write_bytes(b"no picture")
    notes: list[str] = []
    result = run([IMAGE, tmp_path / "bad.tif"], tmp_path / "out", notes)
    assert [path.name for path in result.written] == ["case0.tif"]
    assert [name for name, _ in result.failures] == ["bad"]
    assert "2 images, 1 network; research software, not a medical device" in notes
    assert [one.case for one in result.estimates] == ["case0"] * 2
    assert (tmp_path / "out" / "quality.csv").is_file()
    assert result.page == tmp_path / "out" / "index.html"
    page = result.page.read_text()
    assert "quality.csv" in page
    assert RECORD in page
    assert set(json.loads((tmp_path / "out" / RECORD).read_text())["images"]) == {"case0.tif"}


def test_without_a_page_there_is_none(tmp_path: Path) -> None:
    result = run([IMAGE], tmp_path / "out", page=False)
    assert result.page is None
    assert not (tmp_path / "out" / "index.html").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"clicks": ("1,2",)}, "without"),
        ({"semantic": True}, "single objects"),
        ({"folds": "3"}, "3"),
        ({"channel": "dapi"}, "channel must be one of"),
    ],
)
def test_what_the_model_cannot_do_is_refused_before_anything_is_written(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run([IMAGE], tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


def test_a_channel_is_chosen_for_models_of_one_channel_alone() -> None:
    plan = ModelFolder(MODEL).read_plan()
    workflow.check_channel(PredictSettings(channel="red"), plan)
    with pytest.raises(ConfigError, match=r"model of one channel, got 'red' for one of 3"):
        workflow.check_channel(PredictSettings(channel="red"), replace(plan, channels=3))


def test_a_channel_that_one_of_several_images_has_is_no_reason_to_refuse_all(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    broken = Case("broken", (Source(tmp_path / "broken.png"),))
    good = Case("good", (Source(IMAGE),))
    workflow.check_channel_there([broken, good], "0")
    workflow.check_channel_there([broken], "nothing can be said of it")
    with pytest.raises(ConfigError, match="channel must be one of"):
        workflow.check_channel_there([broken, good], "7")


def test_masks_that_exist_and_folders_without_images_are_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "case0.tif").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="overwrite"):
        run([IMAGE], tmp_path / "out")
    assert (tmp_path / "out" / "case0.tif").read_bytes() == b"mine"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError):
        run([tmp_path / "empty"], tmp_path / "out")


def test_specks_that_were_left_out_are_said_once_and_kept_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = workflow.open_segmenter

    def with_limits(folder: Any, settings: Any) -> Any:
        model = opened(folder, settings)
        return replace(model, plan=replace(model.plan, specks=(0.0, 0.5, 0.5)))  # everything but the largest piece

    plain = run([IMAGE], tmp_path / "plain", plain_notes := [])
    monkeypatch.setattr(workflow, "open_segmenter", with_limits)
    notes: list[str] = []
    result = run([IMAGE], tmp_path / "out", notes)
    pieces = [label(io.read_labels(path).array, connectivity=2).max() for path in (*plain.written, *result.written)]
    assert pieces[0] > pieces[1]
    assert notes.count(f"case0: {SAID}") == 1
    assert json.loads((tmp_path / "out" / RECORD).read_text())["notes"][SAID] == ["case0"]
    assert not any(SAID in note for note in plain_notes)


def test_a_prompt_that_was_not_followed_is_a_reason_of_its_own_class_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "the click at 1,1 did not help"

    def jobs(todo: Any, model: Any, *, hooks: Hooks, watch: Any) -> Any:
        look = Look(3)
        look.see(np.zeros((1, 8, 8)), np.zeros((8, 8), int), spacing=(1.0, 1.0))
        look.unheeded_of = {2: (words,)}
        watch.look("case0", look)
        return JobsResult((), ())

    monkeypatch.setattr(workflow, "run_jobs", jobs)
    first, second = sorted(run([IMAGE], tmp_path / "out").estimates, key=lambda one: one.label)
    assert words not in first.reasons
    assert words in second.reasons


def test_a_run_that_is_stopped_says_what_is_left_and_leaves_no_folder_without_a_mask(tmp_path: Path) -> None:
    result = run([IMAGE, IMAGE], tmp_path / "none", stop=lambda: True)
    assert (result.written, len(result.left), result.page) == ((), 2, None)
    assert not (tmp_path / "none").exists()
    out = tmp_path / "some"
    result = run([IMAGE, IMAGE], out, stop=lambda: any(out.glob("*.tif")))
    assert (len(result.written), len(result.left)) == (1, 1)
    assert result.page is not None
    assert "there is no mask: the run was stopped before it" in result.page.read_text(encoding="utf-8")
