"""A project on the disk: a folder that stays readable without Septum, and the database beside it.

The insight: what a person made must never depend on this program. So annotations, predictions and models are files in
the field's own formats under plain names, the label table is TOML, and the database holds only what files cannot say:
who, when, which version, which job.

    PROJECT/
      septum-project.toml     name, data set, label table
      project.sqlite          cases, versions, leases, jobs
      images/                 copies of the images, where they were asked for
      annotations/CASE/       v0001.nii.gz, v0002.nii.gz …, each with NAME.slices.json where slices are known
      sessions/CASE/          undo history and journal of the case under edit
      models/ predictions/ reports/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from septum.errors import ConfigError
from septum.io.documents import read_toml
from septum.options import one_of
from septum.workflows.data.cases import Case
from septum.workflows.projects.sources import case_from_plain
from septum.workflows.projects.store import ProjectStore, open_project_store
from septum.workflows.runs.files import write_text
from septum.workflows.runs.settings import structure

FILE = "septum-project.toml"
DATABASE = "project.sqlite"
PROJECT_FORMAT = 1
PALETTE = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")
"""Colours that people with any colour vision tell apart (Okabe and Ito 2008), the first for label 1."""

LARGEST_LABEL = 2**32 - 1
MOST_LABELS = 4096


@dataclass(frozen=True)
class Label:
    """One row of the label table."""

    value: int
    name: str
    color: str

    def __post_init__(self) -> None:
        if not 1 <= self.value <= LARGEST_LABEL:
            raise ConfigError(f"the value of a label must be from 1 to {LARGEST_LABEL}, got {self.value}")
        if not self.name.strip() or len(self.name) > 80 or not self.name.isprintable():
            raise ConfigError(f"the name of label {self.value} must have 1 to 80 characters, got {self.name[:90]!r}")
        code = self.color.removeprefix("#")
        if len(self.color) != 7 or len(code) != 6 or any(c not in "0123456789abcdefABCDEF" for c in code):
            raise ConfigError(f"the colour of label {self.value} must be like #e69f00, got {self.color[:20]!r}")


@dataclass(frozen=True)
class ProjectFacts:
    """What `septum-project.toml` says."""

    name: str
    dataset: str
    images: str = "referenced"
    instances: bool = False
    labels: tuple[Label, ...] = ()
    database: str = ""
    format: int = PROJECT_FORMAT

    def __post_init__(self) -> None:
        one_of(self.images, ("referenced", "copied"), name="images")
        values = [label.value for label in self.labels]
        if len(set(values)) != len(values) or len(values) > MOST_LABELS:
            raise ConfigError(f"the label table must hold at most {MOST_LABELS} different values, got {len(values)}")


class Project:
    """An open project: its folder, its facts, its store. `close` gives the database back."""

    def __init__(self, folder: Path, facts: ProjectFacts, *, store: ProjectStore) -> None:
        self.folder, self.facts, self.store = folder, facts, store

    @property
    def annotations(self) -> Path:
        """Folder of the saved annotations."""
        return self.folder / "annotations"

    @property
    def models(self) -> Path:
        """Folder of the trained models."""
        return self.folder / "models"

    @property
    def predictions(self) -> Path:
        """Folder with the masks of each model."""
        return self.folder / "predictions"

    @property
    def reports(self) -> Path:
        """Folder of measurements and reader studies."""
        return self.folder / "reports"

    def session(self, case_id: str) -> Path:
        """Folder of the editing session of a case."""
        return self.folder / "sessions" / self.store.case(case_id).id

    def case(self, case_id: str) -> Case:
        """The data set's case, its paths resolved; `DatasetError` when the project has none of this id."""
        return case_from_plain(self.store.case(case_id).source, self.folder)

    def set_labels(self, labels: Sequence[Label]) -> None:
        """Replace the label table.

        Raises:
            ConfigError: values that occur twice, or too many.
            FormatError: the file cannot be written.
        """
        changed = replace(self.facts, labels=tuple(labels))
        write_facts(self.folder, changed)
        self.facts = changed

    def close(self) -> None:
        """Give the database back."""
        self.store.close()


def open_project(folder: Path) -> Project:
    """The project in a folder.

    Raises:
        ConfigError: there is none, or a newer Septum wrote it.
        FormatError: its database cannot be opened.
    """
    facts = read_facts(folder)
    url = facts.database or f"sqlite:///{(folder / DATABASE).resolve()}"
    return Project(folder.resolve(), facts, store=open_project_store(url))


def is_project(folder: Path) -> bool:
    """Whether a folder is that of a project."""
    return (folder / FILE).is_file()


def read_facts(folder: Path) -> ProjectFacts:
    """What the project's file says; errors as `open_project`."""
    path = folder / FILE
    try:
        content: Mapping[str, Any] = read_toml(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} must be a project with {FILE}, got none that can be read: {error}") from error
    if content.get("format", PROJECT_FORMAT) != PROJECT_FORMAT:
        raise ConfigError(f"{path}: format must be {PROJECT_FORMAT}, got {content['format']!r}; update Septum")
    return structure(content, ProjectFacts, what=str(path))


def write_facts(folder: Path, facts: ProjectFacts) -> None:
    """Write the project's file whole or not at all."""
    plain = asdict(facts)
    plain["labels"] = [dict(label) for label in plain["labels"]]
    write_text(folder / FILE, tomli_w.dumps({key: value for key, value in plain.items() if value != ""}))
