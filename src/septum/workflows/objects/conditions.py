"""Which condition an image belongs to, and which independent unit: from a table, its name, or the folder it lies in.

The insight: people write the experiment into file names or folders. What is read out of them is said back in a note
with its counts, so that a wrong reading is seen before the p-value is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from septum.errors import ConfigError, DatasetError
from septum.workflows.data.case_table import read_case_table
from septum.workflows.data.cases import Case
from septum.workflows.runs.words import some

ALL = "all"
_REPLICATES = ("replicate", "group", "patient", "animal", "subject", "dish", "well")


@dataclass(frozen=True)
class Conditions:
    """Condition and independent unit of each case; `unit` says what a unit is; notes on how they were found."""

    condition: Mapping[str, str]
    replicate: Mapping[str, str]
    unit: str
    notes: tuple[str, ...]


def find_conditions(cases: Sequence[Case], *, root: Path, table: Path | None, pattern: str | None) -> Conditions:
    """Conditions from a table, else by a pattern of names, else from sub-folders; all one where nothing says.

    Args:
        cases: of the masks.
        root: the folder they were found in.
        table: CSV or TSV with a column that names the cases, a column `condition`, and perhaps one called `replicate`
            (or group, patient, animal, subject, dish, well).
        pattern: regular expression searched in the names: the group `condition` (else the first), and perhaps a
            group `replicate`.

    Raises:
        ConfigError: table and pattern at once, or a pattern that is none, has no group or fits no name.
        DatasetError: a table without a condition of every case.
    """
    if table is not None and pattern is not None:
        raise ConfigError("conditions must come from a table or a pattern, got both; leave one out")
    if table is not None:
        return _by_table(cases, table)
    if pattern is not None:
        return _by_pattern([case.id for case in cases], pattern)
    found = {case.id: _sub_folder(case, root) for case in cases}
    if len(set(found.values())) < 2:
        return Conditions(dict.fromkeys(found, ALL), {name: name for name in found}, "image", ())
    return Conditions(found, {name: name for name in found}, "image", (_told("the sub-folders", found),))


def _sub_folder(case: Case, root: Path) -> str:
    parent = case.images[0].path.parent
    if not root.is_dir() or parent == root:
        return ALL
    return parent.relative_to(root).parts[0]


def _by_table(cases: Sequence[Case], path: Path) -> Conditions:
    names = [case.id for case in cases]
    table = read_case_table(path, names)
    found = table.column("condition")
    if missing := [name for name in names if name not in found]:
        raise DatasetError(f"{path} must give the condition of every mask, got none for {some(missing)}; add the rows")
    column = next((name for name in _REPLICATES if name in table.columns), None)
    units = {name: name for name in names} if column is None else table.column(column)
    if missing := [name for name in names if name not in units]:
        raise DatasetError(f"{path} must give the {column} of every mask, got none for {some(missing)}; fill them in")
    note = _told(f"the column condition of {path.name}", {name: found[name] for name in names})
    return Conditions(found, units, column or "image", (note, *table.notes))


def _by_pattern(names: Sequence[str], pattern: str) -> Conditions:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"condition pattern must be a regular expression, got {pattern!r}: {error}") from error
    if not compiled.groups:
        raise ConfigError(
            f"condition pattern must have a group in parentheses, got {pattern!r}; such as '^([a-z]+)_' or "
            "'(?P<condition>[a-z]+)_(?P<replicate>[0-9]+)'"
        )
    matches = {name: compiled.search(name) for name in names}
    if missing := [name for name, match in matches.items() if match is None]:
        raise ConfigError(f"condition pattern must fit every name, got none in {some(missing)}; widen {pattern!r}")
    groups = compiled.groupindex
    key: str | int = "condition" if "condition" in groups else 1
    found = {name: match.group(key) or "" for name, match in matches.items() if match}
    note = _told(f"the pattern {pattern!r}", found)
    if "replicate" not in groups:
        return Conditions(found, {name: name for name in names}, "image", (note,))
    units = {name: match.group("replicate") or "" for name, match in matches.items() if match}
    return Conditions(found, units, "replicate", (note,))


def _told(source: str, found: Mapping[str, str]) -> str:
    counts = Counter(found.values())
    shown = some([f"{name} ({n})" for name, n in counts.items()], 8)
    return f"Conditions come from {source}: {shown}."
