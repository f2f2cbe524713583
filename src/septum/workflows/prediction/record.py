"""The record beside predicted masks: model, settings, versions, digests of the images, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from septum.workflows.data.cases import Source
from septum.workflows.data.digests import digest
from septum.workflows.data.jobs import Job, JobsResult
from septum.workflows.model.folder import ModelFolder
from septum.workflows.prediction.engine import Segmenter
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.runs.files import write_json
from septum.workflows.runs.provenance import describe_run, without_folders
from septum.workflows.runs.settings import unstructure, write_settings

SETTINGS, RECORD = "septum-predict.toml", "septum-predict.json"


def record_prediction(
    output: Path,
    folder: ModelFolder,
    *,
    model: Segmenter,
    jobs: Sequence[Job],
    result: JobsResult,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """`record_masks` of a trained model."""
    weights = {f"fold {i}": digest(Source(folder.weights(i))) for i in folder.wanted_folds(model.settings.folds)}
    made = {"model": weights, "labels": model.plan.classes.to_dict()}
    record_masks(output, model.settings, made_by=made, jobs=jobs, result=result, notes=notes)


def record_masks(
    output: Path,
    settings: PredictSettings,
    *,
    made_by: Mapping[str, Any],
    jobs: Sequence[Job],
    result: JobsResult,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write `septum-predict.toml` (settings) and `septum-predict.json` (all that made the masks) beside them.

    Args:
        output: folder of the masks.
        settings: of the run.
        made_by: digests of the weights, and what else is known of what made the masks.
        jobs, result: what was to be made, and what was.
        notes: what was noted, each with the cases that it is about.
    """
    written = set(result.written)
    images = {job.output.name: [digest(source) for source in job.case.images] for job in jobs if job.output in written}
    write_settings(output / SETTINGS, settings)
    write_json(
        output / RECORD,
        describe_run(
            settings=unstructure(without_folders(settings)),
            **made_by,
            images=images,
            notes={note: list(cases) for note, cases in (notes or {}).items()},
            failures=[{"image": name, "reason": reason} for name, reason in result.failures],
        ),
    )
