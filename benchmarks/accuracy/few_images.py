"""Six or ten training images of families that the software was not built with: what `septum train` reaches.

    python -m benchmarks.accuracy.few_images [--sets polyps ultrasound skin] [--networks auto lecture]
                                             (--minutes 4 | --steps 800) [--data ../shared/data]

Every step is the command that a user types, each in a process of its own. The training images are those that the data
sets name (train10.txt, train6.txt); the others test, once, and carry `split = test`, so that training cannot see them.
Results go to `benchmarks/results/few_images.json`, row by row, each with its budget, steps, date and commit;
`docs/explain/measured.md` is written from that file.
"""

from __future__ import annotations

import argparse
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.accuracy.first_models import ROOT, SEED, pairs, run, score, write_table
from benchmarks.record import RESULTS, commit, hardware, record
from septum import io

RUNS = ROOT / "benchmarks" / "runs" / "few_images"


SETS = {
    "polyps": ("polyp-kvasir-seg", "train10.txt", "polyps, endoscopy (Kvasir-SEG)"),
    "ultrasound": ("us-nerve-usgra", "train10.txt", "nerve and vessel, ultrasound (USGRA)"),
    "skin": ("skin-ph2", "train6.txt", "skin lesions, dermoscopy (PH2)"),
}


def divide(data: Path, name: str) -> tuple[list[tuple[Path, Path]], list[tuple[Path, Path]]]:
    """The images that the set names for training, and all others."""
    folder, listed, _ = SETS[name]
    found = pairs(data / folder)
    chosen = set((data / folder / listed).read_text(encoding="utf-8").split())
    training = [pair for pair in found if io.stem(pair[0]) in chosen]
    if len(training) != len(chosen):
        raise SystemExit(f"{folder}: {len(chosen)} training images are named, {len(training)} were found")
    return training, [pair for pair in found if io.stem(pair[0]) not in chosen]


def study(name: str, network: str, budget: list[str], *, folds: str, data: Path) -> dict[str, object]:
    """Train, predict, evaluate one set with one form of network."""
    folder = RUNS / f"{name}-{network}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    training, test = divide(data, name)
    write_table(folder / "cases.csv", training, test)
    write_table(folder / "test.csv", [], test)
    model, masks, report = (str(folder / part) for part in ("model", "masks", "report"))
    options = ["--network", network, "--folds", folds, "--seed", str(SEED), *budget]
    wall, memory = run(["train", str(folder / "cases.csv"), "-o", model, *options])
    run(["predict", model, str(folder / "test.csv"), "-o", masks])
    run(["evaluate", masks, str(folder / "test.csv"), "-o", report])
    plan = json.loads((folder / "model" / "plan.json").read_text(encoding="utf-8"))
    ended = json.loads((folder / "model" / "fold_0" / "run.json").read_text(encoding="utf-8"))
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "processor": hardware()["cpu"],
        "what": SETS[name][2],
        "network": network,
        "encoder": plan["unet"].get("encoder", "own"),
        "chosen": plan.get("chosen", ""),
        "budget": " ".join(budget),
        "precision": plan["precision"],
        "folds": folds,
        "training_images": len(training),
        "steps": ended["steps"],
        "train_minutes": round(wall, 2),
        "train_peak_memory_mb": round(memory),
        **score(Path(report)),
    }


def earlier() -> dict[str, object]:
    """The rows recorded before."""
    path = RESULTS / "few_images.json"
    if not path.is_file():
        return {}
    kept: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return kept


def main() -> None:
    """Run the studies asked for and record them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--networks", nargs="*", default=["auto", "lecture"])
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--folds", default="auto", help="of `septum train`: auto judges, none holds nothing out")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        raise SystemExit(f"{arguments.data} does not exist; give the folder of the data sets with --data")
    minutes = arguments.minutes if arguments.minutes or arguments.steps else 4.0
    budget = ["--steps", str(arguments.steps)] if arguments.steps else ["--minutes", str(minutes)]
    results = {**earlier(), "seed": SEED}
    for name in arguments.sets:
        for network in arguments.networks:
            results[f"{name}, {network}, {' '.join(budget)}, folds {arguments.folds}"] = study(
                name, network, budget, folds=arguments.folds, data=arguments.data.resolve()
            )
            print(record("few_images", results))


if __name__ == "__main__":
    main()
