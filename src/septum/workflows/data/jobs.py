"""Many images, one mask each: find them, say where each mask goes, work through them.

The insight: a file that cannot be read is a row in a list, not the end of the night's run; and what makes the masks (a
network, a threshold) is one function that this module is handed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from septum import io
from septum.errors import Cancelled, ConfigError, DatasetError, SeptumError
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.load import load_dataset
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.files import refuse_file
from septum.workflows.runs.hooks import Hooks

TABLES = (".csv", ".tsv")


_CHANNEL = re.compile(r"^(.+)_(\d{4})$")


@dataclass(frozen=True)
class JobsResult:
    """Masks that were written, (name, reason) of every image that failed, the page that shows them, if any, and the
    names of the images that a stop left without a mask of this run."""

    written: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]
    page: Path | None = None
    left: tuple[str, ...] = ()

    @property
    def stopped_empty(self) -> bool:
        """Whether a stop came before anything was made."""
        return bool(self.left) and not (self.written or self.failures)


@dataclass(frozen=True)
class Job:
    """One mask to make: the case, and the file it goes to."""

    case: Case
    output: Path


def find_cases(images: Sequence[Path], *, axes: str | None, channels: int = 1) -> tuple[Case, ...]:
    """The cases behind what a user names: image files, DICOM folders, folders of images, data sets, tables.

    A movie becomes one case per frame. Names that occur twice get a number. Where `channels` are expected, the files
    `name_0000`, `name_0001` ... of as many channels are one case `name`, as nnU-Net has them.

    Raises:
        DatasetError: when something does not exist or holds no image.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from septum import Grid, Image, write_image
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("b.png", "a.png"):
    ...         write_image(Path(folder, name), Image(np.zeros((1, 8, 9), np.uint8), Grid.pixels((8, 9))))
    ...     [case.id for case in find_cases([Path(folder)], axes=None)]
    ['a', 'b']
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
    return _own_ids(_join_channels(cases, channels) if channels > 1 else cases)


def only_frame(cases: Sequence[Case], frame: int | None) -> tuple[Case, ...]:
    """The cases that are this frame of a movie, counted from 0; all where it is None.

    Raises:
        ConfigError: no image has such a frame.

    >>> movie = [Case(f"m_t{t:03d}", (Source(Path("m.tif"), frame=t),)) for t in range(3)]
    >>> [case.id for case in only_frame(movie, 1)]
    ['m_t001']
    """
    if frame is None:
        return tuple(cases)
    known = {case.images[0].frame for case in cases} - {None}
    if frame not in known:
        there = f"0 to {max(n for n in known if n is not None)}" if known else "none"
        raise ConfigError(
            f"frame must be one of a movie, which has {there}, got {frame}; `septum info` counts the frames of a file, "
            "and --axes TYX says that its planes are frames"
        )
    return tuple(case for case in cases if case.images[0].frame == frame)


def _own_ids(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Cases whose names occur again get the first number that makes a name of its own."""
    taken, given = {case.id for case in cases}, set()
    unique = []
    for case in cases:
        name, number = case.id, 1
        while name in given or (number > 1 and name in taken):
            number += 1
            name = f"{case.id}_{number}"
        given.add(name)
        unique.append(replace(case, id=name))
    return tuple(unique)


def _join_channels(cases: Sequence[Case], channels: int) -> list[Case]:
    """Cases of one file each whose names end with the numbers of all channels become one; the others stay."""
    groups: dict[tuple[Path, str], list[Case]] = {}
    for case in cases:
        found = _CHANNEL.match(case.id) if len(case.images) == 1 else None
        groups.setdefault((case.images[0].path.parent, found.group(1) if found else f"/{case.id}"), []).append(case)
    joined: list[Case] = []
    for (_, name), members in groups.items():
        members = sorted(members, key=lambda case: case.id)
        if [case.id for case in members] == [f"{name}_{number:04d}" for number in range(channels)]:
            joined.append(Case(name, tuple(case.images[0] for case in members)))
        else:
            joined += members
    return joined


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
        ConfigError: when `output` is a file, a mask is there already and may not be replaced, or would replace its own
            image.

    >>> from septum.workflows.data.cases import Source
    >>> (job,) = plan_jobs([Case("head", (Source(Path("scans/head.nii")),))], Path("masks"), overwrite=False)
    >>> job.output.as_posix()
    'masks/head.nii.gz'
    """
    refuse_file(output)
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


def leave_no_folder(output: Path) -> None:
    """Remove the folder of a run that was stopped before its first mask, where it holds nothing."""
    with suppress(OSError):
        output.rmdir()


def work_through(
    jobs: Sequence[Job],
    work: Callable[[Job, Callable[[float], None]], None],
    *,
    hooks: Hooks,
) -> JobsResult:
    """`work(job, tell)` on every job, where `tell` takes the share of it that is done.

    Failures of any kind are collected; a wish to stop, or `Cancelled`, ends the run after the masks written so far.

    Raises:
        SeptumError, OSError: when nothing more can be written (disk full or read-only).
    """
    written: list[Path] = []
    failures = Failures()
    left: Sequence[Job] = ()
    for number, job in enumerate(jobs):
        if hooks.should_stop():
            left = jobs[number:]
            break

        def tell(fraction: float, number: int = number, name: str = job.case.id) -> None:
            hooks.on_progress(name, (number + fraction) / len(jobs))

        try:
            with failures.of(job.case.id):
                work(job, tell)
                written.append(job.output)
        except Cancelled:
            left = jobs[number:]
            break
        tell(1.0)
    return JobsResult(tuple(written), tuple(failures.rows), left=tuple(job.case.id for job in left))
