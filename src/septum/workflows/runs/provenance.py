"""Where a result comes from: versions, seed, data, machine and times, enough to make it again.

Only names that the user chose (case ids) and digests of the files are recorded: no folders, no headers, no patient
identifiers.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import septum
from septum.workflows.runs.words import NOTICE

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")

LIBRARIES = (
    "numpy",
    "scipy",
    "torch",
    "lightning-fabric",
    "nibabel",
    "SimpleITK",
    "pydicom",
    "tifffile",
    "scikit-image",
    "scikit-learn",
)


def describe_run(**more: Any) -> dict[str, Any]:
    """Versions and machine of this run, what it is not, and whatever else is to be kept (seed, timings).

    Threads and accelerator are those of torch, and None where the run did not need it.

    >>> run = describe_run(seed=3)
    >>> run["septum"] == septum.__version__, run["seed"]
    (True, 3)
    """
    torch = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_available()
    return {
        "septum": septum.__version__,
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "threads": None if torch is None else torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name(0) if torch is not None and cuda else None,
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "notice": NOTICE,
        **more,
    }


def without_folders(settings: Settings) -> Settings:
    """The settings with the names alone of their files and folders: a record does not say where these lie.

    Args:
        settings: a dataclass.

    >>> from septum.workflows.evaluation.settings import EvaluateSettings
    >>> without_folders(EvaluateSettings(table=Path("study/cases.csv"))).table.as_posix()
    'cases.csv'
    """
    kept = {one.name: getattr(settings, one.name) for one in dataclasses.fields(settings)}
    return dataclasses.replace(settings, **{name: _named(value) for name, value in kept.items()})


def _named(value: Any) -> Any:
    if isinstance(value, Path):
        return Path(folder_name(value))
    return {key: _named(one) for key, one in value.items()} if isinstance(value, Mapping) else value


def folder_name(path: Path) -> str:
    """The last part of a path, also of "." and "..".

    >>> folder_name(Path("/home/somebody/set/labels"))
    'labels'
    """
    return path.name if path.name not in ("", "..") else path.resolve().name


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
