"""StarDist and Cellpose from random weights on the images, minutes and cores of `benchmarks.accuracy.instances`.

    python -m benchmarks.accuracy.instances_peers --stardist PYTHON --cellpose PYTHON [--images 20 40]
                                                  [--minutes 10 15] [--data ../shared/data]

Each peer lives in an environment of its own, whose Python is named; `benchmarks/accuracy/peers` says what to install
there and how it is trained. Colour is handed on as it is, grey images thrice. Scores are computed here, by the same
code as Septum's. Rows are added to `benchmarks/results/instances.json`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from benchmarks.accuracy.instances import ROOT, RUNS, SEED, divide, earlier, label_of, scores
from benchmarks.record import commit, hardware, record
from septum import io

PEERS = Path(__file__).parent / "peers"


def hand_over(images: Sequence[Path], folder: Path, *, labels: bool) -> None:
    """Images, and objects where asked, as arrays."""
    folder.mkdir(parents=True)
    for path in images:
        np.save(folder / f"{path.stem}.npy", np.asarray(Pillow.open(path).convert("RGB")))
        if labels:
            np.save(folder / f"{path.stem}.labels.npy", io.read_labels(label_of(path)).array)


def study(peer: str, python: Path, *, count: int, minutes: float, data: Path) -> dict[str, Any]:
    """Train a peer and score what it finds."""
    chosen, tested = divide(data, count)
    folder = RUNS / f"{peer}-{count}"
    shutil.rmtree(folder, ignore_errors=True)
    hand_over(chosen, folder / "train", labels=True)
    hand_over(tested, folder / "test", labels=False)
    start = time.monotonic()
    command = [str(python), str(PEERS / f"train_{peer}.py"), str(folder), "--minutes", str(minutes)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    truths = [io.read_labels(label_of(image)).array for image in tested]
    found = [np.load(folder / "found" / f"{image.stem}.npy") for image in tested]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": hardware()["cpu"],
        "who": peer,
        "images": count,
        "budget": {"minutes": minutes},
        "training": told[-1],
        "minutes with the test": round((time.monotonic() - start) / 60, 1),
        "objects": scores(truths, found),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stardist", type=Path, help="Python of an environment that has StarDist")
    parser.add_argument("--cellpose", type=Path, help="Python of an environment that has Cellpose 3")
    parser.add_argument("--images", type=int, nargs="+", default=[20, 40])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0, 15.0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    chosen = parser.parse_args()
    rows = earlier()
    for count, minutes in zip(chosen.images, chosen.minutes, strict=True):
        for peer in ("stardist", "cellpose"):
            python = getattr(chosen, peer)
            if python:
                row = study(peer, python, count=count, minutes=minutes, data=chosen.data)
                rows[f"{peer}, {count} images, {row['budget']}"] = row
                print(row)
                print(record("instances", rows, seed=SEED))


if __name__ == "__main__":
    main()
