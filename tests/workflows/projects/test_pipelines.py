"""Pipelines that a project keeps: by name, never replaced, read by the command line."""

from __future__ import annotations

import pytest

from septum.errors import ConfigError
from septum.workflows.pipelines.pipeline import Pipeline, make_step, read_pipeline
from septum.workflows.projects.pipelines import find_pipeline, keep_pipeline, kept_pipelines, segment_others
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError
from septum.workflows.runs.hooks import Hooks

OTSU = Pipeline((make_step("otsu", {}),), ())


def test_a_pipeline_is_kept_by_name_and_never_replaced(project: Project) -> None:
    kept = keep_pipeline(project, "Bright", pipeline=OTSU)
    assert keep_pipeline(project, "Bright", pipeline=OTSU) == kept
    assert read_pipeline(project.folder / "pipelines" / "Bright.toml").to_toml() == kept.toml
    with pytest.raises(ConfigError, match="another"):
        keep_pipeline(project, "bright", pipeline=Pipeline((make_step("li", {}),), ()))
    (project.folder / "pipelines" / "broken.toml").write_text("no pipeline")
    assert [one.name for one in kept_pipelines(project)] == ["Bright"]


@pytest.mark.parametrize("name", ["", "../x", "a b", ".x", "x" * 41])
def test_the_name_of_a_pipeline_is_a_name(project: Project, name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        keep_pipeline(project, name, pipeline=OTSU)
    with pytest.raises(MissingError):
        find_pipeline(project, name)


def test_a_pipeline_finds_masks_for_the_cases_that_wait_and_leaves_drawings_alone(project: Project) -> None:
    keep_pipeline(project, "bright", pipeline=OTSU)
    told: list[str] = []
    found = segment_others(project, "bright", hooks=Hooks(), on_case=told.append)
    assert found == {"model": "pipeline-bright", "predicted": 2, "failures": []}
    assert set(told) == {"b", "c-d_e"}
    assert [one.status for one in project.store.cases()] == ["drawn", "predicted", "predicted"]
