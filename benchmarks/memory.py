"""How much memory something takes.

The insight: a process never gives its peak back, and its peak so far is that of loading the libraries; Linux forgets it
when asked to. So what is measured runs in a process of its own, and the peak is forgotten first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def watched(run: Callable[[], Any]) -> float:
    """By how many megabytes (2^20 bytes) resident memory rises at most while `run` runs; 0 where it cannot be told."""
    status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not forget.exists():
        run()
        return 0.0
    forget.write_text("5", encoding="ascii")
    before = _kilobytes(status, "VmRSS")
    kept = run()
    peak = _kilobytes(status, "VmHWM")
    del kept
    return max(peak - before, 0) / 1024


def _kilobytes(status: Path, field: str) -> int:
    (line,) = [text for text in status.read_text(encoding="ascii").splitlines() if text.startswith(field)]
    return int(line.split()[1])
