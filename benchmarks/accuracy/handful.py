"""A handful of images: what Septum says of masks from a model that six to sixteen images trained, against the truth.

    python -m benchmarks.accuracy.handful [--sets polyps skin …] [--data ../shared/data] [--name after] [--folds thirds]

The question is about the judge, not about the network: pictures are shrunk or cropped to about 100 pixels and a narrow
network takes a few hundred steps, so that a set takes about a minute of one core. `--steps` is the work of all networks
of a model together. Test images are graded as they are and as copies that are spoiled in two of nine ways (the ways of
the training's own copies, other images and other strengths) or whose columns are half blank (which no training sees).

* *figure*: masks that get one; mean absolute error, bias, coverage of the interval and rank correlation are theirs;
* *right call*: on the right side of 0.7; *passed*, *held back*: of bad masks and of good ones, over all masks;
* *worst tenth*: where the masks with the lowest Dice stand in the list on average (0 the top, 0.5 chance);
* *constant*: the error of saying the mean Dice of the held-out images of every mask.

With another version of Septum first on `PYTHONPATH` and `--name before`, the same images are graded by that version.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from benchmarks.accuracy.first_models import drawn, pairs, write_table
from benchmarks.record import RESULTS, record
from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.data.load import load_dataset
from septum.workflows.model.machine import Machine
from septum.workflows.model.plan import plan_json
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.workflow import predict
from septum.workflows.quality.reverse import dice_per_class
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training.begin import JUDGE, derive_plan
from septum.workflows.training.train import train

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "benchmarks" / "runs" / "handful"
SEED, THRESHOLD, MOST_TESTED = 0, 0.7, 30
Pairs = list[tuple[Path, Path]]


@dataclass(frozen=True)
class Set:
    """A data set: how it is divided, how its pictures are made small, and what training must be told."""

    what: str
    divide: Callable[[Path], tuple[Pairs, Pairs]]
    crop: bool = False
    told: tuple[tuple[str, Any], ...] = ()


def listed(folder: str, names: str) -> Callable[[Path], tuple[Pairs, Pairs]]:
    """The images that a list beside a set names train, the others test."""

    def divide(data: Path) -> tuple[Pairs, Pairs]:
        wanted = set((data / folder / names).read_text(encoding="utf-8").split())
        found = pairs(data / folder)
        training = [pair for pair in found if {pair[0].name, io.stem(pair[0])} & wanted]
        return training, [pair for pair in found if pair not in training]

    return divide


SETS = {
    "polyps": Set("polyps, endoscopy (Kvasir-SEG)", listed("polyp-kvasir-seg", "train10.txt")),
    "skin": Set("skin lesions (PH2)", listed("skin-ph2", "train6.txt")),
    "ultrasound": Set("nerve and vessel, ultrasound", listed("us-nerve-usgra", "train10.txt")),
    "nuclei": Set(
        "nuclei (DSB 2018)",
        lambda data: drawn(pairs(data / "nuclei-dsb2018"), 16),
        crop=True,
        told=(("foreground", True),),
    ),
    "membranes": Set(
        "membranes, electron microscopy (ISBI 2012)",
        lambda data: (pairs(data / "em-isbi2012")[:10], pairs(data / "em-isbi2012")[11:]),
        crop=True,
        told=(("background", 255),),
    ),
    "vessels": Set(
        "vessels, fundus (DRIVE)",
        lambda data: (pairs(data / "fundus-drive")[:10], pairs(data / "fundus-drive")[10:]),
        crop=True,
    ),
    "hippocampus": Set(
        "hippocampus, MR, 3-D (MSD)", lambda data: drawn(pairs(data / "mri-hippocampus-msd"), 10), crop=True
    ),
}


def make_small(image: Image, labels: NDArray[Any], *, crop: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """The middle 128 samples of an image, or the whole at about 100 pixels."""
    if crop:
        part = tuple(slice(max(0, n // 2 - 64), n // 2 + 64) for n in labels.shape)
        return image.array[(slice(None), *part)], labels[part]
    step = max(1, round(max(labels.shape) / 100))
    smooth = ndimage.uniform_filter(image.array.astype(np.float32), (1, *(step,) * labels.ndim))
    every = (slice(None, None, step),) * labels.ndim
    return smooth[(slice(None), *every)].astype(image.array.dtype), labels[every]


def write(folder: Path, name: str, array: NDArray[Any], labels: NDArray[Any], grid: Grid) -> tuple[Path, Path]:
    """One image and its labels as files."""
    suffix = ".tif" if labels.ndim == 2 else ".nii.gz"
    image, label = folder / "images" / f"{name}{suffix}", folder / "labels" / f"{name}{suffix}"
    image.parent.mkdir(parents=True, exist_ok=True)
    label.parent.mkdir(exist_ok=True)
    grid = replace(grid, shape=labels.shape)
    io.write_image(image, Image(array, grid))
    io.write_labels(label, LabelMap(labels, grid))
    return image, label


def write_data(name: str, data: Path) -> Path:
    """The small training images, test images and spoiled copies of a set; once for all versions that are compared."""
    folder, chosen = RUNS / name, SETS[name]
    if (folder / "test.csv").is_file():
        return folder
    from septum.workflows.quality.spoil import WAYS, spoil  # an earlier version has none, and needs none any more

    training, test = chosen.divide(data)
    ways = [*WAYS, "blank"]
    made: dict[str, Pairs] = {"train": [], "test": []}
    for part, found in (("train", training), ("test", test[:: -(-len(test) // MOST_TESTED)])):
        for number, (image_path, label_path) in enumerate(found):
            image, labels = io.read_image(image_path), io.read_labels(label_path).array
            array, labels = make_small(image, labels, crop=chosen.crop)
            stem = io.stem(image_path)
            made[part].append(write(folder / part, stem, array, labels, image.grid))
            for way in (ways[number % 10], ways[(number + 4) % 10]) if part == "test" else ():
                if way == "blank":
                    columns = np.arange(labels.shape[-1]) % 16 >= 8
                    worse, truth = np.where(columns, array.min(), array).astype(np.float32), labels
                else:
                    worse, truth = spoil(array, labels, way=way, rng=np.random.default_rng([7, number]))
                made[part].append(write(folder / part, f"{stem}-{way}", worse, truth, image.grid))
    write_table(folder / "cases.csv", made["train"], [])
    write_table(folder / "test.csv", [], made["test"])
    return folder


def small_plan(folder: Path, told: dict[str, Any]) -> Path:
    """The plan that Septum derives, with a narrow network and patches of at most 96."""
    path = folder / "plan.json"
    if not path.is_file():
        data = load_dataset(folder / "cases.csv", axes=None)
        settings = TrainSettings(steps=1, **told)
        plan = derive_plan(data, data.labelled, settings=settings, machine=Machine("cpu", "32-true"))
        levels = min(3, len(plan.unet.features))
        unet = replace(
            plan.unet, features=(8, 16, 32)[:levels], strides=plan.unet.strides[: levels - 1],
            kernels=plan.unet.kernels[:levels], deep_supervision=0, encoder="own",
        )  # fmt: skip
        patch = tuple(min(96 if len(plan.patch) == 2 else 32, n) for n in plan.patch)
        path.write_text(plan_json(replace(plan, unet=unet, patch=patch, budget=replace(plan.budget, batch=2))))
    return path


def study(name: str, data: Path, version: str, folds: str, steps: int) -> dict[str, Any]:
    """Train, predict, compare with the truth."""
    folder, told = write_data(name, data), dict(SETS[name].told)
    cases = load_dataset(folder / "cases.csv", axes=None).labelled
    division = folds if len(cases) < 30 else "one"
    for old in (f"model-{version}", f"masks-{version}"):
        shutil.rmtree(folder / old, ignore_errors=True)
    trained = train(
        folder / "cases.csv", folder / f"model-{version}",
        settings=TrainSettings(
            plan=small_plan(folder, told), folds=division, precision="32-true", devices="cpu",
            steps=round(steps / (1 + 3 * JUDGE)) if division == "thirds" else steps, **told,
        ),
        hooks=Hooks(on_note=print),
    )  # fmt: skip
    result = predict(
        folder / f"model-{version}", [folder / "test.csv"], output=folder / f"masks-{version}",
        settings=PredictSettings(devices="cpu", precision="32-true"),
    )  # fmt: skip
    rows = compared(result.estimates, folder, version, told)
    plain = [row for row in rows if not row["spoiled"]]
    constant = trained.mean_dice or math.nan
    return {
        "what": SETS[name].what,
        "training_images": len(cases),
        "steps": steps,
        "folds": division,
        "held_out_dice": constant,
        "plain": measured(plain, constant),
        "spoiled": measured([row for row in rows if row["spoiled"]], constant),
        "worst_tenth": worst_tenth(rows),
    }


def compared(estimates: Sequence[Any], folder: Path, version: str, told: dict[str, Any]) -> list[dict[str, Any]]:
    """The estimate of each class of each mask, in the order of the list, with the true Dice."""
    masks = {io.stem(path): path for path in (folder / f"masks-{version}").iterdir() if io.is_image(path)}
    labels = {io.stem(path): path for path in (folder / "test" / "labels").iterdir()}
    rows = []
    for place, one in enumerate(estimates):
        truth, mask = io.read_labels(labels[one.case]).array, io.read_labels(masks[one.case]).array
        if told.get("foreground"):
            truth, mask = (truth > 0).astype(int), (mask > 0).astype(int)
        dice = dice_per_class((truth == one.label).astype(int), (mask == one.label).astype(int), n_classes=2)[0]
        if math.isfinite(dice):
            spoiled = "-" in one.case and one.case.rsplit("-", 1)[1].isalpha()
            rows.append(
                {"true": float(dice), "one": one, "spoiled": spoiled, "place": place / max(1, len(estimates) - 1)}
            )
    return rows


def measured(rows: Sequence[dict[str, Any]], constant: float) -> dict[str, Any]:
    """Errors of the figures, calls and verdicts."""
    true = np.array([row["true"] for row in rows])
    dice, low, high = (np.array([getattr(row["one"], key) for row in rows]) for key in ("dice", "low", "high"))
    verdict = np.array([row["one"].verdict for row in rows])
    known, good = np.isfinite(dice), true >= THRESHOLD
    held = known & np.isfinite(low)
    error = np.abs(dice - true)[known]
    return {
        "n": len(rows),
        "figures": int(known.sum()),
        "dice_mean": float(true.mean()),
        "mae": float(error.mean()) if known.any() else None,
        "bias": float((dice - true)[known].mean()) if known.any() else None,
        "constant_mae": float(np.abs(true - constant).mean()),
        "coverage": float(((low <= true) & (true <= high))[held].mean()) if held.any() else None,
        "spearman": _rank(dice[known], true[known]),
        "right_calls": float(((dice >= THRESHOLD) == good)[known].mean()) if known.any() else None,
        "good": int(good.sum()),
        "bad_passed": int((~good & (verdict == "pass")).sum()),
        "good_held_back": int((good & (verdict != "pass")).sum()),
        "verdicts": {word: int((verdict == word).sum()) for word in ("unknown", "fail", "look", "pass")},
    }


def _rank(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    if len(first) < 4 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(stats.spearmanr(first, second).statistic)


def worst_tenth(rows: Sequence[dict[str, Any]]) -> float:
    """Mean place in the list of the tenth of the masks with the lowest Dice; 0 is the top, 0.5 chance."""
    worst = sorted(rows, key=lambda row: row["true"])[: max(1, len(rows) // 10)]
    return float(np.mean([row["place"] for row in worst]))


def main() -> None:
    """Run the sets asked for and record them under the version's name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--name", default="after", help="of the version of Septum that is measured")
    parser.add_argument("--folds", default="thirds", help="the division of the training images")
    parser.add_argument("--steps", type=int, default=450)
    given = parser.parse_args()
    path = RESULTS / "handful.json"
    results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["results"] if path.is_file() else {}
    for name in given.sets:
        found = study(name, given.data.resolve(), given.name, given.folds, given.steps)
        results.setdefault(given.name, {})[name] = found
        print(json.dumps({name: found}, indent=1))
        print(record("handful", {"seed": SEED, "threshold": THRESHOLD, **results}, seed=SEED))


if __name__ == "__main__":
    main()
