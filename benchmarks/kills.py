"""Kills at random moments while files are being written: nothing half-written, nothing lost, nothing left.

    python -m benchmarks.kills --record                    20 kills of each command, kept in benchmarks/results
    python -m benchmarks.kills --kills 2 --only edit       fewer

Seeded: the moments of a seed are the same shares of the time that a whole run takes here. SIGKILL and SIGTERM
alternate. After every kill each file under a final name must be whole (images and tables are read, pages and JSON end
where they end). After the last kill the command runs to its end: its masks and weights must be those of an undisturbed
run, what a person was told is saved must be there, and no temporary file may be left. The result is one JSON; the exit
status is 1 when anything failed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

LOADER = (
    "import sys, os\n"
    "import numpy, pandas, scipy.ndimage, skimage.measure, matplotlib.figure, tifffile, nibabel\n"
    "{more}\n"
    "from septum.cli.main import main\n"
    "os.write(1, b'ready\\n')\n"
    "main(sys.argv[1:])\n"
)
"""Imports first, so that a kill meets the work and not the start."""

RATER = (
    "import os, sys\n"
    "from pathlib import Path\n"
    "from septum.workflows.review.study import open_study, rate\n"
    "os.write(1, b'ready\\n')\n"
    "with open_study(Path(sys.argv[1])) as study:\n"
    "    for number in range(400):\n"
    "        item = study.items[number % len(study.items)]\n"
    "        rate(study, 'reader', code=item.code, value=('pass', 'fail')[number % 2], comment=f'{number}')\n"
    "        os.write(1, f'{number}\\n'.encode())\n"
)
"""Rates without a pause and says each rating that it was told is saved."""


@dataclass
class Tally:
    """What happened to one command."""

    kills: int = 0
    finished_first: int = 0
    wrong: list[str] = field(default_factory=list)
    whole_run_s: float = 0.0


@dataclass(frozen=True)
class Scene:
    """A command to kill: how to call it, where it writes, and which of its files must be those of a whole run."""

    words: Callable[[Path], list[str]]
    same: str
    again: tuple[str, ...]
    more: str = ""


def write_data(root: Path) -> None:
    """Six planes with labels, six small volumes with masks, and a script of edits."""
    from septum import Grid, Image, LabelMap, io

    rng = np.random.default_rng(0)
    for number in range(6):
        labels = np.zeros((40, 44), np.uint8)
        labels[5 + number : 25 + number, 8:30] = 1
        image = (rng.normal(0, 8, labels.shape) + 60 * labels).astype(np.float32)
        volume = np.zeros((12, 30, 34), np.uint8)
        volume[3:9, 5:20, 6 + number : 25] = 1
        for kind in ("images", "labels", "volumes", "masks"):
            (root / kind).mkdir(parents=True, exist_ok=True)
        grid, solid = Grid.from_spacing((40, 44), (1.0, 1.0)), Grid.from_spacing((12, 30, 34), (2.0, 1.0, 1.0))
        io.write_image(root / "images" / f"s{number}.tif", Image(image[None], grid))
        io.write_labels(root / "labels" / f"s{number}.tif", LabelMap(labels, grid))
        io.write_image(root / "volumes" / f"v{number}.nii.gz", Image(volume[None].astype(np.float32), solid))
        io.write_labels(root / "masks" / f"v{number}.nii.gz", LabelMap(volume, solid))
    steps = "".join(f'[[step]]\ndo = "margin"\ndistance_mm = {size}\n' for size in (2, -2, 1, -1))
    (root / "steps.toml").write_text(steps)


def scenes(data: Path) -> dict[str, Scene]:
    """The commands, on the data that `write_data` wrote and the model that `prepare` trained."""
    train = ["train", str(data), "--steps", "30", "--devices", "cpu", "--precision", "32-true"]
    model = str(data / "model")
    volume, mask = str(data / "volumes" / "v0.nii.gz"), str(data / "masks" / "v0.nii.gz")
    torch = "import torch, lightning_fabric"
    return {
        "train": Scene(lambda out: [*train, "-o", str(out)], "fold_0/weights.pt", ("--resume",), torch),
        "predict": Scene(
            lambda out: ["predict", model, str(data / "images"), "-o", str(out), "--probabilities", "--devices", "cpu"],
            "*.tif", ("--overwrite",), torch,
        ),
        "evaluate": Scene(
            lambda out: ["evaluate", str(data / "labels"), str(data / "labels"), "-o", str(out)],
            "cases.csv", ("--overwrite",),
        ),
        "edit": Scene(
            lambda out: ["edit", volume, mask, "-s", str(data / "steps.toml"), "-o", str(out / "m.nii.gz")],
            "m.nii.gz", ("--overwrite",),
        ),
    }  # fmt: skip


def start(words: list[str], more: str = "", *, log: Path) -> subprocess.Popen[bytes]:
    """The command in a process of its own, once its imports are done."""
    program = LOADER.replace("{more}", more)
    with log.open("ab") as errors:
        child = subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, stderr=errors)
    assert child.stdout is not None
    child.stdout.readline()
    return child


def ended(child: subprocess.Popen[bytes]) -> int:
    """The exit code, once it has ended."""
    child.communicate()
    return child.returncode


def wrong_files(folder: Path) -> list[str]:
    """The files under a final name that are not whole."""
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".septum-") for part in path.relative_to(folder).parts)
        if not path.is_file() or hidden:
            continue
        try:
            check_whole(path)
        except Exception as error:  # noqa: BLE001 - whatever a half file causes is what is counted
            found.append(f"{path.relative_to(folder)}: {type(error).__name__}: {str(error)[:100]}")
    return found


def check_whole(path: Path) -> None:
    """Raise whatever reading a file causes that is not whole."""
    from septum import io
    from septum.net.learning.checkpoint import load_tensors

    if path.suffix in (".tif", ".png", ".gz", ".nii"):
        io.read_image(path)
    elif path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".toml":
        tomllib.loads(path.read_text())
    elif path.suffix == ".html" and not path.read_text().rstrip().endswith("</html>"):
        raise ValueError("the page does not end")
    elif path.suffix == ".csv" and not path.read_text().endswith("\n"):
        raise ValueError("the table does not end with a line")
    elif path.suffix == ".pt":
        load_tensors(path)


def left_over(folder: Path) -> list[str]:
    """Temporary files and folders below a folder and beside it."""
    names = [str(path.relative_to(folder)) for path in folder.rglob(".*")]
    return names + [path.name for path in folder.parent.glob(".*")]


def disturb(scene: Scene, root: Path, *, kills: int, rng: random.Random) -> Tally:
    """Kill the command again and again, then let it end."""
    tally = Tally()
    clean, out, log = root / "clean" / "out", root / "out" / "out", root / "log.txt"
    for folder in (clean, out):
        folder.parent.mkdir(parents=True)
    child, began = start(scene.words(clean), scene.more, log=log), time.monotonic()
    if ended(child) not in (0, 1):
        return Tally(wrong=[f"the undisturbed run failed: {log.read_text()[-300:]}"])
    tally.whole_run_s = time.monotonic() - began
    for number in range(kills):
        child = start([*scene.words(out), *again(scene, out)], scene.more, log=log)
        time.sleep(rng.random() * tally.whole_run_s)
        child.send_signal((signal.SIGKILL, signal.SIGTERM)[number % 2])
        tally.finished_first += ended(child) == 0
        tally.kills += 1
        tally.wrong += [f"kill {number}: {one}" for one in wrong_files(out.parent)]
    code = ended(start([*scene.words(out), *again(scene, out)], scene.more, log=log))
    if code not in (0, 1):
        tally.wrong.append(f"the run after the kills ended with {code}: {log.read_text()[-300:]}")
    tally.wrong += [f"left: {name}" for name in left_over(out)]
    tally.wrong += [f"differs: {name}" for name in differing(clean, out, pattern=scene.same)]
    return tally


def again(scene: Scene, out: Path) -> tuple[str, ...]:
    """What a person adds to go on: nothing where nothing was written yet."""
    if "--resume" in scene.again:
        if (out / "plan.json").is_file():
            return scene.again
        shutil.rmtree(out, ignore_errors=True)
        return ()
    return scene.again


def differing(clean: Path, out: Path, *, pattern: str) -> list[str]:
    """Files that an undisturbed run wrote and that are missing or other."""
    expected = sorted(clean.glob(pattern))
    names = [str(path.relative_to(clean)) for path in expected]
    return (names and [n for n in names if not same(clean / n, out / n)]) or ([] if names else ["nothing was written"])


def same(one: Path, other: Path) -> bool:
    """Whether two files hold the same: tensors without their time, others by their bytes or samples."""
    if not other.is_file():
        return False
    if one.suffix == ".pt":
        from septum.net.learning.checkpoint import digest_of, load_tensors

        return digest_of(load_tensors(one)["weights"]) == digest_of(load_tensors(other)["weights"])
    if one.suffix in (".tif", ".gz"):
        from septum import io

        return bool((io.read_image(one).array == io.read_image(other).array).all())
    return one.read_bytes() == other.read_bytes()


def disturb_review(data: Path, root: Path, *, kills: int, rng: random.Random) -> Tally:
    """Kill the making of a study, and then a reader who rates: every rating that was confirmed is there."""
    from septum.workflows.review.study import open_study

    def words(out: Path) -> list[str]:
        named = ["--masks", f"a={data / 'labels'}", "--masks", f"b={data / 'labels'}"]
        return ["review", "create", str(data / "images"), *named, "-o", str(out)]

    tally, study = Tally(), root / "out" / "study"
    study.parent.mkdir(parents=True)
    for number in range(kills // 2):
        shutil.rmtree(study, ignore_errors=True)
        child = start(words(study), log=root / "log.txt")
        time.sleep(rng.random() * 0.8)
        child.send_signal((signal.SIGKILL, signal.SIGTERM)[number % 2])
        tally.finished_first += ended(child) == 0
        tally.kills += 1
        if study.exists() and not (study / "study.json").is_file():
            tally.wrong.append(f"kill {number}: a study without its list")
    if not study.exists():
        ended(start(words(study), log=root / "log.txt"))
    for number in range(kills - kills // 2):
        child = subprocess.Popen([sys.executable, "-c", RATER, str(study)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.05 + rng.random() * 0.4)
        child.send_signal((signal.SIGKILL, signal.SIGTERM)[number % 2])
        lines = child.communicate()[0].decode().split("\n")[:-1]  # the last is cut where the kill met it
        tally.kills += 1
        with open_study(study) as opened:
            comments = {row.comment for row in opened.store.history(opened.id)}
        missing = set(lines) - comments
        tally.wrong += [f"kill {number}: rating {one} was confirmed and is lost" for one in sorted(missing)]
    tally.wrong += [f"left: {name}" for name in left_over(study) if "-journal" not in name and "-wal" not in name]
    return tally


def run(*, kills: int, seed: int, only: list[str]) -> dict[str, Any]:
    """All commands, or those in `only`."""
    found: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        write_data(data)
        every = scenes(data)
        if not only or "predict" in only:
            trained = every["train"].words(data / "model")
            ended(start(trained, every["train"].more, log=Path(name) / "log.txt"))
        for command in [*every, "review"]:
            if only and command not in only:
                continue
            rng = random.Random(f"{seed} {command}")
            root = Path(name) / command
            if command == "review":
                found[command] = disturb_review(data, root, kills=kills, rng=rng)
            else:
                found[command] = disturb(every[command], root, kills=kills, rng=rng)
    return {"seed": seed, "commands": {name: vars(tally) for name, tally in found.items()}}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--record", action="store_true", help="keep the result in benchmarks/results")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    result = run(kills=given.kills, seed=given.seed, only=given.only)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    if given.record:
        from benchmarks.record import record

        record("kills", {"kills": given.kills, **result}, seed=given.seed)
    return int(any(tally["wrong"] for tally in result["commands"].values()))


if __name__ == "__main__":
    sys.exit(main())
