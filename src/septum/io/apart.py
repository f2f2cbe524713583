"""A reader process that may die: formats read by foreign C++ are opened there, with a time limit, and it is kept warm.

A segmentation fault or an endless loop in a library then costs one file and not the command. One process per process of
ours (workers have their own), started when first needed and ended with it.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError

SECONDS = 20.0
"""Time for a file, and for each further 100 MB of it as much again."""

_lock = threading.Lock()
_children: dict[int, subprocess.Popen[bytes]] = {}


def header(path: Path, image_io: str) -> dict[str, Any]:
    """What ITK reads in the header: size, components, spacing, direction, origin, meta.

    Raises:
        FormatError: when the reader stops or takes too long.
        RuntimeError: ITK's own complaint.
    """
    return _ask(path, {"path": str(path.resolve()), "io": image_io})[0]


def samples(path: Path, image_io: str, *, frame: tuple[int, int] | None) -> NDArray[Any]:
    """All samples, or of the axis `frame[0]` only the place `frame[1]` (that axis is kept). Errors as `header`."""
    answer, data = _ask(path, {"path": str(path.resolve()), "io": image_io, "samples": frame})
    return np.frombuffer(data, dtype=answer["dtype"]).reshape(answer["shape"])


def _ask(path: Path, request: dict[str, Any]) -> tuple[dict[str, Any], bytearray]:
    limit = SECONDS * (1 + path.stat().st_size / 1e8)
    with _lock:
        child = _child()
        try:
            answer, data = _exchange(child, request, until=time.monotonic() + limit)
        except TimeoutError:
            _end(child)
            raise FormatError(f"{path} must be readable within {limit:.0f} s, it is not; it is damaged") from None
        except (EOFError, OSError, ValueError):
            _end(child)
            raise FormatError(
                f"{path} must be complete, but its reader stopped ({child.returncode}); its header is damaged: "
                "copy it again from its source"
            ) from None
        except BaseException:
            _end(child)  # stopped half way: the rest of the answer must not meet the next question
            raise
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer, data


def _child() -> subprocess.Popen[bytes]:
    """The warm reader of this process; a fork must not talk to its parent's."""
    child = _children.get(os.getpid())
    if child is None or child.poll() is not None:
        program = str(Path(__file__).with_name("itk_process.py"))
        child = subprocess.Popen(
            [sys.executable, "-I", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if not _children:
            atexit.register(_close)
        _children[os.getpid()] = child
    return child


def _exchange(
    child: subprocess.Popen[bytes], request: dict[str, Any], *, until: float
) -> tuple[dict[str, Any], bytearray]:
    stdin, stdout = child.stdin, child.stdout
    if stdin is None or stdout is None:
        raise EOFError
    stdin.write(json.dumps(request).encode() + b"\n")
    stdin.flush()
    got = bytearray()
    while b"\n" not in got:
        got += _part(stdout.fileno(), until)
    line, _, rest = bytes(got).partition(b"\n")
    answer = json.loads(line)
    need = int(answer.get("bytes", 0))
    data = bytearray(need)
    data[: len(rest)] = rest
    filled = len(rest)
    while filled < need:
        part = _part(stdout.fileno(), until)
        data[filled : filled + len(part)] = part
        filled += len(part)
    return answer, data


def _part(handle: int, until: float) -> bytes:
    ready, _, _ = select.select([handle], [], [], max(0.0, until - time.monotonic()))
    if not ready:
        raise TimeoutError
    part = os.read(handle, 2**20)
    if not part:
        raise EOFError
    return part


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue
    child.wait()


def _close() -> None:
    child = _children.pop(os.getpid(), None)
    if child is not None:
        _end(child)
