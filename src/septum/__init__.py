"""Septum: biomedical image segmentation from a handful of annotations.

The names below, and every room (`septum.metrics`, `septum.classical`, …), are loaded when they are first used, so that
`import septum` and `septum --help` start without numpy and torch. An editor reads them from `__init__.pyi`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from septum.errors import SeptumError

__version__ = "0.1.0"

_HOMES = {
    "Grid": "septum.geometry",
    "Image": "septum.geometry",
    "LabelMap": "septum.geometry",
    "dice": "septum.library.masks",
    "evaluate": "septum.library.masks",
    "interpolate": "septum.library.masks",
    "load_model": "septum.library.model",
    "overlay": "septum.library.masks",
    "predict": "septum.library.model",
    "read_image": "septum.io",
    "read_labels": "septum.io",
    "segment": "septum.library.masks",
    "train": "septum.library.model",
    "write_image": "septum.io",
    "write_labels": "septum.io",
}
_ROOMS = (
    "classical",
    "client",
    "errors",
    "geometry",
    "instances",
    "interactive",
    "io",
    "lessons",
    "metrics",
    "net",
    "options",
    "report",
    "workflows",
)

__all__ = [*_HOMES, *_ROOMS, "SeptumError", "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return import_module(f"septum.{name}")
    raise AttributeError(f"module 'septum' has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted(__all__)
