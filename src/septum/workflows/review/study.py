"""The reader study: a blinded sample of masks, rated by people, one item at a time.

The insight: a study is three things kept apart. The *pictures and codes* are what readers see; the *ratings* are an
append-only history of codes and answers; the *key* says which case and whose mask a code stands for, and nobody needs
it until the report. So people may rate with the folder `key` taken away, and what a reader sends back (a CSV of codes)
holds nothing about patients.

    STUDY/study.json       format, id
    STUDY/pictures/        CODE.png, CODE-plain.png
    STUDY/ratings.sqlite   unless another database was given
    STUDY/key/             key.csv (code, case, source), study.json (versions, digests), settings.toml
"""

from __future__ import annotations

import getpass
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from septum.errors import ConfigError, DatasetError
from septum.io.documents import read_json
from septum.io.safe import replacing, scratch_folder
from septum.workflows.data.doubts import listening
from septum.workflows.review import store
from septum.workflows.review.sample import (
    DrawnItem,
    StudySettings,
    draw_sample,
    find_candidates,
    reading_order,
    render_item,
)
from septum.workflows.review.scale import Scale, load_scale
from septum.workflows.review.store import ItemRecord, Rating, RatingStore, StudyRecord
from septum.workflows.runs.failures import CONTRADICTIONS, Failures
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.tables import read_rows, rows_csv
from septum.workflows.runs.words import some

STUDY_FORMAT = 1  # of study.json and key.csv


PICTURES, KEY, DATABASE = "pictures", "key", "ratings.sqlite"


LARGEST_PICTURE = 64 << 20
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}\.png")
_PNG = b"\x89PNG\r\n\x1a\n"


KEY_COLUMNS = ("code", "case", "source", "showing")


@dataclass(frozen=True)
class Study:
    """An open study; `open_study` makes one and closes its database at the end of the block."""

    folder: Path
    id: str
    scale: Scale
    order_seed: str
    items: tuple[ItemRecord, ...]
    store: RatingStore

    def item(self, code: str) -> ItemRecord:
        """The item of this code.

        Raises:
            ConfigError: when the study has no such item.
        """
        found = next((item for item in self.items if item.code == code), None)
        if found is None:
            raise ConfigError(f"code must be one of the {len(self.items)} items of the study, got {code[:40]!r}")
        return found

    def pictures(self, code: str) -> tuple[Path, Path]:
        """The picture with outlines and the one without."""
        first, second = self.item(code).pictures
        return self.folder / PICTURES / first, self.folder / PICTURES / second


@dataclass(frozen=True)
class ReaderProgress:
    """How far a reader is."""

    reader: str
    rated: int
    total: int


@dataclass(frozen=True)
class Created:
    """What `create_study` made: the folder, how many cases were drawn and how many items are to be rated.

    `failures` are (name, reason) of the cases that could not be shown.
    """

    folder: Path
    cases: int
    items: int
    notes: tuple[str, ...]
    failures: tuple[tuple[str, str], ...] = ()


def create_study(
    images: Path,
    masks: Mapping[str, Path],
    *,
    output: Path,
    settings: StudySettings | None = None,
    database: str | None = None,
    hooks: Hooks | None = None,
) -> Created:
    """Draw a sample, blind it, render its pictures and open its store.

    Args:
        images: images or a data set.
        masks: folder of masks by the name of its source, such as `{"model": …, "human": …}`.
        output: folder of the study; it must not exist, or be empty. A study is never replaced.
        settings: size, seed, design, scale.
        database: URL of the database of ratings; a file in the study folder by default.
        hooks: progress with the code of an item, notes, and the wish to stop, asked between items.

    Raises:
        ConfigError: an output that holds something, a setting that breaks its rule.
        DatasetError: no case in common, or none that can be shown; single ones are left out and listed.
        GeometryError: a mask on another grid than its image.
        FormatError: a study that cannot be written.
        Cancelled: the hooks said stop; nothing was written.
    """
    settings, hooks = settings or StudySettings(), hooks or Hooks()
    scale = load_scale(settings.scale)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(f"{output} must be a new or empty folder; ratings are never replaced: choose another name")
    candidates = find_candidates(images, masks, axes=settings.axes)
    notes = list(candidates.notes)
    if settings.n > len(candidates.cases):
        notes.append(f"only {len(candidates.cases)} cases have all masks; the sample is all of them, not {settings.n}")
    drawn = draw_sample(candidates, settings)
    for note in notes:
        hooks.on_note(note)
    with _new_folder(output) as work, listening(hooks.on_note) as doubts:
        drawn, digests, lost = _write_pictures(work / PICTURES, drawn, settings=settings, hooks=hooks)
        if lost.rows:
            notes.append(f"{len(lost.rows)} cases could not be shown and are left out: {some(sorted(lost.names))}")
            hooks.on_note(notes[-1])
        notes += doubts.sentences()
        study = StudyRecord(
            _study_id(drawn, digests, seed=settings.seed), _now(), scale.to_json(), _order_seed(settings.seed)
        )
        _write_key(work / KEY, drawn, settings=settings, masks=masks, notes=notes)
        _write(work / "study.json", json.dumps({"format": STUDY_FORMAT, "study": study.id}, indent=1) + "\n")
        ratings = store.open_rating_store(database or _sqlite_url(work))
        try:
            ratings.add_study(study, [one.item for one in drawn], who=user_name())
        finally:
            ratings.close()
    return Created(output, len({one.case.id for one in drawn}), len(drawn), tuple(notes), tuple(lost.rows))


@contextmanager
def open_study(folder: Path, *, database: str | None = None) -> Iterator[Study]:
    """An existing study; its database is closed at the end of the block.

    Raises:
        ConfigError: not a study, one of a newer format, or the database is another one.
    """
    try:
        content = read_json(folder / "study.json")
        number, name = content["format"], str(content["study"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder} must be a folder that `septum review create` made: {error}") from error
    if number != STUDY_FORMAT:
        raise ConfigError(f"{folder} must have format {STUDY_FORMAT}, got {number}; use the Septum that wrote it")
    if database is None and not (folder / DATABASE).is_file():
        raise ConfigError(f"{folder} holds no {DATABASE}; give the --database that the study was created with")
    ratings = store.open_rating_store(database or _sqlite_url(folder))
    try:
        record = ratings.study(name)
        scale = Scale.from_json(record.scale)
        yield Study(folder, name, scale, record.order_seed, ratings.items(name), ratings)
    finally:
        ratings.close()


def next_item(study: Study, reader: str) -> ItemRecord | None:
    """The first item in the reader's own order without a rating; None when all are rated."""
    reader = store.clean_reader(reader)
    rated = {rating.code for rating in study.store.current(study.id, reader=reader)}
    order = reading_order(study.items, reader=reader, seed=study.order_seed)
    code = next((code for code in order if code not in rated), None)
    return None if code is None else study.item(code)


def page_state(study: Study, reader: str) -> dict[str, Any]:
    """What a page shows a reader: question, answers, progress and the next item; nothing that only the key may say."""
    item, done = next_item(study, reader), progress(study, reader)
    return {
        "question": study.scale.question,
        "choices": [{"value": c.value, "key": c.key, "text": c.text} for c in study.scale.choices],
        "reader": done.reader,
        "rated": done.rated,
        "total": done.total,
        "item": None if item is None else {"code": item.code, "pictures": list(item.pictures)},
    }


def read_picture(study: Study, name: str) -> bytes:
    """A picture that a study lists, as PNG.

    A study may come from somebody else, so what it lists is not trusted: the name must be plain, and the file one of
    its own folder of pictures, not a link that leads out of it. The key to the blinding is never among them.

    Raises:
        ConfigError: no such picture in the study, or one that lies elsewhere.
    """
    listed = any(name in item.pictures for item in study.items)
    folder = (study.folder / PICTURES).resolve()
    if not listed or not _PLAIN.fullmatch(name) or (folder / name).resolve() != folder / name:
        raise ConfigError(f"picture must be one that the study lists and holds, got {name[:60]!r}")
    try:
        with (folder / name).open("rb") as file:
            content = file.read(LARGEST_PICTURE + 1)
    except OSError as error:
        raise ConfigError(
            f"picture {name} of the study cannot be read: {error.strerror}; copy the study anew"
        ) from error
    if not content.startswith(_PNG) or len(content) > LARGEST_PICTURE:
        raise ConfigError(
            f"picture {name} of the study must be a PNG of at most {LARGEST_PICTURE >> 20} MiB; copy it anew"
        )
    return content


def rate(study: Study, reader: str, *, code: str, value: str, comment: str = "", origin: str = "python") -> Rating:
    """Add a rating; a former one of the same item by the same reader stays in the history, superseded.

    Raises:
        ConfigError: an answer that the scale does not have, an item that the study does not have, or a reader's name
            or comment that breaks its rule.
    """
    choice = study.scale.choice(value)
    return study.store.rate(
        study.id, study.item(code).code, reader=reader, value=choice.value, comment=comment, origin=origin
    )


def undo(study: Study, reader: str, *, origin: str = "python") -> str | None:
    """Take the reader's latest rating back (a new row says so); returns its code, None when there is nothing."""
    reader = store.clean_reader(reader)
    given = study.store.current(study.id, reader=reader)
    if not given:
        return None
    last = given[-1]
    study.store.rate(study.id, last.code, reader=reader, value=None, comment="", origin=origin)
    return last.code


def progress(study: Study, reader: str) -> ReaderProgress:
    """How many of all items this reader has rated."""
    reader = store.clean_reader(reader)
    return ReaderProgress(reader, len(study.store.current(study.id, reader=reader)), len(study.items))


def readers(study: Study) -> tuple[ReaderProgress, ...]:
    """The progress of everybody who has rated, by name."""
    names = sorted({rating.reader for rating in study.store.history(study.id)})
    return tuple(progress(study, name) for name in names)


def read_key(study: Study) -> dict[str, tuple[str, str]]:
    """Case and source by code.

    Raises:
        DatasetError: the key is not in the study folder, or is not that of this study.
    """
    path = study.folder / KEY / "key.csv"
    try:
        key = {row["code"]: (row["case"], row["source"]) for _, row in read_rows(path).rows}
    except (KeyError, DatasetError) as error:
        raise DatasetError(f"{path} must hold the key of the study: {error}; put the folder {KEY} back") from error
    if set(key) != {item.code for item in study.items}:
        raise DatasetError(f"{path} must be the key of this study, got other codes; put the right folder {KEY} back")
    return key


@contextmanager
def _new_folder(output: Path) -> Iterator[Path]:
    """A temporary folder beside `output` that takes its name when the block ends well."""
    target = output.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(target.parent) as work:
        yield work
        work.chmod(0o755)
        if target.exists():
            target.rmdir()  # empty, or the caller has refused it
        work.rename(target)


def _write_pictures(
    folder: Path, drawn: Sequence[DrawnItem], *, settings: StudySettings, hooks: Hooks
) -> tuple[tuple[DrawnItem, ...], list[str], Failures]:
    """Render every item (a mask that is shown twice once only).

    Returns the items, the digests of their pictures, and what could not be drawn: a case of which one mask cannot be
    shown is left out with all of its items, or sources would be judged on different cases.
    """
    folder.mkdir()
    failures = Failures(raised=CONTRADICTIONS)
    made: dict[tuple[str, str], ItemRecord] = {}
    for number, one in enumerate(drawn):
        hooks.stop_if_asked()
        identity = (one.case.id, one.source)
        if one.case.id not in failures.names:
            with failures.of(one.case.id):
                _write_item(folder, one, like=made.get(identity), settings=settings)
                made.setdefault(identity, one.item)
        hooks.on_progress(one.item.code, (number + 1) / len(drawn))
    kept = tuple(one for one in drawn if one.case.id not in failures.names)
    if not kept:
        raise DatasetError(f"a study must have a case that can be shown, got none; {failures.first}")
    for one in drawn:
        for name in one.item.pictures if one.case.id in failures.names else ():
            (folder / name).unlink(missing_ok=True)
    return kept, [hashlib.sha256((folder / one.item.pictures[0]).read_bytes()).hexdigest() for one in kept], failures


def _write_item(folder: Path, one: DrawnItem, *, like: ItemRecord | None, settings: StudySettings) -> None:
    """The pictures of an item; copies of those of `like`, where it shows the same."""
    if like is not None:
        for new, old in zip(one.item.pictures, like.pictures, strict=True):
            shutil.copyfile(folder / old, folder / new)
        return
    rendered = render_item(one, background=settings.background, window=settings.window)
    for name, data in zip(one.item.pictures, rendered, strict=True):
        (folder / name).write_bytes(data)


def _write_key(
    folder: Path,
    drawn: Sequence[DrawnItem],
    *,
    settings: StudySettings,
    masks: Mapping[str, Path],
    notes: Sequence[str],
) -> None:
    from septum.workflows.data.digests import digest  # imports torch, which rating must not wait for
    from septum.workflows.runs.provenance import describe_run
    from septum.workflows.runs.settings import unstructure, write_settings

    folder.mkdir(mode=0o700)
    rows = []
    for one in sorted(drawn, key=lambda one: one.item.code):
        mask = digest(one.case.label) if one.case.label else ""
        rows.append([one.item.code, one.case.id, one.source, one.item.showing, mask])
    _write(folder / "key.csv", rows_csv([*KEY_COLUMNS, "mask_sha256"], rows))
    content = describe_run(settings=unstructure(settings), sources=sorted(masks), notes=list(notes))
    write_settings(folder / "settings.toml", settings)
    _write(folder / "study.json", json.dumps(content, indent=1, default=str) + "\n")


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _study_id(drawn: Sequence[DrawnItem], digests: Sequence[str], *, seed: int) -> str:
    content: Any = [seed, [one.item.code for one in drawn], list(digests)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _order_seed(seed: int) -> str:
    """A seed of the readers' orders from which that of the sample cannot be read."""
    return hashlib.sha256(f"order of reading {seed}".encode()).hexdigest()[:16]


def _sqlite_url(folder: Path) -> str:
    return f"sqlite:///{(folder / DATABASE).resolve()}"


def user_name() -> str:
    """Who runs this, for the audit log."""
    try:
        return getpass.getuser()[:64]
    except (OSError, KeyError, ImportError):
        return "unknown"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
