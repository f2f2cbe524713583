"""Digests of the files behind cases: what was used can be recognised later, and no folder or header is recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from septum.workflows.data.cases import Case, Source


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
