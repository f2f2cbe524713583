"""What a resumed run may change, and what holds: the data, their division and the options that made the plan.

The insight: a division that is drawn anew after cases were added holds cases out that had trained, and calls it a
measurement. So a run writes down at its start what it was given (`MODEL/data.json`: digests and division), and whoever
resumes it is refused by name where that is no longer so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from septum.errors import ConfigError, DatasetError
from septum.io.documents import read_json
from septum.workflows.data.cases import Case
from septum.workflows.data.digests import digest_cases
from septum.workflows.data.folds import Fold
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import Plan
from septum.workflows.model.settings import TrainSettings
from septum.workflows.runs.files import recorded, write_json
from septum.workflows.runs.settings import load_settings, structure, unstructure
from septum.workflows.runs.words import counted, some

MAY_CHANGE = {
    "devices", "nodes", "precision", "baselines", "patience", "until_dice", "folds", "minutes", "steps", "plan",
}  # fmt: skip
"""Options that say how a run goes on, not what it makes; minutes and steps are compared with the plan."""


def record_data(
    path: Path, cases: Sequence[Case], *, folds: Sequence[Fold], left_out: Sequence[tuple[str, str]] = ()
) -> None:
    """Write what a run trains on: the digests of its cases, how they are divided, and (name, reason) of those that
    could not be read."""
    content = {"cases": digest_cases(cases), "folds": [unstructure(fold) for fold in folds], "left_out": dict(left_out)}
    write_json(path, content)


def record_unlabelled(path: Path, cases: Sequence[Case]) -> None:
    """Add to the record of a run the digests of the images that it learns from without labels.

    Raises:
        DatasetError: a run that is resumed finds other ones than it began with.
    """
    content, now = recorded(path), digest_cases(cases)
    before = content.get("unlabelled", now)
    if changes := _changes(before, now):
        raise DatasetError(
            f"a resumed run must find the images without labels that it began with, got {'; '.join(changes)}; "
            "put them back, or train a new model"
        )
    write_json(path, {**content, "unlabelled": now})


def left_out(path: Path) -> dict[str, str]:
    """The cases that a run began without, with the reasons; empty where none is recorded."""
    try:
        return {str(name): str(reason) for name, reason in recorded(path).get("left_out", {}).items()}
    except AttributeError:
        return {}


def recorded_division(path: Path, cases: Sequence[Case]) -> tuple[Fold, ...] | None:
    """The division of the run that is resumed; None where an earlier version of Septum wrote none.

    Raises:
        DatasetError: cases came, went, or have other images or labels than at the start.
        ConfigError: a damaged record.
    """
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        before, folds = dict(content["cases"]), list(content["folds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} must hold cases and folds, got {error}; train again") from error
    now = digest_cases(cases)
    changes = _changes(before, now)
    if changes:
        raise DatasetError(
            f"a resumed run must find the data it began with, got {'; '.join(changes)}; "
            "put them back, or train a new model on the data as they are now"
        )
    return tuple(structure(fold, Fold, what=str(path)) for fold in folds)


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    kinds = {
        "new cases": sorted(set(now) - set(before)),
        "missing cases": sorted(set(before) - set(now)),
        "other images": sorted(c for c in set(now) & set(before) if now[c]["images"] != before[c]["images"]),
        "other labels": sorted(c for c in set(now) & set(before) if now[c]["label"] != before[c]["label"]),
    }
    return [f"{what}: {some(cases)}" for what, cases in kinds.items() if cases]


def refuse_other_options(asked: TrainSettings, recorded: TrainSettings, *, plan: Plan) -> str:
    """Raise `ConfigError` for an option that a resumed run cannot follow; else what holds, in words.

    An option at its default is taken for not given.
    """
    usual = TrainSettings()
    for name in ("minutes", "steps"):
        value, own = getattr(asked, name), getattr(plan.budget, name)
        if value is not None and value != own:
            raise ConfigError(
                f"a resumed run keeps its budget of {_budget(plan)}, got {name} {value:g}; leave it out, or train a "
                "new model"
            )
    for field in fields(TrainSettings):
        value, own = getattr(asked, field.name), getattr(recorded, field.name)
        if field.name not in MAY_CHANGE and value not in (getattr(usual, field.name), own):
            raise ConfigError(
                f"a resumed run keeps {field.name} {own}, got {value}; leave it out, or train a new model"
            )
    own_division = ("none", "thirds")  # the others choose among the same folds
    if asked.folds not in (usual.folds, recorded.folds) and {asked.folds, recorded.folds} & set(own_division):
        raise ConfigError(f"a resumed run keeps folds {recorded.folds}, got {asked.folds}; train a new model")
    return f"resumed as it began: {plan.origin}, {_budget(plan)}, seed {plan.seed}, the same division of the same cases"


def _budget(plan: Plan) -> str:
    steps, minutes = plan.budget.steps, plan.budget.minutes
    return counted(steps, "step") if steps else counted(float(minutes or 0), "minute")


@dataclass(frozen=True)
class Continued:
    """What a resumed run goes on with: its own settings, its division (None: not recorded), and a sentence."""

    settings: TrainSettings
    folds: tuple[Fold, ...] | None
    note: str


def continue_run(folder: ModelFolder, asked: TrainSettings, *, plan: Plan, cases: Sequence[Case]) -> Continued:
    """The settings and the division that a run in `folder` began with, where what is asked for now agrees with them.

    Raises:
        ConfigError, DatasetError: as `refuse_other_options` and `recorded_division`.
    """
    recorded = load_settings(TrainSettings, folder.path / "settings.toml", overrides={})
    note = refuse_other_options(asked, recorded, plan=plan)
    kept = {name: getattr(recorded, name) for name in ("folds",) if asked.folds == TrainSettings().folds}
    now = {name: getattr(asked, name) for name in ("devices", "nodes", "baselines", "patience", "until_dice", "folds")}
    settings = replace(recorded, **{**now, **kept})
    return Continued(settings, recorded_division(folder.data, cases), note)
