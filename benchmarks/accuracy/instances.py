"""Single nuclei from a handful of annotated images: average precision on test images never seen.

    python -m benchmarks.accuracy.instances [--images 20 40] [--minutes 10 15 | --steps 600] [--weighted]
                                            [--set nuclei|phase-contrast] [--data ../shared/data]

Images of `nuclei-dsb2018` are drawn with a seed: `--images` train (`septum train --instances`, defaults), 100 others
test; `--set phase-contrast --images 8` does the same with cells of `phc-t98g-usiigaci`, of which three test.
`--minutes` is one figure for all counts or one for each; `--images 1 3 10 20 40 --minutes 4 4 10 10 15` gives the
curve; `--weighted` trains a second time with the border weights of the U-Net paper. The peer in the same run is what
plain connected components of the same model's foreground give; `benchmarks.accuracy.instances_peers` trains StarDist
and Cellpose on the same images. Reported are the means over test images with their 95 % interval; splits and merges are
sums. Many images of this set are crops of the same wells, so that scores of a random division are slightly too good;
images that the model refuses (colour, where it has seen grey ones only) count as nothing found. Rows are added to
`benchmarks/results/instances.json`, each with its budget, date and commit.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.record import RESULTS, commit, hardware, record
from septum import io
from septum.io.documents import read_json
from septum.metrics.instances import DSB_THRESHOLDS, average_precision, instance_overlap, splits_and_merges
from septum.metrics.summary import summarise
from septum.metrics.tracking import segmentation_accuracy
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.plan import plan_json
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction import workflow
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import train as training

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "benchmarks" / "runs" / "instances"
SETS = {"nuclei": ("nuclei-dsb2018", 100), "phase-contrast": ("phc-t98g-usiigaci", 3)}
"""The folder of each set, and how many of its images test."""
SEED = 0
WEIGHTED = "objects, border-weighted"


def divide(data: Path, count: int, *, name: str = "nuclei") -> tuple[list[Path], list[Path]]:
    """Training and test images of a set; the test images are the same for every count."""
    folder, tested = SETS[name]
    images = sorted((data / folder / "images").iterdir())
    order = np.random.default_rng(SEED).permutation(len(images))
    return [images[i] for i in order[tested : tested + count]], [images[i] for i in order[:tested]]


def label_of(image: Path) -> Path:
    """The label file of an image."""
    return next((image.parents[1] / "labels").glob(f"{image.stem}.*"))


def train(chosen: list[Path], model: Path, *, budget: dict[str, Any], plan: Path | None) -> float:
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
        settings=TrainSettings(**budget, seed=SEED, plan=plan, instances=True),
        hooks=Hooks(on_note=print),
    )
    return (time.monotonic() - start) / 60


def test(model: Path, images: list[Path], *, tta: bool) -> dict[str, Any]:
    """Scores of the objects on the test images, and of components of the foreground."""
    output = model / ("test-tta" if tta else "test")
    shutil.rmtree(output, ignore_errors=True)
    start = time.monotonic()
    workflow.predict(
        model,
        images,
        output=output,
        settings=PredictSettings(semantic=True, tta=tta),
    )
    seconds = (time.monotonic() - start) / len(images)
    truths = [io.read_labels(label_of(image)).array for image in images]
    objects = [mask_or_nothing(output, image) for image in images]
    masks = [mask_or_nothing(output / "semantic", image) > 0 for image in images]
    parts = [ndimage.label(mask, np.ones((3, 3)))[0] for mask in masks]
    return {
        "seconds per image": round(seconds, 2),
        "images refused": sum(not list(output.glob(f"{image.stem}.*")) for image in images),
        "objects": scores(truths, objects),
        "components of the foreground": scores(truths, parts),
    }


def mask_or_nothing(folder: Path, image: Path) -> Any:
    """The mask written for an image; nothing found where the image was refused (colour, for a model of grey images)."""
    for path in folder.glob(f"{image.stem}.*"):
        return io.read_labels(path).array
    return np.zeros(io.read_labels(label_of(image)).array.shape, np.uint16)


def scores(truths: list[Any], found: list[Any]) -> dict[str, Any]:
    """AP at IoU 0.5 (mean, interval, median), mean over thresholds, and split and merged objects."""
    overlaps = [instance_overlap(truth, mine) for truth, mine in zip(truths, found, strict=True)]
    each = np.array([average_precision(one, thresholds=DSB_THRESHOLDS) for one in overlaps])
    summary = summarise(each[:, 0])
    errors = [splits_and_merges(one) for one in overlaps]
    return {
        "n": len(each),
        "AP at 0.5": round(float(summary.mean), 4),
        "95 % interval": [round(float(summary.mean_ci_low), 4), round(float(summary.mean_ci_high), 4)],
        "median AP at 0.5": round(float(np.median(each[:, 0])), 4),
        "AP over 0.5 to 0.95": round(float(each.mean()), 4),
        "objects annotated": sum(one.n_reference for one in overlaps),
        "objects found": sum(one.n_prediction for one in overlaps),
        "splits": sum(one.splits for one in errors),
        "merges": sum(one.merges for one in errors),
        "SEG": round(segmentation_accuracy(zip(truths, found, strict=True)).seg, 4),
    }


def study(data: Path, count: int, *, name: str, budget: dict[str, Any], weighted: bool) -> dict[str, Any]:
    """One training and its test."""
    chosen, tested = divide(data, count, name=name)
    RUNS.mkdir(parents=True, exist_ok=True)
    model, plan = RUNS / f"{name}-{count}{'-weighted' if weighted else ''}", None
    if weighted:  # the same plan as without, but for the weights
        plan = RUNS / "weighted.json"
        plain = ModelFolder(RUNS / f"{name}-{count}").read_plan()
        plan.write_text(plan_json(replace(plain, objective=WEIGHTED)))
    minutes = train(chosen, model, budget=budget, plan=plan)
    trained = ModelFolder(model)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": hardware()["cpu"],
        "who": "septum",
        "set": name,
        "images": count,
        "budget": budget,
        "weighted": weighted,
        "minutes": round(minutes, 1),
        "steps": sum(read_json(path)["steps"] for path in sorted(model.glob("fold_*/run.json"))),
        "decoding": vars(trained.read_plan().instances),
        **test(model, tested, tta=False),
        "mirrored copies averaged": test(model, tested, tta=True),
    }


def earlier() -> dict[str, Any]:
    """The rows recorded before."""
    path = RESULTS / "instances.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))["results"]) if path.is_file() else {}


def budgets(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """What each training may take, one for each count of images."""
    if chosen.steps:
        return [{"steps": chosen.steps}] * len(chosen.images)
    minutes = chosen.minutes * len(chosen.images) if len(chosen.minutes) == 1 else chosen.minutes
    if len(minutes) != len(chosen.images):
        raise SystemExit(f"--minutes must be one figure or {len(chosen.images)}, got {len(minutes)}")
    return [{"minutes": each} for each in minutes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[20, 40])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0, 15.0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--weighted", action="store_true", help="also with the border weights of the paper")
    parser.add_argument("--set", choices=list(SETS), default="nuclei")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    chosen = parser.parse_args()
    rows = earlier()
    for count, budget in zip(chosen.images, budgets(chosen), strict=True):
        for weighted in (False, True)[: 1 + chosen.weighted]:
            row = study(chosen.data, count, name=chosen.set, budget=budget, weighted=weighted)
            of = "" if chosen.set == "nuclei" else f"{chosen.set}, "
            rows[f"septum, {of}{count} images, {budget}{', weighted' * weighted}"] = row
            print(row)
            print(record("instances", rows, seed=SEED))


if __name__ == "__main__":
    main()
