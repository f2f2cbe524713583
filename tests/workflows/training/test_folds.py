"""Training of one fold: minutes are shared, a block trains without what it is measured on, and what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.workflows.datasets import planes
from tests.workflows.models import PLAN, Brighter

from septum.errors import ConfigError, SeptumError
from septum.instances.decode import Decoding, ObjectMaps
from septum.net.architecture.network import build
from septum.net.learning.sampling import Sample, SampleObjects
from septum.net.learning.train import TrainOutcome
from septum.net.prompts import PromptConfig
from septum.workflows.data.cases import Case
from septum.workflows.data.folds import Fold
from septum.workflows.data.load import load_dataset
from septum.workflows.model.settings import TrainSettings
from septum.workflows.training import folds
from septum.workflows.training.folds import (
    JUDGED,
    FoldJob,
    from_first,
    guesses,
    keep_fold,
    make_fabric,
    make_validation,
    split_samples,
    train_config,
    unlabelled_of,
)

NONE = PLAN.classes.ignore_class


def job(place: int = 0, of: int = 1, index: int = 0, fold: Fold | None = None) -> FoldJob:
    return FoldJob(index, place, of, fold or Fold(("a",), ("b",)))


def test_minutes_are_shared_by_folds_and_judging_and_steps_are_each_folds_own() -> None:
    minutes = replace(PLAN, budget=replace(PLAN.budget, steps=None, minutes=6.0))
    config = train_config(minutes, TrainSettings(patience=3), job=job(of=3))
    assert config.seconds == pytest.approx(6 * 60 * (1 - JUDGED) / 3)
    assert (config.steps, config.patience) == (None, 3)
    config = train_config(PLAN, TrainSettings(until_dice=0.9), job=job(of=3))
    assert (config.seconds, config.steps, config.until_dice) == (None, 40, 0.9)


def test_a_network_that_judges_has_its_own_share_of_minutes_and_steps() -> None:
    judge = FoldJob(1, 0, 4, Fold(("a",), ("b",)), 0.4, 0.18)
    minutes = replace(PLAN, budget=replace(PLAN.budget, steps=None, minutes=6.0))
    assert train_config(minutes, TrainSettings(), job=judge).seconds == pytest.approx(6 * 60 * (1 - JUDGED) * 0.18)
    assert train_config(PLAN, TrainSettings(), job=judge).steps == 16


def test_members_have_seeds_of_their_own() -> None:
    seeds = {train_config(PLAN, TrainSettings(), job=job(index=index)).seed for index in range(5)}
    assert len(seeds) == 5


def sample(
    name: str, labels: np.ndarray, image: np.ndarray | None = None, objects: SampleObjects | None = None
) -> Sample:
    own = np.zeros((1, *labels.shape), np.float32) if image is None else image[None]
    return Sample(name, own, labels.astype(np.uint8), (1.0, 1.0), objects=objects)


def context(samples: dict[str, Sample], cases: Any = ()) -> Any:
    return SimpleNamespace(plan=PLAN, samples=samples, cases=cases)


def test_cases_are_those_of_the_fold() -> None:
    samples = {name: sample(name, np.zeros((2, 2))) for name in "abc"}
    training, held_out = split_samples(job(fold=Fold(("c", "a"), ("b",))), context(samples))
    assert [one.name for one in training] == ["c", "a"]
    assert [one.name for one in held_out] == ["b"]


def test_images_without_labels_are_never_of_a_patient_that_is_held_out() -> None:
    cases = [Case(name, (), group=group) for name, group in (("a", "anna"), ("b", "bert"), ("c", None))]
    free = [(Case(name, (), group=group), sample(name, np.zeros((2, 2)))) for name, group in
            (("x", "anna"), ("y", "bert"), ("z", None))]  # fmt: skip
    run: Any = SimpleNamespace(cases=cases, unlabelled=free)
    for held, names in ((("a",), ["y", "z"]), (("b", "c"), ["x", "z"]), ((), ["x", "y", "z"])):
        train = tuple(case.id for case in cases if case.id not in held)
        assert [one.name for one in unlabelled_of(Fold(train, held), run)] == names


def test_of_a_single_image_the_block_measures_and_only_the_rest_trains(tmp_path: Path) -> None:
    cases = load_dataset(planes(tmp_path / "set", 1)).cases
    labels = np.ones((24, 32), np.uint8)
    objects = SampleObjects(np.ones((24, 32), np.int32), np.array([0, 1, NONE]), np.zeros(2, np.float32))
    fold = Fold(("case0",), ("case0",), block=(1, 4, 12))
    whole = {"case0": sample("case0", labels, objects=objects)}
    (training,), (held_out,) = split_samples(job(fold=fold), context(whole, cases))
    inside = np.zeros((24, 32), bool)
    inside[:, 4:12] = True
    assert np.array_equal(training.labels == NONE, inside)
    assert np.array_equal(held_out.labels == NONE, ~inside)
    assert training.objects is not None
    assert np.array_equal(training.objects.ids == -1, inside)
    assert training.labels.dtype == labels.dtype


def bright(seed: int) -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(seed).normal(size=(20, 24)).astype(np.float32)
    return image, (image > 0).astype(np.uint8)


def test_validation_is_the_mean_over_cases_and_classes_that_have_a_dice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "torch_engine", lambda models, **named: Brighter())
    image, labels = bright(0)
    wrong = np.where(labels == 1, 0, 2)
    right, lost = sample("a", labels, image), sample("b", wrong, image)
    fabric: Any = SimpleNamespace(device="cpu")
    validate = make_validation([right, lost], PLAN, fabric=fabric, should_stop=lambda: False)
    assert validate(None) == pytest.approx((1 + 0 + 0) / 3)  # type: ignore[arg-type]
    nothing = make_validation(
        [sample("a", np.full((20, 24), NONE), image)], PLAN, fabric=fabric, should_stop=lambda: False
    )
    assert nothing(None) == 0.0  # type: ignore[arg-type]


def two_squares(saddle: int) -> ObjectMaps:
    """Two squares that touch, with hills of 200 and a saddle between them, on a certain foreground."""
    maps = ObjectMaps.empty((9, 12))
    maps.foreground[2:7, 1:11] = 255
    maps.altitude[2:7, 1:11] = saddle
    maps.altitude[4, 3], maps.altitude[4, 8] = 200, 200
    maps.altitude[3:6, 2:5] = np.maximum(maps.altitude[3:6, 2:5], 180)
    maps.altitude[3:6, 7:10] = np.maximum(maps.altitude[3:6, 7:10], 180)
    return maps


@pytest.mark.parametrize(("saddle", "value"), [(20, 1.0), (190, 0.25 * 2 / 3)])
def test_single_objects_are_validated_as_objects(monkeypatch: pytest.MonkeyPatch, saddle: int, value: float) -> None:
    monkeypatch.setattr(folds, "torch_engine", lambda models, **named: None)
    monkeypatch.setattr(folds, "maps_of", lambda engine, inputs, **told: (two_squares(saddle), None))
    ids = np.zeros((9, 12), np.int32)
    ids[2:7, 1:6], ids[2:7, 6:11] = 1, 2
    objects = SampleObjects(ids, np.array([0, 1, 1, NONE]), np.zeros(3, np.float32))
    fabric: Any = SimpleNamespace(device="cpu")
    plan = replace(PLAN, instances=Decoding())
    held_out = [sample("a", ids > 0, objects=objects)]
    validate = make_validation(held_out, plan, fabric=fabric, should_stop=lambda: False)
    assert validate(None) == pytest.approx(value)  # type: ignore[arg-type]


def test_objects_that_nobody_annotated_are_not_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "torch_engine", lambda models, **named: None)
    monkeypatch.setattr(folds, "maps_of", lambda engine, inputs, **told: (two_squares(20), None))
    ids = np.zeros((9, 12), np.int32)
    ids[2:7, 1:6] = 1
    labels = np.where(np.arange(12) < 6, ids > 0, NONE)
    objects = SampleObjects(ids, np.array([0, 1, NONE]), np.zeros(2, np.float32))
    fabric: Any = SimpleNamespace(device="cpu")
    plan = replace(PLAN, instances=Decoding())
    validate = make_validation([sample("a", labels, objects=objects)], plan, fabric=fabric, should_stop=lambda: False)
    assert validate(None) == pytest.approx(1.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "looked"), [(3, 3), (8, 8), (9, 5), (17, 6)])
def test_at_most_eight_whole_images_are_looked_at_evenly(
    monkeypatch: pytest.MonkeyPatch, count: int, looked: int
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(folds, "torch_engine", lambda models, **named: None)
    monkeypatch.setattr(folds, "guesses", lambda engine, one, **named: seen.append(one.name) or [one.labels])
    held_out = [sample(str(n), np.ones((2, 2))) for n in range(count)]
    fabric: Any = SimpleNamespace(device="cpu")
    make_validation(held_out, PLAN, fabric=fabric, should_stop=lambda: False)(None)  # type: ignore[arg-type]
    assert len(seen) == looked
    assert seen[0] == "0"


def test_a_network_that_takes_prompts_is_asked_alone_after_a_click_and_with_a_box() -> None:
    image, labels = bright(0)
    one = sample("a", 1 - labels, image)
    plain = list(guesses(Brighter(), one, plan=PLAN, should_stop=lambda: False))
    assert len(plain) == 1
    prompted = replace(PLAN, prompts=PromptConfig())
    asked = list(guesses(Brighter(), one, plan=prompted, should_stop=lambda: False))
    assert len(asked) == 3
    perfect = list(guesses(Brighter(), sample("a", labels, image), plan=prompted, should_stop=lambda: False))
    assert np.array_equal(perfect[0], perfect[1])  # nothing to click on: the answer stands
    empty = list(
        guesses(Brighter(), sample("a", np.zeros_like(labels), image), plan=prompted, should_stop=lambda: False)
    )
    assert len(empty) == 2  # nothing to draw a box around


class Processes:
    """Fabric of several processes, of which this is one."""

    world_size = 2

    def __init__(self, first: bool, answer: Any = None) -> None:
        self.is_global_zero, self.answer = first, answer

    def broadcast(self, made: Any) -> Any:
        return made if self.is_global_zero else self.answer


def refusing() -> str:
    raise ConfigError("no such plan")


def test_what_the_first_process_makes_or_refuses_holds_for_all() -> None:
    alone: Any = SimpleNamespace(world_size=1)
    assert from_first(alone, lambda: "made") == "made"
    first: Any = Processes(True)
    assert from_first(first, lambda: "made") == "made"
    second: Any = Processes(False, (True, "made"))
    assert from_first(second, refusing) == "made"
    with pytest.raises(ConfigError, match="no such plan"):
        from_first(first, refusing)
    lost: Any = Processes(False, (False, ""))
    with pytest.raises(SeptumError, match="the first process stopped"):
        from_first(lost, refusing)


def test_devices_that_are_not_there_are_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="these devices cannot be used"):
        make_fabric(TrainSettings(devices="cpu"), "no-such-precision")


def test_weights_curves_and_the_end_are_kept_and_old_events_replaced(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build(PLAN.unet)
    history = ({"step": 1, "loss": 0.5, "learning_rate": 0.1, "val_dice": 0.25}, {"step": 2, "loss": 0.4})
    outcome = TrainOutcome(network.state_dict(), 0.25, 2, 3.14159, "budget", history)
    (tmp_path / "events.out.tfevents.1").write_bytes(b"old")
    keep_fold(outcome, PLAN, path=tmp_path)
    assert json.loads((tmp_path / "run.json").read_text()) == {
        "reason": "budget", "steps": 2, "seconds": 3.1, "val_dice": 0.25,
    }  # fmt: skip
    assert (tmp_path / "curves.png").is_file()
    (events,) = tmp_path.glob("events.out.tfevents.*")
    assert events.read_bytes() != b"old"
    assert (tmp_path / "weights.pt").is_file()
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == 3


def test_a_run_that_ended_at_once_has_no_curves(tmp_path: Path) -> None:
    keep_fold(TrainOutcome(build(PLAN.unet).state_dict(), None, 0, 0.0, "stopped", ()), PLAN, path=tmp_path)
    assert not (tmp_path / "curves.png").exists()
    assert json.loads((tmp_path / "run.json").read_text())["reason"] == "stopped"
