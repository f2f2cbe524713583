"""Tables as CSV: one way to write them and one to read them.

One insight: a spreadsheet runs a cell that begins with `=`, and names of files, patients and classes come from
anywhere. So every text that could be a formula gets an apostrophe before it on its way out, and loses it on its way in.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from septum.errors import DatasetError
from septum.workflows.runs.words import why

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "'", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Beginnings of a text that a spreadsheet may run as a formula, and the apostrophe that says it must not."""

LARGEST = 64 << 20
"""Bytes of the largest table that is read: a million rows of 60 characters."""

MOST_COLUMNS = 4096


@dataclass(frozen=True)
class Rows:
    """A table as it was read: its columns in order, its rows with the line each ends on, and what separates cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    delimiter: str = ","


def guarded(text: str) -> str:
    """`text` with an apostrophe before it where a spreadsheet would read it as a formula; numbers stay as they are.

    >>> guarded("=1+1"), guarded("-1.5"), guarded("too large")
    ("'=1+1", '-1.5', 'too large')
    """
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given.

    >>> unguarded("'=1+1"), unguarded("it's")
    ('=1+1', "it's")
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()


def _cell(value: Any) -> Any:
    """A value as it is written: a text guarded, every line break in it a line feed, which `csv` puts in quotes."""
    return guarded(value.replace("\r\n", "\n").replace("\r", "\n")) if isinstance(value, str) else value


def frame_csv(table: pd.DataFrame, *, float_format: str | None = None) -> str:
    """A data frame as CSV text without its index, every text in it guarded, its column names too.

    >>> import pandas as pd
    >>> print(frame_csv(pd.DataFrame({"case": ["=1+1"], "dice": [0.9]})), end="")
    case,dice
    '=1+1,0.9
    """
    safe = table.rename(columns=_cell)
    for place, kind in enumerate(table.dtypes):
        if getattr(kind, "kind", "O") not in "biufc":
            safe.isetitem(place, list(map(_cell, table.iloc[:, place])))
    return str(safe.to_csv(index=False, float_format=float_format, lineterminator="\n"))


def rows_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A header and rows as CSV text, every text in it guarded; None is an empty cell.

    >>> print(rows_csv(["case", "n"], [["@SUM(A1)", 2]]), end="")
    case,n
    '@SUM(A1),2
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    for row in ([*columns], *rows):
        writer.writerow(list(map(_cell, row)))
    return buffer.getvalue()


def mappings_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of one set of columns, which are those of the first, as CSV text; as `rows_csv`.

    >>> print(mappings_csv([{"case": "a", "dice": 0.9}, {"case": "b", "dice": None}]), end="")
    case,dice
    a,0.9
    b,
    """
    columns = list(rows[0])
    return rows_csv(columns, ([row[name] for name in columns] for row in rows))


def read_rows(path: Path, *, delimiters: str = ",", strip: bool = True) -> Rows:
    """A table in a file: its header and its rows that are not empty, without guards.

    Args:
        path: the file, in UTF-8.
        delimiters: what may separate cells; where there are several, the one that the header holds most often.
        strip: whether spaces around cells are dropped, as people type them; those around names of columns always are.

    Raises:
        DatasetError: a file that cannot be read, is too large, has a column twice, or a row with too many cells.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.tsv").write_text("case\\tsite\\np1\\tA\\n")
    ...     read_rows(Path(folder, "a.tsv"), delimiters=",\\t").rows
    ((2, {'case': 'p1', 'site': 'A'}),)
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DatasetError(f"{path} must be a table of at most {LARGEST >> 20} MB, got {size >> 20} MB; divide it")
        text = path.read_bytes().decode("utf-8-sig")
        header = next((line for line in text.splitlines() if line.strip()), "")
        delimiter = max(delimiters, key=header.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        lines = [(reader.line_num, [unguarded(cell.strip() if strip else cell) for cell in row]) for row in reader]
    except FileNotFoundError as error:
        raise DatasetError(f"{path} must be a table, but there is no such file; check the path") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f"{path} must be a text table in UTF-8, but reading it failed: {why(error)}; export it again"
        ) from error
    filled = [(number, cells) for number, cells in lines if any(cells)]
    columns = tuple(name.strip() for name in filled[0][1]) if filled else ()
    _check_columns(path, columns)
    rows = [(number, _row(path, number, cells=cells, columns=columns)) for number, cells in filled[1:]]
    return Rows(columns, tuple(rows), delimiter)


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    if len(columns) > MOST_COLUMNS:
        raise DatasetError(f"{path} must have at most {MOST_COLUMNS} columns, got {len(columns)}; divide it")
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise DatasetError(f"{path} must name each column once, got {twice[0]!r} several times; rename one")


def _row(path: Path, number: int, *, cells: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    if any(cells[len(columns) :]):
        raise DatasetError(
            f"row {number} of {path} must have at most {len(columns)} cells, got {len(cells)}; put cells that hold the "
            "separator between double quotes"
        )
    return dict(zip(columns, [*cells, *[""] * (len(columns) - len(cells))], strict=False))
