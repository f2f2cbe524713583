"""The public challenges as a user runs them: every method with the same minutes, scored as the challenge does.

    python -m benchmarks.accuracy.challenges em [--methods auto window classical] [--minutes 20]
                                                [--data ../shared/data/em-isbi2012] [--keep FOLDER]

Runs `septum challenge`, which goes on where FOLDER holds the same run, and records its `scores.csv` in
`benchmarks/results/challenges.json`. Where the sliding window takes part, its two ways of prediction are timed beside
each other: every patch by itself, as it was done in 2012, and all patches of a tile at once; and how far they differ.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks.accuracy.first_models import ROOT, SEED, run
from benchmarks.record import RESULTS, commit, hardware, record
from septum.net.architecture.window import WindowNet
from septum.net.learning.checkpoint import load_model

DATA = {"em": "em-isbi2012", "vessels": "fundus-drive", "decathlon": "mri-hippocampus-msd"}
TILE, NAIVE = 192, 16


def window_ways(model: Path) -> dict[str, float]:
    """Seconds per pixel of a tile of noise at once, of its corner patch by patch, and the largest difference there."""
    network = load_model(model / "fold_0" / "weights.pt")
    assert isinstance(network, WindowNet)
    margin = network.config.window - 1
    across = TILE + margin
    noise = torch.randn(1, network.config.in_channels, across, across, generator=torch.Generator().manual_seed(SEED))
    with torch.inference_mode():
        network(noise)
        began = time.perf_counter()
        dense = network(noise)
        between = time.perf_counter()
        naive = network.naive(noise[..., : NAIVE + margin, : NAIVE + margin])
    ended = time.perf_counter()
    return {
        "at once, microseconds per pixel": round(1e6 * (between - began) / TILE**2, 2),
        "patch by patch, microseconds per pixel": round(1e6 * (ended - between) / NAIVE**2, 2),
        "largest difference": float((dense[..., :NAIVE, :NAIVE] - naive).abs().max()),
    }


def study(challenge: str, data: Path, *, methods: list[str], minutes: float, folder: Path) -> dict[str, Any]:
    """Run the challenge, read its scores."""
    before = os.getloadavg()[0]
    only = ["--methods", ",".join(methods)] if methods else []
    run(["challenge", challenge, str(data), "-o", str(folder), "--minutes", f"{minutes:g}", "--seed", str(SEED), *only])
    scores = pd.read_csv(folder / "scores.csv").set_index("method")
    found: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": hardware()["cpu"],
        "minutes asked": minutes,
        "load before": before,
        "methods": json.loads(scores.round(4).to_json(orient="index")),
    }
    if "window" in scores.index:
        found["window"] = window_ways(folder / "window" / "model")
    return found


def earlier() -> dict[str, Any]:
    """The challenges recorded before."""
    path = RESULTS / "challenges.json"
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["results"] if path.is_file() else {}
    return kept


def main() -> None:
    """Run the challenge asked for and record it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("challenge", choices=list(DATA))
    parser.add_argument("--methods", nargs="+", default=[])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--keep", type=Path, help="folder of the run, to go on with or to look at")
    given = parser.parse_args()
    data = given.data or ROOT.parent / "shared" / "data" / DATA[given.challenge]
    if not data.is_dir():
        raise SystemExit(f"{data} does not exist; give the folder of the challenge's data with --data")
    with tempfile.TemporaryDirectory() as own:
        folder = given.keep or Path(own)
        found = study(
            given.challenge, data.resolve(), methods=given.methods, minutes=given.minutes, folder=folder.resolve()
        )
    print(record("challenges", {**earlier(), given.challenge: found}))


if __name__ == "__main__":
    main()
