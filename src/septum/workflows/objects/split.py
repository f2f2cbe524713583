"""`septum instances`: single objects of semantic masks, with a table and a picture that shows both kinds of mask.

The insight: whoever counts cells usually has a mask that says "cell" already; what is missing is one step, and a look
at whether it cut where a person would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from septum import io
from septum.errors import DatasetError
from septum.geometry import Image, LabelMap
from septum.instances.split import SplitObjects, split_objects
from septum.io.safe import replacing
from septum.report.figures.objects import side_by_side
from septum.workflows.data.cases import Case, load_image
from septum.workflows.data.digests import digest
from septum.workflows.data.doubts import assumed, heard, listens
from septum.workflows.data.jobs import Job, JobsResult, find_cases, plan_jobs, work_through
from septum.workflows.data.masks import mask_cases
from septum.workflows.data.matching import match_stems
from septum.workflows.runs.files import write_json, write_text
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.settings import check_bounds, write_settings
from septum.workflows.runs.tables import frame_csv
from septum.workflows.runs.words import counted, some, with_notice

TABLE, RECORD, SETTINGS = "objects.csv", "septum-instances.json", "septum-instances.toml"
_MOST_IN_PNG = 65535


@dataclass(frozen=True)
class SplitSettings:
    """What `septum instances` can be told.

    Args:
        depth: how much narrower (in radius; mm, or pixels where the mask has no physical size) a neck must be than the
            bodies beside it to be cut; None: one voxel.
        smallest: objects of less area or volume (in the same unit) are left out.
        background: value of the background in the masks.
        axes: meaning of the files' axes where they do not say.
        pictures: whether a picture is drawn for each mask.
        overwrite: replace masks that exist.
    """

    depth: float | None = None
    smallest: float = 0.0
    background: int = 0
    axes: str | None = None
    pictures: bool = True
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_bounds(self, depth=(0, 1e9), smallest=(0, 1e18))


@listens
def split_masks(masks: Path, output: Path, *, images: Path | None, settings: SplitSettings, hooks: Hooks) -> JobsResult:
    """Split a mask or a folder of masks into objects; `objects.csv` counts them by mask and class.

    One bad file does not stop the rest; it is listed in the result.

    Raises:
        ConfigError: `output` holds masks of these names already.
        DatasetError: no mask, or images that do not belong to the masks.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from septum import Grid, LabelMap, write_labels
    >>> mask = np.zeros((12, 24), np.uint8)
    >>> mask[2:8, 2:8] = mask[2:8, 14:20] = 1
    >>> with TemporaryDirectory() as folder:
    ...     write_labels(Path(folder, "a.png"), LabelMap(mask, Grid.pixels(mask.shape)))
    ...     done = split_masks(
    ...         Path(folder, "a.png"), Path(folder, "out"), images=None, settings=SplitSettings(), hooks=Hooks()
    ...     )
    ...     int(io.read_labels(done.written[0]).array.max())
    2
    """
    cases = mask_cases(masks, settings.axes)
    beside = images_of(cases, images)
    jobs = plan_jobs(cases, output, overwrite=settings.overwrite)
    hooks.on_note(with_notice(f"{counted(len(jobs), 'mask')}"))
    output.mkdir(parents=True, exist_ok=True)
    counts: list[dict[str, object]] = []
    targets: dict[Path, Path] = {}

    def work(job: Job, tell: Callable[[float], None]) -> None:
        labels = read_case_mask(job.case, settings.background)
        found = split_objects(
            labels.array, spacing=labels.grid.spacing, depth=settings.depth, smallest=settings.smallest
        )
        tell(0.6)
        targets[job.output] = _write(job, found, labels=labels)
        counts.extend(_counted(job.case.id, found, labels=labels))
        if found.count == 0:
            hooks.on_note(f"{job.case.id}: no object")
        if settings.pictures:
            _draw(job, found, labels=labels, case=beside.get(job.case.id))

    result = work_through(jobs, work, hooks=hooks)
    with_table = pd.DataFrame(counts, columns=["mask", "class", "name", "objects"])
    write_text(output / TABLE, frame_csv(with_table))
    write_settings(output / SETTINGS, settings)
    _record(output, jobs, result=result)
    return replace(result, written=tuple(targets[path] for path in result.written))


def read_case_mask(case: Case, background: int = 0) -> LabelMap:
    """The label map of a case of `mask_cases`, with the background as 0.

    Raises:
        FormatError: a file that cannot be read or holds no labels.
        ConfigError: another value for the background while 0 occurs as a class.
    """
    source = case.images[0]
    labels = io.read_labels(source.path, axes=source.axes, frame=source.frame)
    heard(case.id, labels)
    if background == 0:
        return labels
    array = labels.array.astype(np.int64)
    array = np.where(array == background, 0, np.where(array == 0, int(array.max()) + 1, array))
    names = {value: name for value, name in labels.names.items() if value not in (0, background)}
    return LabelMap(array, labels.grid, names, labels.notes)


def images_of(cases: Sequence[Case], images: Path | None) -> Mapping[str, Case]:
    """The image of each mask by its name, as for training; empty without images.

    Raises:
        DatasetError: images of which none or only some belong to the masks.
    """
    if images is None:
        return {}
    plain = images.is_dir() and not io.is_image(images)  # as masks are found, sub-folders and all
    listed = mask_cases(images, None) if plain else find_cases([images], axes=None)
    found = {case.id: case for case in listed}
    if len(found) == len(cases) == 1:
        return {cases[0].id: next(iter(found.values()))}
    match = match_stems(list(found), [case.id for case in cases])
    if match.orphans:
        raise DatasetError(
            f"every mask must have an image of its name in {images}, got none for {some(list(match.orphans))}; "
            "name them alike, or leave the images out"
        )
    return {mask: found[image] for mask, image in match.pairs.items()}


def _write(job: Job, found: SplitObjects, *, labels: LabelMap) -> Path:
    """PNG holds 65 535 ids; more go to a TIFF."""
    path = job.output
    if path.suffix == ".png" and found.count > _MOST_IN_PNG:
        path = path.with_suffix(".tif")
    io.write_labels(path, LabelMap(found.labels, labels.grid))
    return path


def _counted(case: str, found: SplitObjects, *, labels: LabelMap) -> list[dict[str, object]]:
    values, counts = np.unique(found.classes, return_counts=True)
    return [
        {"mask": case, "class": int(value), "name": labels.names.get(int(value), ""), "objects": int(count)}
        for value, count in zip(values, counts, strict=True)
    ] or [{"mask": case, "class": 0, "name": "", "objects": 0}]


def _draw(job: Job, found: SplitObjects, *, labels: LabelMap, case: Case | None) -> None:
    image: Image | None = None if case is None else load_image(case)
    shown = None if image is None or image.grid.shape != labels.grid.shape else image.array
    picture = side_by_side(shown, labels.array, labels=found.labels, spacing=labels.grid.spacing)
    folder = job.output.parent / "pictures"
    folder.mkdir(exist_ok=True)
    with replacing(folder / f"{job.case.id}.png") as temporary:
        temporary.write_bytes(picture)


def _record(output: Path, jobs: Sequence[Job], *, result: JobsResult) -> None:
    written = set(result.written)
    write_json(
        output / RECORD,
        describe_run(
            masks={j.output.name: [digest(s) for s in j.case.images] for j in jobs if j.output in written},
            failures=[{"mask": name, "reason": reason} for name, reason in result.failures],
            notes=assumed(),
        ),
    )
