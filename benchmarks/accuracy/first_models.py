"""Four real data sets, at most ten minutes of two cores each: what `septum train` reaches on images it never saw.

    python -m benchmarks.accuracy.first_models [--sets em nuclei …] [--data ../shared/data]

Every step is the command that a user types (`septum train`, `predict`, `evaluate`), each in a process of its own, timed
and with its peak memory. The division into training and test images is fixed here, by section block, by eye or by
patient, and the test images carry `split = test`, so that training cannot see them. Results go to
`benchmarks/results/first_models.json`; `docs/explain/measured.md` is written from that file.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.record import RESULTS, commit, record
from septum import io
from septum.metrics.summary import summarise

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "benchmarks" / "runs" / "first_models"
SEED = 0


@dataclass(frozen=True)
class Study:
    """One data set: its training and test cases as (image, label), and what is told to `train` and `evaluate`."""

    name: str
    what: str
    divide: Callable[[Path], tuple[list[tuple[Path, Path]], list[tuple[Path, Path]]]]
    options: tuple[str, ...] = ()
    aim: str = ""
    minutes: float = 10.0
    mirrored: bool = True


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Images and the labels that belong to them, in order of their names; images without a label are left out."""
    labels = {io.stem(path): path for path in sorted((folder / "labels").iterdir())}
    images = sorted(path for path in (folder / "images").iterdir() if io.is_image(path))
    return [(path, labels[io.stem(path)]) for path in images if io.stem(path) in labels]


def em(data: Path) -> tuple[list[tuple[Path, Path]], list[tuple[Path, Path]]]:
    """Sections 00-15 train, the block 16-19 tests."""
    found = pairs(data / "em-isbi2012")
    return found[:16], found[16:]


def fundus(data: Path) -> tuple[list[tuple[Path, Path]], list[tuple[Path, Path]]]:
    """Eyes 21-36 train, 37-40 test; scored over the whole picture."""
    found = pairs(data / "fundus-drive")
    return found[:16], found[16:]


def hippocampus(data: Path) -> tuple[list[tuple[Path, Path]], list[tuple[Path, Path]]]:
    """Nine patients drawn at random train, the others test."""
    return drawn(pairs(data / "mri-hippocampus-msd"), 9)


def nuclei(data: Path) -> tuple[list[tuple[Path, Path]], list[tuple[Path, Path]]]:
    """Twenty images drawn at random train, the others test."""
    return drawn(pairs(data / "nuclei-dsb2018"), 20)


def drawn(found: list[tuple[Path, Path]], count: int) -> tuple[list[tuple[Path, Path]], list[tuple[Path, Path]]]:
    """A seeded draw without replacement."""
    order = np.random.default_rng(SEED).permutation(len(found))
    return [found[i] for i in sorted(order[:count])], [found[i] for i in sorted(order[count:])]


STUDIES = (
    Study("em", "membranes, electron microscopy (ISBI 2012)", em, ("--background", "255"), "0.82, pixel error 0.07"),
    Study("fundus", "vessels, fundus (DRIVE)", fundus, aim="0.79", minutes=4.0),
    Study("hippocampus", "hippocampus, MR, 3-D (MSD)", hippocampus, ("--members", "5"), "0.875", mirrored=False),
    Study("nuclei", "nuclei, mixed microscopy (DSB 2018)", nuclei, ("--foreground",), "0.90"),
)


def run(command: Sequence[str]) -> tuple[float, float]:
    """Run a `septum` command; returns minutes and peak memory in MB of its process."""
    started = time.monotonic()
    process = subprocess.Popen([str(Path(sys.executable).with_name("septum")), *command], cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"septum {' '.join(command)} ended with exit code {process.returncode}")
    return (time.monotonic() - started) / 60, usage.ru_maxrss / 1024  # Linux counts in kilobytes


def write_table(path: Path, training: list[tuple[Path, Path]], test: list[tuple[Path, Path]]) -> None:
    """The data set as a table with a split column."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "label", "split"])
        rows.writerows([str(image), str(label), "train"] for image, label in training)
        rows.writerows([str(image), str(label), "test"] for image, label in test)


def score(report: Path, seed: int = SEED) -> dict[str, object]:
    """Mean Dice over labels per case: n, mean, median and the 95 % interval of each; mean pixel error."""
    cases = pd.read_csv(report / "cases.csv")
    cases = cases[cases["status"] == "scored"]
    dice = cases.groupby("case")["dice"].mean()
    summary = summarise(dice.to_numpy(), seed=seed)
    result: dict[str, object] = {
        key: getattr(summary, key) for key in ("n", "n_undefined", "mean", "median", "q1", "q3", "minimum", "maximum")
    }
    intervals = {key: value for key, value in vars(summary).items() if "ci" in key or "low" in key or "high" in key}
    labels = {str(name): float(part["dice"].mean()) for name, part in cases.groupby("name")}
    error = float(cases.drop_duplicates("case")["pixel_error"].mean())
    return {**result, **intervals, "mean_by_label": labels, "pixel_error": error}


def study(chosen: Study, data: Path, factor: float, *, reuse: bool) -> dict[str, object]:
    """Train, predict, evaluate one data set."""
    folder = RUNS / chosen.name
    training, test = chosen.divide(data)
    if not (reuse and (folder / "model" / "provenance.json").is_file()):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_table(folder / "cases.csv", training, test)
        write_table(folder / "test.csv", [], test)
        train = ["train", folder / "cases.csv", "-o", folder / "model", "--minutes", factor * chosen.minutes]
        wall, memory = run([str(part) for part in [*train, "--folds", "none", "--seed", SEED, *chosen.options]])
        spent = {"train_minutes": round(wall, 2), "train_peak_memory_mb": round(memory)}
        (folder / "spent.json").write_text(json.dumps(spent))
    plan = json.loads((folder / "model" / "plan.json").read_text())
    ended = [json.loads(path.read_text()) for path in sorted((folder / "model").glob("fold_*/run.json"))]
    result: dict[str, object] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "factor": factor,
        "what": chosen.what,
        "aim": chosen.aim,
        "training_images": len(training),
        **json.loads((folder / "spent.json").read_text()),
        "networks": len(ended),
        "steps": sum(run["steps"] for run in ended),
        "features": plan["unet"]["features"],
        "patch": plan["patch"],
        "precision": plan["precision"],
    }
    for kind, extra in {"plain": [], **({"mirrored": ["--tta"]} if chosen.mirrored else {})}.items():
        masks, report = folder / f"masks-{kind}", folder / f"report-{kind}"
        for old in (masks, report):
            shutil.rmtree(old, ignore_errors=True)
        wall, memory = run(["predict", str(folder / "model"), str(folder / "test.csv"), "-o", str(masks), *extra])
        scored = [option for option in chosen.options if option not in ("--members", "5")]
        run(["evaluate", str(masks), str(folder / "test.csv"), "-o", str(report), *scored])
        result[kind] = {
            **score(report),
            "predict_minutes": round(wall, 2),
            "predict_peak_memory_mb": round(memory),
        }
    return result


def earlier() -> dict[str, object]:
    """The rows recorded before: sets that are not run now keep theirs, each with its own date and commit."""
    path = RESULTS / "first_models.json"
    if not path.is_file():
        return {}
    kept: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return {one.name: kept[one.name] for one in STUDIES if one.name in kept}


def main() -> None:
    """Run the studies asked for and record them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--factor", type=float, default=1.0, help="multiplies the training minutes, for a quick look")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--sets", nargs="*", default=[s.name for s in STUDIES], choices=[s.name for s in STUDIES])
    parser.add_argument("--reuse", action="store_true", help="score models that an interrupted run has trained")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        raise SystemExit(f"{arguments.data} does not exist; give the folder of the data sets with --data")
    results: dict[str, object] = {**earlier(), "seed": SEED}
    studies = {one.name: one for one in STUDIES}
    for chosen in (studies[name] for name in arguments.sets):
        results[chosen.name] = study(chosen, arguments.data.resolve(), arguments.factor, reuse=arguments.reuse)
        print(json.dumps({chosen.name: results[chosen.name]}, indent=1, default=str))
        print(record("first_models", results))


if __name__ == "__main__":
    main()
