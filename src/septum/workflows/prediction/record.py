"""The record beside predicted masks: model, settings, versions, digests of the images, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from septum.workflows.data.cases import Source
from septum.workflows.data.digests import digest
from septum.workflows.data.jobs import Job, JobsResult
from septum.workflows.model.folder import ModelFolder
from septum.workflows.prediction.engine import Segmenter
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
    """Write `septum-predict.toml` (settings) and `septum-predict.json` (all that made the masks) beside them."""
    written = set(result.written)
    images = {job.output.name: [digest(source) for source in job.case.images] for job in jobs if job.output in written}
    weights = {f"fold {i}": digest(Source(folder.weights(i))) for i in folder.wanted_folds(model.settings.folds)}
    write_settings(output / SETTINGS, model.settings)
    write_json(
        output / RECORD,
        describe_run(
            settings=unstructure(without_folders(model.settings)),
            model=weights,
            labels=model.plan.classes.to_dict(),
            images=images,
            notes={note: list(cases) for note, cases in (notes or {}).items()},
            failures=[{"image": name, "reason": reason} for name, reason in result.failures],
        ),
    )
