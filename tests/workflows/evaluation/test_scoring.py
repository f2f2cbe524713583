"""Scores of every pair: each family equals its metric, and ignored samples count in none."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.workflows.evaluation.cohorts import disc, run, save

from septum.errors import ConfigError
from septum.geometry import Grid
from septum.metrics import joint_table, surface_dice, surface_distances
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.methods import pair_sets
from septum.workflows.evaluation.pairs import count_pairs, reference_cases
from septum.workflows.evaluation.scoring import (
    ignored_samples,
    label_weights,
    plan_scoring,
    score_method,
    without_ignored,
)
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.parallel import CasePool
from septum.workflows.scores.measures import FAMILIES


def test_surface_scores_are_those_of_the_metric_on_the_files_grid(tmp_path: Path) -> None:
    spacing = (2.0, 0.5, 0.5)
    reference, prediction = np.zeros((6, 30, 30), np.uint8), np.zeros((6, 30, 30), np.uint8)
    reference[1:4, 5:20, 5:20], prediction[1:5, 6:20, 5:22] = 2, 2
    grid = Grid.from_spacing(reference.shape, spacing)
    save(tmp_path / "ref", {"a": reference}, ".nii.gz", grid)
    save(tmp_path / "pred", {"a": prediction}, ".nii.gz", grid)
    result = run(tmp_path / "pred", tmp_path / "ref", tmp_path / "out", metrics=("surface",), tolerance_mm=0.7)
    (score,) = result.scores
    expected = surface_distances(reference > 0, prediction > 0, spacing=spacing)
    assert score.value("surface_dice") == surface_dice(expected, tolerance_mm=0.7)
    assert score.value("hausdorff") == pytest.approx(math.hypot(2.0, 1.0))  # a corner moved in two directions
    assert score.sample_size == pytest.approx(0.5)
    assert "Hausdorff distance, mm" in result.report.read_text()


@pytest.mark.parametrize("foreground", [None, True])
def test_ignored_samples_count_in_no_family(tmp_path: Path, foreground: bool | None) -> None:
    reference, prediction = disc(8), disc(8)
    reference[:, 30:], prediction[:, 36:] = 9, 1
    root = tmp_path / "Dataset001_X"
    for part in ("imagesTr", "labelsTr"):
        save(root / part, {"a_0000" if part == "imagesTr" else "a": reference})
    labels = {"background": 0, "cell": 1, "ignore": 9}
    (root / "dataset.json").write_text(
        json.dumps({"channel_names": {"0": "x"}, "labels": labels, "numTraining": 1, "file_ending": ".png"})
    )
    every = tuple(FAMILIES)
    result = run(
        save(tmp_path / "pred", {"a": prediction}), root, tmp_path / "out", metrics=every, foreground=foreground
    )
    (score,) = result.scores
    assert (score.dice, score.value("hausdorff"), score.value("boundary_iou")) == (1.0, 0.0, 1.0)
    assert (score.value("objects_f1"), score.value("splits"), score.value("cl_dice")) == (1.0, 0.0, 1.0)


def test_objects_are_matched_by_their_ids_or_their_parts(tmp_path: Path) -> None:
    ids = np.zeros((30, 30), np.uint16)
    for i, (r, c) in enumerate([(2, 2), (2, 8), (15, 2), (15, 15)], start=1):
        ids[r : r + 6, c : c + 6] = i  # 1 and 2 touch
    wrong = np.where(ids == 4, 0, ids).astype(np.uint16)
    parts = (wrong > 0).astype(np.uint8)
    save(tmp_path / "ref", {"a": ids})
    by_id = run(save(tmp_path / "ids", {"a": wrong}), tmp_path / "ref", tmp_path / "o1", metrics=("instances",))
    (score,) = by_id.scores
    assert score.value("objects_f1") == pytest.approx(2 * 3 / 7)
    assert (score.value("reference_objects"), score.value("merges")) == (4, 0)
    by_part = run(save(tmp_path / "bin", {"a": parts}), tmp_path / "ref", tmp_path / "o2", metrics=("instances",))
    (score,) = by_part.scores
    assert (score.value("prediction_objects"), score.value("merges")) == (2, 1)
    assert score.dice == pytest.approx(2 * 3 / 7)


def test_a_broken_membrane_costs_rand_and_topology(tmp_path: Path) -> None:
    cells = np.ones((24, 25), np.uint8)
    cells[:, 12] = 0
    broken = cells.copy()
    broken[10:12, 12] = 1
    save(tmp_path / "ref", {"a": cells, "b": cells})
    result = run(save(tmp_path / "p", {"a": cells, "b": broken}), tmp_path / "ref", tmp_path / "out", metrics=("em",))
    whole, torn = result.scores
    assert (whole.value("v_rand"), whole.value("warping_error")) == (1.0, 0.0)
    assert torn.value("v_rand") == pytest.approx(2 / 3, abs=0.01)
    assert torn.value("warping_error") > 0


@pytest.mark.parametrize(
    ("policy", "dice", "distance"),
    [("undefined", (math.nan, 0.0), math.nan), ("perfect", (1.0, 0.0), math.nan), ("penalise", (1.0, 0.0), 1)],
)
def test_the_policy_decides_empty_masks_everywhere(
    tmp_path: Path, policy: str, dice: tuple[float, float], distance: float
) -> None:
    empty = np.zeros((40, 44), np.uint8)
    save(tmp_path / "ref", {"both": empty, "missed": disc(8), "whole": disc(8)})
    save(tmp_path / "pred", {"both": empty, "missed": empty, "whole": disc(8)})
    settings = {"metrics": ("overlap", "surface"), "policy": policy}
    result = run(tmp_path / "pred", tmp_path / "ref", tmp_path / "out", **settings)
    by = {score.case: score for score in result.scores}
    np.testing.assert_equal((by["both"].dice, by["missed"].dice), dice)
    found = by["missed"].value("hausdorff")
    np.testing.assert_allclose(found, distance * math.hypot(40, 44))
    row = result.summary.set_index("metric").loc["dice"]
    assert row["n_undefined"] == (1 if policy == "undefined" else 0)
    assert row["n_both_empty"] == 1
    assert f"Policy “{policy}”" in result.report.read_text()


LABELS = {1: "liver", 2: "spleen", 5: "kidney"}


@pytest.mark.parametrize("named", [{"liver": 2.0, "5": 1.0}, {"1": 2.0, "kidney": 1.0}])
def test_weights_go_by_value_or_by_name(named: dict[str, float]) -> None:
    assert label_weights(named, LABELS) == {1: 2.0, 5: 1.0}
    assert label_weights({}, {1: "liver"}) == {}


@pytest.mark.parametrize(
    ("named", "labels", "message"),
    [
        ({"heart": 1.0}, LABELS, r"got 'heart'; scored are 1 \(liver\), 2 \(spleen\), 5 \(kidney\)"),
        ({"1": 1.0, "liver": 2.0}, LABELS, "each once, got 1, liver"),
        ({"liver": 1.0}, {1: "liver"}, "several labels"),
    ],
)
def test_weights_that_weigh_nothing_are_refused(named: dict[str, float], labels: dict[int, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        label_weights(named, labels)


def test_ignored_samples_are_the_ignored_value_and_what_nobody_annotated() -> None:
    signed = np.array([0, 1, -1, 7], np.int16)
    assert ignored_samples(signed, 7).tolist() == [False, False, True, True]  # type: ignore[union-attr]
    assert ignored_samples(signed, None).tolist() == [False, False, True, False]  # type: ignore[union-attr]
    unsigned = np.array([0, 1, 255], np.uint8)  # an unsigned file can not hold -1, and 255 is no -1
    assert ignored_samples(unsigned, None) is None
    hidden = ignored_samples(unsigned, 255)
    assert without_ignored(unsigned, hidden, background=9).tolist() == [0, 1, 9]
    assert without_ignored(unsigned, None, background=9) is unsigned


def coding(labels: dict[int, str], **given: Any) -> Coding:
    return Coding(**{"background": 0, "ignore": None, "foreground": None, "recode": {}, "labels": labels} | given)


def table(reference: list[int], prediction: list[int]) -> Any:
    return SimpleNamespace(table=joint_table(np.array(reference), np.array(prediction)))


@pytest.mark.parametrize(
    ("reference", "prediction", "expected"),
    [([0, 1, 2], [0, 1, 1], (True, False)), ([0, 1, 1], [0, 3, 4], (False, True)),
     ([0, -1, 7, 1], [0, 1, 1, 1], (False, False))],
)  # fmt: skip
def test_a_side_with_one_value_holds_no_numbers_of_objects(
    reference: list[int], prediction: list[int], expected: tuple[bool, bool]
) -> None:
    one = coding({1: "cell"}, ignore=7, foreground=1)
    planned = plan_scoring({"m": one}, [[table(reference, prediction)]], settings=EvaluateSettings())["m"]
    assert planned.objects == expected
    assert planned.coding is one


@pytest.mark.parametrize(
    ("suffix", "spacing", "size"), [(".nii.gz", (3.0, 1.0, 0.5), 1.5), (".png", (1.0, 1.0), float("nan"))]
)
def test_the_size_of_a_sample_is_known_in_mm_and_nan_in_pixels(
    tmp_path: Path, suffix: str, spacing: tuple[float, ...], size: float
) -> None:
    shape = (4, 6, 6)[-len(spacing) :]
    save(tmp_path / "ref", {"a": np.ones(shape, np.uint8)}, suffix, Grid.from_spacing(shape, spacing))
    settings, one = EvaluateSettings(metrics=("overlap",)), coding({1: "cell"})
    (method,), _ = pair_sets(reference_cases(tmp_path / "ref", None), tmp_path / "ref", readers={}, settings=settings)
    found: Any = count_pairs(method.pairs, background=0)
    planned = plan_scoring({"": one}, [found], settings=settings)
    _, (score,) = score_method(
        method, found, scoring=planned, settings=settings, hooks=Hooks(), table=None, pool=CasePool()
    )
    assert score.sample_size == pytest.approx(size, nan_ok=True)
    assert score.dice == 1.0
