"""Files appear whole or not at all: written aside, then renamed; a folder of results likewise."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from septum.errors import ConfigError
from septum.io.documents import read_json
from septum.io.safe import replacing, scratch_folder


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        FormatError: when the disk is full or the folder cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_text(Path(folder, "a.txt"), "one line")
    ...     Path(folder, "a.txt").read_text()
    'one line'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write JSON whole or not at all; errors as `write_text`.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_json(Path(folder, "a.json"), {"dice": 0.9})
    ...     recorded(Path(folder, "a.json"))
    {'dice': 0.9}
    """
    write_text(path, json.dumps(content, indent=2, default=str) + "\n")


def recorded(path: Path) -> dict[str, Any]:
    """What a JSON file holds that Septum wrote; nothing where it is missing or damaged.

    >>> recorded(Path("no such file.json"))
    {}
    """
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def refuse_file(output: Path) -> None:
    """Refuse a file where a folder of results is wanted, before any work is done; raises `ConfigError`.

    >>> refuse_file(Path("a folder that is still to be made"))  # says nothing
    """
    if output.exists() and not output.is_dir():
        raise ConfigError(f"the output must be a folder, got the file {output}; choose another name")


def publish(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write all files into a temporary folder, then put them in place: a half-written report never appears.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     publish(Path(folder, "report"), {"index.html": "<html>", "figures/a.png": b"..."})
    ...     sorted(path.name for path in Path(folder, "report").iterdir())
    ['figures', 'index.html']
    """
    target = folder.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(target.parent) as work:
        for name, content in files.items():
            (work / name).parent.mkdir(exist_ok=True)
            if isinstance(content, bytes):
                (work / name).write_bytes(content)
            else:
                (work / name).write_text(content, encoding="utf-8", newline="\n")
        if target.exists():
            for name in files:
                (target / name).parent.mkdir(exist_ok=True)
                (work / name).replace(target / name)
        else:
            work.chmod(0o777 & ~_umask())
            work.rename(target)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
