"""A case's way, from an image to the mask in its file; and many images, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.geometry import Image, LabelMap
from septum.geometry.rectify import rectify_image, rectify_labels
from septum.io.safe import reserved_array, scratch_folder
from septum.net.inference.decide import Sink
from septum.net.inference.predict import Listener
from septum.net.prompts import Prompts
from septum.workflows.data.cases import Case, load_image
from septum.workflows.data.jobs import Job, JobsResult, work_through
from septum.workflows.data.slices import write_slices
from septum.workflows.model.plan import Plan
from septum.workflows.model.prepare import one_channel, to_network
from septum.workflows.prediction.engine import Segmenter
from septum.workflows.prediction.network import predict_prepared
from septum.workflows.prediction.objects import SegmentedObjects, segment_objects, write_objects
from septum.workflows.prediction.prompts import ImagePrompts, read_prompts, unheeded, with_prompts
from septum.workflows.prediction.specks import without_specks
from septum.workflows.quality.looks import Look
from septum.workflows.runs.hooks import Hooks


@dataclass(frozen=True)
class Watch:
    """Who hears of each case.

    Args:
        image: of its name and image, when it is read.
        look: of its name and what image and mask look like, once the mask is written.
        mask: of the case, its image and its mask, once the mask is written.
        objects: of its name, its single objects and what they look like, before they are written; gives what is
            written in their place.
    """

    image: Callable[[str, Image], None] = lambda case, image: None
    look: Callable[[str, Look], None] = lambda case, look: None
    mask: Callable[[Case, Image, LabelMap], None] = lambda case, image, labels: None
    objects: Callable[[str, SegmentedObjects, Look], SegmentedObjects] = lambda case, found, look: found


def segment(
    image: Image,
    model: Segmenter,
    *,
    prompts: ImagePrompts | None = None,
    look: Look | None = None,
    output: Path | None = None,
    listener: Listener | None = None,
    judge: Callable[[SegmentedObjects], SegmentedObjects] = lambda found: found,
) -> LabelMap:
    """The mask of an image, on the image's own grid, in the label values of the training data.

    A model of single objects gives their ids; `septum.workflows.prediction.objects` tells more about them.

    Args:
        image: as it was read.
        model: of `open_segmenter`.
        prompts: what a person marked, on the image's own grid; only for a model that was trained with prompts.
        look: is told what can be seen of image and mask without knowing the truth.
        output: file of the mask, whose suffix says the format; the probabilities go beside it where the settings want
            them. None writes nothing.
        listener: hears of the progress, and is asked whether to stop.
        judge: of single objects, gives what is written in their place.

    Raises:
        Cancelled: the listener said so; nothing is written.
        ConfigError: an image without the channel that the settings choose.
        DatasetError: an image of another kind than those of training.
    """
    plan, settings = model.plan, model.settings
    image = one_channel(image, settings.channel)
    if plan.instances is not None:
        found = judge(segment_objects(image, model, look=look, listener=listener))
        if output is not None:
            write_objects(output, found.rectified() if settings.rectify else found, image=image, settings=settings)
        return found.labels
    array, placement = to_network(image, plan)
    given = Prompts() if prompts is None else prompts.placed(placement)
    inputs = with_prompts(array, plan, prompts=given, spacing=placement.spacing)
    wanted = output if settings.probabilities else None
    with _probability_maps(image, plan, output=wanted, rectify=settings.rectify) as sink:
        classes = predict_prepared(
            model.engine, inputs, plan=plan, coordinates=placement.coordinates(), overlap=settings.overlap,
            memory_mb=settings.memory_mb, listener=listener, probabilities=sink,
            evidence=None if look is None else look.evidence,
        )  # fmt: skip
        if plan.specks and classes.ndim == 2:
            classes, specks = without_specks(classes, plan.specks)
            if look is not None:
                look.specks = specks
        placed = placement.undo(classes)
        if look is not None:
            spacing = [image.grid.spacing[axis] for axis in placement.axes]
            look.see(array, classes, spacing=spacing, unit=image.grid.unit)
            look.unheeded_of = {} if prompts is None else unheeded(placed, prompts)
        names = dict(zip(plan.classes.values, plan.classes.names, strict=True))
        labels = LabelMap(plan.classes.to_values(placed), image.grid, names)
    if output is not None:
        _write(output, rectify_labels(labels) if settings.rectify else labels)
    return labels


def segment_classes(image: Image, model: Segmenter, *, look: Look | None = None) -> LabelMap:
    """The mask of classes of an image, by a model of single objects too."""
    if model.plan.instances is not None:
        return segment_objects(one_channel(image, model.settings.channel), model, look=look).semantic
    return segment(image, model, look=look)


def run_jobs(
    jobs: Sequence[Job],
    model: Segmenter,
    *,
    hooks: Hooks,
    watch: Watch | None = None,
) -> JobsResult:
    """Segment every job's image; failures are collected, a wish to stop ends the run after the masks written so far.

    Args:
        jobs: what to read, and where masks go.
        model: of `open_segmenter`.
        hooks: progress and a wish to stop.
        watch: who hears of each case.
    """
    told = watch or Watch()

    def work(job: Job, tell: Callable[[float], None]) -> None:
        image, look = load_image(job.case), Look(model.plan.classes.n_classes)
        told.image(job.case.id, image)
        prompts = (
            read_prompts(model.settings, job.case, grid=image.grid, classes=model.plan.classes)
            if model.settings.prompted
            else None
        )
        labels = segment(
            image, model, prompts=prompts, look=look, output=job.output,
            listener=Listener(tell, hooks.should_stop), judge=lambda found: told.objects(job.case.id, found, look),
        )  # fmt: skip
        told.look(job.case.id, look)
        told.mask(job.case, image, labels)

    return work_through(jobs, work, hooks=hooks)


def _write(path: Path, labels: LabelMap) -> None:
    """Write a mask; beside that of a volume, that all of its slices are predicted."""
    io.write_labels(path, labels)
    if labels.grid.ndim == 3:
        write_slices(path, {0: "p" * labels.grid.shape[0]})


@contextmanager
def _probability_maps(image: Image, plan: Plan, *, output: Path | None, rectify: bool) -> Iterator[Sink | None]:
    """Where the probabilities of the network's tiles go; at the end each class becomes a file beside `output`.

    They stream to a file of half precision, because those of all classes may be larger than memory. Its space on the
    disk is taken first, and the maps appear together when all of them are written.
    """
    if output is None:
        yield None
        return
    placement = plan.placement(image.grid)
    shape = (plan.classes.n_classes, *placement.canonical.shape)
    with scratch_folder(output.parent) as scratch:
        chances = reserved_array(scratch / "chances.bin", shape, dtype=np.float16)

        def sink(place: tuple[slice, ...], block: NDArray[np.float32]) -> None:
            chances[(slice(None), *place)] = block

        yield sink
        suffix = ".tif" if output.suffix == ".png" else io.label_suffix(output)
        files = [f"{io.stem(output)}_probability_{value}{suffix}" for value in plan.classes.values]
        for index, (name, file) in enumerate(zip(plan.classes.names, files, strict=True)):
            values = placement.undo(chances[index : index + 1]).astype(np.float32)
            found = Image(values, image.grid, (name,))
            outside = 1.0 if index == 0 else 0.0  # beyond the slices is background
            io.write_image(scratch / file, rectify_image(found, outside=outside) if rectify else found)
        for file in files:
            (scratch / file).replace(output.parent / file)
