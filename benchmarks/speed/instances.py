"""Decoding 10,000 × 10,000 pixels with some 100,000 objects: time, memory and whether the count is right.

    python -m benchmarks.speed.instances [--sides 2500 5000 10000]

The phantom has one round object, 24 to 36 pixels wide, round each knot of a jittered lattice with a pitch of 31 pixels,
so that about half of them touch a neighbour; the maps are those of a perfect network with noise. Memory is the largest
resident size of the process while it decodes, less what the maps themselves take; the whole run is made in a process
of its own for each side. The peer is scikit-image's watershed from the same markers, in the same process, on the
smallest side only (it has no blocks). Writes `benchmarks/results/speed-instances.json`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from benchmarks.record import record
from septum.instances.decode import Decoding, ObjectMaps, decode

PITCH = 31


def phantom(side: int, *, seed: int = 0) -> tuple[ObjectMaps, int]:
    """Maps of a square with one hill per knot of a jittered lattice, and how many there are."""
    knots = side // PITCH
    rng = np.random.default_rng(seed)
    centres = (np.indices((knots, knots)) + 0.5) * PITCH + rng.uniform(-3, 3, (2, knots, knots))
    radii = rng.uniform(12, 18, (knots, knots))
    maps = ObjectMaps.empty((side, side))
    for row in range(knots):
        top, bottom = max(0, (row - 1) * PITCH), min(side, (row + 2) * PITCH)
        strip = np.zeros((bottom - top, side), np.float32)
        for column in range(knots):
            left, right = max(0, (column - 1) * PITCH), min(side, (column + 2) * PITCH)
            y, x = np.ogrid[top:bottom, left:right]
            away = np.hypot(y - centres[0, row, column], x - centres[1, row, column]) / radii[row, column]
            np.maximum(strip[:, left:right], 1 - away, out=strip[:, left:right])
        strip[strip > 0] += rng.uniform(-0.02, 0.02, int((strip > 0).sum()))
        here = np.rint(np.clip(strip, 0, 1) * 255).astype(np.uint8)
        np.maximum(maps.altitude[top:bottom], here, out=maps.altitude[top:bottom])
    maps.foreground[:] = np.where(maps.altitude > 0, 255, 0)
    return maps, knots * knots


class _Memory(threading.Thread):
    """The largest resident size while it runs, in bytes, looked at every 20 ms."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.ended = 0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            self.peak = max(self.peak, resident())


def resident() -> int:
    """Resident size of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def measure(side: int, peer: bool) -> dict[str, Any]:
    """One side: seconds, memory, count; and the peer's seconds."""
    small, _ = phantom(200)
    decode(small, Decoding())  # compiles
    maps, count = phantom(side)
    before = resident()
    watch = _Memory()
    watch.start()
    start = time.perf_counter()
    found = decode(maps, Decoding(foreground=0.1, marker=0.4, share=0.8))
    seconds = time.perf_counter() - start
    watch.ended.set()
    watch.join()
    row = {
        "side": side,
        "objects": count,
        "found": found.count,
        "seconds": round(seconds, 2),
        "nanoseconds per pixel": round(seconds / side**2 * 1e9, 1),
        "maps MB": 3 * side**2 >> 20,
        "labels MB": 4 * side**2 >> 20,
        "further memory MB": (watch.peak - before - 4 * side**2) >> 20,
    }
    return row | (_peer(maps) if peer else {})


def _peer(maps: ObjectMaps) -> dict[str, Any]:
    start = time.perf_counter()
    cores, _ = ndimage.label(maps.altitude >= 0.5 * 255, np.ones((3, 3)))
    flooded: NDArray[Any] = watershed(-maps.altitude.astype(np.int16), cores, mask=maps.foreground > 0)
    seconds = time.perf_counter() - start
    return {"scikit-image seconds": round(seconds, 2), "scikit-image found": int(flooded.max())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[2500, 5000, 10000])
    chosen = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    rows = []
    for number, side in enumerate(chosen.sides):
        with context.Pool(1) as pool:
            rows.append(pool.apply(measure, (side, number == 0)))
        print(rows[-1])
    print(record("speed-instances", {"pitch": PITCH, "rows": rows}))


if __name__ == "__main__":
    main()
