"""A model in a notebook: trained, loaded, asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import septum
from septum import io
from septum.errors import CheckpointError, ConfigError
from septum.workflows.model.settings import TrainSettings

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "before_rooms"


@pytest.fixture
def model(tmp_path: Path) -> septum.library.model.Model:  # type: ignore[name-defined]
    import shutil

    return septum.load_model(shutil.copytree(GOLDEN / "model", tmp_path / "model"))


def test_a_model_predicts_an_array_an_image_and_a_file_alike(model) -> None:
    path = GOLDEN / "data" / "images" / "case0.tif"
    image = io.read_image(path)
    expected = io.read_labels(GOLDEN / "masks" / "case0.tif")
    for given, options in ((path, {}), (image, {}), (image.array[0], {"spacing": image.grid.spacing})):
        labels = model.predict(given, **options)
        assert np.mean(labels.array == expected.array) > 0.99
    assert septum.predict(model, image.array[0], spacing=image.grid.spacing).array.shape == labels.array.shape


def test_a_model_says_what_it_is_without_loading_its_network(model) -> None:
    assert repr(model).startswith("Model(model: auto, 2-D, ")
    assert model.mean_dice is None
    assert "not a medical device" in model._repr_html_()
    assert "_engine" not in vars(model)


def test_files_with_an_output_give_masks_and_the_list_of_what_they_are_worth(model, tmp_path: Path) -> None:
    table = septum.predict(model.path, [GOLDEN / "data" / "images"], output=tmp_path / "out")
    assert (tmp_path / "out" / "case0.tif").is_file()
    assert set(table["case"]) == {"case0"}
    with pytest.raises(ConfigError, match="already holds"):
        septum.predict(model, GOLDEN / "data" / "images", output=tmp_path / "out")
    septum.predict(model, GOLDEN / "data" / "images", output=tmp_path / "out", overwrite=True)
    with pytest.raises(ConfigError, match="settings must come with output"):
        septum.predict(model, GOLDEN / "data" / "images" / "case0.tif", tta=True)
    with pytest.raises(ConfigError, match="did you mean 'overlap'"):
        septum.predict(model, GOLDEN / "data" / "images", output=tmp_path / "new", overlapp=0.5)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="must be a model folder"):
        septum.load_model(tmp_path)


@pytest.mark.parametrize(("asked", "minutes"), [({"minutes": 3.0}, 3.0), ({"steps": 5}, None), ({}, None)])
def test_minutes_reach_the_training_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, float], minutes: float | None
) -> None:
    from septum.workflows.training import train as workflow

    class Seen(Exception):  # noqa: N818 - no error
        pass

    def taken(*given: object, settings: TrainSettings, **named: object) -> None:
        assert settings.minutes == minutes
        raise Seen

    monkeypatch.setattr(workflow, "train", taken)
    with pytest.raises(Seen):
        septum.train(tmp_path, **asked)  # type: ignore[arg-type]


def test_training_gives_a_model_with_its_report_and_unknown_settings_are_refused(tmp_path: Path) -> None:
    from tests.workflows.training.test_train import make_dataset

    data = make_dataset(tmp_path / "data", 3)
    with pytest.raises(ConfigError, match="did you mean 'network'"):
        septum.train(data, networks="paper")
    model = septum.train(data, steps=2, network="lecture", precision="32-true", devices="cpu")
    assert model.path.name == "data-septum-model"
    assert model.report is not None
    assert model.held_out == 1
    assert model.mean_dice is not None
    assert " held-out case" in repr(model)
    assert model.report.path.resolve().as_uri() in model._repr_html_()
