"""Calibration of probability maps: errors and curves that an independent library confirms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss
from tests.workflows.evaluation.maps import SHAPE, labels, of_classes, save_maps, softmax
from tests.workflows.evaluation.test_evaluate import of, said, save

from septum.errors import ConfigError
from septum.workflows.data.cases import Case, Source
from septum.workflows.evaluation.calibration import calibrate_case, folders_of
from septum.workflows.evaluation.coding import Coding
from septum.workflows.evaluation.methods import MaskSet
from septum.workflows.evaluation.probability_maps import find_maps
from septum.workflows.evaluation.settings import EvaluateSettings

RNG = np.random.default_rng(3)


@pytest.fixture
def three_classes(tmp_path: Path) -> tuple[Path, Path, dict[str, NDArray[np.float32]], dict[str, NDArray[np.uint8]]]:
    """Masks with their maps in one folder, as `septum predict --probabilities` leaves them."""
    expected = {name: labels(3, seed) for seed, name in enumerate("ab")}
    chances = {name: softmax(3, seed) for seed, name in enumerate("ab")}
    predicted = save(tmp_path / "pred", {n: p.argmax(axis=0).astype(np.uint8) for n, p in chances.items()})
    for name, prob in chances.items():
        save_maps(predicted, of_classes(name, prob))
    return predicted, save(tmp_path / "ref", expected), chances, expected


def test_maps_beside_masks_are_no_masks_and_their_scores_equal_scikit_learn(three_classes: Any, tmp_path: Path) -> None:
    predicted, references, chances, expected = three_classes
    result = of(predicted, references, tmp_path / "out", probabilities={"": predicted})
    assert result.missing_references == ()
    assert not said(result)
    table = pd.read_csv(tmp_path / "out" / "calibration.csv").set_index(["case", "name"])
    for case in "ab":
        truth = expected[case].ravel()
        for label in (1, 2):
            ours = table.loc[(case, f"label {label}"), "brier"]
            assert ours == pytest.approx(brier_score_loss(truth == label, chances[case][label].ravel()), abs=1e-6)
        one_hot = np.eye(3)[truth]
        together = ((chances[case].reshape(3, -1).T - one_hot) ** 2).sum(axis=1).mean()
        assert table.loc[(case, "all classes"), "brier"] == pytest.approx(together, abs=1e-6)
    curve = pd.read_csv(tmp_path / "out" / "reliability.csv")
    own = curve[curve["name"] == "label 1"]
    inside = np.concatenate([chances[c][1].ravel() for c in "ab"])
    assert own["voxels"].tolist() == np.histogram(inside, bins=10, range=(0, 1))[0][: len(own)].tolist()
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<h2>Calibration</h2>" in page
    assert (tmp_path / "out" / "figures" / "reliability.svg").exists()
    assert any(line.startswith("label 1: Brier") for line in result.lines)


def test_a_map_that_names_no_class_speaks_of_the_only_label_and_bytes_are_parts_of_255(tmp_path: Path) -> None:
    truth = labels(2, 5)
    chance = RNG.integers(0, 256, SHAPE).astype(np.uint8)
    predicted, references = save(tmp_path / "pred", {"a": truth}), save(tmp_path / "ref", {"a": 255 * truth})
    maps = save_maps(tmp_path / "maps", {"a": chance}, ".png")
    of(predicted, references, tmp_path / "out", probabilities={"": maps})
    ours = pd.read_csv(tmp_path / "out" / "calibration.csv")["brier"]
    assert ours.tolist() == pytest.approx([brier_score_loss(truth.ravel(), chance.ravel() / 255)])


def test_methods_have_their_own_curves(tmp_path: Path) -> None:
    truth = labels(2, 1)
    sure, unsure = np.where(truth, 0.9, 0.1).astype(np.float32), np.full(SHAPE, 0.5, np.float32)
    sets = {"a": save(tmp_path / "a", {"x": truth}), "b": save(tmp_path / "b", {"x": truth})}
    maps = {"a": save_maps(tmp_path / "ma", {"x": sure}), "b": save_maps(tmp_path / "mb", {"x": unsure})}
    of(sets, save(tmp_path / "ref", {"x": truth}), tmp_path / "out", probabilities=maps)
    table = pd.read_csv(tmp_path / "out" / "calibration.csv").set_index("method")
    assert table["brier"].to_dict() == pytest.approx({"a": 0.01, "b": 0.25})
    assert table.loc["a", "ece"] == pytest.approx(0.1)


def test_background_that_nobody_doubts_hides_no_error_where_the_class_is_likely(tmp_path: Path) -> None:
    """Sixteen pixels are given 0.9 and half of them are right; the rest is 0 and right: 0.4 off there, 1/30 overall."""
    truth, chance = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.float32)
    truth[0, :8], chance[0] = 1, 0.9
    masks = save(tmp_path / "ref", {"a": truth})
    maps = save_maps(tmp_path / "maps", {"a": chance})
    result = of(masks, masks, tmp_path / "out", probabilities={"": maps})
    row = pd.read_csv(tmp_path / "out" / "calibration.csv").iloc[0]
    assert row["ece"] == pytest.approx(0.4 * 16 / truth.size)
    assert row["ece_likely"] == pytest.approx(0.4)
    assert "ECE from 0.1 0.4000" in result.lines[0]


def test_samples_that_nobody_annotated_do_not_count(tmp_path: Path) -> None:
    truth = labels(2, 2)
    root = tmp_path / "data"
    save(root / "labels", {"x": truth})
    save_maps(root / "images", {"x": truth * 50}, ".png")
    region = np.zeros(SHAPE, np.uint8)
    region[:, :8] = 1
    save(root / "roi", {"x": region})
    chance = np.where(region, truth, 1 - truth).astype(np.float32)  # right inside, wrong outside
    maps = save_maps(tmp_path / "maps", {"x": chance})
    of(save(tmp_path / "pred", {"x": truth}), root, tmp_path / "out", probabilities={"": maps})
    row = pd.read_csv(tmp_path / "out" / "calibration.csv").iloc[0]
    assert (row["brier"], row["voxels"]) == (0.0, region.sum())


def test_a_folder_without_a_name_belongs_to_the_first_method_that_is_no_reader(tmp_path: Path) -> None:
    methods = [MaskSet("anna", (), reader=True), MaskSet("near", ()), MaskSet("far", ())]
    named = EvaluateSettings(probabilities={"": tmp_path, "far": tmp_path})
    assert folders_of(named, methods) == {"near": tmp_path, "far": tmp_path}
    with pytest.raises(ConfigError, match=r"\(near, far\), got 'anna'"):
        folders_of(EvaluateSettings(probabilities={"anna": tmp_path}), methods)


@pytest.mark.parametrize(("given", "complete"), [((0, 1, 2), True), ((1, 2), False)])
def test_all_classes_together_are_measured_where_every_class_has_a_map(
    tmp_path: Path, given: tuple[int, ...], complete: bool
) -> None:
    truth, chances = labels(3, 1), softmax(3, 1)
    folder = save_maps(tmp_path / "maps", {f"a_probability_{v}": chances[v] for v in given})
    save(tmp_path / "ref", {"a": truth})
    case = Case("a", (), Source(tmp_path / "ref" / "a.png"))
    (maps,), _ = find_maps(folder, [case])
    coding = Coding(0, None, None, {}, {1: "one", 2: "two"})
    found = calibrate_case(maps, coding=coding, method="m")
    assert [one.row["name"] for one in found] == ["one", "two"] + complete * ["all classes"]
    assert all(one.row["voxels"] == truth.size for one in found)
    if complete:
        hit = chances.argmax(axis=0) == truth
        sure = chances.max(axis=0)
        bins = np.minimum((sure * 10).astype(int), 9)
        ece = sum(abs(sure[bins == b].mean() - hit[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
        assert found[-1].row["ece"] == pytest.approx(ece, abs=1e-6)


def test_one_class_and_its_background_are_one_question_not_two(tmp_path: Path) -> None:
    truth, chances = labels(2, 1), softmax(2, 1)
    folder = save_maps(tmp_path / "maps", {f"a_probability_{v}": chances[v] for v in (0, 1)})
    save(tmp_path / "ref", {"a": truth})
    (maps,), _ = find_maps(folder, [Case("a", (), Source(tmp_path / "ref" / "a.png"))])
    found = calibrate_case(maps, coding=Coding(0, None, None, {}, {1: "one"}), method="m")
    assert [one.row["name"] for one in found] == ["one"]
