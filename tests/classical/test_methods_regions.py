"""The rows of regions and clustering in the table of methods: each runs with its defaults, and a limit where asked."""

from __future__ import annotations

import numpy as np
import pytest

from septum.classical.methods_regions import REGIONS, SPLITTING

ROWS = (*REGIONS, *SPLITTING)
LIMITED = ("connected-threshold", "neighbourhood-connected")
"""Rows that refuse to run without a limit: nobody could say a good one beforehand."""


@pytest.mark.parametrize("shape", [(20, 26), (9, 12, 14), (1, 9), (1, 1), (5, 1, 3)], ids=str)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_runs_with_its_defaults_and_with_what_was_recorded_of_them(row, shape) -> None:
    if len(shape) not in row.dimensions:
        return
    image = np.random.default_rng(0).integers(0, 200, shape).astype(np.uint8)
    asked = {"classes": 1} if any(o.name == "classes" for o in row.options) else {}
    options = row.resolve({**asked, **({"low": 50} if row.name in LIMITED else {})})
    recorded = {name: value for name, value in options.items() if value is not None}
    assert row.resolve(recorded) == options
    given = {"spacing": (2.0,) * len(shape), "seeds": [[0] * len(shape)], "markers": None}
    given = {name: given[name] for name in row.given}
    array = image > 100 if row.stage == "clean" else image[None] if row.channels == "any" else image
    result = row.function(array, **given, **options)
    assert result.shape == shape
    assert result.dtype.kind in "bu"
    assert row.result == ("mask" if result.dtype == bool else "classes" if result.dtype == np.uint8 else "objects")
