"""The commands on small data: what they print, and that stopping and resuming leave a usable model."""

from __future__ import annotations

import json
import os
import signal

from septum.cli.commands.evaluate import score_lines
from septum.cli.progress import Reporter
from septum.workflows.training import train as workflow


def test_evaluate_prints_the_table_and_the_path(septum, dataset, tmp_path):
    result = septum("evaluate", dataset / "labels", dataset, "-o", tmp_path / "report")
    lines = result.out.splitlines()
    assert result.code == 0
    assert lines[0].split() == ["Dice", "n", "mean", "95", "%", "interval", "median"]
    assert lines[1].split() == ["foreground", "4", "1.000", "-", "1.000"]
    assert lines[-1] == f"report  {tmp_path / 'report' / 'index.html'}"


def test_evaluate_names_what_has_no_partner(septum, dataset, tmp_path):
    (dataset / "labels" / "b.png").rename(tmp_path / "b.png")
    (tmp_path / "predictions").mkdir()
    for path in (dataset / "labels").iterdir():
        (tmp_path / "predictions" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "predictions" / "a.png").unlink()
    result = septum("evaluate", tmp_path / "predictions", dataset / "labels", "-o", tmp_path / "report")
    assert "no prediction for a" in result.err


def test_the_table_of_scores_aligns_long_names():
    row = {"metric": "dice", "n": 12, "mean": 0.5, "mean_ci_low": 0.4, "mean_ci_high": 0.6, "median": 0.55}
    lines = score_lines([row | {"name": "left ventricle"}, row | {"name": "x", "metric": "iou"}, row | {"name": "y"}])
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1


def test_one_case_has_no_interval():
    row = {"metric": "dice", "name": "x", "n": 1, "mean": 0.5, "median": 0.5}
    assert "nan" not in score_lines([row | {"mean_ci_low": float("nan"), "mean_ci_high": float("nan")}])[1]


def test_the_settings_file_gives_way_to_the_command_line(septum, dataset, monkeypatch, tmp_path):
    seen = {}

    def train(dataset, output, *, settings, **options):
        seen["settings"] = settings
        return workflow.TrainResult(output, None, False, None, ())

    monkeypatch.setattr(workflow, "train", train)
    (tmp_path / "s.toml").write_text('minutes = 5.0\nseed = 3\nnetwork = "paper"\n')
    assert (
        septum(
            "train", dataset, "-o", tmp_path / "m", "--settings", tmp_path / "s.toml", "--seed", 4, "--steps", 9
        ).code
        == 0
    )
    assert (seen["settings"].seed, seen["settings"].network) == (4, "paper")
    assert (seen["settings"].minutes, seen["settings"].steps) == (None, 9)
    (tmp_path / "s.toml").write_text("minuts = 5.0\n")
    result = septum("train", dataset, "-o", tmp_path / "m", "--settings", tmp_path / "s.toml")
    assert result.code == 2
    assert "'minutes'" in result.err


def test_ctrl_c_leaves_a_usable_model_and_resume_finishes_it(septum, dataset, tmp_path, monkeypatch):
    original = Reporter.training

    def interrupt(self, status):
        original(self, status)
        if not interrupted:
            interrupted.append(status.step)
            os.kill(os.getpid(), signal.SIGINT)

    interrupted: list[int] = []
    monkeypatch.setattr(Reporter, "training", interrupt)
    command = ("train", dataset, "-o", tmp_path / "m", "--steps", 40, "--folds", "none", "--precision", "32-true")
    stopped = septum(*command)
    assert stopped.code == 130
    assert interrupted
    assert "--resume" in stopped.err
    assert septum("predict", tmp_path / "m", dataset / "images" / "a.png", "-o", tmp_path / "out").code == 0
    resumed = septum(*command, "--resume")
    assert resumed.code == 0
    assert json.loads((tmp_path / "m" / "fold_0" / "run.json").read_text())["steps"] == 40
