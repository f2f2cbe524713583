"""The list of counts beside the masks of single objects: `counts.csv`, the most doubtful image first.

The insight: a person who checks counts works image by image, so what decides the place of an image is how many of its
objects are doubtful; images about whose count nothing can be said come before all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from septum.errors import DatasetError
from septum.workflows.quality.count_estimates import CountEstimate, whole_ends
from septum.workflows.runs.files import write_text
from septum.workflows.runs.tables import read_rows, rows_csv
from septum.workflows.runs.words import counted

COUNTS = "counts.csv"

COUNT_COLUMNS = ("case", "found", "expected", "low", "high", "expected_ap", "doubtful", "note")


def most_doubtful_first(counts: Sequence[CountEstimate]) -> list[CountEstimate]:
    """Images without a figure, then by their doubtful objects (most first), the expected average precision and name."""
    return sorted(counts, key=_place)


def _place(one: CountEstimate) -> tuple[bool, int, float, str]:
    return (
        not math.isnan(one.expected),
        -one.doubtful,
        -1.0 if math.isnan(one.expected_ap) else one.expected_ap,
        one.case,
    )


def count_urgency(one: CountEstimate) -> tuple[int, float]:
    """The order of `most_doubtful_first` but for names, as `worklist.urgency` has it: the smaller, the sooner.

    >>> clear, doubtful = CountEstimate("a", 9, 9.0, doubtful=1), CountEstimate("b", 9, 9.0, doubtful=4)
    >>> count_urgency(CountEstimate("c", 9)) < count_urgency(doubtful) < count_urgency(clear)
    True
    """
    if math.isnan(one.expected):
        return 0, 0.0
    wrong = 0.9 if math.isnan(one.expected_ap) else (1 - one.expected_ap) / 2  # less than one more doubtful object
    return 2, 1 - 2 * (one.doubtful + wrong) / (one.doubtful + wrong + 1)


def write_counts(folder: Path, counts: Sequence[CountEstimate]) -> Path:
    """Write the list; cases of earlier runs into the same folder stay in it unless they are counted anew.

    Returns the path of `counts.csv`.
    """
    new = {one.case for one in counts}
    rows = most_doubtful_first([*counts, *(one for one in read_counts(folder) if one.case not in new)])
    write_text(folder / COUNTS, rows_csv(COUNT_COLUMNS, [_cells(one) for one in rows]))
    return folder / COUNTS


def read_counts(folder: Path) -> list[CountEstimate]:
    """The counts that `counts.csv` in a folder of masks holds, ends of intervals as whole numbers; none where it is
    missing or damaged."""
    try:
        return [_count(cells) for _, cells in read_rows(folder / COUNTS, strip=False).rows]
    except (DatasetError, ValueError, KeyError):
        return []


def count_remark(one: CountEstimate) -> str:
    """A count in words, for a page.

    >>> count_remark(CountEstimate("a", 41, 42.3, 38.6, 46.0, 0.8, 3))
    '41 objects found, likely 38 to 46; 3 doubtful'
    """
    words = f"{counted(one.found, 'object')} found"
    if not math.isnan(one.high):
        low, high = whole_ends(one.low, one.high)
        words += f", likely {low} to {high}"
    elif not math.isnan(one.expected):
        words += f", likely about {one.expected:.0f}"
    else:
        words += ", count unknown"
    return words + (f"; {one.doubtful} doubtful" if one.doubtful else "")


def _cells(one: CountEstimate) -> list[str | int]:
    low, high = ("", "") if math.isnan(one.high) else whole_ends(one.low, one.high)
    expected = "" if math.isnan(one.expected) else f"{one.expected:.1f}"
    precision = "" if math.isnan(one.expected_ap) else f"{one.expected_ap:.4f}"
    return [one.case, one.found, expected, low, high, precision, one.doubtful, one.note]


def _count(cells: dict[str, str]) -> CountEstimate:
    expected, low, high, precision = (float(cells[name]) if cells[name] else math.nan for name in COUNT_COLUMNS[2:6])
    found, doubtful = int(cells["found"]), int(cells["doubtful"])
    if any(math.isinf(value) or value < 0 for value in (found, doubtful, expected, low, high, precision)):
        raise ValueError("a count must be a number of at least 0")
    return CountEstimate(cells["case"], found, expected, low, high, precision, doubtful, cells["note"])
