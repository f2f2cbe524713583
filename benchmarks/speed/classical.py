"""Every classical method against the fastest peer in the same run: `python -m benchmarks.speed.classical`.

The insight: on a shared machine seconds drift, so Septum and its peers take turns, repetition by repetition, and the
ratio of the medians counts. Peak memory is taken first, in a process of its own for each contestant, because a process
never gives its peak back; that run also tells who takes more than 60 s and is left out, with a note.

Bar: never slower than 1.2 times the fastest peer. `--methods NAME …`, `--side N` and `--only 2|3` make it smaller;
`--merge` keeps the other rows of the recorded result.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import record
from benchmarks.tables import load

BAR = 1.2
LIMIT = 60.0  # seconds after which a peer is left out
BUDGET = 8.0  # seconds of repetitions per contestant
REPEATS = {2: 9, 3: 3}
SIDES = {2: 512, 3: 256}


def phantom(shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """A picture with objects of many sizes, shading and noise: 16 bits, values about 0 to 4000."""
    from scipy import ndimage

    rng = np.random.default_rng(0)
    coarse = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 4)
    fine = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 1.5)
    image = 1500 + 700 * np.tanh(3 * coarse / coarse.std()) + 120 * fine / fine.std()
    image += 60 * rng.standard_normal(shape, dtype=np.float32)
    image.flat[int(coarse.argmax())] = 3900  # the seed
    return np.clip(image, 0, 4000).astype(np.uint16)


def contestants(name: str, ndim: int, image: NDArray[Any]) -> dict[str, Callable[[], Any]]:
    """Septum and its peers for one method, each ready to run."""
    from benchmarks.speed import classical_peers as peers
    from septum.classical.methods import find

    method = find(name)
    array: NDArray[Any] = image >= peers.LEVEL if method.stage == "clean" else image
    options = method.resolve(peers.OPTIONS.get(name, {}))
    given: dict[str, Any] = {
        "spacing": (1.0,) * ndim,
        "seeds": [peers.seed(array)],
        "markers": None,
        "other": ~array if method.stage == "clean" else None,
        "names": (),
    }
    options.update({key: given[key] for key in method.given})
    ours = array[np.newaxis] if method.channels == "any" else array
    runs: dict[str, Callable[[], Any]] = {"Septum": lambda: method.function(ours, **options)}
    for peer, run in peers.PEERS.get(name, {}).items():
        if ndim == 2 or "(2-D)" not in peer:
            runs[peer] = lambda run=run: run(array)
    return runs


def worker(name: str, ndim: int, contestant: str, path: str) -> None:
    """Run once and print seconds and by how many megabytes the peak rose above what imports and input take."""
    image = np.load(path)
    run = contestants(name, ndim, image)[contestant]
    warm = image[tuple(slice(0, 24) for _ in range(ndim))]
    _quietly(contestants(name, ndim, np.ascontiguousarray(warm))[contestant])  # imports and caches
    started = time.perf_counter()
    memory = _watch(run)
    print(json.dumps({"seconds": time.perf_counter() - started, "memory_mb": memory}))


def _quietly(run: Callable[[], Any]) -> None:
    try:
        run()
    except Exception:  # noqa: BLE001 - a corner of the picture may hold no object; only the imports matter
        return


def _watch(run: Callable[[], Any]) -> float:
    """By how many megabytes (2^20 bytes) resident memory rises at most while `run` runs; 0 where it cannot be told.

    Linux forgets the peak so far when asked to: it would be that of loading the libraries.
    """
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


def probe(name: str, ndim: int, contestant: str, path: Path) -> dict[str, Any]:
    """Seconds and memory of one run in a process of its own; `note` where it failed or took too long."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.speed.classical"]
    command += ["--worker", name, str(ndim), contestant, str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT + 20, check=False)
    except subprocess.TimeoutExpired:
        return {"note": f"more than {LIMIT:.0f} s"}
    if done.returncode:
        return {"note": done.stderr.strip().splitlines()[-1][:120] if done.stderr.strip() else "failed"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if found["seconds"] > LIMIT and contestant != "Septum":
        found["note"] = f"more than {LIMIT:.0f} s"
    return found


def measure(name: str, ndim: int, image: NDArray[Any], path: Path) -> dict[str, Any]:
    """Median seconds of each contestant, taking turns, and the ratio of Septum to the fastest."""
    runs = contestants(name, ndim, image)
    row: dict[str, Any] = {who: probe(name, ndim, who, path) for who in runs}
    able = [who for who in runs if "note" not in row[who]]
    slowest = max((row[who]["seconds"] for who in able), default=0.0)
    repeats = max(1, min(REPEATS[ndim], int(BUDGET / max(slowest, 1e-6))))
    times: dict[str, list[float]] = {who: [] for who in able}
    for _ in range(repeats):
        for who in able:
            started = time.perf_counter()
            runs[who]()
            times[who].append(time.perf_counter() - started)
    for who in able:
        row[who]["seconds"] = statistics.median(times[who])
    peers = {who: row[who]["seconds"] for who in able if who != "Septum"}
    result: dict[str, Any] = {"contestants": row, "repeats": repeats}
    if peers and "Septum" in able:
        fastest = min(peers, key=lambda who: peers[who])
        result["fastest"] = fastest
        result["ratio"] = row["Septum"]["seconds"] / peers[fastest]
        result["met"] = result["ratio"] <= BAR
        rest = [seconds for who, seconds in peers.items() if not who.startswith("OpenCV")]
        if rest:  # OpenCV is no dependency of Septum: how it compares with what may run underneath
            result["ratio_without_opencv"] = row["Septum"]["seconds"] / min(rest)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", nargs=4, metavar=("NAME", "NDIM", "CONTESTANT", "PATH"), help=argparse.SUPPRESS)
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--side", type=int)
    parser.add_argument("--only", type=int, choices=(2, 3))
    parser.add_argument("--merge", action="store_true")
    arguments = parser.parse_args()
    if arguments.worker:
        name, ndim, contestant, path = arguments.worker
        worker(name, int(ndim), contestant, path)
        return 0
    warnings.simplefilter("ignore")
    from benchmarks.speed.classical_peers import NO_PEER
    from septum.classical.methods import METHODS

    old = (load("classical-speed") or {}).get("results", {}).get("methods", {}) if arguments.merge else {}
    results: dict[str, Any] = dict(old)
    with tempfile.TemporaryDirectory() as folder:
        for ndim in (2, 3) if arguments.only is None else (arguments.only,):
            side = arguments.side or SIDES[ndim]
            image = phantom((side,) * ndim)
            path = Path(folder) / f"{ndim}.npy"
            np.save(path, image)
            for method in METHODS:
                if ndim not in method.dimensions or (arguments.methods and method.name not in arguments.methods):
                    continue
                found = measure(method.name, ndim, image, path)
                found |= {"side": side, "no_peer": NO_PEER.get(method.name)}
                results[f"{method.name}, {ndim}-D"] = found
                _tell(f"{method.name}, {ndim}-D", found)
                _keep(results)  # after each method: a run that is stopped goes on with --merge --methods
    missed, path = _keep(results)
    print(f"{len(missed)} of {len(results)} miss the bar of {BAR}: {', '.join(missed) or 'none'}; {path}")
    return 1 if missed else 0


def _keep(results: dict[str, Any]) -> tuple[list[str], Path]:
    """Record what was measured so far; the methods that miss the bar, and where it was written."""
    missed = [name for name, row in results.items() if row.get("met") is False]
    return missed, record("classical-speed", {"bar": BAR, "methods": results, "missed": missed})


def _tell(name: str, found: dict[str, Any]) -> None:
    parts = []
    for who, row in found["contestants"].items():
        if "note" in row:
            parts.append(f"{who}: {row['note']}")
        else:
            parts.append(f"{who} {row['seconds']:.4f} s {row['memory_mb']:.0f} MB")
    ratio = f"{found['ratio']:.2f}{'' if found['met'] else ' MISSED'}" if "ratio" in found else "no peer"
    print(f"{name:32s} {ratio:12s} {'; '.join(parts)}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
