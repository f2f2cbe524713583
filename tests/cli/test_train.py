"""`septum train` hands every option to the workflow and reports what came back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from septum.workflows.model.settings import TrainSettings
from septum.workflows.training import train as workflow


@pytest.fixture
def called(monkeypatch):
    """Arguments of the one call of the workflow, which is replaced."""
    seen = {}

    def train(dataset, output, **options):
        seen.update(options, dataset=dataset, output=output)
        for note in seen.get("notes", ()):
            options["on_note"](note)
        return SimpleNamespace(
            model=output, report=output / "report" / "index.html", stopped=seen.get("stop", False), mean_dice=0.87654, held_out=2
        )

    monkeypatch.setattr(workflow, "train", train)
    return seen


def test_without_options_the_defaults_of_the_settings_hold(septum, called):
    assert septum("train", "data", "-o", "model").code == 0
    assert called["settings"] == TrainSettings()
    assert (called["dataset"], called["output"]) == (Path("data"), Path("model"))
    assert (called["resume"], called["overwrite"]) == (False, False)


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        (["--network", "paper"], "network", "paper"),
        (["--minutes", "2.5"], "minutes", 2.5),
        (["--steps", "40"], "steps", 40),
        (["--folds", "0,2"], "folds", "0,2"),
        (["--until-dice", "0.9"], "until_dice", 0.9),
        (["--plan", "plan.json"], "plan", Path("plan.json")),
        (["--seed", "7"], "seed", 7),
        (["--background", "255"], "background", 255),
        (["--foreground"], "foreground", True),
        (["--no-foreground"], "foreground", False),
        (["--axes", "TYX"], "axes", "TYX"),
        (["--dim", "3"], "ndim", 3),
        (["--devices", "2"], "devices", "2"),
        (["--nodes", "4"], "nodes", 4),
        (["--precision", "bf16"], "precision", "bf16"),
    ],
)
def test_every_option_reaches_the_settings(septum, called, option, field, value):
    assert septum("train", "data", "-o", "model", *option).code == 0
    assert getattr(called["settings"], field) == value


def test_steps_replace_the_minutes(septum, called):
    septum("train", "data", "-o", "model", "--steps", "40")
    assert called["settings"].minutes is None


def test_resume_and_overwrite_are_handed_on(septum, called):
    septum("train", "data", "-o", "model", "--resume", "--overwrite")
    assert (called["resume"], called["overwrite"]) == (True, True)


def test_results_go_to_stdout_and_notes_to_stderr(septum, called):
    called["notes"] = ["2 of 10 images have no label"]
    result = septum("train", "data", "-o", "model")
    assert result.out.splitlines() == [
        "model   model",
        f"report  {Path('model/report/index.html')}",
        "Dice    0.877 on 2 held-out images",
    ]
    assert result.err == "starting\n2 of 10 images have no label\n"
