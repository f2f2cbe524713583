"""The pixel classifier: training and prediction on 1024², live updates, memory; against scikit-image and scikit-learn.

    python -m benchmarks.speed.pixels [--data ../shared/data]

The insight: a person waits for one update, so the whole way counts: features, training on the scribbles, probabilities
of every pixel. Peers do the same from the same scribbles in the same run, by turns: scikit-image's trainable
segmentation as in its gallery, and scikit-learn's random forest of a hundred trees on Septum's features. The image is
a real one (electron microscopy, tiled to 1024²) where the data is at hand, a synthetic one otherwise.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import future
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

from benchmarks.record import record
from septum import io
from septum.interactive.pixels.features import FeatureSettings, filter_bank
from septum.interactive.pixels.forest import ForestSettings
from septum.interactive.pixels.live import LivePixels
from septum.interactive.tool import UNMARKED

ROOT = Path(__file__).resolve().parents[2]
SEED, SIDE, STROKES, LENGTH, TIMES = 0, 1024, 12, 40, 5
BAR_S = 2.0

Plane = NDArray[Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--alone", help="one contestant, once, for its memory")
    chosen = parser.parse_args()
    image, reference, what = picture(chosen.data, chosen.side)
    seeds = scribbles(reference)
    whole = {
        "Septum": partial(ours, image, seeds),
        "Septum, 20 filters kept": partial(ours, image, seeds, keep=20),
        "scikit-image trainable segmentation": partial(trainable, image, seeds),
        "scikit-learn forest on Septum's filters": partial(plain_forest, image, seeds),
    }
    if chosen.alone:
        before = _peak_mb()
        whole[chosen.alone]()
        print(json.dumps(_peak_mb() - before))
        return 0
    rows = contest(whole, chosen.times)
    for name, row in rows.items():
        row["memory_mb"] = memory(name, chosen)
        row["dice"] = dice(whole[name]() == 1, reference == 1)
        print(name, row, flush=True)
    best = min(row["seconds"] for name, row in rows.items() if not name.startswith("Septum"))
    results = {
        "image": what,
        "side": chosen.side,
        "marked": int((seeds != UNMARKED).sum()),
        "whole": rows,
        "ratio": rows["Septum"]["seconds"] / best,
        "bar_s": BAR_S,
        "met": rows["Septum"]["seconds"] < BAR_S,
        "live": live(image, seeds, chosen.times),
        "features": features(image, chosen.times),
    }
    print(record("speed-pixels", results, seed=SEED))
    return 0


def picture(data: Path, side: int) -> tuple[Plane, Plane, str]:
    """An image `(1, side, side)`, its reference (1 is membrane), and what it is."""
    folder = data / "em-isbi2012"
    if not folder.is_dir():
        rng = np.random.default_rng(SEED)
        reference = (np.abs(ndimage.gaussian_filter(rng.standard_normal((side, side)), 12)) < 0.004).astype(int)
        return 150 - 80 * reference[None] + rng.normal(0, 25, (1, side, side)), reference, "synthetic"
    image = io.read_image(sorted((folder / "images").iterdir())[0]).array
    reference = (io.read_labels(sorted((folder / "labels").iterdir())[0]).array == 0).astype(int)
    times = -(-side // image.shape[1])
    cut = slice(0, side)
    return np.tile(image, (1, times, times))[:, cut, cut], np.tile(reference, (times, times))[cut, cut], folder.name


def scribbles(reference: Plane) -> Plane:
    """Short straight strokes: the longest runs of one label through random pixels."""
    rng = np.random.default_rng(SEED)
    seeds = np.full(reference.shape, UNMARKED, np.int32)
    for label in (0, 1):
        places = np.argwhere(reference == label)
        for start in places[rng.integers(0, len(places), STROKES)]:
            best = max((run(reference, start, step) for step in ((0, 1), (1, 0), (1, 1), (1, -1))), key=len)
            seeds[tuple(best.T)] = label
    return seeds


def run(reference: Plane, start: Plane, step: tuple[int, int]) -> Plane:
    """Pixels from `start` on both ways that have its label, `LENGTH` at most."""
    found = [start]
    for way in (1, -1):
        here = start + way * np.array(step)
        while (
            len(found) < LENGTH
            and (here >= 0).all()
            and (here < reference.shape).all()
            and reference[tuple(here)] == reference[tuple(start)]
        ):
            found.append(here)
            here = here + way * np.array(step)
    return np.array(found)


def ours(image: Plane, seeds: Plane, *, keep: int | None = None) -> Plane:
    """Features, training and probabilities, from nothing."""
    live = LivePixels(image, forest=ForestSettings(keep=keep))
    live.update(seeds)
    return live.probabilities().argmax(axis=0)


def trainable(image: Plane, seeds: Plane) -> Plane:
    """Scikit-image's gallery, with as many scales as ours."""
    features = multiscale_basic_features(image[0], sigma_min=0.7, sigma_max=10, num_sigma=6)
    forest = RandomForestClassifier(n_estimators=50, n_jobs=-1, max_depth=10, random_state=SEED)
    fitted = future.fit_segmenter(seeds + 1, features, forest)
    return np.asarray(future.predict_segmenter(features, fitted)) - 1


def plain_forest(image: Plane, seeds: Plane) -> Plane:
    """A hundred trees of scikit-learn on our features."""
    features = filter_bank(image)
    columns = features.reshape(len(features), -1).T
    marked = (seeds != UNMARKED).ravel()
    forest = RandomForestClassifier(100, n_jobs=-1, random_state=SEED).fit(columns[marked], seeds.ravel()[marked])
    return forest.predict_proba(columns).argmax(axis=1).reshape(seeds.shape)


def contest(whole: dict[str, Callable[[], Plane]], times: int) -> dict[str, dict[str, Any]]:
    """First call and median seconds of each, by turns."""
    spent: dict[str, list[float]] = {name: [] for name in whole}
    for _ in range(times + 1):
        for name, call in whole.items():
            spent[name].append(_seconds(call))
    return {name: {"seconds": float(np.median(s[1:])), "first_call_s": s[0]} for name, s in spent.items()}


def live(image: Plane, seeds: Plane, times: int) -> dict[str, float]:
    """An update after one more stroke, and the probabilities in view, with the features at hand."""
    session = LivePixels(image)
    session.update(seeds)
    more = seeds.copy()
    more[10, 10:40] = 1
    update, vote = [], []
    for state in (more, seeds) * times:
        update.append(_seconds(partial(session.update, state)))
        vote.append(_seconds(session.probabilities))
    return {"update_s": float(np.median(update)), "probabilities_s": float(np.median(vote))}


def features(image: Plane, times: int) -> dict[str, Any]:
    """Seconds per feature, and those of scikit-image."""
    settings = FeatureSettings()
    count = len(filter_bank(image[:, :64, :64], settings=settings))
    mine, theirs = [], []
    for _ in range(times):
        mine.append(_seconds(lambda: LivePixels(image)._make(None)))
        theirs.append(_seconds(lambda: multiscale_basic_features(image[0], sigma_min=0.7, sigma_max=10, num_sigma=6)))
    peer = multiscale_basic_features(image[0, :64, :64], sigma_min=0.7, sigma_max=10, num_sigma=6).shape[-1]
    one, other = float(np.median(mine)), float(np.median(theirs))
    return {
        "seconds": one,
        "count": count,
        "peer": "scikit-image multiscale_basic_features",
        "peer_seconds": other,
        "peer_count": peer,
        "ratio_per_feature": (one / count) / (other / peer),
    }


def memory(name: str, chosen: argparse.Namespace) -> float:
    """Rise of the peak memory in a process of its own, MB."""
    command = [sys.executable, "-m", "benchmarks.speed.pixels", "--alone", name, "--side", str(chosen.side)]
    done = subprocess.run([*command, "--data", str(chosen.data)], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _peak_mb() -> float:
    """Largest resident set of this program, MB (2^20 bytes); unlike the process's, it starts anew with the program."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise SystemExit("memory can be measured on Linux only")


def dice(one: Plane, other: Plane) -> float:
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def _seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
