"""Septum: biomedical image segmentation from a handful of annotations.

The names below are loaded when they are first used, so that `septum --help` starts without numpy and torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from septum.errors import SeptumError

if TYPE_CHECKING:
    from septum.geometry import Grid, Image, LabelMap

__version__ = "0.1.0"

__all__ = ["Grid", "Image", "LabelMap", "SeptumError", "__version__"]

_HOMES = {"Grid": "septum.geometry", "Image": "septum.geometry", "LabelMap": "septum.geometry"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'septum' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
