"""What a prompter draws in images nobody trained it for: a box, and one and three clicks, on real sets.

    python -m benchmarks.accuracy.prompters [--data ../shared/data] [--most 20]

In each image the largest connected object is meant (of sets with single objects, the one of median size). The box fits
it tightly. The simulated person of training (`septum.net.learning.simulated_user.correct`) clicks into the deepest
pixel of the largest error, looks at the mask, and clicks again. No part of it is random but the interval's bootstrap,
which is seeded.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.first_models import pairs
from benchmarks.record import record
from septum import io
from septum.interactive.tool import Box, Stroke
from septum.metrics.summary import summarise
from septum.net.learning.simulated_user import box_around_largest, correct
from septum.workflows.prediction.live_prompter import LivePrompter

ROOT = Path(__file__).resolve().parents[2]
SEED = 0
CLICKS = (1, 3)
SMALLEST = 20  # pixels of an object that is asked about


@dataclass(frozen=True)
class Set:
    """A folder of images, what it shows, the label that is meant (None: any) and whether values are single objects."""

    folder: str
    what: str
    label: int | None = None
    objects: bool = False


SETS = (
    Set("polyp-kvasir-seg", "polyps (Kvasir-SEG)"),
    Set("skin-ph2", "skin lesions (PH2)"),
    Set("us-nerve-usgra", "nerve in ultrasound", label=1),
    Set("nuclei-dsb2018", "nuclei (DSB 2018)", objects=True),
    Set("phc-t98g-usiigaci", "cells, phase contrast", objects=True),
    Set("cxr-lungs-mini", "a lung in radiographs"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--most", type=int, default=20, help="images of each set")
    given = parser.parse_args()
    prompter = LivePrompter("medsam-lite", devices="cpu")
    found: dict[str, Any] = {}
    for one in SETS:
        scores: dict[str, list[float]] = {}
        seconds: dict[str, list[float]] = {}
        for image, truth in _cases(given.data / one.folder, one, most=given.most):
            for name, dice, took in _asked(prompter, image, truth):
                scores.setdefault(name, []).append(dice)
                seconds.setdefault(name, []).append(took)
        table = {name: vars(summarise(np.array(values), seed=SEED)) for name, values in scores.items()}
        times = {name: float(np.median(values)) for name, values in seconds.items()}
        found[one.folder] = {"what": one.what, "n": len(scores["1 box"]), "dice": table, "median_seconds": times}
        for name, row in table.items():
            print(f"{one.what:24} {name:9} n {len(scores[name])} mean {row['mean']:.3f} [{row['mean_ci_low']:.3f}, "
                  f"{row['mean_ci_high']:.3f}] median {row['median']:.3f} {times[name]:.2f} s", flush=True)  # fmt: skip
    print(record("prompters", {"prompter": "medsam-lite", "sets": found}, seed=SEED))
    return 0


def _cases(folder: Path, one: Set, *, most: int) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Images, and the object that is meant in each."""
    for image_path, labels_path in pairs(folder)[:most]:
        labels = io.read_labels(labels_path).array
        truth = _object(labels, one)
        if np.count_nonzero(truth) >= SMALLEST:
            image = io.read_image(image_path).array
            yield image[:3] if len(image) > 3 else image, truth


def _object(labels: NDArray[Any], one: Set) -> NDArray[np.bool_]:
    """The object of median size, or the largest connected one."""
    from skimage.measure import label

    if one.objects:
        values, sizes = np.unique(labels[labels > 0], return_counts=True)
        return np.asarray(labels == values[np.argsort(sizes, kind="stable")[len(sizes) // 2]])
    parts = label((labels == one.label) if one.label else (labels > 0), connectivity=1)
    sizes = np.bincount(parts.ravel())
    return np.asarray((parts == 1 + int(sizes[1:].argmax())) if len(sizes) > 1 else parts > 0)


def _asked(prompter: LivePrompter, image: NDArray[Any], truth: NDArray[np.bool_]) -> Iterator[tuple[str, float, float]]:
    """What was shown, the Dice, and the seconds that the answer took; the box comes first, and pays for the encoder."""
    region, spacing = Box.whole(truth.shape), (1.0, 1.0)
    box = box_around_largest(truth.astype(np.uint8))
    if box is not None:
        began = time.perf_counter()
        mask = prompter(image, boxes=[(Box(box.start, box.stop), 1)], region=region, spacing=spacing)
        yield "1 box", _dice(mask > 0, truth), time.perf_counter() - began
    strokes: list[Stroke] = []
    mask = np.zeros(truth.shape, np.int64)
    for number in range(1, max(CLICKS) + 1):
        mark = correct(truth.astype(np.uint8), mask)
        if mark is not None:
            strokes.append(Stroke(mark.points, mark.index))
        began = time.perf_counter()
        mask = prompter(image, strokes=strokes, region=region, spacing=spacing)
        if number in CLICKS:
            yield f"{number} click{'s' * (number > 1)}", _dice(mask > 0, truth), time.perf_counter() - began


def _dice(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return 2 * float(np.count_nonzero(mask & truth)) / max(1, np.count_nonzero(mask) + np.count_nonzero(truth))


if __name__ == "__main__":
    raise SystemExit(main())
