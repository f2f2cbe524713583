"""Effort: strokes, clicks and seconds of computing per case until a mask has a Dice of 0.90, through the server.

    python -m benchmarks.accuracy.effort [--data ../shared/data] [--sets nuclei hippocampi spleen] [--cases 12]
                                         [--ways brush interpolation tools loop] [--steps 400]

A robot (`effort_robot`) sees the reference and works through `septum.client`, as a page does, four ways:

* brush: in the slice with the largest mistake, the stroke that mends most of it; again until the case is good;
* interpolation: the first, the middle and the last slice drawn to 0.92, filled between; then the slice that the server
  asks for, filled again, until the case is good (volumes only);
* tools: scribbles (one stroke each) in the largest mistake, the tool run anew with each: the pixel classifier on
  nuclei, grow-cut on volumes; accepted when good; after twelve the best is accepted and mended with the brush;
* loop: some cases by brush to 0.92, a training, the masks of all others accepted (one key) or mended with the brush,
  with a second training after a third of the cases.

Strokes are counted, clicks (accept, fill, train, next: one each), and the seconds that requests and jobs took. Nuclei
are single images of the Data Science Bowl 2018 (fluorescence, 256²), semantic; hippocampi are volumes with two
labels, whose Dice is the mean of both; the spleen is one volume, and for the loop its axial slices, each a case of
its own. Writes `benchmarks/results/effort.json`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.browser.serving import TOKEN, start

from benchmarks.accuracy.effort_robot import Labels, deepest, dice, mistakes, stroke
from benchmarks.record import record
from septum import io
from septum.client import Workbench
from septum.geometry import Grid, Image
from septum.workflows.projects.create import create_project
from septum.workflows.projects.project import PALETTE, Label

ROOT = Path(__file__).resolve().parents[2]
TARGET, DRAWN = 0.90, 0.92
MOST_STROKES, MOST_SCRIBBLES = 4000, 12
FIRST, SEED = 3, 0


@dataclass(frozen=True)
class Picture:
    """A case: its image `spatial`, its reference and its spacing in mm."""

    name: str
    image: NDArray[Any]
    reference: Labels
    spacing: tuple[float, ...]


@dataclass
class Effort:
    """What a case took."""

    strokes: int = 0
    clicks: int = 0
    seconds: float = 0.0
    dice: float = 0.0


@dataclass
class Desk:
    """The robot before the server: the labels as they are, and what was spent on each case."""

    bench: Workbench
    pictures: dict[str, Picture]
    spent: dict[str, Effort] = field(default_factory=dict)

    def effort(self, name: str) -> Effort:
        return self.spent.setdefault(name, Effort())

    def labels(self, name: str) -> Labels:
        return self.bench.labels(name).astype(np.int64)

    def timed(self, name: str, ask: Callable[[], Any]) -> Any:
        """Ask the server; its time counts for the case."""
        began = time.perf_counter()
        found = ask()
        self.effort(name).seconds += time.perf_counter() - began
        return found

    def brush(self, name: str, labels: Labels, *, target: float, slices: list[int] | None = None) -> Labels:
        """Strokes until the case (or each of these slices) is good; the labels as they are then."""
        case = self.pictures[name]
        now, wanted = labels.copy(), case.reference
        flat = wanted.ndim == 2
        planes = [0] if flat else slices if slices is not None else list(range(len(wanted)))
        at = (lambda array, index: array) if flat else (lambda array, index: array[index])
        found = {index: list(mistakes(at(now, index), at(wanted, index), index=index)) for index in planes}
        while self.effort(name).strokes < MOST_STROKES:
            parts = [index for index in planes if slices is None or dice(at(now, index), at(wanted, index)) < target]
            left = [one for index in parts for one in found[index]]
            if (slices is None and dice(now, wanted) >= target) or not left:
                return now
            worst = max(left, key=lambda one: one.size)
            here = at(now, worst.index), at(wanted, worst.index)
            corner, mask = stroke(*here, wrong=worst, spacing=(case.spacing[-2], case.spacing[-1]))
            dab = np.where(mask, worst.label, -1)
            start = corner if flat else (worst.index, *corner)
            shaped = dab if flat else dab[None]
            self.timed(name, partial(self.bench.stroke, name, start, labels=shaped, axis=None if flat else 0))
            place = tuple(slice(a, a + n) for a, n in zip(start, shaped.shape, strict=True))
            now[place] = np.where(shaped >= 0, shaped, now[place])
            self.effort(name).strokes += 1
            found[worst.index] = list(mistakes(at(now, worst.index), at(wanted, worst.index), index=worst.index))
        return now

    def done(self, name: str, labels: Labels) -> None:
        """Check with the server, save, and leave."""
        held = self.labels(name)
        if not np.array_equal(held, labels):
            raise SystemExit(f"{name}: the server's labels differ from what was drawn")
        self.effort(name).dice = dice(held, self.pictures[name].reference)
        self.bench.save(name)
        self.bench.leave(name)


def by_brush(desk: Desk) -> None:
    """Every case with the brush."""
    for name in desk.pictures:
        desk.done(name, desk.brush(name, desk.labels(name), target=TARGET))


def by_interpolation(desk: Desk) -> None:
    """Slices drawn, the rest filled between them."""
    for name, case in desk.pictures.items():
        inside = np.flatnonzero(case.reference.any(axis=(1, 2))).tolist()
        drawn = sorted({inside[0], inside[len(inside) // 2], inside[-1]})
        now = desk.brush(name, desk.labels(name), target=DRAWN, slices=drawn)
        while True:
            options = {"axis": 0, "slices": drawn}
            told = desk.timed(name, partial(desk.bench.tool, name, "fill-between-slices", options=options))
            desk.effort(name).clicks += 1
            now = desk.labels(name)
            if dice(now, case.reference) >= TARGET or len(drawn) == len(inside):
                break
            asked = ((told.get("expected") or {}).get("next") or {}).get("index")
            wrong = {i: int(np.count_nonzero(now[i] != case.reference[i])) for i in inside if i not in drawn}
            following = asked if asked in wrong else max(wrong, key=lambda i: wrong[i])
            drawn = sorted([*drawn, following])
            now = desk.brush(name, now, target=DRAWN, slices=[following])
        desk.done(name, desk.brush(name, now, target=TARGET))


def by_tools(desk: Desk) -> None:
    """Scribbles, and a tool that understands them."""
    for name, case in desk.pictures.items():
        tool = "pixel-classifier" if case.reference.ndim == 2 else "grow-cut"
        before, marks = desk.labels(name), []
        now, best = before, (-1.0, list[Any](), before)
        while len(marks) < MOST_SCRIBBLES and dice(now, case.reference) < TARGET:
            kinds = [*np.unique(case.reference[case.reference > 0]).tolist(), 0]
            if len(marks) < len(kinds):
                missing = np.where(case.reference == kinds[len(marks)], case.reference, -1)
                place, label, depth = deepest(np.full_like(missing, -1), missing, case.spacing)
            else:
                place, label, depth = deepest(now, case.reference, case.spacing)
            marks.append({"points": [place], "label": label, "radius_mm": depth / 2})
            desk.effort(name).strokes += 1
            if len(marks) < len(kinds):
                continue
            told = desk.timed(name, partial(desk.bench.propose, name, tool, strokes=marks))
            now = applied(before, told)
            if dice(now, case.reference) > best[0]:
                best = (dice(now, case.reference), list(marks), now)
        desk.timed(name, partial(desk.bench.tool, name, tool, strokes=best[1]))
        desk.effort(name).clicks += 1
        desk.done(name, desk.brush(name, desk.labels(name), target=TARGET))


def by_loop(desk: Desk, *, steps: int) -> None:
    """Some cases by brush, a training, the others accepted or mended, with a second training on the way."""
    names = list(desk.pictures)
    order = np.random.default_rng(SEED).permutation(len(names)).tolist()
    for place in order[:FIRST]:
        desk.done(names[place], desk.brush(names[place], desk.labels(names[place]), target=DRAWN))
    again = max(1, len(names) // 3)
    train(desk, names, steps=steps)
    left = [names[place] for place in order[FIRST:]]
    for count, name in enumerate(left):
        if count == again and len(left) - count > 2:
            train(desk, names, steps=steps)
        desk.timed(name, partial(desk.bench.decide, name, "correct"))
        now = desk.labels(name)
        desk.effort(name).clicks += 1
        desk.done(name, desk.brush(name, now, target=TARGET))


def train(desk: Desk, names: list[str], *, steps: int) -> None:
    """A training and the prediction after it; their seconds are shared by all cases."""
    job = desk.bench.wait(desk.bench.train(minutes=None, steps=steps))
    while (last := desk.bench.jobs()[-1])["kind"] != "predict" or last["state"] in ("queued", "running"):
        if job["state"] != "done" or last["state"] == "failed":
            raise SystemExit(f"the loop stopped: {job['error'] or last['error']}")
        time.sleep(0.5)
    seconds = sum(taken(one) for one in (job, last))
    for name in names:
        desk.effort(name).seconds += seconds / len(names)
    desk.effort(names[0]).clicks += 1


def taken(job: dict[str, Any]) -> float:
    """Seconds that a job took."""
    began, ended = (datetime.fromisoformat(job[key]) for key in ("started", "ended"))
    return (ended - began).total_seconds()


def applied(labels: Labels, told: dict[str, Any]) -> Labels:
    """The labels as a proposal shows them."""
    found = labels.copy()
    if told["box"] is not None:
        place = tuple(slice(a, b) for a, b in zip(told["box"]["start"], told["box"]["stop"], strict=True))
        part = found[place].reshape(-1)
        for offset, length, value in np.reshape(told["runs"], (-1, 3)).tolist():
            part[offset : offset + length] = value
        found[place] = part.reshape(found[place].shape)
    return found


def nuclei(data: Path, count: int) -> Iterator[Picture]:
    """Fluorescence images of 256² of the Data Science Bowl, spread over the set."""
    paths = sorted((data / "nuclei-dsb2018" / "images").iterdir())
    found = []
    for path in paths[:: max(1, len(paths) // (4 * count))]:
        image = io.read_image(path)
        label = next((data / "nuclei-dsb2018" / "labels").glob(path.stem + ".*"))
        if image.grid.shape == (256, 256) and np.ptp(image.array[:3].astype(int), axis=0).max() == 0:
            mask = (io.read_labels(label).array > 0).astype(np.int64)
            found.append(Picture(f"nuclei-{len(found):02d}", image.array[0], mask, (1.0, 1.0)))
    yield from found[:count]


def hippocampi(data: Path, count: int) -> Iterator[Picture]:
    """Volumes of the Decathlon, spread over the set."""
    folder = data / "mri-hippocampus-msd"
    paths = sorted((folder / "labels").glob("*.nii*"))
    for number, path in enumerate(paths[:: len(paths) // count][:count]):
        yield _volume(folder, path, f"hippocampus-{number:02d}")


def spleen(data: Path, count: int) -> Iterator[Picture]:
    """The CT of the Decathlon's spleen, one volume."""
    folder = data / "ct-spleen-crop"
    yield _volume(folder, next((folder / "labels").glob("*.nii*")), "spleen")


def spleen_slices(data: Path, count: int) -> Iterator[Picture]:
    """Its axial slices with spleen in them, each a case."""
    (whole,) = spleen(data, 1)
    for index in np.flatnonzero((whole.reference > 0).sum(axis=(1, 2)) >= 100).tolist():
        yield Picture(f"slice-{index:02d}", whole.image[index], whole.reference[index], whole.spacing[1:])


def _volume(folder: Path, labels: Path, name: str) -> Picture:
    image = io.read_image(folder / "images" / labels.name)
    return Picture(name, image.array[0], io.read_labels(labels).array.astype(np.int64), image.grid.spacing)


SETS: dict[str, tuple[Callable[[Path, int], Iterator[Picture]], tuple[str, ...]]] = {
    "nuclei": (nuclei, ("brush", "tools", "loop")),
    "hippocampi": (hippocampi, ("brush", "interpolation", "tools", "loop")),
    "spleen": (spleen, ("brush", "interpolation", "tools")),
    "spleen slices": (spleen_slices, ("brush", "loop")),
}


@contextmanager
def seated(pictures: list[Picture]) -> Iterator[Desk]:
    """The robot before a server on a new project of these images, of which nothing is annotated."""
    work = Path(tempfile.mkdtemp(prefix="septum-effort-"))
    (work / "images").mkdir()
    for one in pictures:
        suffix = ".nii.gz" if one.image.ndim == 3 else ".ome.tif"
        grid = Grid.from_spacing(one.image.shape, one.spacing)
        io.write_image(work / "images" / f"{one.name}{suffix}", Image(one.image[None], grid, ("intensity",)))
    project = create_project(work / "project", work / "images", name="effort")
    values = sorted({int(v) for one in pictures for v in np.unique(one.reference) if v > 0})
    project.set_labels([Label(v, f"label {v}", PALETTE[v % len(PALETTE)]) for v in values])
    project.close()
    server = start(work / "project")
    try:
        with Workbench(server.home, TOKEN, timeout_s=600) as bench:
            yield Desk(bench, {one.name: one for one in pictures})
    finally:
        server.process.terminate()
        server.process.wait(60)
        shutil.rmtree(work, ignore_errors=True)


def study(pictures: list[Picture], way: str, *, steps: int) -> dict[str, Any]:
    """One way on one set: the figures per case and their means."""
    ways: dict[str, Callable[[Desk], None]] = {
        "brush": by_brush, "interpolation": by_interpolation, "tools": by_tools,
        "loop": lambda desk: by_loop(desk, steps=steps),
    }  # fmt: skip
    with seated(pictures) as desk:
        ways[way](desk)
        spent = {name: vars(one) for name, one in desk.spent.items()}
    means = {
        key: float(np.mean([one[key] for one in spent.values()])) for key in ("strokes", "clicks", "seconds", "dice")
    }
    return {
        **means,
        "cases": len(spent),
        "reached": sum(one["dice"] >= TARGET for one in spent.values()),
        "each": spent,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--ways", nargs="*", default=["brush", "interpolation", "tools", "loop"])
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--steps", type=int, default=400, help="of each training")
    parser.add_argument("--keep", type=Path, help="JSON file to which each result is added, to go on after a break")
    given = parser.parse_args()
    found = json.loads(given.keep.read_text()) if given.keep and given.keep.is_file() else {}
    for name in given.sets:
        make, ways = SETS[name]
        pictures = list(make(given.data, given.cases))
        for way in [one for one in ways if one in given.ways and one not in found.get(name, {})]:
            row = study(pictures, way, steps=given.steps)
            found.setdefault(name, {})[way] = row
            if given.keep:
                given.keep.write_text(json.dumps(found))
            print(f"{name:14} {way:14} {row['cases']} cases: {row['strokes']:.1f} strokes, {row['clicks']:.1f} clicks, "
                  f"{row['seconds']:.1f} s, Dice {row['dice']:.3f}, {row['reached']} reached", flush=True)  # fmt: skip
    if all(set(SETS[name][1]) <= set(found.get(name, {})) for name in SETS):
        print(record("effort", {"target": TARGET, "steps": given.steps, "sets": found}, seed=SEED))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
