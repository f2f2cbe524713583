"""`septum info`: what Septum understood of a file or a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from septum.cli import options
from septum.cli.working import say_failures
from septum.workflows.runs.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from septum.io import Description
    from septum.workflows.data.cases import Case, Dataset
    from septum.workflows.runs.failures import Failures


_LABEL_WIDTH = 14


def info(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILE_OR_FOLDER", help="Image or mask files, DICOM folders, data sets.")
    ],
    axes: options.Axes = None,
) -> None:
    """Show what Septum understands of files and folders.

    Format, shape, channels, spacing with units, orientation, value range, and labels with their counts and volumes;
    of a data set its form, cases, groups and label names.
    """
    from septum.errors import SeptumError
    from septum.workflows.runs.failures import Failures

    failures, unread = Failures(), 0
    for number, path in enumerate(paths):
        if number:
            typer.echo()
        try:
            _print_one(path, axes, failures=failures)
        except SeptumError as error:
            if len(paths) == 1:
                raise
            unread += 1
            failures.rows.append((str(path), str(error)))
    if failures.rows:
        say_failures(failures.rows, f"{counted(len(failures.rows), 'file')} could not be read")
        raise typer.Exit(2 if unread == len(paths) else 1)


def _print_one(path: Path, axes: str | None, *, failures: Failures) -> None:
    """What a file or a data set is; cases of a data set that cannot be read go to `failures`."""
    from septum import io

    if _is_data_set(path):
        _print_folder(path, axes, failures=failures)
        return
    typer.echo(path)
    found = io.describe(path, axes=axes)
    _print_rows([*describe_rows(found), *_slice_rows(path, found.shape)])


def _slice_rows(path: Path, shape: Sequence[int]) -> list[tuple[str, str]]:
    """Where the slices of a mask come from, as the file beside it says."""
    from septum.errors import FormatError
    from septum.workflows.data.slices import describe_slices, read_slices

    try:
        slices = read_slices(path, shape)
    except FormatError as error:
        return [("note", str(error))]
    return [("slices", line) for line in describe_slices(slices or {})]


def _is_data_set(path: Path) -> bool:
    """Whether a path is a data set by its form (a folder, a table, a `dataset.json`) rather than one image."""
    from septum import io

    if path.is_dir():
        return not io.is_image(path)
    return path.is_file() and (path.suffix.lower() in (".csv", ".tsv") or path.name == "dataset.json")


def describe_rows(found: Description) -> list[tuple[str, str]]:
    """The rows that `septum info` prints of one file, as (what, value)."""
    spatial = found.shape[-len(found.spacing) :]
    letters = "zyx"[-len(spatial) :]
    rows = [
        ("format", found.format),
        ("modality", found.modality),
        ("axes", f"{found.axes} as stored" if found.axes else ""),
        ("shape", "  ".join(f"{axis} {size}" for axis, size in zip(letters, spatial, strict=True))),
        ("channels", f"{len(found.channels)} ({', '.join(found.channels)})"),
        ("frames", f"{found.frames}, handled one by one; the first is shown" if found.frames > 1 else ""),
        ("type", found.dtype),
        ("spacing", " x ".join(f"{step:.4g}" for step in found.spacing) + f" {found.units}"),
        ("orientation", found.orientation),
        ("values", f"{found.minimum:.6g} to {found.maximum:.6g}"),
    ]
    counts = dict(found.labels or {})
    objects = [n for value, n in counts.items() if value]
    if not found.names and looks_like_objects(list(counts)):
        unit = "pixels" if len(spatial) == 2 else "voxels"
        rows.append(
            ("objects?", f"{len(objects)}, of {min(objects)} to {max(objects)} {unit}, if these are no classes")
        )
        counts = {value: n for value, n in counts.items() if not value}
    for value, count in counts.items():
        name = found.names.get(value, "")
        size = f"{count} {'pixels' if len(spatial) == 2 else 'voxels'}{_physical_size(found, count)}"
        rows.append((f"label {value}", f"{size}  {name}".rstrip()))
    rows.extend(("note", note) for note in found.notes)
    return [(what, value) for what, value in rows if value]


def _physical_size(found: Description, count: int) -> str:
    """`count` samples in mm² or mm³ (mL from 1 mL up); empty where the file has no physical size."""
    if found.units != "mm":
        return ""
    size = count * found.voxel_volume
    if len(found.spacing) == 2:
        return f", {size:.4g} mm²"
    return f", {size / 1000:.4g} mL" if size >= 1000 else f", {size:.4g} mm³"


def _print_rows(rows: list[tuple[str, str]]) -> None:
    for what, value in rows:
        typer.echo(f"  {what:<{_LABEL_WIDTH}}{value}")


def _print_folder(path: Path, axes: str | None, *, failures: Failures) -> None:
    """A data set where the folder is one; otherwise the images in it, one after the other."""
    from septum import io
    from septum.errors import DatasetError
    from septum.workflows.data.load import load_dataset

    try:
        dataset = load_dataset(path, axes=axes, strict=False)
    except DatasetError:
        if not path.is_dir():
            raise
        images = sorted(entry for entry in path.iterdir() if not entry.name.startswith(".") and io.is_image(entry))
        if not images:
            raise
        for entry in images:
            typer.echo(entry)
            with failures.of(entry.name):
                _print_rows(describe_rows(io.describe(entry, axes=axes)))
        return
    typer.echo(path)
    _print_rows(dataset_rows(dataset))
    for line in case_lines(dataset, failures):
        typer.echo(line)


UNREADABLE = "cannot be read"
MOST_CASES = 30
"""Cases of a data set that are listed; each is read for it."""


def case_lines(dataset: Dataset, failures: Failures) -> list[str]:
    """A table with a line per case: shape, spacing, channels and type of the image, and what its labels are.

    Cases that cannot be read say so, and why goes to `failures`.
    """
    if not dataset.cases:
        return []
    rows = [("case", "shape", "spacing", "channels", "type", "labels")]
    rows += [_case_row(case, dataset, failures=failures) for case in dataset.cases[:MOST_CASES]]
    widths = [max(len(row[k]) for row in rows) for k in range(6)]
    lines = [
        "",
        *("  " + "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows),
    ]
    left = len(dataset.cases) - MOST_CASES
    return [*lines, f"  … and {left} more"] if left > 0 else lines


def _case_row(case: Case, dataset: Dataset, *, failures: Failures) -> tuple[str, str, str, str, str, str]:
    from septum import io

    source = case.images[0] if case.images else None
    if source is None:
        return (case.id, "", "", "", "", _labels_of(case, dataset, failures=failures))
    found = None
    with failures.of(case.id):
        found = io.describe(source.path, axes=source.axes)
    if found is None:
        return (case.id, UNREADABLE, "", "", "", "")
    shape = " x ".join(str(n) for n in found.shape[-len(found.spacing) :])
    spacing = " x ".join(f"{step:.4g}" for step in found.spacing) + f" {found.units}"
    channels = str(len(case.images)) if len(case.images) > 1 else str(len(found.channels))
    return (case.id, shape, spacing, channels, found.dtype, _labels_of(case, dataset, failures=failures))


def _labels_of(case: Case, dataset: Dataset, *, failures: Failures) -> str:
    """The label values of a case, or how many objects it has."""
    from septum.workflows.data.cases import UNANNOTATED, load_labels
    from septum.workflows.data.classes import summarise_labels

    if case.label is None:
        return "none"
    summary = None
    with failures.of(f"labels of {case.id}"):
        summary = summarise_labels(case.id, load_labels(case))
    if summary is None:
        return UNREADABLE
    values = [value for value in summary.counts if value not in (0, UNANNOTATED)]
    if dataset.instances or (not dataset.label_names and looks_like_objects(values)):
        return f"{len(values)} objects{'' if dataset.instances else '?'}"
    return ", ".join(map(str, values)) if values else "background only"


def looks_like_objects(values: Sequence[int]) -> bool:
    """Whether undeclared label values are rather numbers of objects than classes: five or more, nearly without gaps.

    >>> looks_like_objects([1, 2, 3, 4, 5, 6]), looks_like_objects([1, 2, 4])
    (True, False)
    """
    found = [value for value in values if value > 0]
    return len(found) >= 5 and max(found) <= 1.5 * len(found)


def dataset_rows(dataset: Dataset) -> list[tuple[str, str]]:
    """The rows that `septum info` prints of a data set, as (what, value)."""
    groups = {case.group for case in dataset.cases if case.group is not None}
    splits = sorted({case.split for case in dataset.cases if case.split is not None})
    channels = max((len(case.images) for case in dataset.cases), default=1)
    rows = [
        ("data set", dataset.kind),
        ("cases", f"{len(dataset.cases)}, {len(dataset.labelled)} with a label"),
        ("channels", f"{channels} files per case" if channels > 1 else ""),
        ("groups", f"{len(groups)}" if groups else ""),
        ("splits", ", ".join(f"{name} {sum(case.split == name for case in dataset.cases)}" for name in splits)),
    ]
    rows.extend((f"label {value}", name) for value, name in dataset.label_names.items())
    rows.extend(("region", str(region)) for region in dataset.regions)
    if dataset.ignore_value is not None:
        rows.append(("ignored label", str(dataset.ignore_value)))
    if dataset.instances:
        rows.append(("labels", "object numbers"))
    rows.extend(("note", note) for note in dataset.notes)
    rows.extend(("problem", f"{problem.case}: {problem.message}; {problem.mend}") for problem in dataset.problems)
    return [(what, value) for what, value in rows if value]
