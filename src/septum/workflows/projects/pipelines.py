"""Pipelines of classical methods that a project keeps: tried on one image, kept by a name, run on all cases that wait.

The insight: what a pipeline finds is one more prediction. Its masks stand in the queue beside those of networks, to be
accepted or mended, and nothing that a person drew is touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from septum.errors import ConfigError
from septum.workflows.pipelines.pipeline import Pipeline, read_pipeline
from septum.workflows.pipelines.segment import SegmentSettings, segment
from septum.workflows.projects.masks import offer, table_of, telling_each, waiting_cases
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError
from septum.workflows.runs.files import write_text
from septum.workflows.runs.hooks import Hooks

PREFIX = "pipeline-"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


@dataclass(frozen=True)
class KeptPipeline:
    """A pipeline of the project: its name, what it does in one line, and the file's text."""

    name: str
    describes: str
    toml: str


def kept_pipelines(project: Project) -> list[KeptPipeline]:
    """The pipelines of the project by name; a file that is none is left out."""
    found = []
    folder = _folder(project)
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        try:
            pipeline = read_pipeline(path)
        except ConfigError:
            continue
        found.append(KeptPipeline(path.stem, pipeline.describe(), pipeline.to_toml()))
    return found


def keep_pipeline(project: Project, name: str, *, pipeline: Pipeline) -> KeptPipeline:
    """Keep a pipeline as `pipelines/NAME.toml`, which `septum segment --pipeline` reads as well.

    Raises:
        ConfigError: a name that is none, or one that another pipeline has.
        FormatError: the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"name must be 1 to 40 letters, digits, hyphens and underscores, got {name[:60]!r}")
    known = {one.name.lower(): one for one in kept_pipelines(project)}
    other = known.get(name.lower())
    if other is not None and other.toml != pipeline.to_toml():
        raise ConfigError(f"name must be new, got {name!r}, which holds {other.describes}; choose another one")
    _folder(project).mkdir(exist_ok=True)
    write_text(_folder(project) / f"{name}.toml", pipeline.to_toml())
    return KeptPipeline(name, pipeline.describe(), pipeline.to_toml())


def find_pipeline(project: Project, name: str) -> Pipeline:
    """A kept pipeline by its name; `MissingError` when there is none."""
    path = next((p for p in _folder(project).glob("*.toml") if p.stem == name), None)
    if path is None:
        raise MissingError(f"pipeline must be one that the project keeps, got {name[:60]!r}; keep it first")
    return read_pipeline(path)


def segment_others(project: Project, name: str, *, hooks: Hooks, on_case: Callable[[str], None]) -> dict[str, Any]:
    """Masks of a pipeline for every case that nobody annotated; each case is told as soon as its mask is there."""
    pipeline = find_pipeline(project, name)
    waiting = waiting_cases(project)
    model = PREFIX + name
    if not waiting:
        return {"model": model, "predicted": 0, "failures": []}
    table = table_of(project, model, waiting=waiting)
    result = segment(
        [table], project.predictions / model, pipeline=replace(pipeline, about=name),
        settings=SegmentSettings(overwrite=True),
        hooks=telling_each(project, model, waiting=waiting, hooks=hooks, on_case=on_case),
    )  # fmt: skip
    predicted = offer(project, model, waiting=waiting, written=result.written, estimates={}, on_case=on_case)
    return {"model": model, "predicted": predicted, "failures": [list(pair) for pair in result.failures]}


def _folder(project: Project) -> Path:
    return project.folder / "pipelines"
