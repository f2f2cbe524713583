"""Data sets written down as a table: one row per case, columns image, label and, where wanted, group, split, id, roi.

One insight: a table is the way out whenever files do not lie as any layout expects, so it must be forgiving about
separators and spelling, and exact about what is missing: every complaint names the row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from septum import io
from septum.errors import DatasetError
from septum.workflows.data.cases import SPLITS, Case, Dataset, Problem, Source
from septum.workflows.data.declared import declare, declared_labels
from septum.workflows.data.folders import SPLIT_FOLDERS, expand_frames, unique_ids
from septum.workflows.runs.tables import read_rows
from septum.workflows.runs.words import some

_COLUMNS = {
    "image": ("image", "images", "img", "scan"),
    "label": ("label", "labels", "mask", "masks", "segmentation", "annotation"),
    "group": ("group", "patient", "subject", "sequence", "well"),
    "split": ("split", "set", "subset"),
    "id": ("id", "case", "name"),
    "roi": ("roi", "fov"),
}


TableRow = dict[str, str]


def recognise_table(path: Path, axes: str | None) -> Dataset | None:
    """A CSV or TSV file with a header row; `None` when the file is neither.

    Several channels stand in columns `image_1`, `image_2` … or in one field, separated by `;` (`|` where `;` separates
    the columns). Relative paths start at the table's folder. A `dataset.json` beside the table may declare labels.

    Raises:
        DatasetError: when a column is missing or a split is unknown.
    """
    if path.suffix.lower() not in (".csv", ".tsv"):
        return None
    rows, columns, ignored = _rows(path)
    cases: list[Case] = []
    problems: list[Problem] = []
    for number, row in rows:
        found, wrong = _case(path, number, row=row, columns=columns, axes=axes)
        cases += found
        problems += wrong
    if not rows:
        raise DatasetError(f"{path} must have at least one row below its header, got none; add the cases")
    notes = [f"columns without a meaning here: {some(ignored)}"] if ignored else []
    missing = [case.id for case in cases if case.label is None]
    if missing and len(missing) < len(cases):
        notes.append(
            f"{len(missing)} of {len(cases)} images have no label and are kept for prediction: {some(missing)}"
        )
    dataset = Dataset(path, "table", unique_ids(cases), notes=tuple(notes), problems=tuple(problems))
    return declare(dataset, declared_labels(path.parent))


def names_images(path: Path) -> bool:
    """Whether the first line of a file looks like the header of such a table: columns of images and of labels."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            header = stream.readline(1000)
    except OSError:
        return False
    meanings = {_meaning(column.strip(" \"'\n")) for column in re.split("[\t,;]", header)}
    return {"image", "label"} <= meanings


def _rows(path: Path) -> tuple[list[tuple[int, TableRow]], Mapping[str, list[str]], list[str]]:
    """Rows with their line numbers, the columns of each meaning, and the columns that have none."""
    table = read_rows(path, delimiters=",\t;")
    columns: dict[str, list[str]] = {}
    ignored = []
    for name in table.columns:
        meaning = _meaning(name)
        if meaning:
            columns.setdefault(meaning, []).append(name)
        else:
            ignored.append(name)
    if "image" not in columns:
        raise DatasetError(
            f"{path} must begin with a header row that has a column image (and label, group, split where wanted), got "
            f"{table.delimiter.join(table.columns)[:200]!r}; add the header"
        )
    separator = "|" if table.delimiter == ";" else ";"
    return [(number, {**row, "": separator}) for number, row in table.rows], columns, ignored


def _meaning(column: str) -> str | None:
    """What a column is called in Septum: `Image_2` is an image."""
    plain = column.strip().lower()
    base = plain.rstrip("0123456789").rstrip("_- ")
    return next((meaning for meaning, names in _COLUMNS.items() if plain in names or base in names), None)


def _case(
    table: Path, number: int, *, row: TableRow, columns: Mapping[str, list[str]], axes: str | None
) -> tuple[list[Case], list[Problem]]:
    """The case (or its frames) of one row, or what is wrong with the row."""
    separator = row[""]

    def field(meaning: str) -> str:
        return next((row.get(name, "") for name in columns.get(meaning, []) if row.get(name)), "")

    listed = [part.strip() for name in columns["image"] for part in row.get(name, "").split(separator) if part.strip()]
    paths = {"image": [_resolve(table, name) for name in listed]}
    for meaning in ("label", "roi"):
        paths[meaning] = [_resolve(table, field(meaning))] if field(meaning) else []
    case_id = (field("id") or (io.stem(paths["image"][0]) if listed else f"row {number}")).replace("/", "_")
    if not listed:
        return [], [
            Problem(case_id, "missing-image", f"row {number} of {table.name} names no image", "fill the column")
        ]
    problems = [
        Problem(
            case_id,
            f"missing-{meaning}",
            f"row {number} of {table.name} names the {meaning} {path}, which does not exist",
            "correct the path (relative paths start at the table's folder)",
        )
        for meaning, found in paths.items()
        for path in found
        if not path.exists()
    ]
    if problems:
        return [], problems
    split = _split(table, number, value=field("split"))
    roi = Source(paths["roi"][0]) if paths["roi"] else None
    images = tuple(Source(path, axes=axes) for path in paths["image"])
    base = Case(case_id, images, group=field("group") or None, split=split)
    cases, problem = expand_frames(base, paths["label"][0] if paths["label"] else None, frame_labels={}, axes=axes)
    return [replace(case, roi=roi) for case in cases], [problem] if problem else []


def _resolve(table: Path, name: str) -> Path:
    path = table.parent / Path(name).expanduser()
    return path if path.exists() or "\\" not in name else table.parent / name.replace("\\", "/")


def _split(table: Path, number: int, *, value: str) -> str | None:
    if not value:
        return None
    if value.lower() not in SPLIT_FOLDERS:
        raise DatasetError(
            f"split in row {number} of {table} must be one of {', '.join(SPLITS)} or empty, got {value!r}"
        )
    return SPLIT_FOLDERS[value.lower()]
