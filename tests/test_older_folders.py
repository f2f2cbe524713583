"""What earlier versions wrote still opens: copies made before the code moved into its rooms (golden/before_rooms).

The model was trained for forty steps on `draw` of `tests/workflows/training/test_train.py`, the study rated by two
made-up readers, the session edited by three dabs of which the last was undone.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from septum import io
from septum.interactive.session.session import Session
from septum.workflows.model.folder import ModelFolder
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.workflow import predict
from septum.workflows.quality.grade import read_quality
from septum.workflows.review import study as review

GOLDEN = Path(__file__).parent / "golden" / "before_rooms"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A copy that may be written to."""
    return shutil.copytree(GOLDEN, tmp_path / "older")


def test_a_model_folder_predicts_the_mask_that_it_predicted_then(older: Path, tmp_path: Path) -> None:
    plan, models = ModelFolder(older / "model").load()
    assert plan.classes.values == (0, 3, 7)
    assert len(models) == 1
    assert read_quality(ModelFolder(older / "model").quality, plan) is not None
    result = predict(
        older / "model",
        [older / "data" / "images" / "case0.tif"],
        output=tmp_path / "masks",
        settings=PredictSettings(devices="cpu", precision="32-true"),
    )
    assert len(result.written) == 1
    assert len(result.estimates) == 2
    then, now = (io.read_labels(folder / "case0.tif").array for folder in (older / "masks", tmp_path / "masks"))
    assert set(np.unique(then)) == {0, 3, 7}
    assert np.mean(then == now) > 0.999


def test_a_review_study_keeps_its_ratings_and_takes_new_ones(older: Path) -> None:
    with review.open_study(older / "study") as study:
        assert sorted(found.reader for found in review.readers(study)) == ["anna", "bert"]
        assert review.next_item(study, "anna") is None
        answers = [rating.value for rating in study.store.current(study.id)]
        assert sorted(answers) == sorted(2 * ["fail", "pass", "pass", "fail", "pass", "pass"])
        item = review.next_item(study, "carla")
        review.rate(study, "carla", code=item.code, value="pass")
        assert len(study.store.current(study.id)) == 13


def test_a_session_opens_with_its_labels_and_what_can_be_undone(older: Path) -> None:
    with Session.open(older / "session") as session:
        labels = session.labels()
        assert labels.shape == (4, 20, 24)
        assert np.bincount(labels.ravel()).tolist() == [1780, 49, 0, 91]
        assert session.spacing == (3.0, 1.0, 1.0)
        assert (session.can_undo, session.can_redo) == (("paint", "paint"), ("paint",))
        session.redo()
        assert (session.labels() == 4).any()
        for _ in range(3):
            session.undo()
        assert not session.labels().any()
