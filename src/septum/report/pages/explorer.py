"""The interactive plot of a report: one dot per case, any score against any other, a click shows the case.

The insight: the question after every distribution is "which case is that dot?". So the page carries the scores of all
cases as data, and as many small pictures as a mail attachment allows; a few lines of script in the page draw them.
Nothing is fetched from anywhere.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from septum.report.figures import overlay

MOST_VALUES = 250_000
"""Numbers that the page carries at most (about 1.5 MB); series beyond that stay in cases.csv."""


@dataclass(frozen=True)
class Explorer:
    """What the plot can show.

    Args:
        table: one row per case and series: `series, case, group` and one column per metric.
        metrics: column to the name that is shown, in order; the first is drawn against `across` at the start.
        across: column of the horizontal axis at the start.
        pictures: case name to its picture.
        pictured: method that the pictures show, where there are several.
    """

    table: pd.DataFrame
    metrics: Mapping[str, str]
    across: str
    pictures: Mapping[str, overlay.Panel] = field(default_factory=dict)
    pictured: str = ""

    def payload(self) -> dict[str, Any]:
        """Plain data for the script of the page; undefined values are None."""
        names = list(dict.fromkeys(self.table["case"].astype(str)))
        number = {name: i for i, name in enumerate(names)}
        groups = dict(zip(self.table["case"].astype(str), self.table["group"].fillna("").astype(str), strict=True))
        series: list[dict[str, Any]] = []
        room = MOST_VALUES
        for name, rows in self.table.groupby("series", sort=False):
            room -= len(rows) * (len(self.metrics) + 1)
            if room < 0 and series:
                break
            series.append({"name": str(name), "points": _points(rows, number, columns=list(self.metrics))})
        return {
            "cases": names,
            "groups": [groups[name] for name in names] if any(groups.values()) else [],
            "metrics": list(self.metrics.values()),
            "across": list(self.metrics).index(self.across) if self.across in self.metrics else 0,
            "series": series,
            "pictured": self.pictured,
            "pictures": {number[case]: picture_uri(panel) for case, panel in self.pictures.items() if case in number},
        }


def _points(rows: pd.DataFrame, number: Mapping[str, int], *, columns: Sequence[str]) -> list[list[float | int | None]]:
    cases = rows["case"].astype(str)
    values = rows[list(columns)].to_numpy(dtype=float).tolist()
    return [
        [number[case], *[None if math.isnan(v) else float(f"{v:.4g}") for v in own]]
        for case, own in zip(cases, values, strict=True)
    ]


def picture_uri(panel: overlay.Panel) -> str:
    """A picture as part of the page.

    >>> picture_uri(overlay.Panel("head", b"...", "image/png", "a head"))
    'data:image/png;base64,Li4u'
    """
    return f"data:{panel.media};base64," + base64.b64encode(panel.data).decode("ascii")
