"""`septum segment`: a pipeline of classical methods on files, one mask per image on the image's own grid.

The insight: nothing here segments. Images are found and failures collected by `jobs`, the steps run in `pipeline`; what
is left is to place seeds and markers on each image's grid, and to leave beside the masks what makes them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError, GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.geometry.rectify import rectify_labels
from septum.io import naming
from septum.io.raster import is_colour
from septum.workflows.data.cases import Case, load_image
from septum.workflows.data.digests import digest
from septum.workflows.data.doubts import Doubts
from septum.workflows.data.jobs import Job, JobsResult, find_cases, plan_jobs, work_through
from septum.workflows.data.marks import markers_of
from septum.workflows.looking.page import adder, mask_page, write_page
from septum.workflows.pipelines.pipeline import Pipeline, make_step, run_pipeline
from septum.workflows.runs.files import write_json, write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.settings import write_settings
from septum.workflows.runs.words import counted, with_notice

PIPELINE, RECORD, SETTINGS = "pipeline.toml", "septum-segment.json", "septum-segment.toml"


@dataclass(frozen=True)
class SegmentSettings:
    """What `septum segment` can be told beside the pipeline.

    Args:
        seeds: points such as "12,40,33" (voxels, array order) or "10.5,-20,33mm" (world); added to the pipeline's.
        markers: a label file, or a folder with one of the name of each image: seeds, and markers of watersheds.
        axes: meaning of the files' axes where they do not say.
        rectify: write masks of sheared grids (CT with a tilted gantry) on rectangular ones.
        page: write a page of pictures beside the masks.
        overwrite: replace masks that exist.
    """

    seeds: tuple[str, ...] = ()
    markers: Path | None = None
    axes: str | None = None
    rectify: bool = False
    page: bool = True
    overwrite: bool = False


def segment(
    images: Sequence[Path],
    output: Path,
    *,
    pipeline: Pipeline,
    settings: SegmentSettings,
    hooks: Hooks,
) -> JobsResult:
    """Segment images by a pipeline; `pipeline.toml` and a record of the run are written beside the masks.

    One bad file does not stop the rest; it is listed in the result.

    Raises:
        ConfigError: `output` holds masks of these names already, or a step needs seeds or markers and nobody gave any.
        DatasetError: no image is found.
    """
    chosen = replace(pipeline, seeds=(*pipeline.seeds, *settings.seeds))
    refuse_missing(chosen, settings)
    cases = find_cases(images, axes=settings.axes)
    if takes_one_channel(chosen) and (colour := first_in_colour(cases)):
        chosen = replace(chosen, steps=(make_step("channel", {"use": "grey"}), *chosen.steps))
        hooks.on_note(f"grey and colour images, such as {colour}, lie together: colours are turned into grey values")
    jobs = plan_jobs(cases, output, overwrite=settings.overwrite)
    hooks.on_note(with_notice(f"{counted(len(jobs), 'image')}, {chosen.describe()}"))
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / PIPELINE, chosen.to_toml())

    doubts = Doubts(hooks.on_note)
    page = mask_page(output, wanted=settings.page)

    def work(job: Job, tell: Callable[[float], None]) -> None:
        image = load_image(job.case)
        doubts.hear(job.case.id, image)
        tell(0.2)
        labels = segment_image(image, chosen, markers=markers_of(settings.markers, job.case, grid=image.grid))
        io.write_labels(job.output, rectify_labels(labels) if settings.rectify else labels)
        adder(page)(job.case, image, labels)
        if not labels.array.any():
            hooks.on_note(f"{job.case.id}: the mask is empty")

    result = work_through(jobs, work, hooks=hooks)
    write_settings(output / SETTINGS, replace(settings, seeds=()))  # the pipeline holds them
    _record(output, chosen, settings=settings, jobs=jobs, result=result, doubts=doubts)
    return replace(result, page=write_page(page, result, links=(PIPELINE, RECORD)))


def segment_image(image: Image, pipeline: Pipeline, *, markers: NDArray[np.integer] | None = None) -> LabelMap:
    """The labels of one image, on its own grid.

    Args:
        image: what to segment.
        pipeline: the steps, and seeds as text.
        markers: label map of the image's spatial shape; where no seeds are given, its marked voxels are the seeds.

    >>> from septum.geometry import Grid
    >>> from septum.workflows.pipelines.pipeline import parse_spec
    >>> picture = np.zeros((1, 40, 40))
    >>> picture[0, 10:30, 10:30] = 100
    >>> found = segment_image(Image(picture, Grid.pixels((40, 40))), Pipeline((parse_spec("otsu"),)))
    >>> int(found.array.sum())
    400
    """
    seeds: NDArray[np.integer] | NDArray[np.bool_] | None = None
    if pipeline.seeds:
        seeds = np.stack([read_seed(text, image.grid) for text in pipeline.seeds])
    elif markers is not None:
        seeds = markers != 0
    labels = run_pipeline(
        pipeline, image.array, spacing=image.grid.spacing, channels=image.channels, seeds=seeds, markers=markers
    )
    return LabelMap(labels, image.grid)


def takes_one_channel(pipeline: Pipeline) -> bool:
    """Whether the steps segment one channel and none of them chooses it."""
    return not any(step.method.name == "channel" or step.method.channels == "any" for step in pipeline.steps)


def first_in_colour(cases: Sequence[Case]) -> str | None:
    """The first image in colour of a set that holds grey ones too; None where all are of one kind.

    Only pictures (PNG, JPEG …) are looked at: images of other formats say what their channels are.
    """
    kinds: dict[bool, str] = {}
    for case in cases:
        path = case.images[0].path
        if len(case.images) == 1 and naming.suffix(path) in naming.RASTER:
            kinds.setdefault(is_colour(path), case.id)
        if len(kinds) == 2:
            return kinds[True]
    return None


def read_seed(text: str, grid: Grid) -> NDArray[np.int64]:
    """Voxel coordinates `(ndim,)` of a seed as it is typed.

    `"12,40,33"` counts voxels from 0 in array order (slice, row, column); `"10.5,-20,33mm"` is a world position in mm
    (right, front, up in 3-D; row, column in 2-D).

    Raises:
        ConfigError: not a list of as many numbers as the image has axes, or fractions of voxels.
        GeometryError: outside the image.

    >>> read_seed("4,6mm", Grid.from_spacing((9, 9), (2.0, 3.0))).tolist()
    [2, 2]
    """
    world = text.strip().endswith("mm")
    try:
        numbers = [float(part) for part in text.strip().removesuffix("mm").split(",")]
    except ValueError:
        numbers = []
    whole = world or all(n == int(n) for n in numbers if np.isfinite(n))
    if len(numbers) != grid.ndim or not np.isfinite(numbers).all() or not whole:
        raise ConfigError(
            f"a seed must be {grid.ndim} whole voxel numbers, or millimetres such as "
            f"{','.join(['1.5'] * grid.ndim)}mm, got {text!r}"
        )
    index = np.rint(grid.world_to_index(numbers) if world else np.asarray(numbers)).astype(np.int64)
    if (index < 0).any() or (index >= np.asarray(grid.shape)).any():
        raise GeometryError(f"seeds must lie in the image of shape {grid.shape}, got {text!r}; correct it")
    return index


def refuse_missing(pipeline: Pipeline, settings: SegmentSettings) -> None:
    """Raise `ConfigError` when a step needs seeds or markers that nobody gives."""
    needs = pipeline.needs
    if "seeds" in needs and not pipeline.seeds and settings.markers is None:
        raise ConfigError("this method needs seeds, got none; give --seeds Z,Y,X, or --markers FILE with marked voxels")
    if "markers" in needs and settings.markers is None:
        raise ConfigError("this method needs markers, got none; give --markers FILE")


def _record(
    output: Path,
    pipeline: Pipeline,
    *,
    settings: SegmentSettings,
    jobs: Sequence[Job],
    result: JobsResult,
    doubts: Doubts,
) -> None:
    written = set(result.written)
    write_json(
        output / RECORD,
        describe_run(
            pipeline=[step.to_plain() for step in pipeline.steps],
            seeds=list(pipeline.seeds),
            markers=None if settings.markers is None else settings.markers.name,
            images={j.output.name: [digest(source) for source in j.case.images] for j in jobs if j.output in written},
            notes=doubts.cases,
            failures=[{"image": name, "reason": reason} for name, reason in result.failures],
        ),
    )
