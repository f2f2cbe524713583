"""Whether the axes of a file have directions in a patient."""

from __future__ import annotations

from pathlib import Path

import pytest

from septum.geometry import Grid
from septum.workflows.data.cases import Case, Source
from septum.workflows.data.physical import is_anatomical


@pytest.mark.parametrize(
    ("name", "ndim", "anatomical"),
    [
        ("a.nii.gz", 3, True),
        ("a.nrrd", 3, True),
        ("a.nii.gz", 2, False),
        ("a.tif", 3, False),
        ("a.png", 2, False),
        ("series", 3, True),
    ],
)
def test_only_volumes_in_formats_that_hold_an_orientation_are_anatomical(
    name: str, ndim: int, anatomical: bool
) -> None:
    case = Case("a", (Source(Path(name)),))
    assert is_anatomical(case, Grid.from_spacing((4,) * ndim, (1.0,) * ndim)) is anatomical
