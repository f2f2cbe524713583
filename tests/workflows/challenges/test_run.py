"""A run of a challenge: the page shows what took part, and what was stopped goes on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.workflows.challenges.oracle import QUIET, Oracle, membranes

from septum.errors import Cancelled, ConfigError
from septum.workflows.challenges import run, solvers
from septum.workflows.challenges.settings import ChallengeSettings
from septum.workflows.challenges.table import find_challenge
from septum.workflows.data.load import load_dataset
from septum.workflows.model import derive
from septum.workflows.pipelines.pipeline import Pipeline, make_step
from septum.workflows.pipelines.segment import PIPELINE
from septum.workflows.runs.hooks import Hooks


def play(data: Path, output: Path, hooks: Hooks = QUIET, **settings: Any) -> run.ChallengeResult:
    chosen = ChallengeSettings(**{"steps": 2, "precision": "32-true", "devices": "cpu"} | settings)
    return run.run_challenge("em", data, output=output, settings=chosen, hooks=hooks, on_status=lambda status: None)


def test_a_network_and_a_classical_method_take_part_and_the_page_shows_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def choose(table: Path, folder: Path, *, settings: Any, hooks: Hooks) -> Any:
        assert settings.background == 255
        assert len(load_dataset(table).labelled) == 4
        steps = (make_step("otsu"), make_step("assign", {"values": [0.0, 255.0]}))
        (folder / PIPELINE).write_text(Pipeline(steps).to_toml())
        return SimpleNamespace(failures=())

    monkeypatch.setattr(solvers, "suggest", choose)
    monkeypatch.setattr(derive, "lecture", partial(derive.lecture, features=(4, 8)))
    data, out = membranes(tmp_path / "em", 6, 32), tmp_path / "out"
    result = play(data, out, methods=("lecture",))
    assert set(result.table["method"]) == {"lecture"}
    result = play(data, out, methods=("lecture", "classical"))  # what is finished is read
    page = result.page.read_text()
    for word in ("lecture", "classical", "V_rand", "no entry of the leader board", "medical device", "image/jpeg"):
        assert word in page
    assert result.table.set_index("method").loc["classical", "v_rand"] > 0.9
    assert (result.table["seconds_per_image"] > 0).all()
    with pytest.raises(ConfigError, match="another in settings"):
        play(data, out, methods=("lecture",), seed=1)


def test_finished_methods_are_kept_when_a_run_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Learner(SimpleNamespace):
        def learn(self, method: str, part: Any, *, folder: Path) -> Oracle:
            asked.append(method)
            if method == "paper" and asked.count("paper") == 1:
                raise Cancelled
            folder.mkdir(parents=True)
            run.write_json(folder / run.TIMES, {"seconds": 60.0, "steps": 5})
            return Oracle(membranes=True)

    monkeypatch.setattr(run, "Learner", lambda *given, **named: Learner())
    data, out = membranes(tmp_path / "em", 5), tmp_path / "out"
    with pytest.raises(Cancelled):
        play(data, out, methods=("auto", "paper"))
    assert (out / run.PAGE).is_file()
    table = play(data, out, methods=("auto", "paper")).table
    assert asked == ["auto", "paper", "paper"]
    assert table["minutes"].tolist() == [1.0, 1.0]


def test_wrong_challenges_methods_budgets_and_folders_are_refused(tmp_path: Path) -> None:
    data = membranes(tmp_path / "em", 5)
    with pytest.raises(ConfigError, match="em, ctc, vessels, decathlon"):
        find_challenge("ems")
    with pytest.raises(ConfigError, match="among auto"):
        play(data, tmp_path / "out", methods=("pape",))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(ConfigError, match="other files"):
        play(data, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()
