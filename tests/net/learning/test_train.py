"""The training loop: resumed runs, backing off, stopping, what is kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from septum.errors import Cancelled, ConfigError, SeptumError
from septum.net.architecture.network import build
from septum.net.architecture.unet import UNet, UNetConfig, paper_unet
from septum.net.architecture.window import WindowConfig, WindowNet
from septum.net.augment import augment
from septum.net.engines.torch import torch_engine
from septum.net.inference.predict import TileSettings, predict_classes
from septum.net.learning import train as training
from septum.net.learning.objective import OBJECTIVES, Objective, get_objective
from septum.net.learning.sampling import Sample
from septum.net.learning.simulated_user import correct
from septum.net.learning.teacher import TeacherConfig
from septum.net.learning.train import MAX_BACKOFFS, Callbacks, SavedState, Status, TrainConfig, TrainOutcome, train
from septum.net.prompts import PromptConfig, Prompts, paint_prompts, unfold

TINY = UNetConfig(
    ndim=2,
    in_channels=1,
    out_channels=2,
    features=(4, 8),
    strides=((2, 2),),
    kernels=((3, 3), (3, 3)),
    norm="instance",
    activation="leaky_relu",
)


def squares(count: int = 2, size: int = 32) -> list[Sample]:
    """Noisy images with a bright square that is the foreground."""
    rng = np.random.default_rng(0)
    samples = []
    for index in range(count):
        labels = np.zeros((size, size), np.uint8)
        labels[8 + index : 20 + index, 6:22] = 1
        image = labels + 0.3 * rng.standard_normal(labels.shape)
        samples.append(Sample(f"case{index}", image[None].astype(np.float32), labels, (1.0, 1.0)))
    return samples


def run(
    folder: Path,
    config: TrainConfig,
    *,
    samples: list[Sample] | None = None,
    network: UNetConfig | WindowConfig = TINY,
    objective: Objective | None = None,
    stop_at: int | None = None,
    resume: bool = False,
    validate=None,  # type: ignore[no-untyped-def]
    statuses: list[Status] | None = None,
    on_status: Callable[[Status], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainOutcome:
    torch.manual_seed(1)
    steps = iter(range(10**6))
    return train(
        build(network),
        samples or squares(),
        config=replace(config, augment=augment.microscopy_2d(config.patch)),
        fabric=Fabric(accelerator="cpu", devices=1),
        objective=objective or get_objective("dice + cross entropy"),
        callbacks=Callbacks(
            on_status or (lambda status: statuses.append(status) if statuses is not None else None),
            should_stop or (lambda: stop_at is not None and next(steps) + 1 >= stop_at),
            validate,
        ),
        saved=SavedState(folder / "state.pt", resume),
    )


CONFIG = TrainConfig((16, 16), augment.microscopy_2d((16, 16)), batch=2, steps=8, seconds=None, warmup=0.2)


def test_a_run_that_was_stopped_and_resumed_equals_the_uninterrupted_run_bit_by_bit(tmp_path: Path) -> None:
    network = replace(TINY, dropout=0.5)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = run(tmp_path / "a", CONFIG, network=network)
    first = run(tmp_path / "b", CONFIG, network=network, stop_at=3)
    assert (first.reason, first.steps) == ("stopped", 3)
    second = run(tmp_path / "b", CONFIG, network=network, resume=True)
    assert (second.reason, second.steps) == ("budget", 8)
    assert all(torch.equal(whole.weights[name], second.weights[name]) for name in whole.weights)
    assert not all(torch.equal(whole.weights[name], first.weights[name]) for name in whole.weights)


PROMPTED = replace(TINY, in_channels=4)


def test_a_run_with_prompts_that_was_resumed_equals_the_uninterrupted_run_bit_by_bit(tmp_path: Path) -> None:
    config = replace(CONFIG, prompts=PromptConfig(none=0.2))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = run(tmp_path / "a", config, network=PROMPTED)
    first = run(tmp_path / "b", config, network=PROMPTED, stop_at=3)
    second = run(tmp_path / "b", config, network=PROMPTED, resume=True)
    assert (first.reason, second.reason) == ("stopped", "budget")
    assert all(torch.equal(whole.weights[name], second.weights[name]) for name in whole.weights)
    other = run(tmp_path / "a", replace(config, prompts=PromptConfig(none=1.0)), network=PROMPTED)
    assert any(not torch.equal(whole.weights[name], other.weights[name]) for name in whole.weights)


@pytest.mark.parametrize(("threads", "steps"), [(1, 70), (2, 22)])
def test_by_steps_a_run_is_a_function_of_seed_and_data_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, steps: int
) -> None:
    """Two runs, one on a machine that seems sixty times slower; the weights that validation chose are the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        runs = []
        for name, pace in (("a", 1.0), ("b", 60.0)):
            with monkeypatch.context() as patched:
                clock = time.monotonic
                patched.setattr("septum.net.learning.train.time.monotonic", lambda p=pace, c=clock: p * c())
                (tmp_path / name).mkdir()
                runs.append(run(tmp_path / name, replace(CONFIG, steps=steps), validate=_brightness))
    finally:
        torch.set_num_threads(before)
    one, other = runs
    assert one.val_dice == other.val_dice
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    validated = [[row["step"] for row in each.history if "val_dice" in row] for each in runs]
    assert validated == [[float(at) for at in (20, 40, 60) if at < steps] + [float(steps)]] * 2


def _brightness(model: UNet) -> float:
    """Some score that depends on every weight."""
    with torch.no_grad():
        found = model(torch.ones(1, 1, 16, 16))
    return float(torch.sigmoid(found.mean()))


@pytest.mark.parametrize(("threads", "steps", "asked_at"), [(1, 45, 13), (1, 45, 31), (2, 22, 21)])
def test_a_run_that_was_killed_resumes_to_the_weights_of_the_whole_run(
    tmp_path: Path, threads: int, steps: int, asked_at: int
) -> None:
    """The process dies between two saved states; what was done since the last one is done again."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    config = replace(CONFIG, steps=steps, checkpoint_seconds=0.0)
    try:
        for name in "ab":
            (tmp_path / name).mkdir()
        whole = run(tmp_path / "a", config, validate=_brightness)
        calls = iter(range(10**6))

        def dies(status: Status) -> None:
            if status.step >= asked_at and next(calls) == 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "b", config, validate=_brightness, on_status=dies)
        resumed = run(tmp_path / "b", config, validate=_brightness, resume=True)
    finally:
        torch.set_num_threads(before)
    assert resumed.val_dice == whole.val_dice
    assert all(torch.equal(whole.weights[name], resumed.weights[name]) for name in whole.weights)


@pytest.mark.parametrize("stopped_at", [1, 3])
def test_a_validation_that_was_stopped_is_made_up_for_when_the_run_resumes(tmp_path: Path, stopped_at: int) -> None:
    config = replace(CONFIG, steps=45)
    for name in "ab":
        (tmp_path / name).mkdir()
    whole = run(tmp_path / "a", config, validate=_brightness)
    calls, asked = iter(range(1, 10**6)), []

    def stopped(model: UNet) -> float:
        if next(calls) == stopped_at:
            asked.append(True)
            raise Cancelled
        return _brightness(model)

    first = run(tmp_path / "b", config, validate=stopped, should_stop=lambda: bool(asked))
    assert first.reason == "stopped"
    second = run(tmp_path / "b", config, validate=_brightness, resume=True)
    assert (second.reason, second.val_dice) == ("budget", whole.val_dice)
    assert all(torch.equal(whole.weights[name], second.weights[name]) for name in whole.weights)


def test_a_network_learns_to_obey_a_click_that_the_image_does_not_explain(tmp_path: Path) -> None:
    """One of two equal squares is the foreground: only a click can say which."""
    rng = np.random.default_rng(0)
    samples = []
    for index in range(6):
        image = 0.2 * rng.standard_normal((24, 48)).astype(np.float32)
        image[6:18, 6:18] += 1
        image[6:18, 30:42] += 1
        labels = np.zeros((24, 48), np.uint8)
        labels[6:18, 6 + 24 * (index % 2) : 18 + 24 * (index % 2)] = 1
        samples.append(Sample(f"case{index}", image[None], labels, (1.0, 1.0)))
    prompts = PromptConfig(radius=3, none=0.1, most=3)
    network = replace(PROMPTED, features=(8, 16, 16), strides=((2, 2), (2, 2)), kernels=((3, 3),) * 3)
    config = replace(CONFIG, steps=150, patch=(24, 48), batch=4, learning_rate=1e-2, ema=0.9, prompts=prompts)
    outcome = run(tmp_path, config, samples=samples, network=network)
    model = UNet(network)
    model.load_state_dict(outcome.weights)

    def found(sample: Sample, given: Prompts) -> np.ndarray:
        channels = unfold(paint_prompts(given, (24, 48), config=prompts, spacing=(1, 1)), 2)
        with torch.no_grad():
            batch = torch.from_numpy(np.concatenate([sample.image, channels]))[None]
            return model.eval()(batch).argmax(1)[0].numpy().astype(np.uint8)

    def dice(guess: np.ndarray, truth: np.ndarray) -> float:
        return float(2 * np.sum((guess == 1) & (truth == 1)) / max(1, guess.sum() + truth.sum()))

    before, after = [], []
    for sample in samples[:2]:
        given, guess = Prompts(), found(sample, Prompts())
        before.append(dice(guess, sample.labels))
        for _ in range(2):
            mark = correct(sample.labels, guess)
            if mark is not None:
                given = given.with_mark(mark)
                guess = found(sample, given)
        after.append(dice(guess, sample.labels))
    assert np.mean(before) < 0.75
    assert min(after) > 0.85


def unlabelled(count: int = 2, size: int = 32) -> list[Sample]:
    """The same kind of images, in which nobody annotated anything."""
    rng = np.random.default_rng(1)
    shape = (size, size)
    nothing = np.broadcast_to(np.uint8(255), shape)
    images = [rng.standard_normal((1, *shape)).astype(np.float32) for _ in range(count)]
    return [Sample(f"free{index}", image, nothing, (1.0, 1.0)) for index, image in enumerate(images)]


DEEP = replace(TINY, features=(4, 8, 8), strides=((2, 2),) * 2, kernels=((3, 3),) * 3, deep_supervision=1, dropout=0.5)
TAUGHT = replace(CONFIG, teacher=TeacherConfig(batch=2, confidence=0.5, ramp=0.2))


def equal(one: TrainOutcome, other: TrainOutcome) -> bool:
    return all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_without_such_images_or_weight_a_run_with_a_teacher_is_the_plain_run(tmp_path: Path) -> None:
    plain = run(tmp_path, CONFIG)
    assert equal(plain, run(tmp_path, TAUGHT))
    silent = replace(CONFIG, teacher=TeacherConfig(weight=0.0))
    assert equal(plain, run(tmp_path, silent, samples=squares() + unlabelled()))
    assert equal(plain, run(tmp_path, CONFIG, samples=squares() + unlabelled()))
    assert not equal(plain, run(tmp_path, TAUGHT, samples=squares() + unlabelled()))


@pytest.mark.parametrize("network", [TINY, DEEP])
def test_a_run_with_a_teacher_that_was_resumed_equals_the_uninterrupted_run(
    tmp_path: Path, network: UNetConfig
) -> None:
    config, samples = replace(TAUGHT, cutmix=0.5), squares() + unlabelled()
    for name in "abc":
        (tmp_path / name).mkdir()
    whole = run(tmp_path / "a", config, samples=samples, network=network)
    assert run(tmp_path / "b", config, samples=samples, network=network, stop_at=3).reason == "stopped"
    assert equal(whole, run(tmp_path / "b", config, samples=samples, network=network, resume=True))
    assert not equal(whole, run(tmp_path / "c", replace(config, seed=1), samples=samples, network=network))


def test_the_teacher_changes_by_averaging_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    start = {name: tensor.clone() for name, tensor in build(TINY).state_dict().items()}
    monkeypatch.setattr(training._Run, "update_average", lambda self: None)
    outcome = run(tmp_path, TAUGHT, samples=squares() + unlabelled())
    assert all(torch.equal(outcome.weights[name], start[name]) for name in start)


def test_what_the_teacher_is_not_sure_of_teaches_nothing(tmp_path: Path) -> None:
    """Nothing is as sure as 1 after eight steps, and a teacher that is never sure leaves the step as it was."""
    unsure = replace(CONFIG, teacher=TeacherConfig(confidence=1.0, ramp=0.0))
    plain, other = (run(tmp_path, c, samples=squares() + unlabelled()) for c in (CONFIG, unsure))
    assert all(torch.allclose(plain.weights[name], other.weights[name], atol=1e-5) for name in plain.weights)


def test_the_teachers_word_counts_by_weight_ramp_and_the_share_it_is_sure_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every loss is 1, half of the voxels are sure: 1 + 0.6 x ramp x 0.5."""
    asked: list[float] = []

    def half(logits: torch.Tensor, *, confidence: float, ignore: int) -> torch.Tensor:
        found = torch.zeros(logits.shape[0], *logits.shape[2:], dtype=torch.long)
        found[..., ::2] = ignore
        return found

    def ramp(progress: float, *, length: float) -> float:
        asked.append(progress)
        return 0.2

    monkeypatch.setattr(training, "pseudo_labels", half)
    monkeypatch.setattr(training, "ramp_up", ramp)
    one = Objective(None, lambda output, labels, maps: sum(level.sum() for level in output) * 0 + 1)
    config = replace(CONFIG, teacher=TeacherConfig(batch=2, weight=0.6, cutmix=0.0))
    outcome = run(tmp_path, config, samples=squares() + unlabelled(), objective=one)
    assert outcome.history[-1]["loss"] == pytest.approx(1 + 0.6 * 0.2 * 0.5)
    assert asked == [step / 8 for step in range(8)]


@pytest.mark.parametrize("side", ["labelled", "unlabelled"])
def test_labels_follow_their_pixels_into_another_patch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    """Images that show their labels: what the network sees and what it is told agree in every pixel."""
    rng = np.random.default_rng(0)
    truth = [(rng.random((32, 32)) < share).astype(np.uint8) for share in (0.2, 0.8)]
    nothing = np.full((32, 32), 255, np.uint8)
    samples = [Sample(str(i), one[None].astype(np.float32), one, (1.0, 1.0)) for i, one in enumerate(truth)]
    samples += [replace(one, labels=nothing) for one in samples]
    seen: list[torch.Tensor] = []
    told: list[torch.Tensor] = []
    loss = get_objective("dice + cross entropy").loss

    def listen(output, labels, maps):  # type: ignore[no-untyped-def]
        told.append(labels)
        return loss(output, labels, maps)

    def look(module: torch.nn.Module, images: tuple[torch.Tensor, ...]) -> None:
        seen.append(images[0].clone())

    monkeypatch.setattr(training, "change_intensity", lambda intensity, patch: patch)
    monkeypatch.setattr(training, "pseudo_labels", lambda logits, **how: seen[-1][:, 0].long())
    network = build(TINY)
    network.register_forward_pre_hook(look)
    config = replace(CONFIG, augment=augment.none(2), batch=4, cutmix=1.0, teacher=TeacherConfig(batch=4, cutmix=1.0))
    train(
        network,
        samples,
        config=replace(config, cutmix=1.0 if side == "labelled" else 0.0, steps=3),
        fabric=Fabric(accelerator="cpu", devices=1),
        objective=Objective(None, listen),
        callbacks=Callbacks(),
        saved=SavedState(tmp_path / "state.pt"),
    )
    mixed = 0
    for step in range(3):
        teacher, pupil = seen[2 * step : 2 * step + 2]
        assert (len(teacher), len(pupil)) == (4, 8)
        assert torch.equal(pupil[:4, 0].long(), told[2 * step])
        assert torch.equal(pupil[4:, 0].long(), told[2 * step + 1])
        mixed += int((pupil[4:] != teacher).any((1, 2, 3)).sum())
    assert mixed > 6  # a box of another patch is in most of them


def test_unpadded_networks_and_border_weights_are_taught_too(tmp_path: Path) -> None:
    network = paper_unet(2, 1, out_channels=2, features=(2, 4))
    objective = get_objective("border-weighted cross entropy")
    assert objective.maps is not None
    samples = [replace(s, maps=objective.maps(s.labels, s.spacing)) for s in squares(size=48)]
    config = replace(TAUGHT, patch=UNet(network).valid_input_size((20, 20)), cutmix=1.0)
    outcome = run(tmp_path, config, samples=samples + unlabelled(size=48), network=network, objective=objective)
    assert math.isfinite(outcome.history[-1]["loss"])


def test_volumes_are_taught_too(tmp_path: Path) -> None:
    network = replace(TINY, ndim=3, strides=((2, 2, 2),), kernels=((3, 3, 3),) * 2)
    rng = np.random.default_rng(0)
    labels = np.zeros((12, 16, 16), np.uint8)
    labels[3:8, 4:10, 4:10] = 1
    image = (labels + 0.3 * rng.standard_normal(labels.shape))[None].astype(np.float32)
    known = Sample("a", image, labels, (1.0, 1.0, 1.0))
    free = replace(known, name="b", labels=np.broadcast_to(np.uint8(255), labels.shape))
    config = replace(TAUGHT, patch=(8, 8, 8), augment=augment.none(3), cutmix=1.0)
    torch.manual_seed(1)
    outcome = train(
        build(network),
        [known, free],
        config=config,
        fabric=Fabric(accelerator="cpu", devices=1),
        objective=get_objective("dice + cross entropy"),
        callbacks=Callbacks(),
        saved=SavedState(tmp_path / "state.pt"),
    )
    assert math.isfinite(outcome.history[-1]["loss"])


def test_another_seed_takes_other_steps(tmp_path: Path) -> None:
    one, other = run(tmp_path, CONFIG), run(tmp_path, replace(CONFIG, seed=1))
    assert any(not torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


@pytest.mark.parametrize("name", [n for n in OBJECTIVES if "border" not in n and "objects" not in n])
def test_a_network_learns_a_bright_square(tmp_path: Path, name: str) -> None:
    config = replace(CONFIG, steps=60, learning_rate=1e-2, ema=0.9, patch=(32, 32))
    outcome = run(tmp_path, config, objective=get_objective(name))
    model = UNet(TINY)
    model.load_state_dict(outcome.weights)
    sample = squares()[0]
    with torch.no_grad():
        found = model.eval()(torch.from_numpy(sample.image[None])).argmax(1)[0].numpy()
    assert 2 * np.sum((found == 1) & (sample.labels == 1)) / (found.sum() + sample.labels.sum()) > 0.9


def test_an_unpadded_network_trains_with_border_weights_on_the_part_it_predicts(tmp_path: Path) -> None:
    network = paper_unet(2, 1, out_channels=2, features=(2, 4))
    objective = get_objective("border-weighted cross entropy")
    assert objective.maps is not None
    samples = [replace(s, maps=objective.maps(s.labels, s.spacing)) for s in squares(size=48)]
    patch = UNet(network).valid_input_size((20, 20))
    outcome = run(tmp_path, replace(CONFIG, patch=patch), samples=samples, network=network, objective=objective)
    assert outcome.steps == 8
    assert math.isfinite(outcome.history[-1]["loss"])


def test_the_sliding_window_learns_to_tell_a_square_and_its_engine_finds_it_on_a_whole_image(tmp_path: Path) -> None:
    network = WindowConfig(1, 2, features=(6, 8), kernels=(4, 3), pools=(2, 2), bottom=2, hidden=12)
    config = replace(CONFIG, patch=(network.window + 12,) * 2, steps=60, learning_rate=1e-2, ema=0.9)
    outcome = run(tmp_path, config, network=network, objective=get_objective("balanced cross entropy"))
    model = WindowNet(network)
    model.load_state_dict(outcome.weights)
    sample = squares()[0]
    engine = torch_engine([model])
    found = predict_classes(engine, sample.image, settings=TileSettings((network.window + 15,) * 2))
    assert 2 * np.sum((found == 1) & (sample.labels == 1)) / (found.sum() + sample.labels.sum()) > 0.85


def test_a_loss_that_is_not_finite_once_backs_off_and_says_so(tmp_path: Path) -> None:
    plain, calls = get_objective("dice + cross entropy").loss, iter(range(100))
    bad = Objective(None, lambda o, t, m: plain(o, t, m) * (float("nan") if next(calls) == 3 else 1.0))
    statuses: list[Status] = []
    outcome = run(tmp_path, CONFIG, objective=bad, statuses=statuses)
    assert outcome.reason == "budget"
    assert any("halved the learning rate" in status.message for status in statuses)
    assert all(torch.isfinite(tensor).all() for tensor in outcome.weights.values())


def test_a_loss_that_is_never_finite_ends_with_advice(tmp_path: Path) -> None:
    bad = Objective(None, lambda o, t, m: o.sum() * float("nan"))
    with pytest.raises(SeptumError, match=rf"diverged {MAX_BACKOFFS + 1} times.*septum doctor"):
        run(tmp_path, replace(CONFIG, steps=50), objective=bad)


def test_training_stops_at_the_wanted_dice_and_keeps_those_weights(tmp_path: Path) -> None:
    outcome = run(tmp_path, replace(CONFIG, steps=400, until_dice=0.5), validate=lambda model: 0.6)
    assert outcome.reason == "good enough"
    assert outcome.steps < 400
    assert outcome.val_dice == 0.6


def test_the_best_validated_weights_are_kept_when_later_ones_are_worse(tmp_path: Path) -> None:
    seen: list[dict[str, torch.Tensor]] = []

    def validate(model: UNet) -> float:
        seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return 0.9 if len(seen) == 1 else 0.1

    outcome = run(tmp_path, replace(CONFIG, steps=30), validate=validate)
    assert len(seen) == 2
    assert all(torch.equal(outcome.weights[name], seen[0][name]) for name in seen[0])
    assert outcome.val_dice == 0.9


@pytest.mark.parametrize(("first", "kept"), [(0.609, False), (0.62, True)])
def test_an_early_moment_is_kept_only_where_it_was_clearly_better(tmp_path: Path, first: float, kept: bool) -> None:
    seen: list[dict[str, torch.Tensor]] = []

    def validate(model: UNet) -> float:
        seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return first if len(seen) == 1 else 0.6

    outcome = run(tmp_path, replace(CONFIG, steps=30), validate=validate)
    wanted = seen[0 if kept else -1]
    assert all(torch.equal(outcome.weights[name], wanted[name]) for name in wanted)
    assert outcome.val_dice == (first if kept else 0.6)


def test_patience_is_not_lost_while_the_learning_rate_is_high(tmp_path: Path) -> None:
    """Twenty steps between validations, of which the first is the best: the third one after two thirds ends it."""
    outcome = run(tmp_path, replace(CONFIG, steps=200, patience=3), validate=lambda model: 0.5)
    assert outcome.reason == "plateau"
    assert outcome.steps == 180


def test_the_learning_rate_rises_then_falls_to_almost_nothing(tmp_path: Path) -> None:
    rates: list[float] = []
    torch.manual_seed(0)
    loss = get_objective("dice + cross entropy").loss
    outcome = run(tmp_path, replace(CONFIG, steps=20), objective=Objective(None, loss))
    rates = [row["learning_rate"] for row in outcome.history]
    assert rates[-1] < 0.1 * CONFIG.learning_rate


def test_status_reports_progress_towards_the_budget(tmp_path: Path) -> None:
    statuses: list[Status] = []
    run(tmp_path, CONFIG, statuses=statuses)
    assert statuses[-1].step == statuses[-1].steps == 8
    assert statuses[-1].seconds_left == 0.0
    assert statuses[-1].images_per_second > 0


@pytest.mark.parametrize("budget", [{"steps": 1, "seconds": 1.0}, {"steps": None, "seconds": None}])
def test_a_budget_is_steps_or_seconds(budget: dict[str, float | None]) -> None:
    with pytest.raises(ConfigError, match="steps or seconds"):
        TrainConfig((16, 16), CONFIG.augment, **budget)  # type: ignore[arg-type]
