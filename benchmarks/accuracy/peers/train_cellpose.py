"""Cellpose 3 from random weights, in an environment of its own (`pip install "cellpose<4"`): trains and segments.

    python train_cellpose.py FOLDER --minutes 15

FOLDER/train and FOLDER/test hold images as NAME.npy, (rows, columns, 3), uint8; FOLDER/train/NAME.labels.npy the
objects. FOLDER/found/NAME.npy are written. Its training has no clock: a few epochs are timed, then as many are asked
for as fit, so that its schedule of the learning rate is as meant; the rate is that of its documentation for training
from random weights (AdamW, 0.005). Images are segmented at the mean diameter of the training objects, its default.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from cellpose import models, train

TIMED, CHANNELS = 3, [0, 0]


def fresh() -> models.CellposeModel:
    """A network that has seen nothing, with the diameter that Cellpose takes for nuclei."""
    torch.manual_seed(0)
    model = models.CellposeModel(gpu=False, pretrained_model=False, diam_mean=17.0)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    chosen = parser.parse_args()
    names = sorted(path.name[: -len(".labels.npy")] for path in (chosen.folder / "train").glob("*.labels.npy"))
    images = [np.load(chosen.folder / "train" / f"{name}.npy") for name in names]
    labels = [np.load(chosen.folder / "train" / f"{name}.labels.npy").astype(np.int32) for name in names]
    options = {
        "train_data": images,
        "train_labels": labels,
        "channels": CHANNELS,
        "channel_axis": 2,
        "min_train_masks": 1,
        "save_path": chosen.folder,
        "batch_size": 8,
    }
    start = time.monotonic()
    train.train_seg(fresh().net, n_epochs=1, **options)
    once = time.monotonic() - start
    start = time.monotonic()
    train.train_seg(fresh().net, n_epochs=1 + TIMED, **options)
    each = max((time.monotonic() - start - once) / TIMED, 1e-3)
    began = time.monotonic()  # what the timing took is not counted
    model = fresh()
    epochs = max(int((chosen.minutes * 60 - once + each) / each), 1)
    train.train_seg(model.net, n_epochs=epochs, **options)
    minutes = (time.monotonic() - began) / 60
    (chosen.folder / "found").mkdir(exist_ok=True)
    diameter = float(model.net.diam_labels.item())
    for path in sorted((chosen.folder / "test").glob("*.npy")):
        masks = model.eval(np.load(path), channels=CHANNELS, channel_axis=2, diameter=diameter)[0]
        np.save(chosen.folder / "found" / path.name, masks.astype(np.uint32))
    print(f"cellpose: {minutes:.1f} minutes, {epochs} epochs of {len(names)} images, diameter {diameter:.1f}")


if __name__ == "__main__":
    main()
