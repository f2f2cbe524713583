"""Predicting files: segment them one by one with a network, put every mask back on its image's own grid."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.geometry import Image, LabelMap
from septum.net.engines.protocol import Engine
from septum.net.prompts import Prompts
from septum.workflows.data.cases import load_image
from septum.workflows.data.jobs import Job, JobsResult, work_through
from septum.workflows.data.slices import write_slices
from septum.workflows.model.plan import Plan
from septum.workflows.model.prepare import to_network
from septum.workflows.prediction.network import predict_prepared
from septum.workflows.prediction.objects import segment_objects, write_objects
from septum.workflows.prediction.prompts import ImagePrompts, read_prompts, with_prompts
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.quality.looks import Look


def segment(
    image: Image,
    engine: Engine,
    plan: Plan,
    settings: PredictSettings,
    *,
    on_progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    probabilities: Callable[[tuple[slice, ...], NDArray[np.float32]], None] | None = None,
    look: Look | None = None,
    prompts: ImagePrompts | None = None,
) -> LabelMap:
    """The mask of an image, on the image's own grid, in the label values of the training data.

    A model of single objects gives their ids; `septum.workflows.prediction.objects` tells more about them.

    look: is told what can be seen of image and mask without knowing the truth.
    prompts: what a person marked, on the image's own grid; only for a model that was trained with prompts.
    """
    if plan.instances is not None:
        return segment_objects(
            image, engine, plan, settings, on_progress=on_progress, should_stop=should_stop, look=look
        ).labels
    array, placement = to_network(image, plan)
    given = Prompts() if prompts is None else prompts.placed(placement)
    inputs = with_prompts(array, plan, prompts=given, spacing=placement.spacing)
    classes = predict_prepared(
        engine,
        inputs,
        plan,
        coordinates=placement.coordinates(),
        overlap=settings.overlap,
        memory_mb=settings.memory_mb,
        on_progress=on_progress,
        should_stop=should_stop,
        probabilities=probabilities,
        evidence=None if look is None else look.evidence,
    )
    if look is not None:
        look.see(array, classes, [image.grid.spacing[axis] for axis in placement.axes])
    values = plan.classes.to_values(placement.undo(classes))
    names = dict(zip(plan.classes.values, plan.classes.names, strict=True))
    return LabelMap(values, image.grid, names)


def run_jobs(
    jobs: Sequence[Job],
    engine: Engine,
    plan: Plan,
    settings: PredictSettings,
    *,
    on_progress: Callable[[str, float], None],
    should_stop: Callable[[], bool],
    on_look: Callable[[str, Look], None] = lambda case, look: None,
    on_image: Callable[[str, Image], None] = lambda case, image: None,
) -> JobsResult:
    """Segment every job's image; failures are collected, a wish to stop ends the run after the masks written so far.

    on_look: is given each case's name and what its image and mask look like, once the mask is written.
    on_image: is given each case's name and image when it is read.
    """

    def work(job: Job, tell: Callable[[float], None]) -> None:
        on_look(job.case.id, run_job(job, engine, plan, settings, tell, should_stop, on_image=on_image))

    return work_through(jobs, work, on_progress=on_progress, should_stop=should_stop)


def run_job(
    job: Job,
    engine: Engine,
    plan: Plan,
    settings: PredictSettings,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
    *,
    on_image: Callable[[str, Image], None] = lambda case, image: None,
) -> Look:
    """Read, segment, write; what image and mask look like."""
    image, look = load_image(job.case), Look(plan.classes.n_classes)
    on_image(job.case.id, image)
    if plan.instances is not None:
        found = segment_objects(
            image, engine, plan, settings, on_progress=on_progress, should_stop=should_stop, look=look
        )
        write_objects(job.output, found, image, settings)
        return look
    prompts = read_prompts(settings, job.case, image.grid, plan) if settings.prompted else None
    if not settings.probabilities:
        labels = segment(
            image, engine, plan, settings, on_progress=on_progress, should_stop=should_stop, look=look, prompts=prompts
        )
        _write(job.output, labels)
        return look
    with tempfile.TemporaryDirectory(dir=job.output.parent, prefix=".septum-") as scratch:
        chances, sink = _probability_file(image, plan, Path(scratch))
        labels = segment(
            image,
            engine,
            plan,
            settings,
            on_progress=on_progress,
            should_stop=should_stop,
            probabilities=sink,
            look=look,
            prompts=prompts,
        )
        _write(job.output, labels)
        placement = plan.placement(image.grid)
        suffix = ".tif" if job.output.suffix == ".png" else io.label_suffix(job.output)
        for index, name in enumerate(plan.classes.names):
            values = placement.undo(chances[index : index + 1]).astype(np.float32)
            path = job.output.parent / f"{job.case.id}_probability_{plan.classes.values[index]}{suffix}"
            io.write_image(path, Image(values, image.grid, (name,)))
    return look


def _write(path: Path, labels: LabelMap) -> None:
    """Write a mask; beside that of a volume, that all of its slices are predicted."""
    io.write_labels(path, labels)
    if labels.grid.ndim == 3:
        write_slices(path, {0: "p" * labels.grid.shape[0]})


def _probability_file(
    image: Image, plan: Plan, scratch: Path
) -> tuple[NDArray[np.float16], Callable[[tuple[slice, ...], NDArray[np.float32]], None]]:
    """Probabilities of all classes stream to a file of half precision: they may be larger than memory."""
    shape = plan.placement(image.grid).canonical.shape
    chances = np.lib.format.open_memmap(
        scratch / "probabilities.npy", mode="w+", dtype=np.float16, shape=(plan.classes.n_classes, *shape)
    )

    def sink(place: tuple[slice, ...], block: NDArray[np.float32]) -> None:
        chances[(slice(None), *place)] = block

    return chances, sink
