"""Probability maps in an evaluation: calibration and membranes over thresholds, from files to the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss
from tests.workflows.evaluation.test_evaluate import of, said, save

from septum import io
from septum.errors import ConfigError, DatasetError, FormatError, GeometryError
from septum.geometry import Grid, Image
from septum.metrics.neurite import THRESHOLDS, neurite_scores, thin_borders
from septum.workflows.evaluation.evaluate import evaluate

SHAPE = (12, 16)
RNG = np.random.default_rng(3)


def save_maps(folder: Path, maps: dict[str, NDArray[Any]], suffix: str = ".tif") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in maps.items():
        io.write_image(folder / (name + suffix), Image(array[None], Grid.from_spacing(array.shape, (1.0, 1.0))))
    return folder


def labels(n_classes: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, n_classes, SHAPE).astype(np.uint8)


def softmax(n_classes: int, seed: int) -> NDArray[np.float32]:
    found = np.exp(np.random.default_rng(seed).normal(size=(n_classes, *SHAPE)))
    return (found / found.sum(axis=0)).astype(np.float32)


def of_classes(case: str, prob: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    return {f"{case}_probability_{value}": channel for value, channel in enumerate(prob)}


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


def neurites() -> NDArray[np.uint8]:
    """Four cells between membranes of one pixel; 1 inside."""
    cells = np.ones((25, 25), np.uint8)
    cells[12], cells[:, 12] = 0, 0
    return cells


def test_membranes_are_cut_at_every_threshold_and_thinned(tmp_path: Path) -> None:
    """At 0.3 and below a weak line cuts the cells; from 0.7 on the membrane opens and they run together."""
    cells = neurites()
    membrane = np.where(cells, 0.05, 0.65).astype(np.float32)
    membrane[6] = np.maximum(membrane[6], 0.35)
    predicted, references = save(tmp_path / "pred", {"a": cells}), save(tmp_path / "ref", {"a": cells})
    maps = save_maps(tmp_path / "maps", {"a_probability_0": membrane})  # of the membranes
    result = of(predicted, references, tmp_path / "out", metrics=("em",), probabilities={"": maps})
    table = pd.read_csv(tmp_path / "out" / "membranes.csv")
    assert table["threshold"].tolist() == list(THRESHOLDS)
    by_hand = [neurite_scores(cells > 0, thin_borders(membrane < t)).v_rand for t in THRESHOLDS]
    assert table["v_rand"].tolist() == pytest.approx(by_hand)
    best = table.loc[table["v_rand"].idxmax()]
    assert (best["v_rand"], best["threshold"]) == (1.0, 0.4)
    assert table["v_rand"].iloc[0] < 1 > table["v_rand"].iloc[-1]
    assert "best over thresholds: V_rand 1.0000 at 0.4, V_info 1.0000 at 0.4, sections 1" in result.lines
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Membranes: scores over thresholds" in page
    assert "0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9" in page
    inside = save_maps(tmp_path / "inside", {"a": 1 - membrane})  # the same, told of the cells
    of(predicted, references, tmp_path / "other", metrics=("em",), probabilities={"": inside})
    assert pd.read_csv(tmp_path / "other" / "membranes.csv")["v_rand"].tolist() == pytest.approx(by_hand)


def test_membranes_want_one_label(tmp_path: Path) -> None:
    truth = save(tmp_path / "ref", {"a": labels(3, 0)})
    maps = save_maps(tmp_path / "maps", of_classes("a", softmax(3, 0)))
    with pytest.raises(ConfigError, match="--foreground"):
        of(truth, truth, tmp_path / "out", metrics=("em",), probabilities={"": maps})


def test_evaluate_without_settings_knows_no_maps(tmp_path: Path) -> None:
    truth = save(tmp_path / "ref", {"a": labels(2, 0)})
    evaluate(truth, truth, output=tmp_path / "out")
    assert not (tmp_path / "out" / "calibration.csv").exists()
