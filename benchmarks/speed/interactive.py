"""Latency of the interactive tools, against the same task in scikit-image or SimpleITK in the same run.

    python -m benchmarks.speed.interactive

The insight: what a person waits for is one update, so kernels are compiled before the clock starts (once per machine;
`first_call_s` says what that costs) and the median of repetitions is reported, ours and the peer's by turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import route_through_array
from skimage.segmentation import flood, random_walker

from benchmarks.record import record
from septum.interactive.brush import adaptive_brush
from septum.interactive.growcut import GrowCut
from septum.interactive.interpolate import interpolate
from septum.interactive.livewire import LiveWire
from septum.interactive.tool import UNMARKED
from septum.interactive.walker import random_walker as our_walker
from septum.interactive.wand import magic_wand

SEED = 0
BARS = {
    "grow-cut, 256³, 3 labels": 5.0,
    "grow-cut, one more stroke": 0.5,
    "live-wire, 1024², one path": 0.05,
    "adaptive brush, one stroke": 0.05,
    "random walker, 128³": 5.0,
}

Volume = NDArray[Any]


def main() -> int:
    tasks = {**growing(), **wires(), **brushes(), **walkers(), **slices()}
    results: dict[str, Any] = {}
    for name, row in tasks.items():
        bar = BARS.get(name)
        results[name] = {**row, "bar_s": bar, "met": None if bar is None else row["seconds"] < bar}
        peer = f"  {row['peer']} {row['peer_seconds']:.4f} s" if row.get("peer") else ""
        print(f"{name}: {row['seconds']:.4f} s (bar {bar}){peer}", flush=True)
    print(record("speed-interactive", results, seed=SEED))
    return 0


def blobs(shape: tuple[int, ...], scale: float) -> Volume:
    """Smooth noise with two kinds of regions, and a little noise on top, about 0 to 255."""
    rng = np.random.default_rng(SEED)
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), scale)
    image = 100 + 60 * np.sign(smooth) * (np.abs(smooth) > 0.2 * smooth.std()) + rng.normal(0, 8, shape)
    return image.clip(0, 255).astype(np.float32)


def timed(ours: Callable[[], Any], peer: Callable[[], Any] | None, times: int) -> dict[str, Any]:
    """First call, and median seconds of both by turns; a peer that takes over ten seconds runs once."""
    first = _seconds(ours)
    own, other = [], []
    for _ in range(times):
        own.append(_seconds(ours))
        if peer is not None and (not other or max(other) < 10):
            other.append(_seconds(peer))
    row = {"seconds": float(np.median(own)), "first_call_s": first}
    if other:
        row |= {"peer_seconds": float(np.median(other)), "ratio": float(np.median(own) / np.median(other))}
    return row


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def growing() -> dict[str, Any]:
    """GrowCut whole and after one more stroke; the peer is a fast marching per label."""
    image = blobs((256, 256, 256), 12)
    labels = np.zeros(image.shape, np.uint8)
    seeds = np.full(image.shape, UNMARKED, np.int32)
    rng = np.random.default_rng(SEED)
    for label in range(3):
        for place in rng.integers(20, 236, (4, 3)):
            seeds[place[0], place[1], place[2] - 8 : place[2] + 8] = label
    more = seeds.copy()
    more[200, 200, 180:200] = 2
    session = GrowCut(image, labels)
    whole = timed(lambda: GrowCut(image, labels).update(seeds), lambda: marching(image, seeds), 3)
    session.update(seeds)
    steps: list[float] = []
    for state in (more, seeds, more, seeds, more):
        steps.append(_seconds(lambda state=state: session.update(state)))
    return {
        "grow-cut, 256³, 3 labels": {**whole, "peer": "SimpleITK FastMarching, one run per label"},
        "grow-cut, one more stroke": {"seconds": float(np.median(steps[::2])), "stroke_removed_s": steps[1]},
    }


def marching(image: Volume, seeds: Volume) -> None:
    """Arrival times from each label's seeds, and the first to arrive."""
    slope = SimpleITK.GradientMagnitudeRecursiveGaussian(SimpleITK.GetImageFromArray(image), 1.0)
    speed = SimpleITK.BoundedReciprocal(slope)
    times = []
    for label in range(3):
        points = [tuple(int(v) for v in p[::-1]) for p in np.argwhere(seeds == label)]
        times.append(SimpleITK.GetArrayViewFromImage(SimpleITK.FastMarching(speed, points)).copy())
    np.argmin(np.stack(times), axis=0)


def wires() -> dict[str, Any]:
    """A path of the live-wire across a 1024² image, the anchor set before, as when the cursor moves."""
    image = blobs((1024, 1024), 25)
    wire = LiveWire(image)
    cost = 1 / (1 + ndimage.gaussian_gradient_magnitude(image, 1.0))
    targets = iter(np.random.default_rng(SEED).integers(10, 1014, (1000, 2)).tolist())

    def path() -> None:
        wire.anchor([512, 512])
        wire.path_to(next(targets))

    row = timed(path, lambda: route_through_array(cost, (512, 512), (100, 900)), 15)
    return {"live-wire, 1024², one path": {**row, "peer": "scikit-image route_through_array"}}


def brushes() -> dict[str, Any]:
    """A dab of the adaptive brush of 15 mm in a volume, and the wand on a slice."""
    image = blobs((64, 512, 512), 20)
    labels = np.zeros(image.shape, np.uint8)
    dab = timed(lambda: adaptive_brush(image, labels, points=[[32, 256, 256]], radius_mm=15.0), None, 20)
    wand = timed(
        lambda: magic_wand(image, labels, points=[[32, 256, 256]], tolerance=40, axis=0),
        lambda: flood(image[32], (256, 256), tolerance=40),
        20,
    )
    return {"adaptive brush, one stroke": dab, "magic wand, 512²": {**wand, "peer": "scikit-image flood"}}


def walkers() -> dict[str, Any]:
    """The random walker on 128³ with three labels."""
    image = blobs((128, 128, 128), 10)
    labels = np.zeros(image.shape, np.uint8)
    seeds = np.full(image.shape, UNMARKED, np.int32)
    for label, place in enumerate(np.random.default_rng(SEED).integers(15, 113, (3, 3))):
        seeds[place[0], place[1], place[2] - 8 : place[2] + 8] = label
    marks = seeds + 1  # scikit-image: 0 is not marked
    row = timed(
        lambda: our_walker(image, labels, seeds=seeds),
        lambda: random_walker(image, marks, mode="cg_j", tol=1e-3, beta=130),
        3,
    )
    return {"random walker, 128³": {**row, "peer": "scikit-image random_walker, cg_j"}}


def slices() -> dict[str, Any]:
    """Interpolation of a mask of 300 × 512 × 512 with every fifth slice drawn."""
    z, y, x = np.ogrid[:300, :512, :512]
    shape = ((y - 256) ** 2 + (x - 256 - 40 * np.sin(z / 30)) ** 2 < (90 + 25 * np.cos(z / 20)) ** 2).astype(np.uint8)
    drawn = list(range(0, 300, 5))
    sparse = np.zeros_like(shape)
    sparse[drawn] = shape[drawn]
    image = shape * 100 + np.random.default_rng(SEED).normal(0, 20, shape.shape).astype(np.float32)
    plain = timed(lambda: interpolate(sparse, drawn={0: drawn}), None, 1)
    followed = timed(lambda: interpolate(sparse, drawn={0: drawn}, method="image", image=image), None, 1)
    return {"interpolation by distance, 512×512×300": plain, "interpolation by image, 512×512×300": followed}


if __name__ == "__main__":
    raise SystemExit(main())
