"""Sets of masks that several files compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workflows.evaluation.cohorts import cohort


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    return {
        "reference": cohort(tmp_path / "ref"),
        "near": cohort(tmp_path / "near", shift=1),
        "far": cohort(tmp_path / "far", shift=4, value=255),
    }
