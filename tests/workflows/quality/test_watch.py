"""Drift over a series of predictions: what changed is named with the case from which on, chance is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from septum.errors import ConfigError, DatasetError
from septum.workflows.quality.watch import control_chart, watch
from septum.workflows.quality.worklist import Estimate, write_list


def run(folder: Path, dice: Sequence[float], far: Sequence[float]) -> Path:
    """A folder of predictions with these estimates and distances."""
    estimates = [
        Estimate(f"case{i:02}", 1, "cell", d, d, d, "unknown" if math.isnan(d) else "look", (), d, math.nan, f, f)
        for i, (d, f) in enumerate(zip(dice, far, strict=True))
    ]
    folder.mkdir()
    write_list(folder, estimates, threshold=0.7)
    return folder


def usual(n: int, seed: int) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    return list(rng.normal(0.9, 0.02, n)), list(rng.normal(0.8, 0.1, n))


def test_a_series_that_does_not_change_rarely_alarms_and_one_that_does_is_found_soon() -> None:
    found, false = [], 0
    for seed in range(60):
        values = np.random.default_rng(seed).normal(0.9, 0.02, 80)
        false += control_chart(values).first is not None
        values[50:] -= 0.06
        first = control_chart(values).first
        assert first is not None
        found.append(first - 50)
    assert false <= 9
    assert np.median(found) <= 4


def test_cases_without_a_value_leave_the_mean_as_it_was() -> None:
    values = [0.9, 0.91] * 6 + [math.nan, math.nan]
    chart = control_chart(values, baseline=8)
    assert chart.mean[-1] == chart.mean[-2] == chart.mean[-3]
    assert chart.first is None


def test_a_new_scanner_is_named_with_its_first_cases_and_the_estimates_that_stayed_are_not(tmp_path: Path) -> None:
    folders = [run(tmp_path / f"week{i}", *usual(12, i)) for i in range(3)]
    dice, far = usual(12, 3)
    folders.append(run(tmp_path / "week3", dice, [value + 1 for value in far]))
    found = watch(folders, tmp_path / "out")
    assert found.cases == 48
    assert len(found.alarms) == 2
    assert all("distance" in alarm and "above" in alarm and "week3" in alarm for alarm in found.alarms)
    table = pd.read_csv(found.written)
    assert len(table) == 48
    assert (table["image_far_mean"][36:] > table["image_far_high"][36:]).sum() > 8


def test_a_model_without_figures_is_watched_by_its_images(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", [math.nan] * 30, usual(30, 0)[1])
    assert "image_far" in pd.read_csv(watch([folder], tmp_path / "out").written)


def test_what_cannot_be_watched_is_refused(tmp_path: Path) -> None:
    folder = run(tmp_path / "a", *usual(30, 0))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"quality\.json"):
        watch([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(DatasetError, match="more than 30"):
        watch([folder], tmp_path / "out", baseline=30)
    with pytest.raises(ConfigError, match="at least 8"):
        watch([folder], tmp_path / "out", baseline=2)
    watch([folder], tmp_path / "out")
    with pytest.raises(ConfigError, match="overwrite"):
        watch([folder], tmp_path / "out")
    assert watch([folder], tmp_path / "out", overwrite=True).cases == 30
