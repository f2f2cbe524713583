"""Overlap and surface metrics against MONAI and surface-distance: `python -m benchmarks.speed.metrics`.

The insight: the peers are timed in the same run, each in a process of its own, one after the other, on one thread, on
the same arrays, and asked for the same four numbers: Dice, 95th percentile of the Hausdorff distance, average surface
distance, and surface Dice at 1 mm. Peers measure one label at a time, so they are timed on a sample of the labels and
compared per label. Processor time stands beside the clock: waiting for a core on a shared machine does not touch it.
Differences in the numbers are recorded beside the times: a fast wrong answer is no answer.

Needs the real data beside the repository (`shared/data`) for the atlas; `--quick` uses small phantoms instead and
records nothing.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.record import record
from septum.metrics import (
    average_surface_distance,
    confusion_counts,
    dice,
    hausdorff_percentile,
    label_surfaces,
    surface_dice,
)

SEED = 0
TOLERANCE_MM = 1.0
REPEATS = 5
SAMPLE = 12
CASES = 2500
DISTINCT = 100
NAMES = ("dice", "hd95_mm", "asd_there_mm", "asd_back_mm", "surface_dice")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[float, ...]]
Found = dict[int, tuple[float, ...]]


@lru_cache(maxsize=1)
def atlas(quick: bool) -> Pair:
    """The AAL labels and a "prediction": the reference pulled through a smooth seeded deformation (2 mm at 16 mm)."""
    if quick:
        reference = np.zeros((40, 48, 40), np.uint8)
        for label, corner in enumerate(np.ndindex(3, 3, 3), start=1):
            reference[tuple(slice(4 + 11 * c, 13 + 11 * c) for c in corner)] = label
    else:
        import nibabel

        path = _realdata() / "mri-atlas-mricron-debian" / "labels" / "ch2.nii.gz"
        reference = np.ascontiguousarray(np.asarray(nibabel.load(path).dataobj).astype(np.uint8))
    return reference, deform(reference, scale=16, amount=2.0), (1.0, 1.0, 1.0)


@lru_cache(maxsize=1)
def organ(quick: bool) -> Pair:
    """An organ that fills a third of each axis of 300 x 512 x 512 at 1 x 0.8 x 0.8 mm, and its deformation."""
    shape = (30, 52, 52) if quick else (300, 512, 512)
    mesh = np.ogrid[tuple(slice(-1, 1, complex(n)) for n in shape)]
    inside = sum((m / r) ** 2 for m, r in zip(mesh, (0.4, 0.35, 0.3), strict=True)) <= 1
    reference = np.asarray(inside).astype(np.uint8)
    box = tuple(slice(n // 5, n - n // 5) for n in shape)  # the rest stays empty; deforming it would only take time
    prediction = np.zeros_like(reference)
    prediction[box] = deform(reference[box], scale=32, amount=3.0)
    return reference, prediction, (1.0, 0.8, 0.8)


def deform(labels: NDArray[np.uint8], *, scale: int, amount: float) -> NDArray[np.uint8]:
    """`labels` seen through displacements of standard deviation `amount` voxels, linear between knots `scale` apart."""
    rng = np.random.default_rng(SEED)
    knots = [n // scale + 2 for n in labels.shape]
    where = []
    for axis, size in enumerate(labels.shape):
        field = rng.normal(scale=amount, size=knots).astype(np.float32)
        zoom = [n / k for n, k in zip(labels.shape, knots, strict=True)]
        line = np.arange(size, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(labels.ndim)])
        where.append(ndimage.zoom(field, zoom, order=1) + line)
    return np.asarray(ndimage.map_coordinates(labels, where, order=0, mode="nearest"))


def septum(pair: Pair, labels: Sequence[int]) -> Found:
    """All labels in one pass each for counts and surfaces."""
    reference, prediction, spacing = pair
    counts = confusion_counts(reference, prediction, classes=labels)
    surfaces = label_surfaces(reference, prediction, spacing=spacing, labels=labels)
    return {
        label: (
            dice(c),
            hausdorff_percentile(s, 95),
            *average_surface_distance(s),
            surface_dice(s, tolerance_mm=TOLERANCE_MM),
        )
        for c, (label, s) in zip(counts, surfaces.items(), strict=True)
    }


def surface_distance(pair: Pair, labels: Sequence[int]) -> Found:
    """DeepMind's surface-distance, label by label."""
    import surface_distance as peer

    found = {}
    for label in labels:
        reference, prediction = pair[0] == label, pair[1] == label
        distances = peer.compute_surface_distances(reference, prediction, pair[2])
        found[label] = (
            float(peer.compute_dice_coefficient(reference, prediction)),
            float(peer.compute_robust_hausdorff(distances, 95)),
            *(float(v) for v in peer.compute_average_surface_distance(distances)),
            float(peer.compute_surface_dice_at_tolerance(distances, TOLERANCE_MM)),
        )
    return found


def monai(pair: Pair, labels: Sequence[int]) -> Found:
    """MONAI, label by label; its distances run between border voxels."""
    import torch
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_surface_dice,
    )

    torch.set_num_threads(1)
    found = {}
    for label in labels:
        reference, prediction = (torch.from_numpy((side == label)[None, None]) for side in pair[:2])
        every = {"include_background": True, "spacing": pair[2]}
        found[label] = (
            float(compute_dice(prediction.float(), reference.float(), include_background=True)),
            float(compute_hausdorff_distance(prediction, reference, percentile=95, **every)),
            float(compute_average_surface_distance(reference, prediction, **every)),
            float(compute_average_surface_distance(prediction, reference, **every)),
            float(compute_surface_dice(prediction, reference, class_thresholds=[TOLERANCE_MM], **every)),
        )
    return found


TOOLS: dict[str, Callable[[Pair, Sequence[int]], Found]] = {
    "septum": septum,
    "surface-distance": surface_distance,
    "monai": monai,
}
TASKS: dict[str, Callable[[bool], Pair]] = {"atlas": atlas, "organ": organ}


def child(tool: str, task: str, quick: bool, labels: Sequence[int], repeats: int) -> dict[str, Any]:
    """Runs in a fresh process: median seconds, peak memory beyond the arrays, and what was found."""
    warnings.simplefilter("ignore")
    pair = TASKS[task](quick)
    tiny = (np.pad(np.ones((3, 3, 3), np.uint8), 2), np.pad(np.ones((3, 3, 3), np.uint8), 2), pair[2])
    TOOLS[tool](tiny, [1])  # imports and tables are not measured
    before = _now_mb()
    seconds, processor = [], []
    _forget_peak()
    for _ in range(repeats):
        begin, begin_processor = time.perf_counter(), time.process_time()
        found = TOOLS[tool](pair, labels)
        seconds.append(time.perf_counter() - begin)
        processor.append(time.process_time() - begin_processor)
    return {
        "seconds": statistics.median(seconds),
        "processor_seconds": statistics.median(processor),
        "peak_extra_mb": max(0.0, _peak_mb() - before),
        "found": found,
    }


def compare(task: str, *, quick: bool) -> dict[str, Any]:
    """One task with every tool, each alone in a process of its own."""
    pair = TASKS[task](quick)
    every = [int(v) for v in np.unique(pair[0]) if v]
    sample = sorted(np.random.default_rng(SEED).permutation(every)[:SAMPLE].tolist())
    TASKS[task].cache_clear()  # type: ignore[attr-defined]
    results: dict[str, Any] = {"shape": list(pair[0].shape), "labels": len(every), "sampled_labels": sample}
    found: dict[str, Found] = {}
    for tool in TOOLS:
        labels = every if tool == "septum" else sample
        repeats = REPEATS if tool == "septum" else 1
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            one = pool.submit(child, tool, task, quick, labels, repeats).result()
        found[tool] = one.pop("found")
        results[tool] = {**one, "labels": len(labels), "seconds_per_label": one["seconds"] / len(labels)}
        print(f"{task}, {tool}: {results[tool]}", flush=True)
    for peer in ("surface-distance", "monai"):
        ours, theirs = results["septum"], results[peer]
        results[f"times_faster_than_{peer}"] = theirs["seconds_per_label"] / ours["seconds_per_label"]
        per_label = [side["processor_seconds"] / side["labels"] for side in (theirs, ours)]
        results[f"times_less_processor_than_{peer}"] = per_label[0] / per_label[1]
        results[f"largest_difference_from_{peer}"] = {
            name: max(_difference(found["septum"][k][i], found[peer][k][i]) for k in sample)
            for i, name in enumerate(NAMES)
        }
    results["median_dice"] = statistics.median(v[0] for v in found["septum"].values())
    return results


def cohort_cases(first: int, count: int) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Pairs of 512 x 512 masks with one to three blobs, the prediction deformed; the number of the case is its seed."""
    cases = []
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        y, x = np.ogrid[:512, :512]
        reference = np.zeros((512, 512), bool)
        for _ in range(int(rng.integers(1, 4))):
            (cy, cx), (ry, rx) = rng.uniform(120, 392, 2), rng.uniform(20, 110, 2)
            reference |= ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1
        cases.append((reference.astype(np.uint8), deform(reference.astype(np.uint8), scale=32, amount=3.0)))
    return cases


def cohort_part(first: int, distinct: int, times: int) -> float:
    """Seconds one process takes to measure its part of the cohort; making the masks is not counted."""
    cases = cohort_cases(first, distinct)
    begin = time.perf_counter()
    for _ in range(times):
        for reference, prediction in cases:
            septum((reference, prediction, (0.5, 0.5)), [1])
    return time.perf_counter() - begin


def cohort(*, quick: bool) -> dict[str, Any]:
    """2,500 two-dimensional cases on two cores; arrays in memory, files not counted."""
    distinct, times = (4, 1) if quick else (DISTINCT // 2, CASES // DISTINCT)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(cohort_part, (0, distinct), (distinct, distinct), (times, times)))
    cases = 2 * distinct * times
    return {"cases": cases, "distinct_cases": 2 * distinct, "processes": 2, "seconds": max(parts)}


def _difference(a: float, b: float) -> float:
    return 0.0 if math.isnan(a) and math.isnan(b) else abs(a - b)


def _now_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next((line for line in status.splitlines() if line.startswith("VmHWM")), None)
    return int(line.split()[1]) * 1024 / 1e6 if line else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _forget_peak() -> None:
    """Forget the memory peak of making the data (Linux; elsewhere the peak includes it)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    except OSError:
        print("the peak of making the data cannot be forgotten here; peak_extra_mb includes it")


def _realdata() -> Path:
    for parent in Path(__file__).resolve().parents:
        if (parent / "shared" / "data" / "README.md").is_file():
            return parent / "shared" / "data"
    raise SystemExit("no folder shared/data beside the repository; --quick uses phantoms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small phantoms, nothing is recorded")
    quick = parser.parse_args().quick
    for name in THREADS:
        os.environ[name] = "1"  # inherited by the processes that measure
    results = {"tolerance_mm": TOLERANCE_MM, **{task: compare(task, quick=quick) for task in TASKS}}
    results["cohort"] = cohort(quick=quick)
    print(results)
    if not quick:
        record("speed-metrics", results, seed=SEED)


if __name__ == "__main__":
    main()
