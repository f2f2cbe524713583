"""One way to keep a result: a JSON file with what is needed to judge it and to repeat it.

The insight: a number without its versions, commit and machine cannot be compared with the next one.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = (
    "septum",
    "torch",
    "numpy",
    "scipy",
    "lightning-fabric",
    "onnxruntime",
    "openvino",
    "monai",
    "surface-distance",
    "edt",
    "scikit-image",
    "scikit-learn",
    "SimpleITK",
    "opencv-python-headless",
)


def record(name: str, results: dict[str, Any], *, seed: int | None = 0) -> Path:
    """Write `results` with seed, versions, commit and hardware to `benchmarks/results/<name>.json`; return the path."""
    content = {
        "name": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "seed": seed,
        "versions": {"python": platform.python_version(), **_versions()},
        "hardware": hardware(),
        "results": results,
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)
    return path


def commit() -> str:
    """The commit, with "+changes" when tracked source differs from it; "unknown" outside a repository."""
    try:
        head = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--", "src", "benchmarks", ":!benchmarks/results")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{head}+changes" if changed else head


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=RESULTS.parent, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return {
        "cpu": _cpu_model(),
        "cores": cores,
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu_model() -> str:
    """The processor's name, with the matrix extensions that decide whether bfloat16 pays."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    first_core = lines[: lines.index("")] if "" in lines else lines
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first_core)}
    flags = fields.get("flags", "").split()
    extensions = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{fields.get('model name', platform.machine())} ({', '.join(extensions)})"


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
