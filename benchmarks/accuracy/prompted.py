"""What clicks and a box add: a network trained with prompts, and a simulated person who corrects it.

    python -m benchmarks.accuracy.prompted [--data ../shared/data] [--steps 600] [--sheet FILE.png]

Sagittal slices of the hippocampus, which show both of its parts: of six patients every second slice trains, of each
other patient the slice with the most hippocampus is scored. Two networks are trained on the same slices with the same
number of steps and the same seed, one with `--prompts`. Then the simulated person of training
(`septum.net.learning.simulated_user.correct`) clicks into the deepest pixel of the largest connected error, looks at
the new mask, and clicks again. A tight box around the largest object of the reference is the other first prompt. The
budget is a number of steps, not of minutes, so that a busy machine does not change the result.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.first_models import drawn, pairs, write_table
from benchmarks.record import record
from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.interactive.marks.prompted import prompted_network
from septum.interactive.tool import Box, Stroke
from septum.metrics import confusion_counts, dice
from septum.metrics.summary import summarise
from septum.net.learning.simulated_user import box_around_largest, correct
from septum.workflows.model.folder import ModelFolder
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction.engine import open_segmenter
from septum.workflows.prediction.live import PromptedModel
from septum.workflows.prediction.predict import segment
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training.train import train as train_network

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "benchmarks" / "runs" / "prompted"
SEED = 0
TRAINING = 6
CLICKS = (0, 1, 2, 3, 5)
LABELS = (1, 2)
CPU = PredictSettings(devices="cpu")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--dry-run", action="store_true", help="record nothing")
    parser.add_argument("--sheet", type=Path, help="write pictures of some cases")
    given = parser.parse_args()
    shutil.rmtree(RUNS, ignore_errors=True)
    training, test = slices(given.data / "mri-hippocampus-msd")
    write_table(RUNS / "cases.csv", training, test)
    seconds = {name: train(name, given.steps) for name in ("plain", "prompted")}
    scores, shown = measured(test)
    table = {name: vars(summarise(np.array(values), seed=SEED)) for name, values in scores.items()}
    for name, row in table.items():
        print(f"{name:10} mean {row['mean']:.4f} [{row['mean_ci_low']:.4f}, {row['mean_ci_high']:.4f}] "
              f"median {row['median']:.4f}", flush=True)  # fmt: skip
    gains = {
        name: vars(summarise(np.array(scores[name]) - np.array(scores["0 clicks"]), seed=SEED))
        for name in scores if name != "0 clicks"
    }  # fmt: skip
    if given.sheet:
        write_sheet(given.sheet, shown)
    if not given.dry_run:
        found = {
            "what": "hippocampus, sagittal MR slices (MSD)",
            "training_patients": TRAINING,
            "training_images": len(training),
            "test_images": len(test),
            "steps": given.steps,
            "train_seconds": seconds,
            "dice": table,
            "gain_over_0_clicks": gains,
        }
        print(record("prompted", found, seed=SEED))
    return 0


Shown = list[tuple[Image, LabelMap, dict[str, NDArray[Any]]]]


def measured(test: list[tuple[Path, Path]]) -> tuple[dict[str, list[float]], Shown]:
    """Dice of every test image by what was prompted, and some of the masks."""
    network = PromptedModel(RUNS / "prompted", settings=CPU)
    plain = open_segmenter(ModelFolder(RUNS / "plain"), CPU)
    scores: dict[str, list[float]] = {}
    shown = []
    for number, (image_path, labels_path) in enumerate(test):
        image, labels = io.read_image(image_path), io.read_labels(labels_path)
        states = {"plain": segment(image, plain).array, **dict(clicked(network, image, labels))}
        states["1 box"] = boxed(network, image, labels)
        for name, state in states.items():
            scores.setdefault(name, []).append(score(labels.array, state))
        if number < 6:
            shown.append((image, labels, states))
    return scores, shown


def slices(folder: Path) -> tuple[list[tuple[Path, Path]], list[tuple[Path, Path]]]:
    """Write the slices as pictures; those that train, and those that are scored."""
    patients = drawn(pairs(folder), TRAINING)
    for kind in ("images", "labels"):
        (RUNS / kind).mkdir(parents=True)
    found: list[list[tuple[Path, Path]]] = [[], []]
    for part, cases in enumerate(patients):
        for image_path, labels_path in cases:
            image, labels = io.read_image(image_path), io.read_labels(labels_path)
            axis = int(np.abs(labels.grid.affine[0, :3]).argmax())  # from left to right
            sizes = (labels.array > 0).sum(axis=tuple(a for a in range(3) if a != axis))
            chosen = np.flatnonzero(sizes)[::2] if part == 0 else [int(sizes.argmax())]
            spacing = tuple(s for a, s in enumerate(labels.grid.spacing) if a != axis)
            for index in chosen:
                name = f"{io.stem(image_path)}_{index:02d}.tif"
                plane, marks = (np.take(a, index, axis=n) for a, n in ((image.array, axis + 1), (labels.array, axis)))
                grid = Grid.from_spacing(marks.shape, spacing)
                io.write_image(RUNS / "images" / name, Image(plane.astype(np.float32), grid))
                io.write_labels(RUNS / "labels" / name, LabelMap(marks, grid))
                found[part].append((RUNS / "images" / name, RUNS / "labels" / name))
    return found[0], found[1]


def train(name: str, steps: int) -> float:
    """Train one of the two networks; seconds."""
    began = time.monotonic()
    train_network(
        RUNS / "cases.csv",
        RUNS / name,
        settings=TrainSettings(
            steps=steps,
            folds="none",
            seed=SEED,
            foreground=False,
            devices="cpu",
            precision="32-true",
            prompts=name == "prompted",
        ),
        on_status=lambda status: print(f"{name}: {status.step}/{status.steps} {status.loss:.3f}", file=sys.stderr),
        hooks=Hooks(on_note=lambda text: print(text, file=sys.stderr)),
    )
    return time.monotonic() - began


def clicked(network: PromptedModel, image: Image, labels: LabelMap) -> Iterator[tuple[str, NDArray[Any]]]:
    """The masks after so many clicks of the simulated person."""
    strokes: list[Stroke] = []
    for number in range(max(CLICKS) + 1):
        found = asked(network, image, strokes=strokes)
        if number in CLICKS:
            yield f"{number} click{'' if number == 1 else 's'}", found
        mark = correct(labels.array, found, spacing=labels.grid.spacing)
        if mark is not None:
            strokes.append(Stroke(mark.points, mark.index))  # classes 0, 1, 2 are the labels here


def boxed(network: PromptedModel, image: Image, labels: LabelMap) -> NDArray[Any]:
    """The mask that one box gives."""
    box = box_around_largest(labels.array)
    return asked(network, image, boxes=[] if box is None else [(Box(box.start, box.stop), box.index)])


def asked(network: PromptedModel, image: Image, **shown: Any) -> NDArray[Any]:
    picture = image.array[0]
    labels = np.zeros(picture.shape, np.uint8)
    return prompted_network(picture, labels, predict=network, spacing=image.grid.spacing, **shown).labels


def score(reference: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Mean Dice over the labels."""
    return float(np.nanmean([dice(counts) for counts in confusion_counts(reference, prediction, classes=LABELS)]))


def write_sheet(path: Path, shown: Shown) -> None:
    """Reference (yellow) and mask (red: label 1, cyan: label 2)."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    names = list(shown[0][2])
    figure, axes = plt.subplots(len(shown), len(names), figsize=(2.2 * len(names), 2.6 * len(shown)), squeeze=False)
    for row, (image, labels, states) in zip(axes, shown, strict=True):
        for place, name in zip(row, names, strict=True):
            place.imshow(image.array[0], cmap="gray")
            for label, colour in zip(LABELS, ("r", "c"), strict=True):
                place.contour(labels.array == label, [0.5], colors="y", linewidths=0.8)
                if (states[name] == label).any():
                    place.contour(states[name] == label, [0.5], colors=colour, linewidths=0.8)
            place.set_title(f"{name} {score(labels.array, states[name]):.3f}", fontsize=8)
            place.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=70)
    plt.close(figure)


if __name__ == "__main__":
    raise SystemExit(main())
