"""Quality without ground truth: the Dice that Septum predicts against the Dice that turns out.

    python -m benchmarks.accuracy.quality [--sets hippocampus nuclei fundus] [--data ../shared/data] [--reuse]

On three real data sets some images, drawn with a seed, train a model (`septum train --folds all`), which calibrates
itself on its held-out cases; the others are segmented by it (`septum predict`), then compared with their references.

* *held-out folds*: each training case, graded by a calibration on the other training cases;
* *test images*: never seen, segmented by all folds together; graded by the model as a user gets it;
* *spoiled test images*: the same, blurred, with noise, inverted in contrast, or with half of their columns blank: here
  most masks are bad, and the question is whether that is noticed;
* *reverse classification accuracy* (`septum quality`) of test masks, spoiled and not, with training cases as
  references and no use of the network.

Pass or fail is the call "Dice of at least 0.7"; beside its accuracy stands the share of masks that are that good, which
somebody who always says "pass" gets right. Nothing is chosen on the test images.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage, stats

from benchmarks.accuracy.first_models import Study, drawn, pairs, run, write_table
from benchmarks.record import RESULTS, commit, record
from septum import io
from septum.geometry import Image
from septum.metrics.summary import summarise

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "benchmarks" / "runs" / "quality"
SEED = 0
THRESHOLD = 0.7
SPOILED = 24  # test images of a set that are spoiled, each in one way, in turn
REFERENCES = 10
Floats = NDArray[np.float64]


def choose(folder: str, count: int) -> Callable[[Path], Any]:
    """`count` images of a set drawn at random train, the others test."""
    return lambda data: drawn(pairs(data / folder), count)


STUDIES = (
    Study("hippocampus", "hippocampus, MR, 3-D (MSD)", choose("mri-hippocampus-msd", 25), minutes=4.0),
    Study("nuclei", "nuclei (DSB 2018)", choose("nuclei-dsb2018", 30), ("--foreground",), minutes=8.0),
    Study("fundus", "vessels, fundus (DRIVE)", choose("fundus-drive", 10), minutes=6.0),
)


def spoil(array: NDArray[Any], kind: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """An image `(C, *spatial)` spoiled in one of four ways."""
    values = array.astype(np.float32)
    if kind == 0:
        width = 1.5 if values.ndim == 4 else 3.0
        return np.asarray(ndimage.gaussian_filter(values, (0, *(width,) * (values.ndim - 1))))
    if kind == 1:
        return np.asarray(values + rng.normal(0, values.std(), values.shape), dtype=np.float32)
    if kind == 2:
        return np.asarray(values.max() + values.min() - values)
    blank = np.arange(values.shape[-1]) % 16 >= 8
    return np.where(blank, values.min(), values).astype(np.float32)


def write_spoiled(test: list[tuple[Path, Path]], folder: Path) -> list[tuple[Path, Path]]:
    """Copies of some test images, spoiled, beside the study's results; (image, label) of each."""
    rng = np.random.default_rng(SEED)
    folder.mkdir()
    made = []
    for number, (path, label) in enumerate(test[:: max(1, len(test) // SPOILED)][:SPOILED]):
        image = io.read_image(path)
        suffix = ".tif" if image.grid.ndim == 2 else ".nii.gz"
        target = folder / f"{io.stem(path)}{suffix}"
        io.write_image(target, Image(spoil(image.array, number % 4, rng), image.grid, image.channels))
        made.append((target, label))
    return made


def study(chosen: Study, data: Path, *, reuse: bool) -> dict[str, Any]:
    """Train, predict, grade, compare."""
    folder = RUNS / chosen.name
    training, test = chosen.divide(data)
    if not (reuse and (folder / "model" / "quality.json").is_file()):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_table(folder / "cases.csv", training, test)
        train = ["train", folder / "cases.csv", "-o", folder / "model", "--folds", "all", "--seed", SEED]
        run([str(part) for part in [*train, "--minutes", chosen.minutes, *chosen.options]])
    for old in ("spoiled", "test", "worse", "report-test", "report-worse", "reverse-test", "reverse-worse"):
        shutil.rmtree(folder / old, ignore_errors=True)
    write_table(folder / "test.csv", [], test)
    write_table(folder / "worse.csv", [], write_spoiled(test, folder / "spoiled"))
    write_table(folder / "references.csv", training[:REFERENCES], [])
    result: dict[str, Any] = {
        "what": chosen.what,
        "minutes": chosen.minutes,
        "training_images": len(training),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "held_out": held_out(folder / "model"),
    }
    for name in ("test", "worse"):
        masks = folder / name
        took, _ = run(["predict", str(folder / "model"), str(folder / f"{name}.csv"), "-o", str(masks)])
        run(
            ["evaluate", str(masks), str(folder / f"{name}.csv"), "-o", str(folder / f"report-{name}"), *chosen.options]
        )
        joined = joined_tables(masks / "quality.csv", folder / f"report-{name}" / "cases.csv")
        result[name] = {**compared(joined), "minutes": took}
        images = (
            [str(path) for path in sorted({p.parent for p, _ in test})] if name == "test" else [str(folder / "spoiled")]
        )
        listed = ["quality", str(masks), *images, "--references", str(folder / "references.csv")]
        took, _ = run([*listed, "-o", str(folder / f"reverse-{name}"), *chosen.options])
        joined = joined_tables(folder / f"reverse-{name}" / "quality.csv", folder / f"report-{name}" / "cases.csv")
        result[f"reverse_{name}"] = {**compared(joined), "minutes": took}
    return result


def held_out(model: Path) -> dict[str, Any]:
    """How the model graded its own held-out cases, each without itself."""
    rows = pd.DataFrame(json.loads((model / "quality.json").read_text())["held_out"])
    return compared(rows.rename(columns={"estimate": "estimated"}))


def joined_tables(listed: Path, scored: Path) -> pd.DataFrame:
    """Estimates beside true scores; masks without an estimate (empty ones) or without a defined Dice drop out."""
    estimates, scores = pd.read_csv(listed, dtype={"case": str}), pd.read_csv(scored, dtype={"case": str})
    estimates = estimates.rename(columns={"dice": "estimated"})
    # with --foreground, evaluate names the one class after itself, predict after the value it writes
    keys = ["case"] if scores["label"].nunique() == estimates["label"].nunique() == 1 else ["case", "label"]
    return estimates.merge(scores[["case", "label", "dice"]], on=keys, suffixes=("", "_scored"))


def compared(table: pd.DataFrame) -> dict[str, Any]:
    """Errors, calls and coverage over the masks of a table."""
    empty = int(table["estimated"].isna().sum())
    known = table.dropna(subset=["estimated", "dice"])
    likely, true = known["estimated"].to_numpy(float), known["dice"].to_numpy(float)
    good = true >= THRESHOLD
    error = summarise(np.abs(likely - true), seed=SEED)
    found: dict[str, Any] = {
        "n": len(known),
        "without_estimate": empty,
        "dice_mean": float(true.mean()),
        "mae": error.mean,
        "mae_ci_low": error.mean_ci_low,
        "mae_ci_high": error.mean_ci_high,
        "median_error": error.median,
        "bias": float((likely - true).mean()),
        "spearman": float(stats.spearmanr(likely, true).statistic) if len(known) > 2 else None,
        "call_accuracy": float(((likely >= THRESHOLD) == good).mean()),
        "good": float(good.mean()),
    }
    if "low" in known and known["low"].notna().any():
        inside = (known["low"] <= true) & (true <= known["high"])
        found["coverage"] = float(inside[known["low"].notna()].mean())
    if "verdict" in known:
        found["verdicts"] = {
            verdict: {"n": int(mine.sum()), "good": int((mine & good).sum())}
            for verdict in ("pass", "look", "fail")
            for mine in [(known["verdict"] == verdict).to_numpy()]
        }
    return found


def main() -> None:
    """Run the studies asked for and record them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--sets", nargs="*", default=[s.name for s in STUDIES], choices=[s.name for s in STUDIES])
    parser.add_argument("--reuse", action="store_true", help="grade with models that an earlier run has trained")
    given = parser.parse_args()
    path = RESULTS / "quality.json"
    before = json.loads(path.read_text(encoding="utf-8"))["results"] if path.is_file() else {}
    results: dict[str, Any] = {"seed": SEED, "threshold": THRESHOLD, **{k: v for k, v in before.items() if k != "seed"}}
    for one in STUDIES:
        if one.name in given.sets:
            results[one.name] = study(one, given.data.resolve(), reuse=given.reuse)
            print(json.dumps({one.name: results[one.name]}, indent=1))
            print(record("quality", results, seed=SEED))


if __name__ == "__main__":
    main()
