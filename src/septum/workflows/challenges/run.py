"""`septum challenge`: methods trained on one division of public data, scored alike, shown on one page.

OUT/challenge.json            what was run: challenge, budget, digests of the data
OUT/division/                 what trainings read
OUT/METHOD/model…/            the trained model, or the chosen pipeline
OUT/METHOD/                   the files that the challenge asks for, scores.json, pictures
OUT/scores.csv, images.csv    one row per method; one row per method and test image
OUT/index.html                the page

The insight: a method whose scores are written is finished, a training that was stopped goes on, and the page is
written after every method; so the same command begins, continues and adds methods.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from septum.errors import ConfigError
from septum.options import nearest
from septum.workflows.challenges.challenge import Challenge, Division, Picture
from septum.workflows.challenges.page import Entry, challenge_page
from septum.workflows.challenges.settings import ChallengeSettings
from septum.workflows.challenges.solvers import TIMES, Learner, read_record
from septum.workflows.challenges.table import find_challenge
from septum.workflows.data.digests import digest_cases
from septum.workflows.data.doubts import listens
from septum.workflows.data.load import load_dataset
from septum.workflows.model.settings import TrainStatus
from septum.workflows.runs.files import publish, write_json
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.provenance import describe_run
from septum.workflows.runs.tables import frame_csv

RECORD, SCORES, PAGE = "challenge.json", "scores.json", "index.html"


@dataclass(frozen=True)
class ChallengeResult:
    """The page, and the scores with a row per method (and rival)."""

    page: Path
    table: pd.DataFrame


@listens
def run_challenge(
    name: str,
    data: Path,
    *,
    output: Path,
    settings: ChallengeSettings,
    hooks: Hooks,
    on_status: Callable[[TrainStatus], None],
) -> ChallengeResult:
    """Let methods take part in a challenge; what `output` holds of the same run is kept and continued.

    Raises:
        ConfigError: no such challenge or method, or `output` holds another run.
        DatasetError: data that are not those of the challenge.
        Cancelled: the hooks said stop; what is finished is kept, and the same command goes on.
    """
    challenge = find_challenge(name)
    methods = _methods(challenge, settings)
    _claim(output, overwrite=settings.overwrite)
    division = challenge.divide(data, output / "division")
    _record(output, challenge, division=division, settings=settings)
    for sentence in (*division.notes, challenge.caution, "research software, not a medical device"):
        hooks.on_note(sentence)
    entries: list[Entry] = []
    for place, method in enumerate(methods):
        hooks.stop_if_asked()
        told = _told(hooks, f"{method} ({place + 1} of {len(methods)})")
        entries.append(_take_part(challenge, division, method=method, output=output, settings=settings,
                                  hooks=told, on_status=on_status))  # fmt: skip
        table = _publish(output, challenge, division=division, entries=entries)
    return ChallengeResult(output / PAGE, table)


def _methods(challenge: Challenge, settings: ChallengeSettings) -> tuple[str, ...]:
    for method in settings.methods:
        if method not in challenge.methods:
            raise ConfigError(
                f"methods of {challenge.name} must be among {', '.join(challenge.methods)}, got {method!r}; "
                f"{nearest(method, challenge.methods)}"
            )
    return settings.methods or challenge.methods


def _claim(output: Path, *, overwrite: bool) -> None:
    """A folder for this challenge alone; with leave to overwrite, a run that it holds is removed."""
    held = output.is_dir() and any(output.iterdir())
    if held and not (output / RECORD).is_file():
        raise ConfigError(f"{output} holds other files than a challenge; choose another folder")
    if held and overwrite:
        shutil.rmtree(output)
    output.mkdir(parents=True, exist_ok=True)


def _record(output: Path, challenge: Challenge, *, division: Division, settings: ChallengeSettings) -> None:
    """Write what is run; a folder that holds another run is refused, since its methods could not be compared.

    Raises:
        ConfigError: as said.
    """
    budget = {key: value for key, value in asdict(settings).items() if key not in ("methods", "overwrite")}
    training = [load_dataset(part.training, axes=part.axes).labelled for part in division.parts]
    digests = {
        part.name: digest_cases((*cases, *part.tests)) for part, cases in zip(division.parts, training, strict=True)
    }
    wanted = {"challenge": challenge.name, "settings": budget, "data": digests}
    if (output / RECORD).is_file():
        held = read_record(output / RECORD)
        differs = [key for key in wanted if held.get(key) != wanted[key]]
        if differs:
            raise ConfigError(
                f"{output} must hold the same run to go on with, got another in {', '.join(differs)}; give the "
                "options it was begun with, choose another folder, or use --overwrite"
            )
        return
    write_json(output / RECORD, {**wanted, **describe_run()})


def _told(hooks: Hooks, who: str) -> Hooks:
    """Hooks that say which method is at work."""
    return replace(
        hooks,
        on_progress=lambda what, share: hooks.on_progress(f"{who}: {what}", share),
        on_note=lambda sentence: hooks.on_note(f"{who}: {sentence}"),
    )


def _take_part(
    challenge: Challenge,
    division: Division,
    *,
    method: str,
    output: Path,
    settings: ChallengeSettings,
    hooks: Hooks,
    on_status: Callable[[TrainStatus], None],
) -> Entry:
    """Train, predict and score one method; what is written already is read."""
    folder = output / method
    if (folder / SCORES).is_file():
        return _read_entry(method, folder)
    learner = Learner(settings, dict(challenge.training), parts=len(division.parts), on_status=on_status, hooks=hooks)
    seconds, images = 0.0, 0
    for part in division.parts:
        solver = learner.learn(method, part, folder=_model(folder, part.name))
        began = time.monotonic()
        challenge.predict(solver, part, folder=folder, hooks=hooks)
        seconds += time.monotonic() - began
        images += len(part.tests) + len(part.tuning) + len(part.unlabelled)
    found = challenge.score(division, folder, hooks=hooks)
    learnt = [read_record(_model(folder, part.name) / TIMES) for part in division.parts]
    publish(folder / "pictures", {f"{place}.jpg": picture.data for place, picture in enumerate(found.pictures)})
    content = {
        "values": dict(found.values),
        "minutes": sum(one["seconds"] for one in learnt) / 60,
        "steps": sum(one["steps"] for one in learnt),
        "seconds_per_image": seconds / max(images, 1),
        "images": list(found.images),
        "pictures": [{"name": picture.name, "line": picture.line} for picture in found.pictures],
    }
    write_json(folder / SCORES, content)
    return _read_entry(method, folder)


def _model(folder: Path, part: str) -> Path:
    return folder / f"model{'-' if part else ''}{part}"


def _read_entry(method: str, folder: Path) -> Entry:
    content = read_record(folder / SCORES)
    pictures = tuple(
        Picture(row["name"], row["line"], (folder / "pictures" / f"{place}.jpg").read_bytes())
        for place, row in enumerate(content["pictures"])
    )
    times = {key: content[key] for key in ("minutes", "steps", "seconds_per_image")}
    return Entry(method, content["values"], times, tuple(content["images"]), pictures)


def _publish(output: Path, challenge: Challenge, *, division: Division, entries: Sequence[Entry]) -> pd.DataFrame:
    """The tables and the page of the methods that are finished; returns the scores."""
    rivals = challenge.rivals(division)
    table = pd.DataFrame([_row(entry) for entry in entries] + [{"method": name, **row} for name, row in rivals.items()])
    images = pd.DataFrame([{"method": entry.method, **row} for entry in entries for row in entry.images])
    page = challenge_page(challenge, division, entries=entries, rivals=rivals)
    publish(
        output,
        {"scores.csv": frame_csv(table), "images.csv": frame_csv(images), PAGE: page},
    )
    return table


def _row(entry: Entry) -> Mapping[str, Any]:
    return {"method": entry.method, **entry.values, **entry.times}
