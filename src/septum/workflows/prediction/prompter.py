"""`septum predict --prompter`: prompts and images go in, one mask per image comes out, and nobody trained a model.

The insight: nothing is known of how good such a mask is. So every mask stands in the list as unknown, with what the
network itself expects, and what was done with the prompts of a volume is said in words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from septum import io
from septum.errors import ConfigError
from septum.geometry import Image, LabelMap
from septum.geometry.rectify import rectify_labels
from septum.net.inference.predict import Listener
from septum.net.inference.prompted_planes import PromptedClasses, PromptedPlanes, check_channel_count
from septum.workflows.data.cases import Case, load_image
from septum.workflows.data.classes import ClassMap
from septum.workflows.data.doubts import Doubts
from septum.workflows.data.jobs import Job, find_cases, leave_no_folder, only_frame, plan_jobs, work_through
from septum.workflows.looking.page import adder, mask_page, write_page
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.prepare import one_channel
from septum.workflows.prediction.live_prompter import across, open_prompter
from septum.workflows.prediction.prompts import ImagePrompts, check_one_image, prompted_labels, read_prompts, unheeded
from septum.workflows.prediction.record import RECORD, record_masks
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.workflow import check_channel_there, estimate_rows
from septum.workflows.quality.worklist import Estimate, GradedResult, worst_first, write_list
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.words import counted, with_notice

USED = ("prompter", "clicks", "boxes", "scribbles", "scribble_background", "axes", "frame", "channel", "devices",
        "rectify", "page", "overwrite", "quality_threshold")  # fmt: skip
"""Settings that mean something to a prompter."""


def predict_prompted(
    images: Sequence[Path], *, output: Path, settings: PredictSettings, hooks: Hooks | None = None
) -> GradedResult:
    """Masks of what prompts point at, in the labels that the prompts name; files as those of `workflow.predict`.

    Raises:
        CheckpointError: the prompter's weights are missing or not the known ones.
        ConfigError: no prompts, a prompter that is not known, settings that it has no use for, masks that exist, a
            channel that no image has, a single image of other channels than a prompter takes.
        GeometryError: prompts of a single image that lie outside of it.
        DatasetError: no image is found.
    """
    hooks = hooks or Hooks()
    _check(images, settings=settings)
    cases = only_frame(find_cases(images, axes=settings.axes), settings.frame)
    check_one_image(settings, len(cases))
    check_channel_there(cases, settings.channel)
    if len(cases) == 1:
        _asked(cases[0], settings)
    jobs = plan_jobs(cases, output, overwrite=settings.overwrite)
    prompter = open_prompter(settings.prompter or "", devices=settings.devices)
    output.mkdir(parents=True, exist_ok=True)
    hooks.on_note(with_notice(f"{counted(len(jobs), 'image')}, {settings.prompter}, which was not trained on them"))
    page, doubts, estimates = mask_page(output, wanted=settings.page), Doubts(hooks.on_note), list[Estimate]()

    def work(job: Job, tell: Callable[[float], None]) -> None:
        image, classes, prompts, axis = _asked(job.case, settings)
        doubts.hear(job.case.id, image)
        planes = PromptedPlanes(image.array, prompter=prompter, axis=axis)
        found = planes.find(prompts.prompts, listener=Listener(tell, hooks.should_stop))
        for words in found.words:
            hooks.on_note(f"{job.case.id}: {words}")
        labels = LabelMap(
            classes.to_values(found.classes), image.grid, dict(zip(classes.values, classes.names, strict=True))
        )
        io.write_labels(job.output, rectify_labels(labels) if settings.rectify else labels)
        adder(page)(job.case, image, labels)
        missed = unheeded(found.classes, prompts)
        estimates.extend(
            _unknown(job.case.id, found, index=index, label=value, reasons=missed.get(index, ()))
            for index, value in enumerate(classes.values[1:], start=1)
        )

    result = work_through(jobs, work, hooks=hooks)
    if result.stopped_empty:
        leave_no_folder(output)
        return GradedResult((), (), left=result.left)
    made = {"prompter": settings.prompter, "weights": prompter.weights}
    record_masks(output, settings, made_by=made, jobs=jobs, result=result, notes=doubts.cases)
    if estimates:
        write_list(output, estimates, threshold=settings.quality_threshold)
    shown = write_page(page, result, rows=estimate_rows(output), links=("quality.csv", RECORD))
    return GradedResult(result.written, result.failures, tuple(worst_first(estimates)), page=shown, left=result.left)


def _asked(case: Case, settings: PredictSettings) -> tuple[Image, ClassMap, ImagePrompts, int]:
    """An image, the labels that its prompts name, the prompts, and the axis across its slices; raises what a prompter
    cannot be asked."""
    image = one_channel(load_image(case), settings.channel)
    check_channel_count(image.array)
    classes = prompted_labels(settings, case, grid=image.grid)
    prompts = read_prompts(settings, case, grid=image.grid, classes=classes)
    return image, classes, prompts, across(image.grid, prompts.prompts)


def _check(images: Sequence[Path], *, settings: PredictSettings) -> None:
    """Refuse what a prompter cannot do, before any work is done."""
    models = [path for path in images if ModelFolder(path).plan.is_file()]
    if models:
        raise ConfigError(
            f"prompts must go to a model or to a prompter, got the model {models[0]} beside {settings.prompter}; "
            "leave one of them out"
        )
    if not settings.prompted:
        raise ConfigError(
            f"the prompter {settings.prompter} must be shown what is meant, got no prompts; "
            "type --box Y,X,Y,X around an object or --click Y,X into it (Z,Y,X… of a volume)"
        )
    plain = PredictSettings()
    strange = [
        one.name for one in fields(settings)
        if one.name not in USED and getattr(settings, one.name) != getattr(plain, one.name)
    ]  # fmt: skip
    if strange:
        raise ConfigError(f"{', '.join(strange)} must go to a trained model, got it for a prompter; leave it out")


def _unknown(case: str, found: PromptedClasses, *, index: int, label: int, reasons: tuple[str, ...]) -> Estimate:
    """What is known of a prompter's mask: nothing but what the network expects, by which the list is ordered."""
    guesses = found.expected.get(index, ())
    guess = float(np.mean(guesses)) if guesses else math.nan
    said = f"the network itself expects an overlap (IoU) of {guess:.2f}, which nobody checked" if guesses else ""
    words = ("no model was trained for such images: nothing is known of how good this mask is", said, *reasons)
    kept = tuple(word for word in words if word)
    return Estimate(case, label, f"label {label}", math.nan, math.nan, math.nan, "unknown", kept, guess, math.nan)
