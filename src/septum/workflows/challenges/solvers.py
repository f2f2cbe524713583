"""The two kinds of method that take part: a network that is trained, and a classical pipeline that is chosen.

The insight: what a challenge asks of a method is a mask or a probability per image; how it came about is nobody's
concern. A network's probability is the mean over rotations and reflections, as the U-Net paper averaged it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import Cancelled, DatasetError
from septum.geometry import Grid, Image
from septum.io.documents import read_json
from septum.net.inference.predict import Listener
from septum.net.inference.views import averaged
from septum.workflows.challenges.challenge import CLASSICAL, Part, Solver, write_table
from septum.workflows.challenges.settings import ChallengeSettings
from septum.workflows.data.cases import Case, load_image
from septum.workflows.data.jobs import Job, plan_jobs, work_through
from septum.workflows.data.load import load_dataset
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.prepare import to_network
from septum.workflows.model.settings import TrainSettings, TrainStatus
from septum.workflows.pipelines.pipeline import Pipeline, read_pipeline
from septum.workflows.pipelines.segment import PIPELINE, segment_image
from septum.workflows.pipelines.suggest import SuggestSettings, suggest
from septum.workflows.prediction.engine import Segmenter, open_segmenter
from septum.workflows.prediction.network import predict_prepared
from septum.workflows.prediction.predict import run_jobs
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.runs.files import write_json
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training.measured import describe_training
from septum.workflows.training.train import train

COMPARED = 4
"""Training images that classical methods are chosen on, evenly spread: some two hundred settings run on each."""

TIMES = "training.json"


@dataclass(frozen=True)
class Learner:
    """How a method learns.

    Args:
        settings: of the run.
        training: settings of the training that the challenge fixes.
        parts: how many trainings share the minutes.
        on_status: is told where a training is.
        hooks: progress, notes, a wish to stop.
    """

    settings: ChallengeSettings
    training: dict[str, Any]
    parts: int
    on_status: Callable[[TrainStatus], None]
    hooks: Hooks

    def learn(self, method: str, part: Part, *, folder: Path) -> Solver:
        """The method, trained on a part into `folder`; what is trained already is opened, what was stopped goes on.

        Raises:
            Cancelled: the training was stopped; the next run goes on with it.
        """
        if method == CLASSICAL:
            return self._choose(part, folder)
        model = ModelFolder(folder)
        if not (folder / TIMES).is_file():
            self._train(method, part, folder=folder)
        wanted = PredictSettings(devices=self.settings.devices, precision=self.settings.precision, page=False)
        return TrainedNetwork(open_segmenter(model, wanted))

    def _train(self, method: str, part: Part, *, folder: Path) -> None:
        model = ModelFolder(folder)
        planned = model.plan.is_file()
        minutes = None if self.settings.steps else (self.settings.minutes or 10.0) / self.parts
        chosen: dict[str, Any] = {"network": method, **self.training}
        result = train(
            part.training,
            folder,
            settings=TrainSettings(
                minutes=minutes,
                steps=self.settings.steps,
                seed=self.settings.seed,
                axes=part.axes,
                background=part.background,
                patience=0,
                devices=self.settings.devices,
                precision=self.settings.precision,
                **chosen,
            ),
            hooks=self.hooks.unspoken(),
            on_status=self._introduced(model, part),
            resume=planned,
        )
        _say_left_out(result.failures, self.hooks)
        if result.stopped:
            raise Cancelled
        ended = [read_record(folder / f"fold_{index}" / "run.json") for index in ModelFolder(folder).trained_folds()]
        seconds, steps = (sum(one[what] for one in ended) for what in ("seconds", "steps"))
        write_json(folder / TIMES, {"seconds": seconds, "steps": steps})
        self.hooks.on_note(f"trained {steps} steps in {seconds / 60:.1f} min")

    def _introduced(self, model: ModelFolder, part: Part) -> Callable[[TrainStatus], None]:
        """`on_status`, before whose first word the network is described."""
        said = False

        def tell(status: TrainStatus) -> None:
            nonlocal said
            if not said:
                cases = load_dataset(part.training, axes=part.axes).labelled
                self.hooks.on_note(describe_training(model.read_plan(), cases))
                said = True
            self.on_status(status)

        return tell

    def _choose(self, part: Part, folder: Path) -> Solver:
        if not (folder / TIMES).is_file():
            labelled = load_dataset(part.training, axes=part.axes).labelled
            few = labelled[:: max(1, -(-len(labelled) // COMPARED))]
            whole = any(s.frame is not None or s.slices for case in few for s in (*case.images, case.label) if s)
            table = part.training if whole else write_table(folder / "images.csv", few)
            began = time.monotonic()
            settings = SuggestSettings(part.background, axes=part.axes, workers="1", overwrite=True)
            found = suggest(table, folder, settings=settings, hooks=self.hooks.unspoken())
            if found is None:
                raise Cancelled
            _say_left_out(found.failures, self.hooks)
            write_json(folder / TIMES, {"seconds": time.monotonic() - began, "steps": 0})
        return Classical(read_pipeline(folder / PIPELINE), part.background)


def _say_left_out(failures: Sequence[tuple[str, str]], hooks: Hooks) -> None:
    for name, reason in failures:
        hooks.on_note(f"{name} was left out of the training: {reason}")


def read_record(path: Path) -> dict[str, Any]:
    """A JSON file that Septum wrote."""
    content: dict[str, Any] = read_json(path)
    return content


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network."""

    model: Segmenter

    def masks(self, cases: Sequence[Case], folder: Path, *, hooks: Hooks) -> None:
        """As `Solver.masks`: the arg-max of one look at the image."""
        folder.mkdir(parents=True, exist_ok=True)
        done = run_jobs(plan_jobs(cases, folder, overwrite=True), self.model, hooks=hooks)
        _refuse_failures(done.failures, hooks)

    def maps(self, cases: Sequence[Case], folder: Path, *, hooks: Hooks) -> None:
        """As `Solver.maps`: the mean over four rotations and their mirror images."""
        _write_maps(cases, folder, chances=self._chances, hooks=hooks)

    def _chances(self, image: Image, tell: Callable[[float], None], *, hooks: Hooks) -> NDArray[Any]:
        if image.grid.ndim != 2:
            raise DatasetError(
                f"probabilities must be of planes, got an image of shape {image.grid.shape}; give planes"
            )
        seen = 0

        def look(array: NDArray[Any]) -> NDArray[np.float32]:
            nonlocal seen
            step = image.grid.spacing[::-1] if seen // 2 % 2 else image.grid.spacing  # two views of each quarter turn
            view = Image(array, Grid.from_spacing(array.shape[1:], step, unit=image.grid.unit), image.channels)
            found = self.probabilities(view, hooks=hooks)
            seen += 1
            tell(seen / 8)
            return found

        chances: NDArray[Any] = averaged(look, image.array)[1]
        return chances

    def probabilities(self, image: Image, *, hooks: Hooks) -> NDArray[np.float32]:
        """`(K, *spatial)` of one look at a plane, on its own grid."""
        plan = self.model.plan
        array, placement = to_network(image, plan)
        chances = np.zeros((plan.classes.n_classes, *placement.canonical.shape), np.float32)

        def sink(place: tuple[slice, ...], block: NDArray[np.float32]) -> None:
            chances[(slice(None), *place)] = block

        predict_prepared(
            self.model.engine,
            array,
            plan=plan,
            coordinates=placement.coordinates(),
            probabilities=sink,
            listener=Listener(should_stop=hooks.should_stop),
        )
        return np.asarray(placement.undo(chances), np.float32)


@dataclass(frozen=True)
class Classical:
    """A pipeline of classical methods; its mask is the probability 0 or 1."""

    pipeline: Pipeline
    background: int

    def masks(self, cases: Sequence[Case], folder: Path, *, hooks: Hooks) -> None:
        """As `Solver.masks`."""
        folder.mkdir(parents=True, exist_ok=True)

        def work(job: Job, tell: Callable[[float], None]) -> None:
            io.write_labels(job.output, segment_image(load_image(job.case), self.pipeline))

        jobs = plan_jobs(cases, folder, overwrite=True)
        done = work_through(jobs, work, hooks=hooks)
        _refuse_failures(done.failures, hooks)

    def maps(self, cases: Sequence[Case], folder: Path, *, hooks: Hooks) -> None:
        """As `Solver.maps`."""

        def chances(image: Image, tell: Callable[[float], None], *, hooks: Hooks) -> NDArray[Any]:
            return np.asarray(segment_image(image, self.pipeline).array != self.background)

        _write_maps(cases, folder, chances=chances, hooks=hooks)


def _write_maps(cases: Sequence[Case], folder: Path, *, chances: Callable[..., NDArray[Any]], hooks: Hooks) -> None:
    folder.mkdir(parents=True, exist_ok=True)

    def work(job: Job, tell: Callable[[float], None]) -> None:
        image = load_image(job.case)
        found = np.clip(chances(image, tell, hooks=hooks).astype(np.float32), 0.0, 1.0)
        io.write_image(job.output, Image(found[None], image.grid))

    jobs = [Job(case, folder / f"{case.id}.tif") for case in cases]
    done = work_through(jobs, work, hooks=hooks)
    _refuse_failures(done.failures, hooks)


def _refuse_failures(failures: Sequence[tuple[str, str]], hooks: Hooks) -> None:
    """A method that lacks an image is not scored: it would be on others than its rivals."""
    hooks.stop_if_asked()
    if failures:
        name, reason = failures[0]
        raise DatasetError(f"every image must be segmented, got {len(failures)} failures, first {name}: {reason}")
