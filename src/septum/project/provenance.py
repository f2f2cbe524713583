"""Where a result comes from: versions, seed, data, machine and times, enough to make it again.

Only names that the user chose (case ids) and digests of the files are recorded: no folders, no headers, no patient
identifiers.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import septum
from septum.io.safe import replacing
from septum.project.cases import Case, Source

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
    """Versions and machine of this run, and whatever else is to be kept (seed, timings).

    Threads and accelerator are those of torch, and None where the run did not need it.
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
        **more,
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def digest_cases(cases: Sequence[Case]) -> dict[str, dict[str, Any]]:
    """SHA-256 of every case's image and label files, by case id."""
    return {
        case.id: {
            "images": [digest(source) for source in case.images],
            "label": None if case.label is None else digest(case.label),
        }
        for case in cases
    }


def digest(source: Source) -> str:
    """SHA-256 of a source's file, or of all files of its folder in order of their names."""
    total = hashlib.sha256()
    files = sorted(p for p in source.path.rglob("*") if p.is_file()) if source.path.is_dir() else [source.path]
    for path in files:
        if path.is_file():
            with path.open("rb") as file:
                for block in iter(lambda: file.read(1 << 20), b""):
                    total.update(block)
    return total.hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        FormatError: when the disk is full or the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write JSON whole or not at all; errors as `write_text`."""
    write_text(path, json.dumps(content, indent=2, default=str) + "\n")
