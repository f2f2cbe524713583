"""Scores to explore."""

from __future__ import annotations

import pandas as pd

from septum.report.pages.page import Content

NAN = float("nan")


def content(**more: object) -> Content:
    scores = pd.DataFrame({"case": ["a"], "group": [""], "name": ["x"], "dice": [0.5], "pixel_error": [0.1]})
    summary = pd.DataFrame(columns=["name", "metric", "n", "n_groups"])
    return Content("T", scores.assign(empty=""), summary, pd.Series({"a": 0.5}), **more)  # type: ignore[arg-type]
