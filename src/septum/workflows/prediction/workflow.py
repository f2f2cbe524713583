"""`septum predict`: images and a model go in, one mask per image comes out, with what each is likely worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from septum.errors import ConfigError, SeptumError
from septum.workflows.data.cases import Case, load_image
from septum.workflows.data.doubts import Doubts
from septum.workflows.data.jobs import find_cases, leave_no_folder, only_frame, plan_jobs
from septum.workflows.looking.page import EstimateRow, adder, mask_page, write_page
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import Plan
from septum.workflows.model.prepare import one_channel
from septum.workflows.prediction.counting import ObjectCounts
from septum.workflows.prediction.engine import open_segmenter
from septum.workflows.prediction.objects import check_objects
from septum.workflows.prediction.predict import Watch, run_jobs
from septum.workflows.prediction.prompts import check_prompts, read_prompts
from septum.workflows.prediction.record import RECORD, record_prediction
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.specks import SAID
from septum.workflows.quality.count_list import COUNTS, count_remark, read_counts
from septum.workflows.quality.grade import grade, promise, read_quality
from septum.workflows.quality.looks import Look
from septum.workflows.quality.worklist import Estimate, GradedResult, read_list, worst_first, write_list
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.words import counted, with_notice


def predict(
    model: Path,
    images: Sequence[Path],
    *,
    output: Path,
    settings: PredictSettings,
    hooks: Hooks | None = None,
) -> GradedResult:
    """Segment images with a trained model: one mask per image, on its own grid, in its own format family.

    One bad file does not stop the rest; it is listed in the result. A wish to stop ends the run after the masks written
    so far, and the result holds them.

    Raises:
        CheckpointError: when the model cannot be used.
        ConfigError: when `output` holds masks of these names already and `settings.overwrite` is not set, or prompts
            or a channel are given that do not fit the model or the images.
        GeometryError: when the prompts for a single image lie outside of it.
        DatasetError: when no image is found.
    """
    hooks = hooks or Hooks()
    folder = ModelFolder(model)
    plan = folder.read_plan()
    check_channel(settings, plan)
    cases = only_frame(find_cases(images, axes=settings.axes, channels=plan.channels), settings.frame)
    check_channel_there(cases, settings.channel)
    check_prompts(settings, plan, images=len(cases))
    check_objects(settings, plan)
    if settings.prompted and len(cases) == 1:  # of several images, scribbles that do not fit are a failure of their own
        read_prompts(settings, cases[0], grid=load_image(cases[0]).grid, classes=plan.classes)
    jobs = plan_jobs(cases, output, overwrite=settings.overwrite)
    segmenter = open_segmenter(folder, settings)
    output.mkdir(parents=True, exist_ok=True)
    folds = folder.wanted_folds(settings.folds)
    hooks.on_note(with_notice(f"{counted(len(jobs), 'image')}, {counted(len(folds), 'network')}"))
    if stop := folder.describe_stop(folds):
        hooks.on_note(stop)
    grades = read_quality(folder.quality, plan)
    found: list[Estimate] = []

    doubts = Doubts(hooks.on_note)

    def on_look(case: str, look: Look) -> None:
        doubts.hear_all(case, (SAID,) * (look.specks > 0))
        known: dict[str, Any] = {"quality": grades, "threshold": settings.quality_threshold, "folds": folds}
        found.extend(_graded(case, look, plan=plan, **known))

    page = mask_page(output, wanted=settings.page)
    counts = ObjectCounts(plan, grades, folds=folds)
    show = adder(page)
    watch = Watch(
        doubts.hear,
        on_look,
        lambda case, image, labels: show(case, image, labels, doubts=counts.doubts(case.id)),
        lambda case, objects, look: counts.judge(case, objects, look=look),
    )
    result = run_jobs(jobs, segmenter, hooks=hooks, watch=watch)
    if result.stopped_empty:
        leave_no_folder(output)
        return GradedResult((), (), left=result.left)
    record_prediction(output, folder, model=segmenter, jobs=jobs, result=result, notes=doubts.cases)
    if found:
        write_list(output, found, threshold=settings.quality_threshold)
    said = counts.write(output, result.failures)
    links, remarks = ("quality.csv", COUNTS, RECORD), count_remarks(output)
    shown = write_page(page, result, rows=estimate_rows(output), links=links, remarks=remarks)
    limits = promise(grades, judged=plan.judged, unfinished=folder.unfinished())
    ranked = tuple(worst_first(found))
    return GradedResult(result.written, result.failures, ranked, limits, shown, said, left=result.left)


def _graded(case: str, look: Look, *, plan: Plan, **known: Any) -> list[Estimate]:
    """`grade`, where a prompt that was not followed is a doubt about its own class only."""
    if not look.unheeded_of:
        return grade(case, look, plan=plan, **known)
    every = [grade(case, look.of_class(index), plan=plan, **known) for index in range(1, plan.classes.n_classes)]
    return [estimates[place] for place, estimates in enumerate(every)]


def check_channel(settings: PredictSettings, plan: Plan) -> None:
    """Refuse the choice of one channel for a model that takes several; raises `ConfigError`."""
    if settings.channel is not None and plan.channels != 1:
        raise ConfigError(
            f"channel must go to a model of one channel, got {settings.channel!r} for one of {plan.channels}; "
            "leave it out"
        )


def check_channel_there(cases: Sequence[Case], use: str | None) -> None:
    """Refuse a channel that none of the images has; raises `ConfigError`. Images are read up to the first that has it,
    and one that cannot be read is a failure of its own, later."""
    missing: ConfigError | None = None
    for case in cases if use is not None else ():
        try:
            one_channel(load_image(case), use)
        except ConfigError as error:
            missing = missing or error
        except (SeptumError, OSError):
            continue
        else:
            return
    if missing is not None:
        raise missing


def estimate_rows(output: Path) -> list[EstimateRow]:
    """The list of estimates in its order, as the page shows it."""
    return [EstimateRow(e.case, e.name, e.verdict, e.dice, e.low, e.high, e.reasons) for e in read_list(output)]


def count_remarks(output: Path) -> dict[str, str]:
    """The counts of the list by case, in words, as the page shows them."""
    return {one.case: count_remark(one) for one in read_counts(output)}
