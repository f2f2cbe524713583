"""Every classical method against the fastest peer in the same run: `python -m benchmarks.speed.classical`.

The insight: on a shared machine seconds drift, so Septum and its peers take turns, repetition by repetition, and the
ratio of the medians counts. Peak memory is taken first, in a process of its own for each contestant, because a process
never gives its peak back; that run counts as a repetition too, and tells who is slow. Peers that can no longer be the
fastest are stopped (after four times what Septum took, 10 seconds at least and 60 at most), with a note.

Bar: never slower than 1.2 times the fastest peer. `--methods NAME …`, `--side N` and `--only 2|3` make it smaller;
`--merge` keeps the other rows of the recorded result; every row says of which commit it is, and of which day. On two
quiet cores both parts take about 20 minutes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import watched
from benchmarks.record import commit, record
from benchmarks.tables import load

BAR = 1.2
LIMIT = 60.0  # seconds after which a peer is left out
LEAST = 10.0  # seconds that every peer is given
PATIENCE = 4.0  # times as long as Septum
OWN_LIMIT = 240.0  # seconds after which Septum is left out
START = 20.0  # seconds for a process to start
QUICK = 5.0  # seconds up to which a contestant is repeated
BUDGET = 5.0  # seconds of repetitions per contestant
REPEATS = {2: 51, 3: 3}  # of a plane of 0.3 ms, nine turns leave a tenth to chance
SIDES = {2: 512, 3: 256}
SMALLER = {("bilateral", 3): 96, ("ridges", 3): 128, ("watershed-compact", 3): 128}
"""Sides for what takes minutes, or many gigabytes, and is the same library on both sides."""


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
    from septum.classical.methods import find_method

    method = find_method(name)
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


def worker(name: str, ndim: int, contestant: str, path: str, answer: Connection) -> None:
    """Run once and send seconds and by how many megabytes the peak rose above what imports and input take."""
    warnings.simplefilter("ignore")
    image = np.load(path)
    run = contestants(name, ndim, image)[contestant]
    warm = image[tuple(slice(0, 24) for _ in range(ndim))]
    _quietly(contestants(name, ndim, np.ascontiguousarray(warm))[contestant])  # imports and caches
    started = time.perf_counter()
    try:
        memory = watched(run)
    except Exception as error:  # noqa: BLE001 - whatever a peer raises is its row's note
        answer.send({"note": f"{type(error).__name__}: {error}"[:120]})
        return
    answer.send({"seconds": time.perf_counter() - started, "memory_mb": memory})


def _quietly(run: Callable[[], Any]) -> None:
    try:
        run()
    except Exception:  # noqa: BLE001 - a corner of the picture may hold no object; only the imports matter
        return


def processes() -> multiprocessing.context.BaseContext:
    """Starts processes from one in which all libraries are imported and nothing else has happened."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.speed.classical_peers", "septum.classical.methods"])
    return context


def probe(name: str, ndim: int, contestant: str, path: Path, *, limit: float) -> dict[str, Any]:
    """Seconds and memory of one run in a process of its own; `note` where it failed or took longer than `limit`."""
    context = processes()
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=worker, args=(name, ndim, contestant, str(path), there))  # type: ignore[attr-defined]
    process.start()
    there.close()
    try:
        if not here.poll(limit + START):
            return {"note": f"stopped after {limit:.0f} s"}
        found: dict[str, Any] = here.recv()
    except EOFError:
        return {"note": "the process ended: out of memory, or a crash"}
    finally:
        process.kill()
        process.join()
    return {"note": f"stopped after {limit:.0f} s"} if found.get("seconds", 0) > limit else found


def measure(name: str, ndim: int, image: NDArray[Any], path: Path) -> dict[str, Any]:
    """Median seconds of each contestant, taking turns, and the ratio of Septum to the fastest."""
    runs = contestants(name, ndim, image)
    row: dict[str, Any] = {"Septum": probe(name, ndim, "Septum", path, limit=OWN_LIMIT)}
    limit = min(LIMIT, max(LEAST, PATIENCE * row["Septum"].get("seconds", LIMIT)))
    row |= {who: probe(name, ndim, who, path, limit=limit) for who in runs if who != "Septum"}
    times = {who: [found["seconds"]] for who, found in row.items() if "note" not in found}
    rivals = [who for who in sorted(times, key=lambda who: times[who][0]) if who != "Septum"]
    # The ratio rests on Septum and the fastest peer, so these are repeated even where they are slow.
    again = {who for who in times if times[who][0] <= QUICK} | {"Septum", *rivals[:1]} & {
        who for who in times if times[who][0] <= LIMIT / 2
    }
    slowest = max((times[who][0] for who in again), default=0.0)
    repeats = max(1, min(REPEATS[ndim], int(BUDGET / max(slowest, 1e-6))))
    for turn in range(repeats):
        for who in sorted(again, key=list(row).index):
            started = time.perf_counter()
            runs[who]()
            seconds = time.perf_counter() - started
            times[who] = [seconds] if turn == 0 and repeats > 2 else [*times[who], seconds]
    for who, seen in times.items():
        row[who]["seconds"] = statistics.median(seen)
    result: dict[str, Any] = {"contestants": row, "repeats": repeats}
    if rivals and "Septum" in times:
        fastest = min(rivals, key=lambda who: row[who]["seconds"])
        result["fastest"] = fastest
        result["ratio"] = row["Septum"]["seconds"] / row[fastest]["seconds"]
        result["met"] = result["ratio"] <= BAR
    elif (
        "Septum" in times
        and len(row) > 1
        and all("stopped" in row[who].get("note", "") for who in runs if who in row and who != "Septum")
    ):
        result |= {"below": row["Septum"]["seconds"] / limit, "met": True}  # every peer took longer than the limit
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--side", type=int)
    parser.add_argument("--only", type=int, choices=(2, 3))
    parser.add_argument("--merge", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    from septum.classical.methods import METHODS

    results = _recorded() if arguments.merge else {}
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for ndim in (2, 3) if arguments.only is None else (arguments.only,):
            for method in METHODS:
                if ndim not in method.dimensions or (arguments.methods and method.name not in arguments.methods):
                    continue
                side = arguments.side or SMALLER.get((method.name, ndim), SIDES[ndim])
                name = f"{method.name}, {ndim}-D"
                results[name] = one_row(method.name, ndim, side, Path(folder))
                _tell(name, results[name])
                _keep(results)  # after each method: a run that is stopped goes on with --merge --methods
    missed, path = _keep(results)
    print(f"{len(missed)} of {len(results)} miss the bar of {BAR}: {', '.join(missed) or 'none'}; {path}")
    print(f"{(time.perf_counter() - started) / 60:.1f} minutes")
    return 1 if missed else 0


def one_row(name: str, ndim: int, side: int, folder: Path) -> dict[str, Any]:
    """The measurement of one method on an image of `side` samples per axis, which is kept in `folder`."""
    from benchmarks.speed.classical_peers import NO_PEER

    path = folder / f"{ndim}-{side}.npy"
    if not path.exists():
        np.save(path, phantom((side,) * ndim))
    about = {"side": side, "no_peer": NO_PEER.get(name), "commit": commit(), "date": today()}
    return measure(name, ndim, np.load(path), path) | about


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def _recorded() -> dict[str, Any]:
    """The rows of the recorded result; one that does not say its commit and date was measured with the whole."""
    whole = load("classical-speed") or {}
    own = {"commit": whole.get("commit"), "date": str(whole.get("date", ""))[:10]}
    return {name: own | row for name, row in whole.get("results", {}).get("methods", {}).items()}


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
    ratio = f"below {found['below']:.2f}" if "below" in found else "no peer"
    if "ratio" in found:
        ratio = f"{found['ratio']:.2f}{'' if found['met'] else ' MISSED'}"
    print(f"{name:32s} {ratio:12s} {'; '.join(parts)}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
