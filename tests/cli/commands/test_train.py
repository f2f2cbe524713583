"""`septum train` hands every option to the workflow and reports what came back."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from septum.errors import Cancelled
from septum.workflows.model.settings import TrainSettings
from septum.workflows.training import early
from septum.workflows.training import train as workflow


@pytest.fixture
def called(monkeypatch):
    """Arguments of the one call of the workflow, which is replaced."""
    seen = {}

    def train(dataset, output, **options):
        seen.update(options, dataset=dataset, output=output)
        for note in seen.get("notes", ()):
            options["hooks"].on_note(note)
        return SimpleNamespace(
            model=output, report=output / "report" / "index.html", stopped=seen.get("stop", False), mean_dice=0.87654,
            held_out=("a", "b"), failures=(), basis="2 held-out images: a, b; by short trainings",
        )  # fmt: skip

    monkeypatch.setattr(workflow, "train", train)
    monkeypatch.setattr(early, "look_first", lambda dataset, output, **how: None)
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
        "Dice    0.877 (mean on 2 held-out images: a, b; by short trainings)",
    ]
    page = Path("model/report/index.html").resolve().as_uri()
    assert result.err == f"2 of 10 images have no label\nlook at it: {page}\n"


WITHOUT_TORCH = """
import sys
from septum.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print("torch" in sys.modules)
"""


@pytest.mark.parametrize("wrong", ["no data", "empty", "no labels", "not empty", "no plan"])
def test_wrong_paths_and_data_are_refused_before_pytorch_is_loaded(dataset, tmp_path, wrong):
    (tmp_path / "empty").mkdir()
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "thesis.txt").touch()
    given = {
        "no data": [tmp_path / "nothing", "-o", tmp_path / "m"],
        "empty": [tmp_path / "empty", "-o", tmp_path / "m"],
        "no labels": [dataset, "-o", tmp_path / "m"],
        "not empty": [dataset, "-o", tmp_path / "held"],
        "no plan": [dataset, "-o", tmp_path / "m", "--plan", tmp_path / "plan.json"],
    }[wrong]
    if wrong == "no labels":
        shutil.rmtree(dataset / "labels")
    command = [sys.executable, "-c", WITHOUT_TORCH, "train", *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout.strip() == "False"
    assert not (tmp_path / "m").exists()


SLOW = """
import sys
import time
from septum.cli.main import main
from septum.workflows.data import cases
from septum.workflows.training import train
def slow(*given, **named):
    print("reading", flush=True)
    time.sleep(60)
train.planned_machine = slow
sys.argv = ["septum", "train", {data!r}, "-o", {model!r}]
main()
"""


@pytest.mark.parametrize("kept", [False, True])
def test_a_stop_while_data_is_read_says_whether_networks_are_kept(septum, called, tmp_path, monkeypatch, kept):
    def stopped(*given, **named):
        raise Cancelled

    monkeypatch.setattr(workflow, "train", stopped)
    if kept:
        (tmp_path / "fold_1").mkdir()
        (tmp_path / "fold_1" / "weights.pt").touch()
    done = septum("train", "data", "-o", str(tmp_path), "--resume")
    assert ("what was trained before is kept" in done.err) is kept
    assert ("nothing is trained yet" in done.err) is not kept


def test_a_cluster_that_ends_the_job_while_data_is_read_is_obeyed_within_two_seconds(dataset, tmp_path):
    code = SLOW.format(data=str(dataset), model=str(tmp_path / "m"))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "reading\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 2
    assert process.returncode == 130
    assert "nothing is trained yet" in errors
