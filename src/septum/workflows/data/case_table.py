"""What else is known about the cases: patients, scanners, sites, from a table that the user has.

The insight: the table was not made for this program, so its case column is found by what it holds, not by what it is
called, and whatever does not fit (cases without a row, rows without a case, an empty cell) is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from septum import io
from septum.errors import ConfigError, DatasetError
from septum.workflows.data.matching import match_stems
from septum.workflows.runs.tables import read_rows
from septum.workflows.runs.words import some

_MOST_VALUES = 8  # a number column with more different values is divided into thirds


@dataclass(frozen=True)
class CaseTable:
    """Rows of the user's table by case id, and sentences about what did not fit."""

    path: Path
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...]

    def column(self, name: str) -> dict[str, str]:
        """`{case: value}` of a column, without empty cells.

        Raises:
            ConfigError: when the table has no such column.
        """
        if name not in self.columns:
            raise ConfigError(f"column must be one of {', '.join(self.columns)} of {self.path}, got {name!r}")
        return {case: row[name] for case, row in self.rows.items() if row[name]}


def read_case_table(path: Path, cases: Sequence[str]) -> CaseTable:
    """Read a CSV or TSV file with a header and one row per case.

    Args:
        path: the file, in UTF-8, separated by commas, semicolons or tabs.
        cases: ids of the cases that were scored. The column that names the case is the one whose values (or the file
            names in them, without folder and suffix) match most ids; ties go to the first.

    Raises:
        DatasetError: a file that cannot be read, no column that names the cases, or two rows of one case.
    """
    columns, rows = _read(path)
    found = {column: _matches([row[column] for row in rows], cases) for column in columns}
    key = max(columns, key=lambda column: len(found[column]))
    if not found[key]:
        raise DatasetError(
            f"{path} must have a column that names the cases ({some(list(cases))}), got the columns "
            f"{', '.join(columns)}; add one"
        )
    by_case: dict[str, Mapping[str, str]] = {}
    repeated = []
    for number, case in sorted(found[key].items()):
        if case in by_case:
            repeated.append(case)
        by_case[case] = rows[number]
    if repeated:
        raise DatasetError(f"{path} must have one row per case, got several for {some(repeated)}; keep one of each")
    notes = []
    if missing := [case for case in cases if case not in by_case]:
        notes.append(f"{len(missing)} cases have no row in {path.name} (column {key}): {some(missing)}.")
    if len(found[key]) < len(rows):
        notes.append(f"{len(rows) - len(found[key])} rows of {path.name} belong to no scored case.")
    return CaseTable(path, tuple(columns), by_case, tuple(notes))


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    table = read_rows(path, delimiters="\t,;")
    columns = [name for name in table.columns if name]
    rows = [row for _, row in table.rows]
    if not columns or not rows:
        raise DatasetError(f"{path} must hold a header and one row per case, got {len(rows)} rows; fill it")
    return columns, rows


def _matches(values: Sequence[str], cases: Sequence[str]) -> dict[int, str]:
    """Row number to case id, by the value itself or as a file name, else by the rule for images and labels."""
    known = set(cases)
    exact = {i: v for i, v in enumerate(values) if v in known}
    stems = {i: io.stem(Path(v.replace("\\", "/"))) for i, v in enumerate(values) if v}
    found = exact | {i: stem for i, stem in stems.items() if i not in exact and stem in known}
    if found or len(set(stems.values())) < len(stems):
        return found
    pairs = match_stems(list(known), list(stems.values())).pairs
    return {i: pairs[stem] for i, stem in stems.items() if stem in pairs}


def strata_of(values: Mapping[str, str]) -> dict[str, str]:
    """The stratum of each case: the value itself, or a third of the range of ranks where values are many numbers.

    >>> strata_of({"a": "GE", "b": "Siemens"})
    {'a': 'GE', 'b': 'Siemens'}
    >>> strata_of({str(i): str(i) for i in range(9)})["8"]
    '3: 6 to 8'
    """
    try:
        numbers = {case: float(value) for case, value in values.items()}
    except ValueError:
        return dict(values)
    if len(set(numbers.values())) <= _MOST_VALUES or not np.isfinite(list(numbers.values())).all():
        return dict(values)
    found = np.array(list(numbers.values()))
    edges = np.quantile(found, [1 / 3, 2 / 3])
    part = np.searchsorted(edges, found, side="left")
    names = {}
    for third in np.unique(part):
        own = found[part == third]
        names[int(third)] = f"{third + 1}: {own.min():.4g} to {own.max():.4g}"
    return {case: names[int(third)] for case, third in zip(numbers, part, strict=True)}
