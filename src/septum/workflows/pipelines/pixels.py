"""Pixel classifiers on files: `septum pixels` trains one from scribbles, `septum segment --classifier` applies it.

The insight: a scribble file is a label file that is mostly empty, so 0 means "not marked"; which value is the
background must be said. And what is printed about a classifier is what it does on strokes that it did not see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError, DatasetError
from septum.geometry import Image, LabelMap
from septum.geometry.rectify import rectify_image, rectify_labels
from septum.interactive.pixels.classifier import Example, PixelClassifier, train_classifier
from septum.interactive.pixels.features import SCALES, FeatureSettings
from septum.interactive.pixels.file import SUFFIX, header_of, load_classifier, save_classifier
from septum.interactive.pixels.forest import DEPTH, TREES, ForestSettings
from septum.interactive.pixels.uncertainty import most_uncertain, uncertainty
from septum.interactive.tool import stop_if
from septum.workflows.data.cases import Case, Source, load_image
from septum.workflows.data.digests import digest
from septum.workflows.data.doubts import assumed, listens
from septum.workflows.data.jobs import Job, JobsResult, find_cases, plan_jobs, work_through
from septum.workflows.data.marks import find_beside, markers_of, seeds_from
from septum.workflows.looking.page import adder, mask_page, write_page
from septum.workflows.pipelines.pipeline import PipelineStep, advance, compact_labels, parse_spec
from septum.workflows.pipelines.segment import RECORD, SETTINGS
from septum.workflows.runs.failures import Failures, listed
from septum.workflows.runs.files import write_json
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.settings import LARGEST_SEED, check_bounds, write_settings
from septum.workflows.runs.words import counted, with_notice

LOOK = 4.0
"""Width of the neighbourhood that is judged when the next scribble is sought, in finest spacings."""


@dataclass(frozen=True)
class PixelSettings:
    """What `septum pixels` can be told.

    Args:
        background: value that marks background in the scribbles; None: no value does, and every voxel gets a label.
        scales: of the filters.
        unit: of the scales, "voxel" (of the finest spacing) or "mm".
        keep: how many filters to keep; None keeps all.
        trees, depth, seed: of the forest.
        axes: meaning of the files' axes where they do not say.
        overwrite: replace a classifier that exists.
    """

    background: int | None = None
    scales: tuple[float, ...] = SCALES
    unit: str = "voxel"
    keep: int | None = None
    trees: int = TREES
    depth: int = DEPTH
    seed: int = 0
    axes: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_bounds(self, keep=(1, 10_000), trees=(1, 1000), depth=(1, 100), seed=(0, LARGEST_SEED))


@dataclass(frozen=True)
class ApplySettings:
    """What `septum segment --classifier` can be told.

    Args:
        clean: steps that mend the masks, as they are typed, such as "keep-largest:count=2"; in this order.
        probabilities: write the probability of each label too.
        uncertainty: write how unsure each voxel is.
        axes: meaning of the files' axes where they do not say.
        rectify: write masks of sheared grids (CT with a tilted gantry) on rectangular ones.
        page: write a page of pictures beside the masks.
        overwrite: replace files that exist.
    """

    clean: tuple[str, ...] = ()
    probabilities: bool = False
    uncertainty: bool = False
    axes: str | None = None
    rectify: bool = False
    page: bool = True
    overwrite: bool = False

    def steps(self) -> tuple[PipelineStep, ...]:
        """The steps that mend the masks; errors as `parse_spec`."""
        return tuple(parse_spec(text, stage="clean") for text in self.clean)


@listens
def train_pixels(
    images: Sequence[Path],
    scribbles: Path,
    *,
    output: Path,
    settings: PixelSettings,
    hooks: Hooks,
    failures: Failures | None = None,
) -> PixelClassifier:
    """Train a classifier from scribbled images and write it, with a record of the run beside it.

    Args:
        images: files, folders or data sets; those without scribbles are left out.
        scribbles: a label file for the one image, or a folder with one of the name of each: 0 where nothing is marked.
        output: the file, ending in .npz.
        settings: how it learns.
        hooks: progress, notes, a wish to stop.
        failures: gets the images that cannot be read, and the others are learnt from; None raises the first.

    Raises:
        ConfigError: a file that exists, no scribbles, fewer than two labels in them, options out of range.
        GeometryError: scribbles elsewhere than their image, images that differ in channels or axes.
        DatasetError, FormatError: images that are not found or cannot be read.
        Cancelled: the hooks said stop; nothing was written.
    """
    if output.suffix != SUFFIX:
        raise ConfigError(f"the file of a classifier must end in {SUFFIX}, got {output.name}; rename it")
    if output.exists() and not settings.overwrite:
        raise ConfigError(f"{output} exists already; choose another name, or use --overwrite")
    features = FeatureSettings(scales=settings.scales, unit=settings.unit)
    cases = _scribbled(find_cases(images, axes=settings.axes), scribbles, on_note=hooks.on_note)
    hooks.on_note(with_notice(counted(len(cases), "scribbled image")))
    classifier = train_classifier(
        _examples(cases, scribbles, background=settings.background, hooks=hooks, failures=failures),
        settings=features,
        forest=ForestSettings(settings.trees, settings.depth, settings.seed, settings.keep),
        cancelled=hooks.should_stop,
    )
    if settings.background is not None and 0 not in classifier.labels:
        raise ConfigError(
            f"the scribbles must mark background with {settings.background}, got labels "
            f"{list(classifier.labels)}; correct --background"
        )
    save_classifier(output, classifier)
    cases = tuple(case for case in cases if failures is None or case.id not in failures.names)
    marks = {case.id: digest(_source(scribbles, case)) for case in cases}
    origin = {case.id: [digest(source) for source in case.images] for case in cases}
    record = describe_run(
        classifier=header_of(classifier), images=origin, scribbles=marks, background=settings.background,
        forest={"trees": settings.trees, "depth": settings.depth, "seed": settings.seed}, notes=assumed(),
    )  # fmt: skip
    write_settings(output.with_suffix(".toml"), settings)
    write_json(output.with_suffix(".json"), record)
    hooks.on_progress("done", 1.0)
    return classifier


def _scribbled(cases: Sequence[Case], scribbles: Path, *, on_note: Callable[[str], None]) -> tuple[Case, ...]:
    """The cases that have scribbles."""
    if not scribbles.exists():
        raise ConfigError(f"scribbles must exist, got {scribbles}; check the path")
    if not scribbles.is_dir():
        if len(cases) > 1:
            raise ConfigError(
                f"scribbles of {len(cases)} images must be a folder with one file of each name, got one file; "
                "give the folder"
            )
        return tuple(cases)
    found = tuple(case for case in cases if find_beside(scribbles, case) is not None)
    if not found:
        raise ConfigError(
            f"the folder {scribbles} must hold scribbles of the name of an image, such as {cases[0].id}, got none"
        )
    if len(found) < len(cases):
        on_note(f"left out: {counted(len(cases) - len(found), 'image')} without scribbles")
    return found


def _source(scribbles: Path, case: Case) -> Source:
    found = find_beside(scribbles, case) if scribbles.is_dir() else scribbles
    return Source(scribbles if found is None else found)


def _examples(
    cases: Sequence[Case],
    scribbles: Path,
    *,
    background: int | None,
    hooks: Hooks,
    failures: Failures | None,
) -> Iterator[Example]:
    """Images and seeds, read one after the other; those that cannot be read go to `failures`, where it is given."""
    for number, case in enumerate(cases):
        hooks.on_progress(case.id, 0.8 * number / len(cases))
        stop_if(hooks.should_stop)
        example = None
        with listed(failures, case.id):
            image = load_image(case)
            drawn = markers_of(scribbles, case, grid=image.grid, what="scribbles")
            example = Example(image.array, seeds_from(np.asarray(drawn), background), image.grid.spacing)
        if example is not None:
            yield example
    if failures is not None and len(failures.rows) == len(cases):
        raise DatasetError(f"an image and its scribbles must be readable, got none that are; {failures.first}")
    hooks.on_progress("train", 0.8)


@listens
def apply_classifier(
    images: Sequence[Path],
    output: Path,
    *,
    classifier: Path,
    settings: ApplySettings,
    hooks: Hooks,
) -> JobsResult:
    """Segment images with a trained classifier; a record of the run is written beside the masks.

    One bad file does not stop the rest; it is listed in the result. With `probabilities` and `uncertainty` a case's
    probabilities are held whole in memory; without, memory is bounded by blocks.

    Raises:
        CheckpointError: a classifier that cannot be read.
        ConfigError: `output` holds files of these names already.
        DatasetError: no image is found.
    """
    steps = settings.steps()
    learned = load_classifier(classifier)
    jobs = plan_jobs(find_cases(images, axes=settings.axes), output, overwrite=settings.overwrite)
    _refuse_existing(jobs, settings)
    hooks.on_note(with_notice(f"{counted(len(jobs), 'image')}, labels {', '.join(map(str, learned.labels))}"))
    for folder in (output, *(output / what for what in _wanted(settings))):
        folder.mkdir(parents=True, exist_ok=True)
    unsure: dict[str, tuple[int, ...]] = {}
    page = mask_page(output, wanted=settings.page)

    def work(job: Job, tell: Callable[[float], None]) -> None:
        image = load_image(job.case)
        labels = _segment(
            learned, image, job=job, settings=settings, unsure=unsure, tell=tell, should_stop=hooks.should_stop
        )
        for step in steps:
            given = {"spacing": image.grid.spacing, "names": image.channels, "seeds": None, "markers": None}
            labels = compact_labels(advance(step, image.array, labels=labels, given=given)[1])
        mask = LabelMap(labels, image.grid)
        io.write_labels(job.output, rectify_labels(mask) if settings.rectify else mask)
        adder(page)(job.case, image, mask)

    result = work_through(jobs, work, hooks=hooks)
    for name, place in unsure.items():
        hooks.on_note(f"{name}: scribble next near voxel {','.join(map(str, place))}")
    write_settings(output / SETTINGS, settings)
    _record(output, classifier, learned=learned, settings=settings, jobs=jobs, result=result, unsure=unsure)
    return replace(result, page=write_page(page, result, links=(RECORD,)))


def _segment(
    learned: PixelClassifier,
    image: Image,
    *,
    job: Job,
    settings: ApplySettings,
    unsure: dict[str, tuple[int, ...]],
    tell: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> NDArray[Any]:
    """The labels of one image; writes its probabilities and uncertainty where they are wanted."""
    spacing = image.grid.spacing
    if not settings.probabilities and not settings.uncertainty:
        return learned.segment(image.array, spacing=spacing, cancelled=should_stop, on_progress=tell)
    prob = learned.probabilities(image.array, spacing=spacing, cancelled=should_stop)
    tell(0.7)
    if settings.probabilities:
        names = tuple(f"label {label}" for label in learned.labels)
        _write_map(further(job, "probabilities"), Image(prob, image.grid, names), rectify=settings.rectify)
    if settings.uncertainty:
        found = uncertainty(prob)
        _write_map(further(job, "uncertainty"), Image(found[None], image.grid), rectify=settings.rectify)
        unsure[job.case.id] = most_uncertain(found, spacing=spacing, radius_mm=LOOK * min(spacing))
    kind = np.min_scalar_type(learned.labels[-1])
    return np.asarray(np.array(learned.labels, kind)[prob.argmax(axis=0)])


def _write_map(path: Path, image: Image, *, rectify: bool) -> None:
    io.write_image(path, rectify_image(image, outside=0.0) if rectify else image)


def further(job: Job, what: str) -> Path:
    """Where probabilities or uncertainty of a case go: a folder of their own, in a format that takes fractions."""
    suffix = io.label_suffix(job.case.images[0].path)
    return job.output.parent / what / f"{job.case.id}{'.tif' if suffix == '.png' else suffix}"


def _wanted(settings: ApplySettings) -> tuple[str, ...]:
    """The names of the further files, which are those of their folders."""
    return tuple(what for what in ("probabilities", "uncertainty") if getattr(settings, what))


def _refuse_existing(jobs: Sequence[Job], settings: ApplySettings) -> None:
    present = [path for job in jobs for what in _wanted(settings) if (path := further(job, what)).exists()]
    if present and not settings.overwrite:
        raise ConfigError(f"{present[0]} exists already; choose another folder, or use --overwrite")


def _record(
    output: Path,
    classifier: Path,
    *,
    learned: PixelClassifier,
    settings: ApplySettings,
    jobs: Sequence[Job],
    result: JobsResult,
    unsure: dict[str, tuple[int, ...]],
) -> None:
    written = set(result.written)
    content: Mapping[str, Any] = describe_run(
        classifier={"file": classifier.name, "sha256": digest(Source(classifier)), **header_of(learned)},
        clean=[step.to_plain() for step in settings.steps()],
        images={j.output.name: [digest(source) for source in j.case.images] for j in jobs if j.output in written},
        scribble_next=unsure,
        notes=assumed(),
        failures=[{"image": name, "reason": reason} for name, reason in result.failures],
    )
    write_json(output / RECORD, content)
