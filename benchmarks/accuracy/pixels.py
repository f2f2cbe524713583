"""The pixel classifier on real images: Dice from simulated scribbles, on the scribbled image and on others of its set.

    python -m benchmarks.accuracy.pixels [--data ../shared/data]

The robot user draws strokes of one voxel and its neighbours along the middle lines of the reference, `FIRST` of each
label, then corrects: a stroke in the largest connected error, or where the classifier says that it is least sure and
the reference tells the label. Marked voxels are not scored. `MOST` images of a set and few corrections keep the study
within minutes on one core; `--most 20` takes all of a set's. The kind, number and depth of trees were chosen with
other strokes on thirteen images of these sets (three of em, fundus and skin, four of nuclei); the hippocampi are
untouched.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from benchmarks.record import record
from septum import io
from septum.interactive.pixels.classifier import Example, train_classifier
from septum.interactive.pixels.live import LivePixels
from septum.interactive.pixels.uncertainty import most_uncertain, uncertainty
from septum.interactive.tool import UNMARKED
from septum.metrics import summarise

ROOT = Path(__file__).resolve().parents[2]
SEED, FIRST, LENGTH = 0, 3, 40
CORRECTIONS = (0, 2, 4)
TAUGHT = 2
"""Images whose scribbles teach the classifier that is applied to the others."""
MOST = {"nuclei": 6, "MR brain, hippocampus (3-D)": 6}
"""Images of a set, four where it is not named: small images cost little."""

Volume = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Case:
    """An image `(C, *spatial)`, its reference (1 is the object), and where it is scored."""

    name: str
    image: Volume
    reference: Volume
    valid: Volume
    spacing: tuple[float, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--most", type=int, help="images of each set (four, or six of the small ones)")
    parser.add_argument("--pictures", type=Path, help="folder for pictures to look at")
    chosen = parser.parse_args()
    rows = []
    for name, read in SETS.items():
        cases = list(read(chosen.data, chosen.most or MOST.get(name, 4)))
        rows.append(study(name, cases, chosen.pictures))
        print(name, {k: v for k, v in rows[-1].items() if k != "cases"}, flush=True)
    print(
        record(
            "pixels",
            {"first": FIRST, "length": LENGTH, "corrections": CORRECTIONS, "taught": TAUGHT, "rows": rows},
            seed=SEED,
        )
    )
    return 0


def spread(folder: Path, most: int) -> list[Path]:
    """At most so many images of a folder, evenly spread in the order of their names."""
    files = sorted(p for p in (folder / "images").iterdir() if p.is_file())
    return files[:: -(-len(files) // most)]


def partner(image: Path, kind: str) -> Path:
    """The file of the image's name, or whose name begins alike, in the folder beside."""
    folder = image.parents[1] / kind
    found = [p for p in sorted(folder.iterdir()) if io.stem(p) == io.stem(image)]
    found = found or [p for p in sorted(folder.iterdir()) if p.name.split("_")[0] == image.name.split("_")[0]]
    return found[0]


def cases_of(folder: str, *, object_is: Callable[[Volume], Volume], area: str | None = None) -> Any:
    """A reader of a set: at most so many cases of a folder of the data."""

    def read(data: Path, most: int) -> Iterator[Case]:
        for path in spread(data / folder, most):
            image, labels = io.read_image(path), io.read_labels(partner(path, "labels"))
            reference = object_is(labels.array).astype(int)
            valid = np.ones(reference.shape, bool) if area is None else io.read_labels(partner(path, area)).array > 0
            yield Case(io.stem(path), image.array, reference, valid, image.grid.spacing)

    return read


SETS = {
    "EM, membrane": cases_of("em-isbi2012", object_is=lambda a: a == 0),
    "fundus, vessels": cases_of("fundus-drive", object_is=lambda a: a > 0, area="fov"),
    "nuclei": cases_of("nuclei-dsb2018", object_is=lambda a: a > 0),
    "MR brain, hippocampus (3-D)": cases_of("mri-hippocampus-msd", object_is=lambda a: a > 0),
    "skin, lesion": cases_of("skin-ham10000-mini", object_is=lambda a: a > 0),
}


def study(name: str, cases: list[Case], pictures: Path | None) -> dict[str, Any]:
    """One set: Dice after corrections of both kinds, on further images, and what was expected."""
    found = []
    seeds = []
    for case in cases:
        by_error = session(case, errors_first, pictures)
        by_doubt = session(case, doubts_first, None)
        seeds.append(by_error.pop("seeds"))
        by_doubt.pop("seeds")
        found.append({"case": case.name, "errors": by_error, "doubts": by_doubt})
        print(
            " ", case.name, [round(d, 3) for d in by_error["dice"]], [round(d, 3) for d in by_doubt["dice"]], flush=True
        )
    return {
        "set": name,
        "n": len(cases),
        "errors": [asdict(summarise([f["errors"]["dice"][i] for f in found])) for i in range(len(CORRECTIONS))],
        "doubts": [asdict(summarise([f["doubts"]["dice"][i] for f in found])) for i in range(len(CORRECTIONS))],
        "others": others(cases, seeds),
        "forecast": forecast([f["errors"] for f in found]),
        "cases": found,
    }


def session(case: Case, next_stroke: Callable[..., Volume | None], pictures: Path | None) -> dict[str, Any]:
    """One image scribbled by the robot: Dice after each number of corrections, marks, what was expected at the end."""
    rng = np.random.default_rng(SEED)
    live = LivePixels(case.image, spacing=case.spacing)
    seeds = first_strokes(case, rng)
    dice: list[float] = []
    for done in range(CORRECTIONS[-1] + 1):
        learned = live.update(seeds)
        prob = live.probabilities()
        now = np.array(learned.labels)[prob.argmax(axis=0)]
        if done in CORRECTIONS:
            dice.append(score(case, now == 1, seeds))
        if done == CORRECTIONS[-1]:
            break
        stroke = next_stroke(case, now, prob, seeds, rng)
        if stroke is not None:
            seeds[stroke] = case.reference[stroke]
    expected = train_classifier([Example(case.image, seeds, case.spacing)]).forecast
    free = (seeds == UNMARKED) & case.valid
    right = [float((now == label)[free & (case.reference == label)].mean()) for label in (0, 1)]
    if pictures is not None:
        show(case, seeds, prob[1], pictures)
    return {
        "dice": dice,
        "marked": int((seeds != UNMARKED).sum()),
        "expected": None if expected is None else expected.accuracy,
        "true": float(np.mean(right)),
        "seeds": seeds,
    }


def first_strokes(case: Case, rng: np.random.Generator) -> Volume:
    """`FIRST` strokes of each label through random places of its middle lines."""
    seeds = np.full(case.reference.shape, UNMARKED, np.int32)
    for label in (0, 1):
        where = (case.reference == label) & case.valid
        lines = skeletonize(where)
        places = np.argwhere(lines if lines.any() else where)
        for place in places[rng.integers(0, len(places), FIRST)]:
            seeds[stroke_at(where, lines, place)] = label
    return seeds


def stroke_at(where: Volume, lines: Volume, place: Volume) -> Volume:
    """A mask: `LENGTH` voxels of the line through `place`, and their neighbours of the same label."""
    reach = tuple(slice(max(0, p - LENGTH), p + LENGTH + 1) for p in place)
    drawn = np.zeros(where.shape, bool)
    drawn[tuple(place)] = True
    near, line = drawn[reach], lines[reach]
    every = np.ones((3,) * where.ndim, bool)
    while near.sum() < LENGTH:
        wider = ndimage.binary_dilation(near, every) & line | near
        if wider.sum() == near.sum():
            break
        near = wider
    drawn[reach] = ndimage.binary_dilation(near) & where[reach]
    return drawn


def errors_first(case: Case, now: Volume, prob: Volume, seeds: Volume, rng: np.random.Generator) -> Volume | None:
    """A stroke along the middle of the largest connected error; None where there is none."""
    wrong = (now != case.reference) & case.valid & (seeds == UNMARKED)
    parts, count = ndimage.label(wrong)
    if not count:
        return None
    part = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    depth = ndimage.distance_transform_edt(part)
    place = np.array(np.unravel_index(int(depth.argmax()), depth.shape))
    same = part & (case.reference == case.reference[tuple(place)])
    return stroke_at(same, skeletonize(same), place)


def doubts_first(case: Case, now: Volume, prob: Volume, seeds: Volume, rng: np.random.Generator) -> Volume | None:
    """A stroke of the true label through the place that the classifier is least sure of."""
    done = ndimage.binary_dilation(seeds != UNMARKED, iterations=3) | ~case.valid
    if done.all():
        return None
    radius = 4.0 * min(case.spacing)
    place = np.array(most_uncertain(uncertainty(prob), spacing=case.spacing, radius_mm=radius, without=done))
    same = (case.reference == case.reference[tuple(place)]) & ~done
    reach = tuple(slice(max(0, p - LENGTH), p + LENGTH + 1) for p in place)
    lines = np.zeros(same.shape, bool)
    lines[reach] = skeletonize(same[reach])
    return stroke_at(same, lines, place)


def score(case: Case, mask: Volume, seeds: Volume) -> float:
    """Dice of what nobody marked."""
    free = (seeds == UNMARKED) & case.valid
    mask, truth = mask & free, (case.reference == 1) & free
    return float(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))


def others(cases: list[Case], seeds: list[Volume]) -> dict[str, Any] | None:
    """Dice on images that were not scribbled, of a classifier that learnt from `TAUGHT` that were.

    A set of grey and colour images takes part with the more frequent kind.
    """
    kinds = [len(case.image) for case in cases]
    alike = [i for i, kind in enumerate(kinds) if kind == max(kinds, key=kinds.count)]
    if len(alike) <= TAUGHT:
        return None
    learned = train_classifier([Example(cases[i].image, seeds[i], cases[i].spacing) for i in alike[:TAUGHT]])
    values = []
    for case in (cases[i] for i in alike[TAUGHT:]):
        mask = learned.segment(case.image, spacing=case.spacing) == 1
        values.append(score(case, mask, np.full(mask.shape, UNMARKED)))
    return {
        "taught": TAUGHT,
        "dice": asdict(summarise(values)),
        "expected": None if learned.forecast is None else learned.forecast.accuracy,
    }


def forecast(found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """How near the expected accuracy came to the true one."""
    pairs = [(f["expected"], f["true"]) for f in found if f["expected"] is not None]
    if not pairs:
        return None
    expected, true = np.array(pairs).T
    return {
        "n": len(pairs),
        "expected": float(expected.mean()),
        "true": float(true.mean()),
        "mean_error": float(np.abs(expected - true).mean()),
    }


def show(case: Case, seeds: Volume, prob: Volume, folder: Path) -> None:
    """Image with strokes, probability of the object, and reference, side by side."""
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    middle = () if case.reference.ndim == 2 else (case.reference.shape[0] // 2,)
    image = np.moveaxis(case.image[(slice(None), *middle)], 0, -1)
    figure, axes = plt.subplots(1, 3, figsize=(15, 5), layout="constrained")
    axes[0].imshow(image.squeeze(), cmap=None if image.shape[-1] == 3 else "gray")
    marks = np.ma.masked_equal(seeds[middle], UNMARKED)
    axes[0].imshow(marks, cmap="coolwarm", vmin=0, vmax=1, interpolation="nearest")
    axes[1].imshow(prob[middle], cmap="gray", vmin=0, vmax=1)
    axes[2].imshow(case.reference[middle], cmap="gray")
    for ax in axes:
        ax.axis("off")
    figure.savefig(folder / f"{case.name}.png", dpi=70)
    plt.close(figure)


if __name__ == "__main__":
    raise SystemExit(main())
