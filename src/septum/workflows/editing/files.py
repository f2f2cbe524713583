"""Where an edited mask goes, and how the one that was there before is kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from septum import io
from septum.errors import ConfigError
from septum.io.naming import suffix
from septum.io.safe import replacing
from septum.workflows.editing.settings import EditSettings


def output_path(output: Path, like: Path) -> Path:
    """Where the mask goes: `output`, where it has a known suffix; else a folder, and a file named as `like` in it."""
    if suffix(output) and not output.is_dir():
        return output
    return output / f"{io.stem(like)}{io.label_suffix(like)}"


def refuse_existing(files: Sequence[Path | None], settings: EditSettings, *, sources: Sequence[Path]) -> None:
    """Raise `ConfigError` for a file that exists and may not be replaced, or that would replace the image."""
    for path in files:
        if path is None or settings.dry_run:
            continue
        if any(path.resolve() == source.resolve() for source in sources):
            raise ConfigError(f"{path.name} would replace the image; choose another output")
        if path.exists() and not settings.overwrite:
            raise ConfigError(f"{path} exists already; choose another output, or use --overwrite (the old one is kept)")


def keep_old(path: Path) -> Path | None:
    """A copy of a mask that is about to be replaced, as `NAME.kept-1.nii.gz`, `.kept-2` …; None where there is none.

    The name is linked or copied, so at no moment is there no mask under the old name.
    """
    if not path.exists():
        return None
    number = 1
    while (kept := _beside(path, f".kept-{number}{suffix(path)}")).exists():
        number += 1
    try:
        os.link(path, kept)
    except OSError:
        with replacing(kept) as temporary:
            shutil.copy2(path, temporary)
    return kept


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{io.stem(path)}{ending}")
