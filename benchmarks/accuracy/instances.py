"""Single nuclei from a handful of annotated images: average precision on test images never seen.

    python -m benchmarks.accuracy.instances [--images 20] [--steps 600] [--seed 0] [--weighted] [--data ../shared/data]

Images of `nuclei-dsb2018` are drawn with a seed: `--images` train (`septum train`, one fold held out, on which the
decoding is tuned), 100 others test. `--images 1 3 10 20 40` gives the curve; `--weighted` trains a second time with
the border weights of the U-Net paper. The peer in the same run is what plain connected components of the same model's
foreground give. Reported are the means over test images with their 95 % interval; splits and merges are sums. Many
images of this set are crops of the same wells, so that scores of a random division are slightly too good. Writes
`benchmarks/results/instances.json`.
"""

from __future__ import annotations

import argparse
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.record import record
from septum import io
from septum.metrics.instances import DSB_THRESHOLDS, average_precision, instance_overlap, splits_and_merges
from septum.metrics.summary import summarise
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import plan_json
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction import workflow
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import train as training

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "benchmarks" / "runs" / "instances"
TEST = 100
WEIGHTED = "objects, border-weighted"


def divide(data: Path, count: int, seed: int) -> tuple[list[Path], list[Path]]:
    """Training and test images; the test images are the same for every count up to 40."""
    images = sorted((data / "nuclei-dsb2018" / "images").glob("*.png"))
    order = np.random.default_rng(seed).permutation(len(images))
    return [images[i] for i in order[TEST : TEST + count]], [images[i] for i in order[:TEST]]


def label_of(image: Path) -> Path:
    """The label file of an image."""
    return next((image.parents[1] / "labels").glob(f"{image.stem}.*"))


def train(chosen: list[Path], model: Path, *, steps: int, seed: int, plan: Path | None) -> float:
    """Train on copies of the chosen images; minutes that it took."""
    data = model.with_name(f"{model.name}-data")
    for path in (data, model):
        shutil.rmtree(path, ignore_errors=True)
    for image in chosen:
        for source, kind in ((image, "images"), (label_of(image), "labels")):
            (data / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, data / kind / source.name)
    start = time.monotonic()
    training.train(
        data,
        model,
        settings=TrainSettings(steps=steps, seed=seed, plan=plan, instances=True, patience=0),
        hooks=Hooks(on_note=print),
    )
    return (time.monotonic() - start) / 60


def test(model: Path, images: list[Path]) -> dict[str, Any]:
    """Scores of the objects on the test images, and of components of the foreground."""
    output = model / "test"
    shutil.rmtree(output, ignore_errors=True)
    start = time.monotonic()
    workflow.predict(
        model,
        images,
        output=output,
        settings=PredictSettings(semantic=True),
    )
    seconds = (time.monotonic() - start) / len(images)
    truths = [io.read_labels(label_of(image)).array for image in images]
    objects = [io.read_labels(output / f"{image.stem}.png").array for image in images]
    masks = [io.read_labels(output / "semantic" / f"{image.stem}.png").array > 0 for image in images]
    parts = [ndimage.label(mask, np.ones((3, 3)))[0] for mask in masks]
    return {
        "seconds per image": round(seconds, 2),
        "objects": scores(truths, objects),
        "components of the foreground": scores(truths, parts),
    }


def scores(truths: list[Any], found: list[Any]) -> dict[str, Any]:
    """AP at IoU 0.5 (mean, interval, median), mean over thresholds, and split and merged objects."""
    overlaps = [instance_overlap(truth, mine) for truth, mine in zip(truths, found, strict=True)]
    each = np.array([average_precision(one, thresholds=DSB_THRESHOLDS) for one in overlaps])
    summary = summarise(each[:, 0])
    errors = [splits_and_merges(one) for one in overlaps]
    return {
        "n": len(each),
        "AP at 0.5": round(float(summary.mean), 4),
        "95 % interval": [round(float(summary.low), 4), round(float(summary.high), 4)],
        "median AP at 0.5": round(float(np.median(each[:, 0])), 4),
        "AP over 0.5 to 0.95": round(float(each.mean()), 4),
        "objects annotated": sum(one.n_reference for one in overlaps),
        "objects found": sum(one.n_prediction for one in overlaps),
        "splits": sum(one.splits for one in errors),
        "merges": sum(one.merges for one in errors),
    }


def study(data: Path, count: int, steps: int, seed: int, weighted: bool) -> dict[str, Any]:
    """One training and its test."""
    chosen, tested = divide(data, count, seed)
    RUNS.mkdir(parents=True, exist_ok=True)
    model, plan = RUNS / f"{count}{'-weighted' if weighted else ''}", None
    if weighted:  # the same plan as without, but for the weights
        plan = RUNS / "weighted.json"
        plain = ModelFolder(RUNS / str(count)).read_plan()
        plan.write_text(plan_json(replace(plain, objective=WEIGHTED)))
    minutes = train(chosen, model, steps=steps, seed=seed, plan=plan)
    decoding = ModelFolder(model).read_plan().instances
    row = {"images": count, "steps": steps, "weighted": weighted, "minutes": round(minutes, 1)}
    return row | {"decoding": vars(decoding)} | test(model, tested)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[20])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weighted", action="store_true", help="also with the border weights of the paper")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    chosen = parser.parse_args()
    rows = []
    for count in chosen.images:
        for weighted in (False, True)[: 1 + chosen.weighted]:
            rows.append(study(chosen.data, count, chosen.steps, chosen.seed, weighted))
            print(rows[-1])
            print(record("instances", {"rows": rows}, seed=chosen.seed))


if __name__ == "__main__":
    main()
