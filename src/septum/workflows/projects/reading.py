"""The reader study of a project: made of a model's masks, kept in `reports/review`, reported beside it.

The insight: it is a study of `septum review` in every respect, so what was begun in the page can be finished with the
command line, and the other way round.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from septum.errors import ConfigError
from septum.workflows.projects.learning import measurable
from septum.workflows.projects.masks import prediction_file, table_of
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError
from septum.workflows.review.report import report_study
from septum.workflows.review.sample import StudySettings
from septum.workflows.review.study import Study, create_study, read_key, readers

FOLDER, REPORT = "review", "review-report"


def make_study(project: Project, model: str, *, cases: int) -> Path:
    """A blinded study of at most `cases` masks of a model, drawn at random; its folder.

    Raises:
        MissingError: the model has no masks.
        ConfigError: there is a study already; ratings are never replaced.
    """
    if model not in measurable(project):
        raise MissingError(f"model must be one that made masks, got {model[:80]!r}; predict first")
    folder = project.reports / FOLDER
    if folder.exists():
        raise ConfigError("the project must hold no study yet, got one; report it, and move reports/review away")
    masked = [one for one in project.store.cases() if prediction_file(project, one.id, model=model) is not None]
    table = table_of(project, f"{model}-review", waiting=masked)
    folder.parent.mkdir(parents=True, exist_ok=True)
    settings = StudySettings(n=cases, seed=secrets.randbelow(2**31))
    create_study(table, {model: project.predictions / model}, output=folder, settings=settings)
    return folder


def report_reading(project: Project, study: Study) -> Path:
    """Write the report, with Dice where the model was measured; its page.

    Raises:
        ConfigError: somebody who began has not finished: the report would tell them what they are to judge.
    """
    late = [one for one in readers(study) if one.rated < one.total]
    if late:
        left = sum(one.total - one.rated for one in late)
        raise ConfigError(
            f"every reader who began must have rated all items, got {left} that are left; rate them first"
        )
    sources = {source for _, source in read_key(study).values()} & set(measurable(project))
    measured = {one: project.reports / one / "cases.csv" for one in sources}
    dice = {one: path for one, path in measured.items() if path.is_file()}
    return report_study(study, project.reports / REPORT, dice=dice or None, overwrite=True)[0]
