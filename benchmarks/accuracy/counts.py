"""Counts of nuclei with their intervals, doubtful objects, and images that are no nuclei at all.

    python -m benchmarks.accuracy.counts [--images 16] [--minutes 10 | --steps 60] [--folds auto]
                                         [--precision auto] [--reuse] [--data ../shared/data]

Images of `nuclei-dsb2018` are drawn as in `benchmarks.accuracy.instances`: `--images` train (`septum train
--instances`), 80 others and some strangers (plain, noise, photographs of scikit-image, other sets of the folder) are
predicted as a user would. Read from `counts.csv` and `objects/*.csv`: how many ordinary images are held to be unlike
those of the training, and how many strangers; of the ordinary ones with a count, how many intervals hold the true
count, how wide they are, how far counts are off; how many of the doubtful objects are wrong, and how many of the wrong
ones are doubtful. `--reuse` takes the model of an earlier run. Rows are added to `benchmarks/results/counts.json`.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from skimage import data as photographs

from benchmarks.accuracy.instances import ROOT, SEED, divide, label_of, train
from benchmarks.record import RESULTS, commit, hardware, record
from septum import io
from septum.geometry import Grid, Image
from septum.workflows.prediction import workflow
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.quality.count_list import read_counts
from septum.workflows.quality.counts import compare_objects

RUNS = ROOT / "benchmarks" / "runs" / "counts"
TESTED = 80
PHOTOGRAPHS = ("astronaut", "camera", "coffee", "chelsea", "coins", "brick", "grass", "gravel", "moon", "page", "text")
SETS = ("em-isbi2012", "fundus-drive", "cxr-lungs-mini", "polyp-kvasir-seg", "us-nerve-usgra", "skin-ph2")
SIDE = 384


def strangers(data: Path) -> dict[str, Any]:
    """Pictures `(y, x, 3)` of 0 to 255 in which there are no nuclei, by name."""
    rng = np.random.default_rng(SEED)
    found = {
        "black": np.zeros((256, 320)),
        "white": np.full((256, 320), 255),
        "noise": rng.integers(0, 256, (256, 320, 3)),
        "dark noise": np.clip(rng.normal(20, 8, (256, 320)), 0, 255),
        "slice of a CT": _slice(next((data / "ct-spleen-crop" / "images").glob("*.nii*"))),
    }
    found |= {name: getattr(photographs, name)() for name in PHOTOGRAPHS}
    for name in SETS:
        for number, path in enumerate(sorted((data / name / "images").iterdir())[:2]):
            found[f"{name} {number}"] = np.moveaxis(io.read_image(path).array, 0, -1)
    return {name: _coloured(picture[:SIDE, :SIDE]) for name, picture in found.items()}


def _slice(path: Path) -> Any:
    """The middle of a CT from -160 to 240 HU."""
    array = io.read_image(path).array[0]
    middle = np.take(array, array.shape[int(np.argmin(array.shape))] // 2, axis=int(np.argmin(array.shape)))
    return np.clip((middle.astype(float) + 160) / 400 * 255, 0, 255)


def _coloured(picture: Any) -> Any:
    shown = picture if picture.ndim == 3 else picture[..., None]
    return np.repeat(shown, 3, axis=2).astype(np.uint8) if shown.shape[2] == 1 else shown[..., :3].astype(np.uint8)


def test(model: Path, tested: list[Path], data: Path) -> dict[str, Any]:
    """Predict, then compare what is said with the truth."""
    output, odd = model / "test", model / "strangers"
    for folder in (output, odd):
        shutil.rmtree(folder, ignore_errors=True)
    odd.mkdir()
    for name, picture in strangers(data).items():
        array = np.ascontiguousarray(np.moveaxis(picture, -1, 0))
        grid = Grid.from_spacing(array.shape[1:], (1.0, 1.0), unit="px")
        io.write_image(odd / f"{name}.png", Image(array, grid, ("red", "green", "blue")))
    workflow.predict(model, [*tested, odd], output=output, settings=PredictSettings())
    counts = {one.case: one for one in read_counts(output)}
    told = [one for image in tested if (one := counts.get(image.stem)) is not None]
    known = [one for one in told if not math.isnan(one.high)]
    truth, objects = {}, []
    for image in tested:
        if image.stem in counts:
            truth[image.stem], rows = _compared(output, image)
            objects.append(rows)
    table = pd.concat(objects)
    wrong, doubted = ~table["right"], table["doubt"] != ""
    right = np.array([truth[one.case] for one in known])
    low, high, guess, found = (
        np.array([getattr(one, a) for one in known]) for a in ("low", "high", "expected", "found")
    )
    others = [one for name, one in counts.items() if (odd / f"{name}.png").is_file()]
    return {
        "ordinary images": len(told),
        "ordinary held to be unlike": sum(one.note.startswith("unknown") for one in told),
        "strangers": len(others),
        "strangers held to be unlike": sum(one.note.startswith("unknown") for one in others),
        "strangers missed": sorted(one.case for one in others if not one.note.startswith("unknown")),
        "counted": len(known),
        "intervals that hold": int(((low <= right) & (right <= high)).sum()),
        "width for each object, median": round(float(np.median((high - low) / np.maximum(right, 1))), 2),
        "low end for each expected, median": round(float(np.median(low / guess)), 2),
        "off by, mean": round(float(np.abs(guess - right).mean()), 1),
        "off by, relative, median": round(float(np.median(np.abs(guess - right) / np.maximum(right, 1))), 3),
        "found alone off by, mean": round(float(np.abs(found - right).mean()), 1),
        "objects": len(table),
        "wrong": int(wrong.sum()),
        "doubtful": int(doubted.sum()),
        "doubtful and wrong": int((doubted & wrong).sum()),
    }


def _compared(output: Path, image: Path) -> tuple[int, pd.DataFrame]:
    """Objects of the truth, and of each found object of an image with a count whether it is right and doubted."""
    annotated = io.read_labels(label_of(image)).array.astype(np.int32)
    mask = next(path for path in output.glob(f"{image.stem}.*") if io.is_image(path))
    table = pd.read_csv(output / "objects" / f"{image.stem}.csv", keep_default_na=False)
    sure = table["confidence"].to_numpy(float)
    seen = compare_objects(annotated, io.read_labels(mask).array, confidence=sure, spacing=(1.0, 1.0))
    judged = table.assign(right=seen.right)
    return seen.annotated, judged[judged["likely_right"].astype(str) != ""]


def study(data: Path, count: int, *, budget: dict[str, Any], reuse: bool) -> dict[str, Any]:
    """One training, unless its model is there and to be used, and its test."""
    chosen, tested = divide(data, count)
    RUNS.mkdir(parents=True, exist_ok=True)
    model = RUNS / f"{count}-{'-'.join(str(value) for value in budget.values())}"
    reused = reuse and model.is_dir()
    if not reused:
        train(chosen, model, budget=budget, plan=None)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": hardware()["cpu"],
        "images": count,
        "budget": budget,
        "model of an earlier commit": reused,
        **test(model, tested[:TESTED], data),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--folds", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--reuse", action="store_true", help="take the model of an earlier run")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    chosen = parser.parse_args()
    budget: dict[str, Any] = {"steps": chosen.steps} if chosen.steps else {"minutes": chosen.minutes}
    given = {"folds": chosen.folds, "precision": chosen.precision}
    budget |= {name: value for name, value in given.items() if value != "auto"}
    path = RESULTS / "counts.json"
    rows = dict(json.loads(path.read_text(encoding="utf-8"))["results"]) if path.is_file() else {}
    rows[f"{chosen.images} images, {budget}"] = row = study(
        chosen.data, chosen.images, budget=budget, reuse=chosen.reuse
    )
    print(row)
    print(record("counts", rows, seed=SEED))


if __name__ == "__main__":
    main()
