"""Probability maps beside masks: what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.workflows.evaluation.maps import SHAPE, labels, save_maps
from tests.workflows.evaluation.test_evaluate import of, save

from septum.errors import ConfigError, DatasetError, FormatError, GeometryError
from septum.workflows.evaluation.evaluate import evaluate


@pytest.mark.parametrize(
    ("maps", "error", "hint"),
    [
        ({"other": np.zeros(SHAPE, np.float32)}, DatasetError, "named like the cases"),
        ({"a": np.full(SHAPE, 7, np.float32)}, FormatError, "from 0 to 1, got 7 to 7"),
        ({"a": np.full(SHAPE, np.nan, np.float32)}, FormatError, "got nan"),
        ({"a_probability_7": np.zeros(SHAPE, np.float32)}, DatasetError, "must speak of a scored label"),
        ({"a": np.zeros((5, 5), np.float32)}, GeometryError, r"different grids \(shapes \(12, 16\) and \(5, 5\)\)"),
    ],
)
def test_maps_that_do_not_fit_are_refused(tmp_path: Path, maps: Any, error: type[Exception], hint: str) -> None:
    truth = save(tmp_path / "ref", {"a": labels(2, 0)})
    folder = save_maps(tmp_path / "maps", maps)
    with pytest.raises(error, match=hint):
        of(truth, truth, tmp_path / "out", probabilities={"": folder})
    assert not (tmp_path / "out").exists()


def test_names_folders_and_classes_that_are_unknown_are_refused(tmp_path: Path) -> None:
    truth = save(tmp_path / "ref", {"a": labels(3, 0)})
    with pytest.raises(ConfigError, match="belong to a method"):
        of(truth, truth, tmp_path / "out", probabilities={"mine": truth})
    with pytest.raises(DatasetError, match="must be a folder of maps"):
        of(truth, truth, tmp_path / "out", probabilities={"": tmp_path / "none"})
    maps = save_maps(tmp_path / "maps", {"a": np.zeros(SHAPE, np.float32)})
    with pytest.raises(DatasetError, match="must name their class"):
        of(truth, truth, tmp_path / "out", probabilities={"": maps})


def test_evaluate_without_settings_knows_no_maps(tmp_path: Path) -> None:
    truth = save(tmp_path / "ref", {"a": labels(2, 0)})
    evaluate(truth, truth, output=tmp_path / "out")
    assert not (tmp_path / "out" / "calibration.csv").exists()
