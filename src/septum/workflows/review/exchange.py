"""Ratings as CSV: for another machine, a spreadsheet, or a statistician.

The insight: an export is the history and not its last state, so what was exported here and imported there is the same
history, and importing it again changes nothing. Files that people typed have no identities; their rows are new ratings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from septum.errors import ConfigError, DatasetError, SeptumError
from septum.workflows.review import store
from septum.workflows.review.store import Rating
from septum.workflows.review.study import KEY_COLUMNS, Study, rate, read_key, user_name
from septum.workflows.runs.files import write_text
from septum.workflows.runs.tables import read_rows, rows_csv

COLUMNS = ("rating", "code", "reader", "value", "comment", "created", "origin", "supersedes")


def export_csv(study: Study, path: Path, *, unblind: bool = False, overwrite: bool = False) -> int:
    """Write the whole history of ratings, one row each; returns how many.

    Args:
        study: the study.
        path: the CSV file.
        unblind: add the columns case, source and showing from the key.
        overwrite: replace an existing file.

    Raises:
        ConfigError: the file exists.
        FormatError: it cannot be written.
    """
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} exists; choose another name or use --overwrite")
    history = study.store.history(study.id)
    key = read_key(study) if unblind else {}
    rows = [
        [*_row(rating), *([*key[rating.code], study.item(rating.code).showing] if unblind else [])]
        for rating in history
    ]
    write_text(path, rows_csv([*COLUMNS, *(KEY_COLUMNS[1:] if unblind else ())], rows))
    study.store.log(study.id, who=user_name(), what="export", details={"rows": len(history), "unblind": unblind})
    return len(history)


def import_csv(study: Study, path: Path) -> int:
    """Take over ratings from a CSV; returns how many were new. Nothing is added when a row is wrong.

    Rows that `export_csv` wrote keep their identity, so that importing twice changes nothing. A table with only the
    columns `code, reader, value[, comment]` (a spreadsheet) is read as new ratings; values already current are skipped.

    Raises:
        DatasetError: columns that are missing, a row that contradicts the history, an unknown code or value.
        FormatError: a file that cannot be read.
    """
    rows = _read_rows(path)
    if rows and "rating" in rows[0][1]:
        parsed = [_parse(study, number, row=row) for number, row in rows]
        return study.store.add_history(study.id, parsed, who=user_name())
    current = {(rating.reader, rating.code): rating for rating in study.store.current(study.id)}
    wanted = []
    for number, row in rows:
        rating = _parse(study, number, row={**row, "rating": "", "created": "", "origin": "import", "supersedes": ""})
        old = current.get((rating.reader, rating.code))
        if rating.value is not None and (old is None or (old.value, old.comment) != (rating.value, rating.comment)):
            wanted.append(rating)
    for rating in wanted:
        rate(study, rating.reader, code=rating.code, value=rating.value or "", comment=rating.comment, origin="import")
    study.store.log(study.id, who=user_name(), what="import", details={"added": len(wanted)})
    return len(wanted)


def _read_rows(path: Path) -> Sequence[tuple[int, dict[str, str]]]:
    table = read_rows(path, strip=False)
    header = table.columns
    missing = [name for name in ("code", "reader", "value") if name not in header]
    missing += [name for name in COLUMNS if "rating" in header and name not in header and name not in missing]
    if missing:
        raise DatasetError(
            f"{path} must have the columns {', '.join(missing)}, got {', '.join(header)[:200]}; add them"
        )
    return table.rows


def _parse(study: Study, number: int, *, row: Mapping[str, str]) -> Rating:
    """One row as a rating; its own errors name the row."""
    try:
        value = row["value"].strip() or None
        if value is not None:
            study.scale.choice(value)
        rating = Rating(
            id=row["rating"],
            number=0,
            code=study.item(row["code"].strip()).code,
            reader=store.clean_reader(row["reader"]),
            value=value,
            comment=store.clean_comment(row.get("comment", "")),
            created=row["created"],
            origin=row["origin"],
            supersedes=row["supersedes"] or None,
        )
    except SeptumError as error:
        raise DatasetError(f"row {number}: {error}") from error
    if "rating" in row and row["rating"] and len(row["rating"]) > 32:
        raise DatasetError(f"row {number}: rating must be an id that Septum wrote, got {row['rating'][:40]!r}")
    return rating


def _row(rating: Rating) -> list[str]:
    return [
        rating.id,
        rating.code,
        rating.reader,
        rating.value or "",
        rating.comment,
        rating.created,
        rating.origin,
        rating.supersedes or "",
    ]
