"""A model made ready: its folds on an engine, the mirrors that its plan allows, and the precision that was taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.workflows.models import MODEL, PLAN

from septum.errors import ConfigError
from septum.net.architecture.unet import encoder_unet
from septum.workflows.model.folder import ModelFolder
from septum.workflows.prediction import engine
from septum.workflows.prediction.engine import open_segmenter
from septum.workflows.prediction.settings import PredictSettings


def opened(**given: Any) -> Any:
    return open_segmenter(ModelFolder(MODEL), PredictSettings(**{"devices": "cpu", "precision": "32-true"} | given))


def test_the_plan_comes_with_an_engine_of_its_classes() -> None:
    model = opened()
    assert model.plan == PLAN
    assert (model.engine.n_classes, len(model.engine.models), model.engine.flips) == (3, 1, ((),))
    assert model.settings.precision == "32-true"


def test_mirrors_are_those_of_the_plan_and_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    both = replace(PLAN, mirrors=(0, 1))
    load = ModelFolder.load
    monkeypatch.setattr(ModelFolder, "load", lambda self, folds: (both, load(self, folds)[1]))
    assert opened().engine.flips == ((),)
    assert opened().settings.tta is False
    assert opened(tta=True).engine.flips == ((), (0,), (1,), (0, 1))


def test_an_encoder_that_has_seen_images_averages_the_mirrors_unless_it_is_told_not_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = replace(PLAN, patch=(64, 64), mirrors=(1,), unet=encoder_unet(PLAN.channels, PLAN.classes.n_classes))
    load = ModelFolder.load
    monkeypatch.setattr(ModelFolder, "load", lambda self, folds: (seen, load(self, folds)[1]))
    assert (opened().engine.flips, opened().settings.tta) == (((), (1,)), True)
    assert opened(tta=False).engine.flips == ((),)
    monkeypatch.setattr(ModelFolder, "load", lambda self, folds: (replace(seen, mirrors=()), load(self, folds)[1]))
    assert opened().settings.tta is False  # there is nothing to average


def test_the_precision_that_was_measured_is_the_one_that_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    real = engine.measure_machine

    def measure(devices: str, precision: str) -> Any:
        asked.append((devices, precision))
        return real("cpu", "bf16-mixed" if precision == "auto" else precision)

    monkeypatch.setattr(engine, "measure_machine", measure)
    assert opened(precision="auto").settings.precision == "bf16-mixed"
    assert asked == [("cpu", "auto"), ("cpu", "bf16-mixed")]  # the machine is timed once


def test_another_engine_keeps_the_settings_and_exports_beside_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(engine, "onnx_engine", lambda networks, **named: seen.update(named) or "engine")
    model = opened(engine="onnx", precision="auto")
    assert (model.engine, model.settings.precision) == ("engine", "auto")
    assert seen == {"folder": MODEL / "exported", "flips": ((),), "n_maps": 0}


def test_a_fold_that_was_not_trained_is_refused() -> None:
    with pytest.raises(ConfigError, match="0"):
        opened(folds="0,4")
