"""Writing a picture that was made as an array."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from septum.errors import FormatError


def write_png(path: Path, picture: NDArray[np.uint8]) -> Path:
    """Write `(height, width, 3)` RGB as PNG, whole or not at all; returns `path`.

    Raises:
        FormatError: when the file cannot be written, or has another suffix.
    """
    if path.suffix.lower() != ".png":
        raise FormatError(f"a contact sheet is written as .png, got {path.name}")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.stem}.", suffix=".png", delete=False) as file:
            temporary = Path(file.name)
            Image.fromarray(picture).save(file, format="PNG")
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise FormatError(f"cannot write {path}: {error.strerror or error}; free some space and run again") from error
    return path
