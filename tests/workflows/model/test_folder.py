"""Which folds of a model folder are there, and which are asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.workflows.models import PLAN

from septum.errors import CheckpointError, ConfigError
from septum.workflows.model.folder import ModelFolder, parse_folds
from septum.workflows.model.plan import plan_json


@pytest.fixture
def trained(tmp_path: Path) -> ModelFolder:
    """A folder with the weights of folds 0, 2 and 10, and things that are none."""
    for index in (0, 2, 10):
        (tmp_path / f"fold_{index}").mkdir()
        (tmp_path / f"fold_{index}" / "weights.pt").touch()
    (tmp_path / "fold_1").mkdir()  # begun, not trained
    (tmp_path / "fold_old").mkdir()
    (tmp_path / "fold_old" / "weights.pt").touch()
    (tmp_path / "plan.json").write_text(plan_json(PLAN))
    return ModelFolder(tmp_path)


def test_trained_folds_come_in_the_order_of_their_numbers(trained: ModelFolder) -> None:
    assert trained.trained_folds() == (0, 2, 10)
    assert trained.wanted_folds() == (0, 2, 10)


def test_folds_come_in_the_order_asked_for_and_once(trained: ModelFolder) -> None:
    assert trained.wanted_folds("10,0,10") == (10, 0)


def test_networks_that_judged_predict_only_until_the_one_that_they_judged_for_is_trained(trained: ModelFolder) -> None:
    trained.plan.write_text(plan_json(replace(PLAN, judged=True)))
    assert trained.wanted_folds() == (0,)
    assert trained.wanted_folds("2,10") == (2, 10)
    trained.weights(0).unlink()
    assert trained.wanted_folds() == (2, 10)


def test_a_fold_is_finished_when_it_ended_by_itself(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path)
    assert not folder.finished(0)
    folder.fold(0).mkdir()
    for text, ended in (('{"reason": "budget"}', True), ('{"reason": "stopped"}', False), ("{", False), ("{}", False)):
        (folder.fold(0) / "run.json").write_text(text)
        assert folder.finished(0) is ended


def test_networks_of_a_training_that_was_stopped_say_so(trained: ModelFolder) -> None:
    assert trained.describe_stop((0, 2)) == ""  # old models do not say how they ended
    (trained.fold(2) / "run.json").write_text('{"reason": "stopped"}')
    assert "was stopped before its end; `septum train DATASET -o MODEL --resume`" in trained.describe_stop((0, 2))
    assert trained.describe_stop((0,)) == ""
    trained.plan.write_text(plan_json(replace(PLAN, judged=True)))
    assert not trained.unfinished()
    trained.weights(0).unlink()
    assert trained.unfinished()
    assert "those that judge it predict in its place; " in trained.describe_stop((2, 10))


def test_a_fold_that_was_not_trained_is_named(trained: ModelFolder) -> None:
    with pytest.raises(ConfigError, match=r"folds must be among \[0, 2, 10\], got \[1, 3\]"):
        trained.wanted_folds("3,0,1")


def test_a_folder_without_weights_or_without_a_plan_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no trained weights yet; finish `septum train`"):
        ModelFolder(tmp_path).wanted_folds()
    with pytest.raises(CheckpointError, match=r"must be a model folder with a plan\.json"):
        ModelFolder(tmp_path).read_plan()


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "0.5", "one two"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="folds must be a word"):
        parse_folds(text)
