"""What an evaluation can be told, and what contradicts itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from septum.errors import ConfigError
from septum.workflows.evaluation.evaluate import evaluate
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.scores.measures import asked_for


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ("dyce",)}, "got 'dyce'"),
        ({"policy": "kind"}, "policy must be one of"),
        ({"workers": "some"}, "workers must be auto"),
    ],
)
def test_wrong_settings_are_refused_before_a_file_is_read(tmp_path: Path, settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        evaluate(tmp_path / "no", tmp_path / "no", output=tmp_path / "out", settings=EvaluateSettings(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ()}, "at least one family"),
        ({"tolerance_mm": 0.0}, "tolerance must be positive"),
        ({"gallery": -1}, "gallery must not be negative"),
        ({"groups": "patient"}, "give --table"),
        ({"stratify": ("site",)}, "give --table"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EvaluateSettings(**settings)


def test_what_is_asked_for_is_what_goes_beyond_the_usual() -> None:
    assert EvaluateSettings().asked == ()
    assert set(EvaluateSettings(metrics=("overlap", "surface", "instances")).asked) == set(asked_for(("instances",)))
    assert EvaluateSettings(metrics=("dice",)).asked == asked_for(("dice",))


@pytest.mark.parametrize("right", [{"gallery": 0}, {"weights": {"a": 0.0, "b": 2.0}}, {"stratify": ("size",)}])
def test_settings_at_the_edge_of_what_is_allowed_are_taken(right: dict[str, Any]) -> None:
    kept = EvaluateSettings(**right)
    assert {name: getattr(kept, name) for name in right} == right
