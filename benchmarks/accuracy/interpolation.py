"""Interpolation between slices on real masks: how near it comes, how well it knows that, and which slice to draw next.

    python -m benchmarks.accuracy.interpolation [--data ../shared/data]

Every 2nd, 3rd or 5th slice of a reference is drawn (and the last), the rest interpolated and compared. The constants of
the estimate (`septum.interactive.slices.held_out`) were chosen on the first 24 hippocampi, the spleen and the cords;
those hippocampi are left out here, and the sarcomas were never looked at.
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.record import record
from septum import io
from septum.errors import SeptumError
from septum.interactive.slices.held_out import leave_one_slice_out
from septum.interactive.slices.interpolate import interpolate
from septum.metrics import summarise

ROOT = Path(__file__).resolve().parents[2]
GAPS = (2, 3, 5)
SEED = 0
LOOKED_AT = 24  # hippocampi on which constants were chosen
TARGET = 0.95
METHODS = ("image", "distance", "ITK", "textbook", "nearest")

Labels = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One volume: its patient, image (or None), labels, spacing and the axis along which slices are drawn."""

    group: str
    image: NDArray[Any] | None
    labels: Labels
    spacing: tuple[float, ...]
    axis: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    data = parser.parse_args().data
    rows: list[dict[str, Any]] = []
    chosen: list[tuple[int, int]] = []
    for name, cases in sets(data).items():
        volumes = list(cases)
        for gap in GAPS:
            rows.append(study(name, volumes, gap))
            print(rows[-1]["set"], gap, {m: round(s["mean"], 4) for m, s in rows[-1]["dice"].items()}, flush=True)
        if name == "hippocampus":
            chosen = [counts for case in volumes[:20] if (counts := slices_needed(case)) is not None]
    fewer, more = sum(a < b for a, b in chosen), sum(a > b for a, b in chosen)
    results = {
        "methods": METHODS,
        "rows": rows,
        "next_slice": {
            "target": TARGET,
            "n": len(chosen),
            "chosen_mean": float(np.mean([a for a, _ in chosen])),
            "even_mean": float(np.mean([b for _, b in chosen])),
            "fewer": fewer,
            "more": more,
        },
    }
    print(record("interpolation", results, seed=SEED))
    return 0


def sets(data: Path) -> dict[str, Iterator[Case]]:
    """The sets by name; hippocampi that were looked at while constants were chosen are left out."""
    return {
        "hippocampus": volumes(data / "mri-hippocampus-msd", skip=LOOKED_AT),
        "spinal cord": volumes(data / "mri-spinal-cord-sct"),
        "spleen": volumes(data / "ct-spleen-crop"),
        "sarcoma": volumes(data / "petctmr-sts-nifti"),
    }


def volumes(folder: Path, *, skip: int = 0) -> Iterator[Case]:
    """Pairs of a folder, drawn along the axis with the coarsest spacing (of equal ones the first)."""
    for path in sorted((folder / "labels").glob("*.nii*"))[skip:]:
        found = io.read_labels(path)
        partner = folder / "images" / path.name
        image = io.read_image(partner).array[0] if partner.is_file() else None
        if found.array.ndim != 3 or (image is not None and image.shape != found.array.shape):
            continue
        spacing = found.grid.spacing
        axis = int(np.argmax(np.round(spacing, 2)))
        yield Case(io.stem(path)[:7] if "STS" in path.name else io.stem(path), image, found.array, spacing, axis)


def drawn_every(case: Case, gap: int) -> list[int]:
    """Every so-manieth slice that has a label, and the last one."""
    hit = labelled(case)
    slices = list(range(hit[0], hit[-1] + 1, gap))
    return slices if slices[-1] == hit[-1] else [*slices, hit[-1]]


def labelled(case: Case) -> list[int]:
    """Slices along the case's axis that hold a label."""
    return [int(i) for i in np.flatnonzero((np.moveaxis(case.labels, case.axis, 0) > 0).any(axis=(1, 2)))]


def sparse(case: Case, slices: list[int]) -> Labels:
    out = np.zeros_like(case.labels)
    np.moveaxis(out, case.axis, 0)[slices] = np.moveaxis(case.labels, case.axis, 0)[slices]
    return out


def between(case: Case, slices: list[int]) -> NDArray[np.bool_]:
    """The undrawn slices from the first drawn to the last."""
    rest = np.zeros(case.labels.shape, bool)
    view = np.moveaxis(rest, case.axis, 0)
    view[slices[0] : slices[-1] + 1] = True
    view[slices] = False
    return rest


def mean_dice(made: Labels, true: Labels, where: NDArray[np.bool_] | slice = slice(None)) -> float:
    """Mean over the labels that the reference has there; NaN where it has none."""
    a, b = made[where], true[where]
    scores = [
        2 * np.count_nonzero((a == v) & (b == v)) / (np.count_nonzero(a == v) + np.count_nonzero(b == v))
        for v in np.unique(b)
        if v
    ]
    return float(np.mean(scores)) if scores else float("nan")


def study(name: str, cases: list[Case], gap: int) -> dict[str, Any]:
    """Every method on every case, and the estimate beside the truth."""
    scores: dict[str, list[float]] = {method: [] for method in METHODS}
    errors, groups = [], []
    for case in cases:
        slices = drawn_every(case, gap)
        if len(slices) < 3 or not between(case, slices).any():
            continue
        groups.append(case.group)
        given, rest = sparse(case, slices), between(case, slices)
        made = {method: run(method, case, given, slices) for method in METHODS}
        for method, found in made.items():
            scores[method].append(float("nan") if found is None else mean_dice(found, case.labels, rest))
        method = "image" if case.image is not None else "distance"
        estimate = leave_one_slice_out(
            given, drawn={case.axis: slices}, method=method, image=case.image, spacing=case.spacing
        )
        errors.append(estimate.dice - scores[method][-1])
    summaries = {m: asdict(summarise(v, groups=groups, seed=SEED)) for m, v in scores.items() if np.isfinite(v).any()}
    return {
        "set": name,
        "n": len(groups),
        "gap": gap,
        "dice": {m: {k: x for k, x in s.items() if isinstance(x, int | float)} for m, s in summaries.items()},
        "estimate_bias": float(np.nanmean(errors)) if errors else None,
        "estimate_mae": float(np.nanmean(np.abs(errors))) if errors else None,
    }


def run(method: str, case: Case, given: Labels, slices: list[int]) -> Labels | None:
    """The filled volume; None where the method cannot run (no image, no ITK)."""
    peers: dict[str, Callable[[Labels, Case, list[int]], Labels | None]] = {"ITK": by_itk, "textbook": textbook}
    if method in peers:
        return peers[method](given, case, slices)
    if method == "image" and case.image is None:
        return None
    return interpolate(given, drawn={case.axis: slices}, method=method, image=case.image, spacing=case.spacing)


def by_itk(given: Labels, case: Case, _: list[int]) -> Labels | None:
    """ITK's module on the whole volume."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import itk
        except ImportError:
            return None
        image = itk.image_view_from_array(np.ascontiguousarray(given.astype(np.uint8)))
        found = itk.MorphologicalContourInterpolator.New(image, Axis=2 - case.axis)
        found.Update()
        return np.asarray(itk.array_from_image(found.GetOutput()))


def textbook(given: Labels, case: Case, slices: list[int]) -> Labels:
    """Shape-based interpolation in its plain form: signed distances in place, one label after the other."""
    out = given.copy()
    view, planes = np.moveaxis(out, case.axis, 0), np.moveaxis(given, case.axis, 0)
    spacing = tuple(np.delete(case.spacing, case.axis))
    for label in np.unique(given)[1:]:
        signed = {i: _signed(planes[i] == label, spacing) for i in slices}
        for low, high in itertools.pairwise(slices):
            for i in range(low + 1, high):
                t = (i - low) / (high - low)
                view[i][(1 - t) * signed[low] + t * signed[high] > 0] = label
    return out


def _signed(mask: NDArray[np.bool_], spacing: tuple[float, ...]) -> NDArray[np.float64]:
    if not mask.any():
        return np.full(mask.shape, -float(np.linalg.norm(np.multiply(mask.shape, spacing))) / 2)
    inside = ndimage.distance_transform_edt(mask, sampling=spacing)
    return np.asarray(inside - ndimage.distance_transform_edt(~mask, sampling=spacing))


def slices_needed(case: Case) -> tuple[int, int] | None:
    """Drawn slices until the whole volume has the target Dice: chosen by `next_slice`, and evenly spread."""
    hit = labelled(case)
    if len(hit) < 8 or case.image is None:
        return None
    slices = sorted({hit[0], hit[len(hit) // 2], hit[-1]})
    while reached(case, slices) < TARGET:
        try:
            estimate = leave_one_slice_out(
                sparse(case, slices), drawn={case.axis: slices}, method="image", image=case.image, spacing=case.spacing
            )
        except SeptumError:
            return None
        following = estimate.next_slice()
        if following is None:
            return None
        slices = sorted({*slices, following[1]})
    even = next(
        (
            n
            for n in range(3, len(hit) + 1)
            if reached(case, sorted({int(i) for i in np.round(np.linspace(hit[0], hit[-1], n))})) >= TARGET
        ),
        len(hit),
    )
    return len(slices), even


def reached(case: Case, slices: list[int]) -> float:
    """Dice of the whole volume when these slices are drawn."""
    made = interpolate(
        sparse(case, slices), drawn={case.axis: slices}, method="image", image=case.image, spacing=case.spacing
    )
    return mean_dice(made, case.labels)


if __name__ == "__main__":
    raise SystemExit(main())
