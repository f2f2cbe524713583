"""A reader study on real masks: readers against gold and each other, consensus, agreement, and who is a copy of whom.

    python -m benchmarks.accuracy.readers [--data ../shared/data]

The data set `multirater-bubil-cells` (Gurari et al. 2015, WACV) holds 18 images of cells, outlined by five people with
two tools each, and a gold standard. Cells are 0 there. Nothing is assumed about the readers: copies of the gold
standard or of each other are found first and left out of every agreement, because a copy agrees with itself.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.record import record
from septum.metrics import confusion_counts, dice, summarise
from septum.metrics.agreement import fleiss_kappa, gwet_ac1, intraclass_correlation
from septum.metrics.consensus import majority_vote, staple

ROOT = Path(__file__).resolve().parents[2]
GOLD = "gold"
SEED = 0
PIXELS = 2000  # per image, drawn for the agreement of pixels

Case = dict[str, NDArray[np.uint8]]


def cell_mask(path: Path) -> NDArray[np.uint8]:
    """1 where the file marks a cell (0 there), whether it has one channel or several."""
    array = np.asarray(Image.open(path))
    first = array if array.ndim == 2 else array[..., 0]
    return (first == 0).astype(np.uint8)


def cases(folder: Path) -> Iterator[tuple[str, Case]]:
    """Name and masks of each image, one after the other."""
    readers = sorted(p for p in (folder / "readers").iterdir() if p.is_dir())
    for gold in sorted((folder / "labels").glob("*.png")):
        masks = {GOLD: cell_mask(gold)}
        masks |= {reader.name: cell_mask(reader / gold.name) for reader in readers if (reader / gold.name).is_file()}
        yield gold.stem, masks


@dataclass(frozen=True)
class Copies:
    """Two readers whose masks are equal in every image that both have."""

    first: str
    second: str
    n_cases: int


def copies_among(found: Iterator[tuple[str, Case]]) -> list[Copies]:
    """Pairs of readers, in the order of their names, who never differ."""
    equal: dict[tuple[str, str], list[bool]] = {}
    for _, masks in found:
        for pair in combinations(sorted(masks), 2):
            first, second = (masks[name] for name in pair)
            equal.setdefault(pair, []).append(np.array_equal(first, second))
    return [Copies(*pair, len(same)) for pair, same in equal.items() if all(same)]


def person(reader: str) -> str:
    """The reader's name without the tool: the same person twice is not two independent readers."""
    return reader.split("_")[0]


def independent(readers: list[str], copies: list[tuple[str, str]]) -> list[str]:
    """Readers without those who equal the gold standard, and one of each other group of copies."""
    dropped = {second if first == GOLD else first for first, second in copies if GOLD in (first, second)}
    dropped |= {second for first, second in copies if first not in dropped and GOLD not in (first, second)}
    return [reader for reader in readers if reader not in dropped]


def overlap(reference: NDArray[Any], prediction: NDArray[Any]) -> float:
    """Dice of the cells."""
    return dice(confusion_counts(reference, prediction, classes=[1])[0])


def one_case(masks: Case, readers: list[str], rng: np.random.Generator) -> dict[str, Any]:
    """Everything that is measured on one image."""
    stack = [masks[reader] for reader in readers]
    consensus = {"majority": majority_vote(stack), "STAPLE": staple(stack).labels}
    others = {
        reader: majority_vote([masks[other] for other in readers if person(other) != person(reader)])
        for reader in readers
    }
    drawn = rng.integers(0, masks[GOLD].size, PIXELS)
    pairs = [(a, b, overlap(masks[a], masks[b])) for a, b in combinations(readers, 2)]
    between = [value for a, b, value in pairs if person(a) != person(b)]
    within = [value for a, b, value in pairs if person(a) == person(b)]
    return {
        "gold": {reader: overlap(masks[GOLD], mask) for reader, mask in masks.items() if reader != GOLD},
        "consensus": {name: overlap(masks[GOLD], mask) for name, mask in consensus.items()},
        "others": {reader: overlap(others[reader], masks[reader]) for reader in readers},
        "between": float(np.mean(between)),
        "within": float(np.mean(within)),
        "area": [int(mask.sum()) for mask in stack],
        "votes": np.stack([mask.reshape(-1)[drawn] for mask in stack], axis=1),
    }


def study(folder: Path) -> dict[str, Any]:
    """The whole study, two passes over the files."""
    found = copies_among(cases(folder))
    copies = [(pair.first, pair.second) for pair in found]
    readers = sorted({name for _, masks in cases(folder) for name in masks} - {GOLD})
    kept = independent(readers, copies)
    rng = np.random.default_rng(SEED)
    measured = {name: one_case(masks, kept, rng) for name, masks in cases(folder)}
    rows = list(measured.values())
    votes, areas = np.concatenate([row["votes"] for row in rows]), np.array([row["area"] for row in rows], float)
    kappa, ac1 = fleiss_kappa(votes), gwet_ac1(votes)

    def across(key: str, name: str | None = None) -> dict[str, Any]:
        return asdict(summarise([row[key] if name is None else row[key][name] for row in rows], seed=SEED))

    return {
        "images": len(rows),
        "readers": readers,
        "identical": [asdict(pair) for pair in found],
        "independent": kept,
        "dice_with_gold": {reader: across("gold", reader) for reader in readers},
        "dice_with_other_people": {reader: across("others", reader) for reader in kept},
        "consensus_with_gold": {name: across("consensus", name) for name in ("majority", "STAPLE")},
        "ceiling_between_people": across("between"),
        "same_person_two_tools": across("within"),
        "pixels": {"n": len(votes), "observed": kappa.observed, "fleiss_kappa": kappa.value, "gwet_ac1": ac1.value},
        "area": {f"icc_{m}": asdict(intraclass_correlation(areas, model=m)) for m in ("2,1", "3,1")},
        "by_image": {name: {"between": row["between"], "within": row["within"]} for name, row in measured.items()},
    }


def say(results: dict[str, Any]) -> None:
    """What a reader of the terminal wants to know first."""
    for pair in results["identical"]:
        print(f"{pair['first']} and {pair['second']} have equal masks in all {pair['n_cases']} images: one is a copy")
    print(f"independent readers: {', '.join(results['independent'])}")
    ceiling = results["ceiling_between_people"]
    interval = f"[{ceiling['mean_ci_low']:.4f}, {ceiling['mean_ci_high']:.4f}]"
    print(f"ceiling (Dice between people): {ceiling['mean']:.4f} {interval}")
    for name, row in (results["dice_with_gold"] | results["consensus_with_gold"]).items():
        print(f"{name:16s} Dice with gold {row['mean']:.4f}, lowest {row['minimum']:.4f}")


def main() -> None:
    """Measure, say, record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    folder = parser.parse_args().data / "multirater-bubil-cells"
    if not folder.is_dir():
        raise SystemExit(f"{folder} does not exist; give the folder of the data sets with --data")
    results = study(folder)
    say(results)
    print(record("readers", results, seed=SEED))


if __name__ == "__main__":
    main()
