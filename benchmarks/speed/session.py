"""A hundred edits on a large mask: memory of undo against full copies, and the time of a brush stroke and of an undo.

    python -m benchmarks.speed.session [--shape 300 512 512] [--edits 100]

The peer is what editors do that keep a copy of the segmentation per undo step (3D Slicer does, ten deep): the whole
mask is copied before each edit, and undo puts the copy back. It takes turns with the session in the same process, on
the same strokes, for as many steps as memory allows; its memory for all is the number of edits times the mask.
Strokes are random walks with a ball of 12 mm on voxels of 1.5 × 0.8 × 0.8 mm; one edit in ten is one of the whole mask
(margin, smooth, islands), the worst case for runs. Memory is traced in a second pass, which is not timed. Writes
`benchmarks/results/speed-session.json`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import record
from septum.interactive.edits import regions
from septum.interactive.edits.paint import paint
from septum.interactive.session import journal
from septum.interactive.session.session import Session
from septum.interactive.tool import Change

SPACING = (1.5, 0.8, 0.8)
BAR_MB, BAR_STROKE_MS = 50.0, 50.0
COPIES = 3
Edit = tuple[Callable[..., Change], dict[str, Any]]


def strokes(shape: Sequence[int], count: int, *, seed: int = 0) -> list[Edit]:
    """Random walks of five corners; every tenth edit is one of the whole mask."""
    rng = np.random.default_rng(seed)
    whole: list[Edit] = [
        (regions.margin, {"distance_mm": 1.0}),
        (regions.smooth, {"kind": "median", "size_mm": 2.0}),
        (regions.islands, {"operation": "remove-small", "minimum_size": 50.0}),
        (regions.margin, {"distance_mm": -1.0}),
    ]
    found: list[Edit] = []
    for number in range(count):
        if number % 10 == 9:
            found.append(whole[number // 10 % len(whole)])
            continue
        start = rng.uniform(0.2, 0.8, 3) * np.array(shape)
        points = np.clip(start + np.cumsum(rng.uniform(-10, 10, (5, 3)), axis=0), 0, np.array(shape) - 1)
        found.append((paint, {"points": points, "radius_mm": 12.0, "label": 1 + number % 3}))
    return found


def run(shape: Sequence[int], count: int) -> dict[str, Any]:
    """Times, memory and files of the session, and those of full copies for the first strokes."""
    times: dict[str, list[float]] = {"stroke": [], "whole-mask edit": [], "undo": [], "redo": []}
    peers: dict[str, list[float]] = {"stroke": [], "undo": []}
    with tempfile.TemporaryDirectory() as folder:
        session = Session.create(Path(folder) / "s", {"main": np.zeros(shape, np.uint8)}, spacing=SPACING, autosave=0)
        mask = np.zeros(shape, np.uint8)
        for tool, options in strokes(shape, count):
            kind = "stroke" if tool is paint else "whole-mask edit"
            times[kind].append(_timed(partial(session.run, tool, **options)))
            if tool is paint and len(peers["stroke"]) < COPIES:
                mask = _full_copy(mask, options, peers)
        for name, turn in (("undo", session.undo), ("redo", session.redo)):
            for _ in range(len(session.can_undo if name == "undo" else session.can_redo)):
                times[name].append(_timed(turn))
        size = journal.journal_path(Path(folder) / "s", 1).stat().st_size
        save = _timed(session.save)
        snapshot = journal.snapshot_path(Path(folder) / "s", 2).stat().st_size
        session.close()
        opened = _timed(lambda: Session.open(Path(folder) / "s").close())
    voxels = int(np.prod(shape))
    return {
        "shape": list(shape),
        "edits": count,
        "undo_mb": session.undo_bytes / 1e6,
        "traced_mb": traced_mb(shape, count),
        "full_copies_mb": voxels * count / 1e6,
        "ratio_memory": session.undo_bytes / (voxels * count),
        "journal_mb": size / 1e6,
        "snapshot_mb": snapshot / 1e6,
        "snapshot_s": save,
        "open_s": opened,
        "median_ms": {name: statistics.median(values) * 1e3 for name, values in times.items() if values},
        "worst_ms": {name: max(values) * 1e3 for name, values in times.items() if values},
        "full_copy_median_ms": {name: statistics.median(values) * 1e3 for name, values in peers.items() if values},
        "bars": {"undo_mb": BAR_MB, "stroke_ms": BAR_STROKE_MS},
    }


def traced_mb(shape: Sequence[int], count: int) -> float:
    """What a hundred edits leave in memory beside the mask itself, as Python's allocator counts it."""
    session = Session({"main": np.zeros(shape, np.uint8)}, spacing=SPACING)
    tracemalloc.start()
    for tool, options in strokes(shape, count):
        session.run(tool, **options)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return held / 1e6


def _full_copy(mask: np.ndarray[Any, Any], options: dict[str, Any], times: dict[str, list[float]]) -> Any:
    """The same stroke with a copy of the whole mask before it, and its undo; returns the mask after the stroke."""
    started = time.perf_counter()
    before = mask.copy()
    change = paint(None, mask, spacing=SPACING, **options)
    mask[change.box.slices] = change.labels
    times["stroke"].append(time.perf_counter() - started)
    after = mask.copy()
    times["undo"].append(_timed(lambda: np.copyto(mask, before)))
    return after


def _timed(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=[300, 512, 512])
    parser.add_argument("--edits", type=int, default=100)
    arguments = parser.parse_args()
    run((20, 64, 64), 10)  # libraries load
    results = run(arguments.shape, arguments.edits)
    met = results["undo_mb"] < BAR_MB and results["median_ms"]["stroke"] < BAR_STROKE_MS
    print(
        f"{results['edits']} edits: {results['undo_mb']:.1f} MB against {results['full_copies_mb']:.0f} MB of copies; "
        f"stroke {results['median_ms']['stroke']:.1f} ms, undo {results['median_ms']['undo']:.1f} ms "
        f"({'met' if met else 'MISSED'}); {record('speed-session', results)}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
