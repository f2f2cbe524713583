"""Predicting files: find them, segment them one by one, put every mask back on its image's own grid.

A file that cannot be read is a row in a list, not the end of the night's run.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError, DatasetError, SeptumError
from septum.geometry import Image, LabelMap
from septum.geometry.placement import Placement
from septum.net.engine import PLAIN, Engine, onnx_engine, openvino_engine, torch_engine, views
from septum.net.predict import MEMORY_MB, Stopped, TileSettings, predict_classes
from septum.net.unet import UNet
from septum.project.cases import Case, Source, load_image
from septum.project.config import PredictSettings
from septum.project.dataset import load_dataset
from septum.project.machine import measure_machine
from septum.project.plan import Plan
from septum.project.prepare import to_network

TABLES = (".csv", ".tsv")


@dataclass(frozen=True)
class PredictResult:
    """Masks that were written, and (name, reason) of every image that failed."""

    written: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Job:
    """One mask to make: the case, and the file it goes to."""

    case: Case
    output: Path


def find_cases(images: Sequence[Path], *, axes: str | None, channels: int = 1) -> tuple[Case, ...]:
    """The cases behind what a user names: image files, DICOM folders, folders of images, data sets, tables.

    A movie becomes one case per frame. Names that occur twice get a number.

    Raises:
        DatasetError: when something does not exist or holds no image.
    """
    cases: list[Case] = []
    for path in images:
        if not path.exists() and "::" not in path.name:
            raise DatasetError(f"{path} does not exist; check the name")
        if path.suffix.lower() in TABLES or (path.is_dir() and not io.is_image(path)):
            cases += load_dataset(path, axes=axes, strict=False).cases
        else:
            cases += _frames(path, axes)
    if not cases:
        raise DatasetError(f"no image found in {', '.join(map(str, images))}; give image files or folders")
    seen: dict[str, int] = {}
    unique = []
    for case in cases:
        seen[case.id] = seen.get(case.id, 0) + 1
        number = seen[case.id]
        unique.append(case if number == 1 else Case(f"{case.id}_{number}", case.images))
    return tuple(unique)


def _frames(path: Path, axes: str | None) -> list[Case]:
    try:
        count = io.count_frames(path, axes=axes)
    except SeptumError:
        count = 1  # the reason comes when the file is read, in the list of failures
    if count == 1:
        return [Case(io.stem(path), (Source(path, axes=axes),))]
    digits = max(3, len(str(count - 1)))
    return [Case(f"{io.stem(path)}_t{t:0{digits}d}", (Source(path, frame=t, axes=axes),)) for t in range(count)]


def plan_jobs(cases: Sequence[Case], output: Path, *, overwrite: bool) -> tuple[Job, ...]:
    """Where each mask goes.

    Raises:
        ConfigError: when a mask is there already and may not be replaced, or would replace its own image.
    """
    jobs = [Job(case, output / f"{case.id}{io.label_suffix(case.images[0].path)}") for case in cases]
    present = [job.output.name for job in jobs if job.output.exists()]
    if present and not overwrite:
        raise ConfigError(
            f"{output} already holds {len(present)} of these masks ({present[0]}); "
            "choose another folder or use --overwrite"
        )
    for job in jobs:
        if any(source.path.resolve() == job.output.resolve() for source in job.case.images):
            raise ConfigError(f"the mask of {job.case.id} would replace its image; choose another output folder")
    return tuple(jobs)


def make_engine(plan: Plan, models: Sequence[UNet], settings: PredictSettings, folder: Path) -> Engine:
    """The engine that runs the networks; exported networks are made in `folder`."""
    looks = views(plan.mirrors, turns=plan.turns) if settings.tta else PLAIN
    if settings.engine == "torch":
        machine = measure_machine(settings.devices)
        return torch_engine(models, device=torch.device(machine.device), precision=machine.precision, looks=looks)
    make = {"onnx": onnx_engine, "openvino": openvino_engine}[settings.engine]
    return make(models, folder=folder, looks=looks)


def segment(
    image: Image,
    engine: Engine,
    plan: Plan,
    settings: PredictSettings,
    *,
    on_progress: Callable[[float], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    probabilities: Callable[[tuple[slice, ...], NDArray[np.float32]], None] | None = None,
) -> LabelMap:
    """The mask of an image, on the image's own grid, in the label values of the training data."""
    array, placement = to_network(image, plan)
    overlap = plan.overlap if settings.overlap is None else settings.overlap
    tiles = TileSettings(patch=plan.patch, overlap=overlap, memory_mb=settings.memory_mb or MEMORY_MB)
    options: dict[str, Any] = {"on_progress": on_progress, "should_stop": should_stop, "probabilities": probabilities}
    if plan.slices:
        classes = _by_slices(array, placement, engine, tiles, options)
    else:
        classes = predict_classes(engine, array, settings=tiles, coordinates=placement.coordinates(), **options)
    values = plan.classes.to_values(placement.undo(classes))
    names = dict(zip(plan.classes.values, plan.classes.names, strict=True))
    return LabelMap(values, image.grid, names)


def _by_slices(
    array: NDArray[Any], placement: Placement, engine: Engine, tiles: TileSettings, options: dict[str, Any]
) -> NDArray[Any]:
    """A 2-D network on every slice of a volume, at the slices of the output."""
    depth, *plane = placement.coordinates()
    nearest = np.rint(depth).astype(int)
    tell, sink = options.pop("on_progress"), options.pop("probabilities")
    planes: list[NDArray[Any]] = []
    for number, index in enumerate(nearest):
        inner = None
        if sink is not None:

            def inner(place: tuple[slice, ...], block: NDArray[np.float32], at: int = number) -> None:
                sink((slice(at, at + 1), *place), block[:, None])

        planes.append(
            predict_classes(
                engine, array[:, index], settings=tiles, coordinates=tuple(plane), probabilities=inner, **options
            )
        )
        if tell is not None:
            tell((number + 1) / len(nearest))
    return np.stack(planes)


def run_jobs(
    jobs: Sequence[Job],
    engine: Engine,
    plan: Plan,
    settings: PredictSettings,
    *,
    on_progress: Callable[[str, float], None],
    should_stop: Callable[[], bool],
) -> PredictResult:
    """Segment every job's image; failures are collected, a wish to stop ends the run after the masks written so far."""
    written: list[Path] = []
    failures: list[tuple[str, str]] = []
    for number, job in enumerate(jobs):
        if should_stop():
            break

        def tell(fraction: float, number: int = number, name: str = job.case.id) -> None:
            on_progress(name, (number + fraction) / len(jobs))

        try:
            run_job(job, engine, plan, settings, tell, should_stop)
            written.append(job.output)
        except Stopped:
            break
        except (SeptumError, OSError, MemoryError) as error:
            if _cannot_write(error):
                raise
            failures.append((job.case.id, str(error) or type(error).__name__))
        tell(1.0)
    return PredictResult(tuple(written), tuple(failures))


def _cannot_write(error: BaseException) -> bool:
    """Whether the disk is full or read-only: then every further image would fail after minutes of work."""
    codes = {getattr(e, "errno", None) for e in (error, error.__cause__, error.__context__) if e is not None}
    return bool(codes & {errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def run_job(
    job: Job,
    engine: Engine,
    plan: Plan,
    settings: PredictSettings,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> None:
    """Read, segment, write."""
    image = load_image(job.case)
    if not settings.probabilities:
        labels = segment(image, engine, plan, settings, on_progress=on_progress, should_stop=should_stop)
        io.write_labels(job.output, labels)
        return
    with tempfile.TemporaryDirectory(dir=job.output.parent, prefix=".septum-") as scratch:
        chances, sink = _probability_file(image, plan, Path(scratch))
        labels = segment(
            image, engine, plan, settings, on_progress=on_progress, should_stop=should_stop, probabilities=sink
        )
        io.write_labels(job.output, labels)
        placement = Placement.plan(image.grid, plan.spacing, reorient=plan.reorient)
        suffix = ".tif" if job.output.suffix == ".png" else io.label_suffix(job.output)
        for index, name in enumerate(plan.classes.names):
            values = placement.undo(chances[index : index + 1]).astype(np.float32)
            path = job.output.parent / f"{job.case.id}_probability_{plan.classes.values[index]}{suffix}"
            io.write_image(path, Image(values, image.grid, (name,)))


def _probability_file(
    image: Image, plan: Plan, scratch: Path
) -> tuple[NDArray[np.float16], Callable[[tuple[slice, ...], NDArray[np.float32]], None]]:
    """Probabilities of all classes stream to a file of half precision: they may be larger than memory."""
    shape = Placement.plan(image.grid, plan.spacing, reorient=plan.reorient).canonical.shape
    chances = np.lib.format.open_memmap(
        scratch / "probabilities.npy", mode="w+", dtype=np.float16, shape=(plan.classes.n_classes, *shape)
    )

    def sink(place: tuple[slice, ...], block: NDArray[np.float32]) -> None:
        chances[(slice(None), *place)] = block

    return chances, sink
