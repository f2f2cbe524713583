"""Single objects in volumes: balls that touch at known distances, and nuclei of half a stack from the other half.

    python -m benchmarks.accuracy.instances_volumes [--steps 300] [--volumes 4] [--tests 8]
                                                    [--data ../shared/data]

Balls are drawn in pairs whose centres lie a known part of a diameter apart, at any angle, blurred and noisy, each
voxel of the nearer ball; `--volumes` of them train (`septum train --instances`, defaults), `--tests` others test. What
is told is the part of the pairs of each distance of which both balls are found (IoU at least 0.5). The stack is
`nuclei-stardist-pypi`: the block of its first rows trains, that of the others tests. Beside them what
`septum instances` makes of the same models' foreground (distance transform and watershed), and its plain components.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.accuracy.instances import ROOT, RUNS, SEED, scores
from benchmarks.record import commit, record
from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.instances.split import split_objects
from septum.metrics.instances import instance_overlap
from septum.workflows.model.settings import TrainSettings
from septum.workflows.prediction import workflow
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.runs.hooks import Hooks
from septum.workflows.training import train as training

RADIUS, SIDE = 6.0, 72
APART = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
"""Distances of the centres of a pair, in diameters: below 1 the balls cut into each other."""
PAIRS = 6
HALF = 31  # rows of the stack that train

Volume = tuple[NDArray[np.float32], NDArray[np.uint16]]


def balls(seed: int) -> tuple[Volume, list[tuple[float, int, int]]]:
    """Pairs of balls, and of each pair its distance and its labels."""
    rng = np.random.default_rng(seed)
    mesh = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), -1)
    nearest, labels = np.ones((SIDE,) * 3), np.zeros((SIDE,) * 3, np.uint16)
    pairs: list[tuple[float, int, int]] = []
    middles: list[NDArray[np.float64]] = []
    tries = 0
    while len(pairs) < PAIRS and tries < 2000:
        tries += 1
        middle, way = rng.uniform(2 * RADIUS, SIDE - 2 * RADIUS, 3), rng.standard_normal(3)
        if any(np.linalg.norm(middle - other) < 4.4 * RADIUS for other in middles):
            continue
        middles.append(middle)
        apart = APART[(seed + len(pairs)) % len(APART)]
        pairs.append((apart, 2 * len(pairs) + 1, 2 * len(pairs) + 2))
        for sign, label in zip((-1, 1), pairs[-1][1:], strict=True):
            far = np.linalg.norm(mesh - (middle + sign * apart * RADIUS * way / np.linalg.norm(way)), axis=-1) / RADIUS
            closer = far < nearest
            labels[closer], nearest[closer] = label, far[closer]
    clean = ndimage.gaussian_filter(np.where(labels > 0, 100.0, 20.0), 1.5)
    return ((clean + rng.normal(0, 12, clean.shape)).astype(np.float32), labels), pairs


def stack(data: Path) -> tuple[Volume, Volume]:
    """The two halves of the stack."""
    folder = data / "nuclei-stardist-pypi"
    image = io.read_image(folder / "images" / "3d.tif").array[0]
    labels = io.read_labels(folder / "labels" / "3d.tif").array
    halves = [
        (np.asarray(image[:, part], np.float32), np.asarray(labels[:, part], np.uint16))
        for part in (slice(0, HALF), slice(HALF, None))
    ]
    return halves[0], halves[1]


def written(volumes: list[Volume], folder: Path, *, labelled: bool) -> list[Path]:
    """The volumes as a data set; the image files."""
    shutil.rmtree(folder, ignore_errors=True)
    for kind in ("images", "labels")[: 1 + labelled]:
        (folder / kind).mkdir(parents=True)
    paths = []
    for number, (image, labels) in enumerate(volumes):
        grid = Grid.pixels(image.shape)
        paths.append(folder / "images" / f"{number:02d}.nii.gz")
        io.write_image(paths[-1], Image(image[None], grid, ("grey",)))
        if labelled:
            io.write_labels(folder / "labels" / paths[-1].name, LabelMap(labels, grid))
    return paths


def segmented(name: str, training_set: list[Volume], tests: list[Volume], *, steps: int) -> dict[str, list[Any]]:
    """Objects of the test volumes by the model, by splitting its foreground, and as components of its foreground."""
    folder = RUNS / name
    data = folder.with_name(f"{name}-data")
    written(training_set, data, labelled=True)
    shutil.rmtree(folder, ignore_errors=True)
    training.train(
        data, folder, settings=TrainSettings(steps=steps, seed=SEED, instances=True), hooks=Hooks(on_note=print)
    )
    images, output = written(tests, folder.with_name(f"{name}-tests"), labelled=False), folder / "test"
    workflow.predict(folder, images, output=output, settings=PredictSettings(semantic=True))
    masks = [io.read_labels(output / "semantic" / image.name).array > 0 for image in images]
    return {
        "objects": [io.read_labels(output / image.name).array for image in images],
        "foreground, split by septum instances": [split_objects(mask.astype(np.uint8)).labels for mask in masks],
        "components of the foreground": [ndimage.label(mask)[0] for mask in masks],
    }


def told_apart(truths: list[Any], found: list[Any], pairs: list[list[tuple[float, int, int]]]) -> dict[str, str]:
    """By distance of a pair: of how many pairs both balls are found."""
    right: dict[float, list[bool]] = {apart: [] for apart in APART}
    for truth, mine, listed in zip(truths, found, pairs, strict=True):
        overlap = instance_overlap(truth, mine)
        good = set(overlap.reference_labels[overlap.row[overlap.iou >= 0.5]].tolist())
        for apart, one, other in listed:
            right[apart].append({one, other} <= good)
    return {f"{apart:g}": f"{sum(each)} of {len(each)}" for apart, each in right.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--volumes", type=int, default=4)
    parser.add_argument("--tests", type=int, default=8)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    chosen = parser.parse_args()
    results: dict[str, Any] = {"steps": chosen.steps, "commit": commit()}
    made = [balls(SEED + seed) for seed in range(chosen.volumes + chosen.tests)]
    learned, tested = made[: chosen.volumes], made[chosen.volumes :]
    truths = [labels for (_, labels), _ in tested]
    found = segmented("balls", [volume for volume, _ in learned], [volume for volume, _ in tested], steps=chosen.steps)
    results["balls"] = {
        how: scores(truths, objects) | {"both found": told_apart(truths, objects, [pairs for _, pairs in tested])}
        for how, objects in found.items()
    }
    print(results["balls"], flush=True)
    print(record("instances_volumes", results, seed=SEED))
    one, other = stack(chosen.data)
    found = segmented("stack", [one], [other], steps=chosen.steps)
    results["stack"] = {how: scores([other[1]], objects) for how, objects in found.items()}
    print(results["stack"])
    print(record("instances_volumes", results, seed=SEED))


if __name__ == "__main__":
    main()
