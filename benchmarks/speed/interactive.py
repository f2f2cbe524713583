"""Latency of the interactive tools, against the same task in scikit-image or SimpleITK in the same run.

    python -m benchmarks.speed.interactive

The insight: what a person waits for is one update, so kernels are compiled before the clock starts (once per machine;
`first_call_s` says what that costs) and the median of repetitions is reported, ours and the peer's by turns. Memory is
the rise of the peak beyond the input, in a process of its own for each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import route_through_array
from skimage.segmentation import flood, random_walker

from benchmarks.memory import watched
from benchmarks.record import record
from septum.interactive.marks.brush import adaptive_brush
from septum.interactive.marks.growcut import GrowCut
from septum.interactive.marks.livewire import LiveWire
from septum.interactive.marks.walker import random_walker as our_walker
from septum.interactive.marks.wand import magic_wand
from septum.interactive.slices.interpolate import interpolate
from septum.interactive.tool import UNMARKED

ROOT = Path(__file__).resolve().parents[2]
SEED = 0
SMALL = 48  # voxels on a side of the input with which kernels and libraries are loaded
BARS = {
    "grow-cut, 256³, 3 labels": 5.0,
    "grow-cut, one more stroke": 0.5,
    "live-wire, 1024², one path": 0.05,
    "adaptive brush, one stroke": 0.05,
    "random walker, 128³": 5.0,
    "random walker, 128³, fast peer": 5.0,
}

Volume = NDArray[Any]


@dataclass(frozen=True)
class Task:
    """What is timed: `ours`, after `before` (not timed) where there is one, and the peer that does the same."""

    ours: Callable[[], Any]
    times: int
    peer_name: str | None = None
    peer: Callable[[], Any] | None = None
    before: Callable[[], Any] | None = None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="*", choices=list(TASKS), help="only these, and nothing is recorded")
    parser.add_argument("--alone", nargs=2, metavar=("TASK", "WHO"), help="ours or peer, once, for its memory")
    chosen = parser.parse_args()
    if chosen.alone:
        print(json.dumps(rise(*chosen.alone)))
        return 0
    results: dict[str, Any] = {}
    for name in chosen.tasks or TASKS:
        bar, row = BARS.get(name), measured(name)
        results[name] = {**row, "bar_s": bar, "met": None if bar is None else row["seconds"] < bar}
        peer = f"  {row['peer']} {row['peer_seconds']:.4f} s, {row['peer_memory_mb']:.0f} MB" if "peer" in row else ""
        print(f"{name}: {row['seconds']:.4f} s (bar {bar}), {row['memory_mb']:.0f} MB{peer}", flush=True)
    if not chosen.tasks:
        print(record("speed-interactive", results, seed=SEED))
    return 0


def measured(name: str) -> dict[str, Any]:
    """Seconds and memory of a task, and of its peer."""
    task = TASKS[name]()
    row = {**timed(task), "memory_mb": alone(name, "ours")}
    if task.peer is not None:
        row |= {"peer": task.peer_name, "peer_memory_mb": alone(name, "peer")}
    return row


def alone(name: str, who: str) -> float:
    """By how many megabytes the peak rises while a task runs once, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speed.interactive", "--alone", name, who]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def rise(name: str, who: str) -> float:
    """The same in this process. Kernels and libraries are loaded first, by the same task on a corner of its input."""
    small, task = TASKS[name](side=SMALL), TASKS[name]()
    for one in (small, task):
        if one.before is not None:
            one.before()
        run = one.ours if who == "ours" or one.peer is None else one.peer
        if one is small:
            run()
    return watched(run)


def blobs(shape: tuple[int, ...], scale: float) -> Volume:
    """Smooth noise with two kinds of regions, and a little noise on top, about 0 to 255."""
    rng = np.random.default_rng(SEED)
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), scale)
    image = 100 + 60 * np.sign(smooth) * (np.abs(smooth) > 0.2 * smooth.std()) + rng.normal(0, 8, shape)
    return image.clip(0, 255).astype(np.float32)


def timed(task: Task) -> dict[str, Any]:
    """First call, and median seconds of both by turns; a peer that takes over ten seconds runs once."""
    first = _seconds(task.ours)
    own, other, restored = [], [], []
    for _ in range(task.times):
        if task.before is not None:
            restored.append(_seconds(task.before))
        own.append(_seconds(task.ours))
        if task.peer is not None and (not other or max(other) < 10):
            other.append(_seconds(task.peer))
    row = {"seconds": float(np.median(own)), "first_call_s": first}
    if restored:
        row["taken_back_s"] = float(np.median(restored))
    if other:
        row |= {"peer_seconds": float(np.median(other)), "ratio": float(np.median(own) / np.median(other))}
    return row


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def strokes(side: int) -> tuple[Volume, Volume, Volume]:
    """A volume, empty labels, and four strokes of each of three labels."""
    image = blobs((side,) * 3, side / 21)
    seeds = np.full(image.shape, UNMARKED, np.int32)
    rng = np.random.default_rng(SEED)
    edge = side * 20 // 256
    for label in range(3):
        for place in rng.integers(edge, side - edge, (4, 3)):
            seeds[place[0], place[1], max(place[2] - 8, 0) : place[2] + 8] = label
    return image, np.zeros(image.shape, np.uint8), seeds


def growing(side: int = 256) -> Task:
    """GrowCut from nothing; the peer is a fast marching per label."""
    image, labels, seeds = strokes(side)
    return Task(
        lambda: GrowCut(image, labels).update(seeds),
        3,
        "SimpleITK FastMarching, one run per label",
        lambda: marching(image, seeds),
    )


def one_stroke(side: int = 256) -> Task:
    """GrowCut after one more stroke, which is taken back before the next time."""
    image, labels, seeds = strokes(side)
    more = seeds.copy()
    place = side * 200 // 256
    more[place, place, place - side * 20 // 256 : place] = 2
    session = GrowCut(image, labels)
    session.update(seeds)
    return Task(lambda: session.update(more), 3, before=lambda: session.update(seeds))


def marching(image: Volume, seeds: Volume) -> None:
    """Arrival times from each label's seeds, and the first to arrive."""
    slope = SimpleITK.GradientMagnitudeRecursiveGaussian(SimpleITK.GetImageFromArray(image), 1.0)
    speed = SimpleITK.BoundedReciprocal(slope)
    times = []
    for label in range(3):
        points = [tuple(int(v) for v in p[::-1]) for p in np.argwhere(seeds == label)]
        times.append(SimpleITK.GetArrayViewFromImage(SimpleITK.FastMarching(speed, points)).copy())
    np.argmin(np.stack(times), axis=0)


def wires(side: int = 1024) -> Task:
    """A path of the live-wire across a 1024² image, the anchor set before, as when the cursor moves."""
    image = blobs((side, side), side / 41)
    wire = LiveWire(image)
    cost = 1 / (1 + ndimage.gaussian_gradient_magnitude(image, 1.0))
    targets = iter(np.random.default_rng(SEED).integers(10, side - 10, (1000, 2)).tolist())

    def path() -> None:
        """From the middle to the next place."""
        wire.anchor([side // 2, side // 2])
        wire.path_to(next(targets))

    goal = (side * 100 // 1024, side * 900 // 1024)
    peer = partial(route_through_array, cost, (side // 2, side // 2), goal)
    return Task(path, 15, "scikit-image route_through_array", peer)


def brushed(side: int = 512) -> Task:
    """A dab of the adaptive brush of 15 mm in a volume."""
    image = blobs((side // 8, side, side), side / 26)
    labels = np.zeros(image.shape, np.uint8)
    middle = [n // 2 for n in image.shape]
    return Task(lambda: adaptive_brush(image, labels, points=[middle], radius_mm=15.0), 20)


def clicked(side: int = 512) -> Task:
    """A click of the wand on a slice of the volume; the peer is given the slice."""
    image = blobs((side // 8, side, side), side / 26)
    labels = np.zeros(image.shape, np.uint8)
    z, y, x = (n // 2 for n in image.shape)
    return Task(
        lambda: magic_wand(image, labels, points=[[z, y, x]], tolerance=40, axis=0),
        20,
        "scikit-image flood",
        lambda: flood(image[z], (y, x), tolerance=40),
    )


def walked(side: int = 128, *, mode: str = "cg_j") -> Task:
    """The random walker on 128³ with three labels, beside scikit-image's plain solver or its fast one (pyamg)."""
    image = blobs((side,) * 3, side / 13)
    labels = np.zeros(image.shape, np.uint8)
    seeds = np.full(image.shape, UNMARKED, np.int32)
    edge = side * 15 // 128
    for label, place in enumerate(np.random.default_rng(SEED).integers(edge, side - edge, (3, 3))):
        seeds[place[0], place[1], max(place[2] - 8, 0) : place[2] + 8] = label
    marks = seeds + 1  # scikit-image: 0 is not marked
    return Task(
        lambda: our_walker(image, labels, seeds=seeds),
        3,
        f"scikit-image random_walker, {mode}",
        lambda: random_walker(image, marks, mode=mode, tol=1e-3, beta=130),
    )


def slices(side: int = 512, *, follow: bool = False) -> Task:
    """Interpolation of a mask of 300 × 512 × 512 with every fifth slice drawn, by distance or following the image."""
    count = 300 * side // 512
    z, y, x = np.ogrid[:count, :side, :side]
    scale = side / 512
    radius = (90 + 25 * np.cos(z / 20)) * scale
    middle = side // 2 + 40 * np.sin(z / 30) * scale
    shape = ((y - side // 2) ** 2 + (x - middle) ** 2 < radius**2).astype(np.uint8)
    drawn = list(range(0, count, 5))
    sparse = np.zeros_like(shape)
    sparse[drawn] = shape[drawn]
    if not follow:
        return Task(lambda: interpolate(sparse, drawn={0: drawn}), 1)
    image = shape * 100 + np.random.default_rng(SEED).normal(0, 20, shape.shape).astype(np.float32)
    return Task(lambda: interpolate(sparse, drawn={0: drawn}, method="image", image=image), 1)


TASKS: dict[str, Callable[..., Task]] = {
    "grow-cut, 256³, 3 labels": growing,
    "grow-cut, one more stroke": one_stroke,
    "live-wire, 1024², one path": wires,
    "adaptive brush, one stroke": brushed,
    "magic wand, a slice of 512²": clicked,
    "random walker, 128³": walked,
    "random walker, 128³, fast peer": partial(walked, mode="cg_mg"),
    "interpolation by distance, 512×512×300": slices,
    "interpolation by image, 512×512×300": partial(slices, follow=True),
}


if __name__ == "__main__":
    raise SystemExit(main())
