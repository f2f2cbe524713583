"""Does it help to look at images without labels, or to cut and mix the few that have them?

    python -m benchmarks.accuracy.unlabelled --held-out --images 3   # what runs by itself is decided on these
    python -m benchmarks.accuracy.unlabelled [--sets polyps skin …] [--images 1 3 5 10] [--draws 1] [--steps 120]

Of each set, the images that it names for few-image studies are labelled (ten drawn of nuclei); of the others one half,
forty at most, is given without labels and as many test, so that no test image is seen in any form. Pictures are
shrunk to 128 pixels at their shorter side (nuclei: the middle 128²), and what `auto` derives from them is trained with
`--folds none` by steps, so that a row is a function of its seed. A draw is a seed, and the order in which labelled
images are taken. The arms:

* *plain*: the labelled images alone, for `--steps`, and for 1.5 times as many: the processor time of the teacher;
* *CutMix*: half of the labelled patches get a box of another one (`cutmix` in the plan's budget);
* *teacher*: `--unlabelled` with the images without labels.

With `--held-out` the labelled images that a draw leaves out are scored instead of the test images.

The Dice of a test image is the mean over the labels that it or its mask holds; processor time is that of the training.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.accuracy.first_models import ROOT, drawn, pairs, write_table
from benchmarks.accuracy.handful import listed, write
from benchmarks.record import RESULTS, record
from septum import io
from septum.geometry import Image
from septum.metrics.summary import summarise
from septum.workflows.data.load import load_dataset
from septum.workflows.model.machine import usual_machine
from septum.workflows.model.plan import plan_json
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.prediction.workflow import predict
from septum.workflows.quality.reverse import dice_per_class
from septum.workflows.training.begin import derive_plan
from septum.workflows.training.train import train

RUNS = ROOT / "benchmarks" / "runs" / "unlabelled"
SIDE, MOST, LABELLED, LONGER = 128, 40, 10, 1.5
Pairs = list[tuple[Path, Path]]

SETS = {
    "polyps": ("polyp-kvasir-seg", "train10.txt", "polyps, endoscopy (Kvasir-SEG)"),
    "ultrasound": ("us-nerve-usgra", "train10.txt", "nerve and vessel, ultrasound (USGRA)"),
    "skin": ("skin-ph2", "train6.txt", "skin lesions (PH2)"),
    "nuclei": ("nuclei-dsb2018", "", "nuclei, grey images (DSB 2018)"),
}

ARMS = {"plain": 1.0, "plain, longer": LONGER, "CutMix": 1.0, "teacher": 1.0}
"""What is compared, and for how many times the steps."""


def divide(name: str, data: Path) -> dict[str, Pairs]:
    """The images with labels, those given without, and those that test."""
    folder, names, _ = SETS[name]
    if names:
        training, others = listed(folder, names)(data)
    else:
        training, others = drawn([pair for pair in pairs(data / folder) if _grey_with_something(*pair)], LABELLED)
    order = np.random.default_rng(1).permutation(len(others))
    half = min(MOST, len(others) // 2)
    parts = {"unlabelled": order[:half], "test": order[half : 2 * half]}
    return {"labelled": training} | {part: [others[i] for i in sorted(chosen)] for part, chosen in parts.items()}


def _grey_with_something(image: Path, label: Path) -> bool:
    """Coloured pictures are another family, and an empty middle teaches nothing."""
    labels = io.read_labels(label).array
    return io.read_image(image).array.shape[0] == 1 and bool(middle(labels).any())


def middle(array: NDArray[Any]) -> NDArray[Any]:
    """The `SIDE` pixels in the middle of the last two axes."""
    return array[(..., *(slice(max(0, n // 2 - SIDE // 2), n // 2 + SIDE // 2) for n in array.shape[-2:]))]


def shrink(image: Image, labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The whole of a picture at `SIDE` pixels."""
    factor = min(labels.shape) / SIDE
    smooth = ndimage.gaussian_filter(image.array.astype(np.float32), (0, factor / 2, factor / 2))
    at = np.ix_(*(((np.arange(round(n / factor)) + 0.5) * factor).astype(int).clip(0, n - 1) for n in labels.shape))
    return np.stack([channel[at] for channel in smooth]).astype(image.array.dtype), labels[at]


def write_data(name: str, data: Path) -> dict[str, Pairs]:
    """The small pictures of a set as files."""
    folder = RUNS / name
    made: dict[str, Pairs] = {}
    for part, found in divide(name, data).items():
        made[part] = []
        for image_path, label_path in found:
            image, labels = io.read_image(image_path), io.read_labels(label_path).array
            if name == "nuclei":
                array, labels = middle(image.array), (middle(labels) > 0).astype(np.uint8)
            else:
                array, labels = shrink(image, labels)
            made[part].append(write(folder / part, io.stem(image_path), array, labels, image.grid))
    return made


def study(
    name: str, made: dict[str, Pairs], arm: str, *, images: int, draw: int, steps: int, held_out: bool
) -> dict[str, Any]:
    """Train one arm on the first `images` of a draw and score the test images, or those that the draw leaves out."""
    folder = RUNS / name
    order = [made["labelled"][i] for i in np.random.default_rng(draw).permutation(len(made["labelled"]))]
    tested = order[images:] if held_out else made["test"]
    parts = ("cases.csv", "test.csv", "plan.json", "model", "masks")
    table, test, plan, model, masks = (folder / part for part in parts)
    write_table(table, order[:images], [])
    write_table(test, [], tested)
    settings = TrainSettings(steps=round(steps * ARMS[arm]), folds="none", seed=draw, devices="cpu", instances=False)
    if arm == "teacher":
        settings = replace(settings, unlabelled=folder / "unlabelled" / "images")
    cases = load_dataset(table).labelled
    derived = derive_plan(load_dataset(table), cases, settings=settings, machine=usual_machine("cpu", "auto"))
    if arm == "CutMix":
        derived = replace(derived, budget=replace(derived.budget, cutmix=0.5))
    plan.write_text(plan_json(derived), encoding="utf-8")
    for old in (model, masks):
        shutil.rmtree(old, ignore_errors=True)
    begun = time.process_time()
    train(table, model, settings=replace(settings, plan=plan))
    spent = time.process_time() - begun
    predict(model, [test], output=masks, settings=PredictSettings(devices="cpu"))
    dice = scored(masks, tested)
    summary = summarise(dice, seed=draw)
    return {
        "set": name, "what": SETS[name][2], "held_out": held_out, "arm": arm, "images": images, "draw": draw,
        "unlabelled": len(made["unlabelled"]) if arm == "teacher" else 0, "encoder": derived.unet.encoder,
        "steps": settings.steps, "seconds": round(spent, 1), "n": summary.n, "mean": summary.mean,
        "median": summary.median, "dice": [round(float(value), 4) for value in dice],
    }  # fmt: skip


def scored(masks: Path, test: Pairs) -> NDArray[np.float64]:
    """The Dice of each test image, the mean over the labels that it or its mask holds."""
    found = {io.stem(path): path for path in masks.iterdir() if io.is_image(path)}
    dice = []
    for image_path, label_path in test:
        truth, mask = io.read_labels(label_path).array, io.read_labels(found[io.stem(image_path)]).array
        values = [v for v in np.union1d(np.unique(truth), np.unique(mask)) if v > 0]
        one = [dice_per_class((truth == v).astype(int), (mask == v).astype(int), n_classes=2)[0] for v in values]
        dice.append(float(np.mean(one)) if one else float("nan"))
    return np.array(dice)


def main() -> None:
    """Run what is asked for, row by row; rows recorded before are kept where they are not run again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--arms", nargs="*", default=list(ARMS), choices=list(ARMS))
    parser.add_argument("--images", nargs="*", type=int, default=[1, 3, 5, 10])
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--held-out", action="store_true", help="score what a draw leaves out, not the test images")
    parser.add_argument("--steps", type=int, default=120)
    given = parser.parse_args()
    path = RESULTS / "unlabelled.json"
    rows: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["results"]["rows"] if path.is_file() else {}
    made = {name: write_data(name, given.data.resolve()) for name in given.sets}
    for draw in range(given.draws):
        for images in given.images:
            for name in given.sets:
                if images > len(made[name]["labelled"]):
                    continue
                for arm in given.arms:
                    row = study(
                        name, made[name], arm, images=images, draw=draw, steps=given.steps, held_out=given.held_out
                    )
                    rows[f"{name}, {arm}, {images}, draw {draw}" + (", held out" if given.held_out else "")] = row
                    print({key: value for key, value in row.items() if key not in ("dice", "what")}, flush=True)
                    record("unlabelled", {"steps": given.steps, "longer": LONGER, "rows": rows})


if __name__ == "__main__":
    main()
