"""What takes part: a classical pipeline and a network, each with masks and probabilities of every case or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.workflows.challenges.oracle import QUIET
from tests.workflows.datasets import mask, planes, volumes, write_image

from septum import io
from septum.errors import Cancelled, DatasetError
from septum.geometry import Grid, Image
from septum.workflows.challenges import solvers
from septum.workflows.challenges.challenge import Part
from septum.workflows.challenges.settings import ChallengeSettings
from septum.workflows.challenges.solvers import Classical, Learner, TrainedNetwork
from septum.workflows.data.load import load_dataset
from septum.workflows.pipelines.pipeline import Pipeline, make_step
from septum.workflows.pipelines.segment import PIPELINE
from septum.workflows.runs.hooks import Hooks

STOP = Hooks(should_stop=lambda: True)
BRIGHT = Pipeline((make_step("otsu"),))


def test_a_pipeline_writes_masks_and_its_probability_is_0_or_1(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 2)).cases
    method = Classical(BRIGHT, background=0)
    method.masks(cases, tmp_path / "masks", hooks=QUIET)
    method.maps(cases, tmp_path / "maps", hooks=QUIET)
    for seed, case in enumerate(cases):
        chances = io.read_image(tmp_path / "maps" / f"{case.id}.tif").array[0]
        assert chances.dtype == np.float32
        assert np.array_equal(chances, mask(seed))
        assert np.array_equal(io.read_labels(tmp_path / "masks" / f"{case.id}.png").array, mask(seed))


def test_the_background_of_the_labels_is_the_probability_0(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 1)).cases
    Classical(BRIGHT, background=1).maps(cases, tmp_path, hooks=QUIET)
    assert np.array_equal(io.read_image(tmp_path / "case0.tif").array[0], 1 - mask(0))


def test_a_method_that_lacks_an_image_is_not_scored(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 2)).cases
    cases[1].images[0].path.write_bytes(b"no picture")
    for make in ("masks", "maps"):
        with pytest.raises(DatasetError, match="got 1 failures, first case1"):
            getattr(Classical(BRIGHT, background=0), make)(cases, tmp_path / make, hooks=QUIET)


def test_a_stop_is_a_stop_and_no_failure(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 2)).cases
    with pytest.raises(Cancelled):
        Classical(BRIGHT, background=0).maps(cases, tmp_path / "maps", hooks=STOP)


class Looked(TrainedNetwork):
    """A network whose probability is the image itself, so that rotations must cancel out."""

    def probabilities(self, image: Image, *, hooks: Hooks) -> np.ndarray:
        assert image.array.shape[1:] == image.grid.shape
        self.__dict__.setdefault("spacings", []).append(image.grid.spacing)
        return np.stack([1 - image.array[0], image.array[0]]).astype(np.float32)


def test_the_mean_over_views_is_turned_back_and_each_view_has_the_spacing_of_its_axes(tmp_path: Path) -> None:
    truth = np.linspace(0, 1, 6 * 8, dtype=np.float32).reshape(6, 8)
    path = write_image(tmp_path / "set" / "images" / "a.tif", truth, Grid.from_spacing((6, 8), (0.5, 2.0), unit="mm"))
    network: Any = Looked(None)  # type: ignore[arg-type]
    told: list[float] = []
    image = io.read_image(path)
    found = network._chances(image, told.append, hooks=QUIET)
    assert np.allclose(found, truth, atol=1e-6)
    assert told == pytest.approx([(n + 1) / 8 for n in range(8)])
    given = image.grid.spacing
    assert sorted(network.spacings) == sorted([given] * 4 + [given[::-1]] * 4)


def test_probabilities_of_a_volume_are_refused(tmp_path: Path) -> None:
    cases = load_dataset(volumes(tmp_path / "set", 1)).cases
    with pytest.raises(DatasetError, match="must be of planes"):
        Looked(None).maps(cases, tmp_path / "maps", hooks=QUIET)  # type: ignore[arg-type]


def learner(steps: int | None = 1, hooks: Hooks = QUIET) -> Learner:
    return Learner(ChallengeSettings(steps=steps), {}, parts=1, on_status=lambda status: None, hooks=hooks)


ADVICE = "train with --folds all"


def choosing(asked: list[int], answer: bool | None) -> Callable[..., Any]:
    def suggest(table: Path, folder: Path, *, settings: Any, hooks: Hooks) -> Any:
        hooks.on_note(ADVICE)
        asked.append(len(load_dataset(table).labelled))
        if answer is not None:
            (folder / PIPELINE).write_text(BRIGHT.to_toml())
        return SimpleNamespace(failures=(("case7", "it is damaged"),)) if answer else None

    return suggest


@pytest.mark.parametrize(("images", "compared"), [(3, 3), (4, 4), (9, 3), (10, 4)])
def test_classical_methods_are_chosen_on_a_few_images_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int, compared: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(solvers, "suggest", choosing(asked, True))
    part = Part("", planes(tmp_path / "set", images), tests=())
    (tmp_path / "model").mkdir()
    for _ in range(2):
        solver = learner().learn("classical", part, folder=tmp_path / "model")
    assert asked == [compared]
    assert isinstance(solver, Classical)
    assert solver.pipeline == BRIGHT
    assert solvers.read_record(tmp_path / "model" / solvers.TIMES)["steps"] == 0


def test_a_choice_that_was_stopped_is_not_taken_for_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solvers, "suggest", choosing([], None))
    (tmp_path / "model").mkdir()
    with pytest.raises(Cancelled):
        learner().learn("classical", Part("", planes(tmp_path / "set", 2), tests=()), folder=tmp_path / "model")
    assert not (tmp_path / "model" / solvers.TIMES).exists()


@pytest.mark.parametrize(("stopped", "planned"), [(True, False), (False, True)])
def test_minutes_are_shared_by_the_parts_and_a_training_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: bool, planned: bool
) -> None:
    seen: dict[str, Any] = {}

    def train(data: Path, folder: Path, **named: Any) -> Any:
        seen.update(named)
        return SimpleNamespace(stopped=stopped, failures=())

    monkeypatch.setattr(solvers, "train", train)
    monkeypatch.setattr(solvers, "open_segmenter", lambda model, wanted: None)
    folder = tmp_path / "model"
    folder.mkdir()
    if planned:
        solvers.ModelFolder(folder).plan.write_text("{}")
    one = Learner(ChallengeSettings(minutes=6.0, seed=3), {"folds": "none"}, parts=2, on_status=print, hooks=QUIET)
    if stopped:
        with pytest.raises(Cancelled):
            one.learn("auto", Part("", tmp_path, tests=(), background=7), folder=folder)
    else:
        one.learn("auto", Part("", tmp_path, tests=(), background=7), folder=folder)
    settings = seen["settings"]
    assert (settings.minutes, settings.seed, settings.background, settings.folds) == (3.0, 3, 7, "none")
    assert seen["resume"] is planned
    assert (folder / solvers.TIMES).exists() is not stopped


def test_advice_of_the_training_is_not_passed_on_but_what_it_did_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    def train(data: Path, folder: Path, *, hooks: Hooks, on_status: Any, **named: Any) -> Any:
        hooks.on_note(ADVICE)
        for step in (1, 2):
            on_status(step)
        (folder / "fold_0").mkdir(parents=True)
        (folder / "fold_0" / "run.json").write_text('{"seconds": 90.0, "steps": 2}')
        return SimpleNamespace(stopped=False, failures=(("case7", "it is damaged"),))

    monkeypatch.setattr(solvers, "train", train)
    monkeypatch.setattr(solvers, "suggest", choosing([], True))
    monkeypatch.setattr(solvers, "open_segmenter", lambda model, wanted: None)
    monkeypatch.setattr(solvers, "describe_training", lambda plan, cases: f"{len(cases)} cases")
    monkeypatch.setattr(solvers.ModelFolder, "read_plan", lambda folder: None)
    monkeypatch.setattr(solvers.ModelFolder, "trained_folds", lambda folder: (0,))
    one = Learner(ChallengeSettings(steps=2), {}, parts=1, on_status=told.append, hooks=Hooks(on_note=told.append))
    (tmp_path / "chosen").mkdir()
    part = Part("", planes(tmp_path / "set", 3), tests=())
    one.learn("auto", part, folder=tmp_path / "model")
    assert told[:3] == ["3 cases", 1, 2]
    assert told[3:] == ["case7 was left out of the training: it is damaged", "trained 2 steps in 1.5 min"]
    one.learn("classical", part, folder=tmp_path / "chosen")
    assert told[5:] == ["case7 was left out of the training: it is damaged"]
