"""StarDist from random weights, in an environment of its own (`pip install stardist tensorflow-cpu`).

    python train_stardist.py FOLDER --minutes 15

FOLDER/train and FOLDER/test hold images as NAME.npy, (rows, columns, 3), uint8; FOLDER/train/NAME.labels.npy the
objects. FOLDER/found/NAME.npy are written. Configuration and augmentation are those of its example for this data set
(32 rays, grid 2, patches of 256, batches of 4, rate 0.0003, flips, turns and intensity); one image in ten is for its
thresholds and its plateau; training stops by the clock.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import keras
import numpy as np
from csbdeep.utils import normalize
from stardist import fill_label_holes
from stardist.models import Config2D, StarDist2D

SEED, STEPS = 0, 25
CHANCE = np.random.default_rng(SEED)


class StopAt(keras.callbacks.Callback):
    """Ends the training when its time is over."""

    def __init__(self, moment: float) -> None:
        super().__init__()
        self.moment, self.steps = moment, 0

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self.steps += 1
        if time.monotonic() > self.moment:
            self.model.stop_training = True


def augment(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flips, quarter turns, gain and offset, a little noise."""
    turns = int(CHANCE.integers(4))
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if CHANCE.random() < 0.5:
        image, labels = image[::-1], labels[::-1]
    image = image * CHANCE.uniform(0.6, 2) + CHANCE.uniform(-0.2, 0.2)
    return image + 0.02 * CHANCE.uniform(0, 1) * CHANCE.normal(0, 1, image.shape), labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    chosen = parser.parse_args()
    began = time.monotonic()
    keras.utils.set_random_seed(SEED)
    names = sorted(path.name[: -len(".labels.npy")] for path in (chosen.folder / "train").glob("*.labels.npy"))
    images = [normalize(np.load(chosen.folder / "train" / f"{n}.npy"), 1, 99.8, axis=(0, 1)) for n in names]
    labels = [fill_label_holes(np.load(chosen.folder / "train" / f"{n}.labels.npy").astype(np.int32)) for n in names]
    order = np.random.default_rng(SEED).permutation(len(names))
    held = max(1, len(names) // 10)
    pick = [([images[i] for i in part], [labels[i] for i in part]) for part in (order[held:], order[:held])]
    model = StarDist2D(Config2D(n_rays=32, grid=(2, 2), n_channel_in=3, train_tensorboard=False,
                                train_reduce_lr={"factor": 0.5, "patience": 10, "min_delta": 0}),
                       name="model", basedir=str(chosen.folder))  # fmt: skip
    model.prepare_for_training()
    clock = StopAt(began + chosen.minutes * 60 - 20)  # the search for thresholds takes its time, too
    model.callbacks.append(clock)
    model.train(*pick[0], validation_data=pick[1], augmenter=augment, seed=SEED, epochs=10_000, steps_per_epoch=STEPS)
    model.optimize_thresholds(*pick[1])
    minutes = (time.monotonic() - began) / 60
    (chosen.folder / "found").mkdir(exist_ok=True)
    for path in sorted((chosen.folder / "test").glob("*.npy")):
        found, _ = model.predict_instances(normalize(np.load(path), 1, 99.8, axis=(0, 1)))
        np.save(chosen.folder / "found" / path.name, found.astype(np.uint32))
    print(f"stardist: {minutes:.1f} minutes, {clock.steps} steps of 4 patches, thresholds {model.thresholds}")


if __name__ == "__main__":
    main()
