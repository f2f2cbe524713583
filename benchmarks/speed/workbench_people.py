"""People at work at once: each draws, undoes, looks and saves in an own case, and remembers every label.

The insight: what is lost shows only at the end. So every person keeps the labels as they should be, and the server's
are compared with them voxel by voxel after the last stroke, and once more from the saved version.
"""

from __future__ import annotations

import statistics
import threading
import time
from typing import Any

import httpx
import numpy as np

from septum.client import Workbench
from septum.errors import SeptumError

THINK_S = (0.2, 0.6)


class Hand(threading.Thread):
    """One person: `strokes` were applied, `taken` are their seconds, `wrong` is what went wrong."""

    def __init__(self, address: str, token: str, *, case: str, seconds: float, seed: int) -> None:
        super().__init__(name=case)
        self.bench = Workbench(address, token, author=f"person {seed}")
        self.case, self.until = case, time.monotonic() + seconds
        self.rng = np.random.default_rng(seed)
        self.strokes, self.taken, self.looks = 0, list[float](), list[float]()
        self.wrong: list[str] = []
        self._history: list[tuple[tuple[slice, ...], np.ndarray[Any, Any]]] = []

    def run(self) -> None:
        try:
            self.labels = self.bench.labels(self.case).astype(np.int64)
            while time.monotonic() < self.until:
                self._once()
                time.sleep(float(self.rng.uniform(*THINK_S)))
            self._check()
        except (SeptumError, httpx.HTTPError) as error:
            self.wrong.append(f"{type(error).__name__}: {error}")

    def _once(self) -> None:
        kind = self.rng.random()
        if kind < 0.7:
            self._stroke()
        elif kind < 0.8 and self._history:
            place, before = self._history.pop()
            self.bench.undo(self.case)
            self.labels[place] = before
        elif kind < 0.97:
            began, index = time.perf_counter(), int(self.rng.integers(0, len(self.labels)))
            for what in ("slices", "labels"):
                self.bench._send("GET", f"cases/{self.case}/{what}/0/{index}")
            self.looks.append(time.perf_counter() - began)
        else:
            self.bench.save(self.case)

    def _stroke(self) -> None:
        """A dab in one slice, of a label from 0 to 4."""
        size = self.rng.integers(3, 20, 2)
        start = [int(self.rng.integers(0, n)) for n in (self.labels.shape[0], *(self.labels.shape[1:] - size))]
        place = (slice(start[0], start[0] + 1), *(slice(a, a + n) for a, n in zip(start[1:], size, strict=True)))
        dab = np.where(self.rng.random((1, *size)) < 0.8, int(self.rng.integers(0, 5)), -1)
        before, after = self.labels[place].copy(), np.where(dab >= 0, dab, self.labels[place])
        began = time.perf_counter()
        told = self.bench.stroke(self.case, start, labels=dab, axis=0)
        self.taken.append(time.perf_counter() - began)
        if told["duplicate"] or told["changed"] != np.count_nonzero(before != after):
            self.wrong.append(
                f"a stroke changed {told['changed']} voxels instead of {np.count_nonzero(before != after)}"
            )
        self.labels[place] = after
        self.strokes += 1
        if told["changed"]:
            self._history.append((place, before))

    def _check(self) -> None:
        if not np.array_equal(self.bench.labels(self.case), self.labels):
            self.wrong.append("labels differ at the end")
        self.bench.save(self.case)
        newest = max(one["version"] for one in self.bench.cases() if one["id"] == self.case)
        if newest and not np.array_equal(self.bench.labels(self.case, f"version:{newest}"), self.labels):
            self.wrong.append("the saved version differs")
        self.bench.leave(self.case)
        self.bench.close()


class Ear(threading.Thread):
    """Hears the server's events until they end."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__(daemon=True)
        self.heard, self._where, self._token = 0, f"{address}/api/events", token
        self.ended = False

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        with httpx.stream("GET", self._where, headers=headers, timeout=None) as stream:
            for line in stream.iter_lines():
                self.heard += line.startswith("event: labels")
                if self.ended:
                    return


def crowd(address: str, token: str, *, seconds: float) -> dict[str, Any]:
    """Let a person work in every case of the server's project for so long; what came of it."""
    with Workbench(address, token) as bench:
        cases = [one["id"] for one in bench.cases()]
    ears = [Ear(address, token) for _ in cases]
    hands = [Hand(address, token, case=case, seconds=seconds, seed=k) for k, case in enumerate(cases)]
    for one in (*ears, *hands):
        one.start()
    for hand in hands:
        hand.join()
    for ear in ears:
        ear.ended = True
    taken = sorted(t * 1e3 for hand in hands for t in hand.taken)
    looks = [t * 1e3 for hand in hands for t in hand.looks]
    wrong = [f"{hand.case}: {text}" for hand in hands for text in hand.wrong]
    heard = [ear.heard for ear in ears]
    return {
        "people": len(hands),
        "seconds": seconds,
        "strokes": sum(hand.strokes for hand in hands),
        "stroke answered, median ms": round(statistics.median(taken), 1),
        "stroke answered, 95 % ms": round(float(np.percentile(taken, 95)), 1),
        "slice with labels, median ms": round(statistics.median(looks), 1) if looks else None,
        "events heard by each, least": min(heard),
        "wrong": wrong,
    }
