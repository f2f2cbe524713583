"""A cohort of pictures through the command, from files to the report: `python -m benchmarks.speed.cohort`.

The insight: users wait for the command, not for its arithmetic, so everything counts: starting Python, finding and
pairing the files, decoding 5,000 PNGs, overlap and surface scores, intervals, figures, pictures, and the page. The aim
is 2,500 cases of 512 x 512 in under a minute on two cores.

`--cases 100` is a quick look and records nothing.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.record import record

SIDE, SEED, CASES = 512, 0, 2500


def write_cohort(folder: Path, n: int) -> None:
    """References of one to three ellipses, predictions with a wavy edge and another centre, as PNG files of 0 and 1.

    Some cases are empty on one side or on both, as in a screening cohort.
    """
    rng = np.random.default_rng(SEED)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    for part in ("predictions", "references"):
        (folder / part).mkdir(parents=True)
    for case in range(n):
        sides = np.zeros((2, SIDE, SIDE), bool)
        for _ in range(int(rng.integers(1, 4))):
            centre, radii = rng.uniform(0.2, 0.8, 2) * SIDE, rng.uniform(0.04, 0.18, 2) * SIDE
            wave, moved = rng.uniform(0.02, 0.15), centre + rng.normal(0, 4, 2)
            angle = np.arctan2(y - moved[0], x - moved[1])
            sides[0] |= ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 < 1
            edge = 1 + wave * np.sin(7 * angle)
            sides[1] |= ((y - moved[0]) / radii[0]) ** 2 + ((x - moved[1]) / radii[1]) ** 2 < edge
        if case % 50 == 7:
            sides[case % 2] = False
        if case % 100 == 13:
            sides[:] = False
        for part, mask in zip(("references", "predictions"), sides, strict=True):
            Image.fromarray(mask.astype(np.uint8)).save(folder / part / f"case{case:05d}.png", compress_level=1)


def measure(folder: Path, workers: str, metrics: str) -> dict[str, float | int | str]:
    """Wall and processor time of the command and all its processes, and the largest of them in memory."""
    report = folder / f"report-{workers}-{metrics.replace(',', '-')}"
    command = [sys.executable, "-c", "from septum.cli.main import main; main()", "evaluate"]
    arguments = [str(folder / "predictions"), str(folder / "references"), "-o", str(report)]
    options = ["--workers", workers, "--metrics", metrics, "--overwrite"]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([*command, *arguments, *options], check=True, capture_output=True)
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "metrics": metrics,
        "workers": workers,
        "wall_s": round(wall, 2),
        "processor_s": round(used, 2),
        "peak_memory_of_a_process_mb": round(after.ru_maxrss / 1024),
        "page_mb": round((report / "index.html").stat().st_size / 1e6, 2),
    }


def main() -> None:
    """Write the cohort into a temporary folder, measure, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--workers", nargs="*", default=["2", "auto", "1"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cohort(folder, arguments.cases)
        runs = [measure(folder, workers, "overlap,surface") for workers in arguments.workers]
        runs.append(measure(folder, arguments.workers[0], "overlap"))
    for run in runs:
        print(run, flush=True)
    if arguments.cases == CASES:
        record("speed-cohort", {"cases": CASES, "side_px": SIDE, "bar_s": 60, "runs": runs}, seed=SEED)


if __name__ == "__main__":
    main()
