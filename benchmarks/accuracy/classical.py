"""Seven real data sets: the best classical method of each, by `septum segment --suggest`, cross-validated.

    python -m benchmarks.accuracy.classical [--sets nuclei em …] [--data ../shared/data]

Images are subsampled (every so-manieth in the order of their names, volumes cut to a block around their labels where
that is said) so that the whole study takes minutes on two cores; the result says how many were used. The report of each
set, with pictures, goes to `benchmarks/runs/classical/NAME`; the table to `benchmarks/results/classical_accuracy.json`.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.accuracy.first_models import pairs
from benchmarks.record import record
from septum import Image, LabelMap, io
from septum.workflows.demo import find_template, tissue_labels
from septum.workflows.pipelines.suggest import SuggestSettings, suggest
from septum.workflows.runs.hooks import Hooks

ROOT = Path(__file__).resolve().parents[2]
RUNS = ROOT / "benchmarks" / "runs" / "classical"
Pairs = list[tuple[Path, Path]]


@dataclass(frozen=True)
class Study:
    """One data set: what it is, which of its images are used, and what `suggest` is told."""

    name: str
    what: str
    images: Callable[[Path, Path], Pairs]
    background: int = 0
    foreground: bool | None = None


def every(folder: str, count: int) -> Callable[[Path, Path], Pairs]:
    """`count` images of a set, evenly spaced in the order of their names."""

    def choose(data: Path, work: Path) -> Pairs:
        found = pairs(data / folder)
        return [found[i] for i in np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)]

    return choose


def brain(data: Path, work: Path) -> Pairs:
    """Axial slices of the ICBM152 template, 12 mm apart: one averaged head, so the figure is optimistic."""
    volumes = {name: io.read_image(path).array[0].astype(np.float32) for name, path in find_template().items()}
    grid = io.read_image(find_template()["t1"]).grid
    found = []
    for index in range(50, 130, 12):
        plane = {name: volume[index, ::-1] / volume.max() for name, volume in volumes.items()}
        flat = Image(np.round(255 * plane["t1"]).astype(np.uint8)[None], _plane(grid.shape[1:]))
        labels = LabelMap(tissue_labels(plane["gm"], plane["wm"]), flat.grid)
        image, label = work / f"slice-{index:03d}.png", work / f"slice-{index:03d}_labels.png"
        io.write_image(image, flat)
        io.write_labels(label, labels)
        found.append((image, label))
    return found


def _plane(shape: tuple[int, ...]):
    from septum import Grid

    return Grid.from_spacing(shape, (1.0, 1.0))


STUDIES = (
    Study("nuclei", "nuclei, mixed microscopy (DSB 2018)", every("nuclei-dsb2018", 12), foreground=True),
    Study("spleen", "spleen, CT crop (MSD), blocks of one volume", every("ct-spleen-crop", 1)),
    Study("brain", "grey and white matter, MR slices (ICBM152)", brain),
    Study("fundus", "vessels, fundus (DRIVE)", every("fundus-drive", 5)),
    Study("em", "membranes, electron microscopy (ISBI 2012)", every("em-isbi2012", 6), background=255),
    Study("skin", "lesions, dermoscopy (HAM10000)", every("skin-ham10000-mini", 5)),
    Study("lungs", "lungs, chest radiographs", every("cxr-lungs-mini", 4)),
)


def run(study: Study, data: Path) -> dict[str, object]:
    """Compare the methods on one set; the rows as plain data."""
    work = RUNS / study.name
    shutil.rmtree(work, ignore_errors=True)
    (work / "data").mkdir(parents=True)
    chosen = study.images(data, work / "data")
    with (work / "cases.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "label"])
        rows.writerows([str(image.resolve()), str(label.resolve())] for image, label in chosen)
    began, cpu = time.monotonic(), time.process_time()
    result = suggest(
        work / "cases.csv",
        work / "report",
        settings=SuggestSettings(background=study.background, foreground=study.foreground, overwrite=True),
        hooks=Hooks(on_note=print),
    )
    assert result is not None, "nobody asks to stop"
    methods = [
        {
            "method": row.method,
            "dice": row.summary.mean,
            "low": row.summary.mean_ci_low,
            "high": row.summary.mean_ci_high,
            "seconds": row.seconds,
            "pipeline": row.pipeline.describe(),
        }
        for row in result.rows
    ]
    seconds = {"seconds": round(time.monotonic() - began, 1), "own_cpu_seconds": round(time.process_time() - cpu, 1)}
    return {"what": study.what, "images": len(chosen), "units": result.best.summary.n, **seconds, "methods": methods}


def main() -> None:
    """Run the chosen sets and record the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=[study.name for study in STUDIES])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    results: dict[str, object] = {}
    for study in STUDIES:
        if arguments.sets is None or study.name in arguments.sets:
            results[study.name] = found = run(study, arguments.data)
            top = found["methods"][:4]  # type: ignore[index]
            print(
                study.name, found["seconds"], "s", [(row["method"], round(row["dice"], 3)) for row in top], flush=True
            )
    if arguments.sets is None:
        print(record("classical_accuracy", results))


if __name__ == "__main__":
    main()
