"""What `septum edit` can be told beside the script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class EditSettings:
    """What `septum edit` can be told beside the script.

    Args:
        new: start from labels without a mark; no label file is read.
        session: start from the layers of a session's folder, as they were after its last edit; the folder is only read.
        layers: further label files by the name of their layer.
        axes: meaning of the files' axes where they do not say.
        image_output: file for the image as the last step left it (`mask-image` changes it).
        dry_run: run everything and write nothing.
        overwrite: replace files that exist; the mask that was there is kept under another name.
    """

    new: bool = False
    session: Path | None = None
    layers: Mapping[str, Path] = field(default_factory=dict)
    axes: str | None = None
    image_output: Path | None = None
    dry_run: bool = False
    overwrite: bool = False
