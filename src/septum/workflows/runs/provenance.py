"""Where a result comes from: versions, seed, data, machine and times, enough to make it again.

Only names that the user chose (case ids) and digests of the files are recorded: no folders, no headers, no patient
identifiers.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from typing import Any

import septum

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
