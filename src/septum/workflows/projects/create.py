"""`septum new`: a project from a data set in any layout, its images referenced or copied.

The insight: nothing of the data set is changed or decoded here, so a project of a thousand cases is there at once; what
its labels hold is seen when a case is opened. The labels that came with the data are version 1 of the annotation.
"""

from __future__ import annotations

import re
from pathlib import Path

from septum import io
from septum.errors import ConfigError, DatasetError
from septum.io.safe import scratch_folder
from septum.workflows.data.cases import Case, Dataset
from septum.workflows.data.jobs import find_cases
from septum.workflows.data.load import load_dataset
from septum.workflows.projects.project import (
    FILE,
    LARGEST_LABEL,
    PALETTE,
    Label,
    Project,
    ProjectFacts,
    open_project,
    write_facts,
)  # fmt: skip
from septum.workflows.projects.sources import case_to_plain, copied
from septum.workflows.projects.store import CaseRecord, Version, now_text
from septum.workflows.runs.hooks import Hooks

_LONGEST_ID = 64


def create_project(
    folder: Path,
    dataset: Path,
    *,
    copy: bool = False,
    name: str | None = None,
    axes: str | None = None,
    database: str = "",
    hooks: Hooks | None = None,
) -> Project:
    """A new project of the cases of a data set, open.

    Args:
        folder: new or empty; it appears complete or not at all.
        dataset: anything that `septum train` or `septum predict` takes: folders, tables, image files, DICOM.
        copy: copy the images into the project instead of referring to them.
        name: shown to people; None takes the folder's.
        axes: meaning of the files' axes where they do not say.
        database: URL of another database than the project's own file.
        hooks: progress with the case's id, and the wish to stop, asked between cases.

    Raises:
        ConfigError: `folder` holds anything.
        DatasetError: no image found.
        FormatError: a file cannot be copied or written.
        Cancelled: the hooks said stop; nothing was written.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from septum import Grid, Image, write_image
    >>> with TemporaryDirectory() as place:
    ...     write_image(Path(place, "a.png"), Image(np.zeros((1, 8, 9), np.uint8), Grid.pixels((8, 9))))
    ...     project = create_project(Path(place, "project"), Path(place, "a.png"))
    ...     [(case.id, case.status) for case in project.store.cases()]
    ...     project.close()
    [('a', 'new')]
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} must be a new or empty folder for a project; choose another name")
    found = _cases(dataset, axes)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(folder.parent) as work:
        facts = ProjectFacts(
            name or folder.resolve().name, str(dataset.resolve()), "copied" if copy else "referenced",
            found.instances, _labels(found), database,
        )  # fmt: skip
        records = _records(found, work, copy=copy, hooks=hooks or Hooks())
        write_facts(work, facts)
        work.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        work.rename(folder)
    project = open_project(folder)
    _register(project, records)
    return project


def _cases(dataset: Path, axes: str | None) -> Dataset:
    """The data set; a folder or file of images alone is one without labels."""
    if not dataset.exists():
        raise DatasetError(f"{dataset} must exist, got no such file or folder; check the path")
    if dataset.is_dir() and (dataset / FILE).is_file():
        raise ConfigError(f"{dataset} is a project already; open it with `septum serve {dataset}`")
    if (dataset.is_file() and dataset.suffix.lower() not in (".csv", ".tsv")) or io.is_image(dataset):
        return Dataset(dataset, "files", find_cases([dataset], axes=axes))
    return load_dataset(dataset, axes=axes, strict=False) if dataset.is_file() else _folder(dataset, axes)


def _folder(dataset: Path, axes: str | None) -> Dataset:
    try:
        found = load_dataset(dataset, axes=axes, strict=False)
    except DatasetError:
        found = Dataset(dataset, "files", find_cases(sorted(p for p in dataset.iterdir() if io.is_image(p)), axes=axes))
    usable = tuple(case for case in found.cases if case.images)
    if not usable:
        raise DatasetError(f"the data set {dataset} must hold at least one image, got none; add images")
    return Dataset(
        found.root,
        found.kind,
        usable,
        found.label_names,
        found.ignore_value,
        found.instances,
        found.notes,
        found.problems,
    )


def _labels(dataset: Dataset) -> tuple[Label, ...]:
    """The declared labels, each with a colour; one label where nothing is declared."""
    names = {v: n for v, n in dataset.label_names.items() if 0 < v <= LARGEST_LABEL} or {1: "object"}
    return tuple(Label(v, n, PALETTE[i % len(PALETTE)]) for i, (v, n) in enumerate(sorted(names.items())))


def _records(dataset: Dataset, work: Path, *, copy: bool, hooks: Hooks) -> list[CaseRecord]:
    records: list[CaseRecord] = []
    taken: set[str] = set()
    for position, case in enumerate(dataset.cases):
        hooks.stop_if_asked()
        identifier = _identifier(case, taken)
        kept = copied(case, work / "images" / identifier) if copy else case
        status = "new" if case.label is None else "drawn"
        records.append(
            CaseRecord(identifier, position, case.id, case_to_plain(kept, work.resolve()), case.split, status,
                       0.0, None, None, "", 0)
        )  # fmt: skip
        hooks.on_progress(case.id, (position + 1) / len(dataset.cases))
    return records


def _register(project: Project, records: list[CaseRecord]) -> None:
    project.store.add_cases(records)
    for record in records:
        if record.source["label"] is not None:
            project.store.add_version(
                Version(record.id, 1, "data set", now_text(), "as it came", "imported", "", "", 0.0)
            )


def _identifier(case: Case, taken: set[str]) -> str:
    """A name for addresses and folders, unique in the project, whatever letters the case has."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", case.id).strip("-_")[:_LONGEST_ID] or "case"
    found, number = plain, 2
    while found.lower() in taken:
        found, number = f"{plain}-{number}", number + 1
    taken.add(found.lower())
    return found
