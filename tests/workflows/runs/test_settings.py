"""Settings: one path, unknown keys named, wrong values refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from septum.errors import ConfigError
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.runs.settings import load_settings, settings_toml


def test_settings_come_back_from_the_toml_that_was_written(tmp_path: Path) -> None:
    settings = TrainSettings(network="paper", steps=12, foreground=True, plan=Path("plan.json"), until_dice=0.9)
    (tmp_path / "s.toml").write_text(settings_toml(settings))
    assert load_settings(TrainSettings, tmp_path / "s.toml", overrides={}) == settings


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('seed = 3\nfolds = "all"\n')
    settings = load_settings(TrainSettings, tmp_path / "s.toml", overrides={"seed": 5})
    assert (settings.seed, settings.folds, settings.network) == (5, "all", "auto")


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("minuts = 3\n")
    with pytest.raises(ConfigError, match=r"unknown key 'minuts'.*did you mean 'minutes'"):
        load_settings(TrainSettings, tmp_path / "s.toml", overrides={})


@pytest.mark.parametrize(
    ("text", "message"),
    [("seed = [", "cannot be read as TOML"), ('minutes = "soon"\n', "minutes"), ("steps = 1\nminutes = 1\n", "both")],
)
def test_files_that_make_no_sense_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_settings(TrainSettings, tmp_path / "s.toml", overrides={})


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(TrainSettings, tmp_path / "none.toml", overrides={})


@pytest.mark.parametrize(
    "wrong",
    [
        {"network": "resnet"},
        {"minutes": 0.0},
        {"steps": -1},
        {"until_dice": 1.5},
        {"ndim": 4},
        {"seed": -1},
        {"members": 0},
        {"members": 2, "folds": "all"},
    ],
)
def test_training_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TrainSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"engine": "tpu"}, {"overlap": 1.0}, {"memory_mb": 1}])
def test_prediction_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        PredictSettings(**wrong)  # type: ignore[arg-type]
