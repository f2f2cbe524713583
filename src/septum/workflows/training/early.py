"""What can be known to be wrong before anything heavy is loaded: the model's folder, and the data set by its files.

The insight: PyTorch takes seconds to load and a machine seconds to be timed, a minute where it is busy; a wrong path
should not wait for either.
"""

from __future__ import annotations

from pathlib import Path

from septum.errors import ConfigError, DatasetError
from septum.workflows.data.cases import Dataset
from septum.workflows.data.jobs import find_cases
from septum.workflows.data.load import load_dataset

PLAN = "plan.json"


def look_first(
    dataset: Path,
    output: Path,
    *,
    axes: str | None,
    plan: Path | None,
    unlabelled: Path | None = None,
    resume: bool,
    overwrite: bool,
) -> Dataset:
    """The data set, by its files; nothing is decoded and nothing is written.

    Raises:
        ConfigError: the model's folder cannot be written to, or the plan is not there.
        DatasetError: no data set, or none of its images has labels to train on; no image where `unlabelled` is.
    """
    refuse_output(output, resume=resume, overwrite=overwrite)
    if plan is not None and not plan.is_file():
        raise ConfigError(f"the plan must be a file, got {plan}, which is not there; check the path")
    data = load_dataset(dataset, axes=axes)
    if not any(case.split != "test" for case in data.labelled):
        raise DatasetError(
            f"the data set {dataset} must hold images with labels to train on, got {len(data.cases)} images and none; "
            "put labels with the names of the images into the folder labels"
        )
    if unlabelled is not None:
        find_cases([unlabelled], axes=axes)
    return data


def refuse_output(output: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise `ConfigError` when `output` holds something and neither `resume` nor `overwrite` is given, or nothing to
    resume."""
    if output.exists() and not output.is_dir():
        raise ConfigError(f"the model must be a folder, got the file {output}; choose another name")
    planned = (output / PLAN).is_file()
    if resume:
        if not planned:
            raise ConfigError(f"{output} holds no run to resume; leave --resume out")
    elif output.is_dir() and any(output.iterdir()):
        if not overwrite:
            raise ConfigError(f"{output} is not empty; choose another folder, --resume the run in it, or --overwrite")
        if not planned:
            raise ConfigError(f"{output} holds other files than a model; choose another folder")
