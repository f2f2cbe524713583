"""Evaluations of more than one set of masks: methods, readers, strata, objects, neurites, grids, policies."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from septum import io
from septum.errors import Cancelled, ConfigError, GeometryError
from septum.geometry import Grid, LabelMap
from septum.metrics import Counts, surface_dice, surface_distances
from septum.workflows.evaluation.analysis import Scored, compare_methods, per_case
from septum.workflows.evaluation.evaluate import evaluate
from septum.workflows.evaluation.gallery import MOST_PICTURES, choose_pictures
from septum.workflows.evaluation.settings import EvaluateSettings
from septum.workflows.runs.hooks import Hooks
from septum.workflows.scores.measures import FAMILIES, MEASURES, families_of
from septum.workflows.scores.scores import Score
from septum.workflows.scores.tables import summary_table

N = 8


def disc(radius: float, *, shift: int = 0, value: int = 1, shape: tuple[int, int] = (40, 44)) -> NDArray[np.uint8]:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (((y - 20) ** 2 + (x - 20 - shift) ** 2) < radius**2).astype(np.uint8) * np.uint8(value)


def save(folder: Path, masks: dict[str, NDArray[Any]], suffix: str = ".png", grid: Grid | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in masks.items():
        own = grid or Grid.from_spacing(array.shape, (1.0,) * array.ndim)
        io.write_labels(folder / f"{name}{suffix}", LabelMap(array, own))
    return folder


def cohort(folder: Path, *, shift: int = 0, grow: float = 0.0, value: int = 1) -> Path:
    """Discs of eight sizes, moved and grown."""
    return save(folder, {f"c{i}": disc(8 + i / 2 + grow, shift=shift, value=value) for i in range(N)})


def run(predictions: Any, references: Path, output: Path, **settings: Any) -> Any:
    own = {name: settings.pop(name) for name in ("readers", "images", "hooks") if name in settings}
    settings = {"metrics": ("overlap",), "gallery": 1} | settings
    return evaluate(predictions, references, output=output, settings=EvaluateSettings(workers="1", **settings), **own)


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, Path]:
    return {
        "reference": cohort(tmp_path / "ref"),
        "near": cohort(tmp_path / "near", shift=1),
        "far": cohort(tmp_path / "far", shift=4, value=255),
    }


def test_methods_are_compared_on_the_same_cases_in_every_file(sets: dict[str, Path], tmp_path: Path) -> None:
    methods = {"near": sets["near"], "far": sets["far"]}
    result = run(methods, sets["reference"], tmp_path / "out", metrics=("overlap", "surface"))
    cases = pd.read_csv(tmp_path / "out" / "cases.csv")
    assert cases["method"].tolist() == ["near"] * N + ["far"] * N
    near, far = (cases.loc[cases["method"] == name, "dice"].to_numpy() for name in methods)
    comparison = pd.read_csv(tmp_path / "out" / "comparison.csv").set_index("metric")
    assert comparison.loc["dice", "p_value"] == pytest.approx(stats.wilcoxon(near, far).pvalue)
    assert comparison.loc["dice", "mean_difference"] == pytest.approx((near - far).mean())
    assert comparison.loc["dice", "effect"] == 1
    assert comparison.loc["hausdorff_percentile", "effect"] == -1
    ranking = pd.read_csv(tmp_path / "out" / "ranking.csv")
    first = ranking[ranking["rank"] == 1].set_index("metric")["name"]
    assert set(first) == {"near"}  # small distances are good ones
    assert any(line.startswith("Dice: near - far = +") for line in result.lines)
    assert "Both sides are yes/no masks" in " ".join(result.notes)
    assert result.mean_dice == pytest.approx(near.mean())
    page = result.report.read_text()
    assert "Comparison of methods: Dice" in page
    assert "How stable the ranking is" in page
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"methods-dice.svg", "differences-dice.png", "ranking-dice.svg"} <= figures
    tex = (tmp_path / "out" / "comparison.tex").read_text()
    assert r"\toprule" in tex
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert document["comparison"][0]["first"] == "near"


def test_patients_of_a_table_are_resampled_and_tested_together(sets: dict[str, Path], tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("case,patient,scanner\n" + "".join(f"c{i},p{i // 2},{'AB'[i % 2]}\n" for i in range(N)))
    methods = {"near": sets["near"], "far": sets["far"]}
    settings = {"table": table, "groups": "patient", "stratify": ("scanner", "size")}
    result = run(methods, sets["reference"], tmp_path / "out", **settings)
    comparison = pd.read_csv(tmp_path / "out" / "comparison.csv")
    assert comparison["n_groups"].tolist() == [4]
    assert comparison["p_value"].tolist() == [0.125]
    assert "fewer than six independent groups" in result.report.read_text()
    strata = pd.read_csv(tmp_path / "out" / "strata.csv")
    chosen = strata[(strata["metric"] == "dice") & (strata["method"] == "near")]
    by = {(row.column, row.value): row.n for row in chosen.itertuples()}
    assert by["scanner", "A"] == by["scanner", "B"] == 4
    assert sum(n for (column, _), n in by.items() if column == "size") == N
    odd = [s.dice for s in result.scores if s.method == "near" and int(s.case[1:]) % 2]
    assert chosen.set_index("value").loc["B", "mean"] == pytest.approx(np.mean(odd))


def test_readers_are_the_ceiling_and_copies_are_found(sets: dict[str, Path], tmp_path: Path) -> None:
    readers = {
        "anna": cohort(tmp_path / "anna", grow=1),
        "copy": cohort(tmp_path / "copy"),
        "ben": cohort(tmp_path / "ben", grow=-1),
        "twin": cohort(tmp_path / "twin", grow=-1),
    }
    result = run(sets["near"], sets["reference"], tmp_path / "out", readers=readers)
    said = " ".join(result.notes)
    assert "The masks of copy are equal to those of the reference" in said
    assert "The masks of twin are equal to those of ben" in said
    table = pd.read_csv(tmp_path / "out" / "readers.csv")
    assert len(table) == 1 + 4 + 2 + 6  # method, readers, both consensus masks, pairs of readers
    pair = table[(table["masks"] == "anna") & (table["against"] == "ben")]
    expected = []
    for i in range(N):
        a, b = disc(9 + i / 2) > 0, disc(7 + i / 2) > 0
        expected.append(2 * (a & b).sum() / (a.sum() + b.sum()))
    assert pair["mean_dice"].item() == pytest.approx(np.mean(expected))
    assert result.lines[-1] == result.lines[0]
    assert f"readers among each other: mean Dice {np.mean(expected):.3f}" in result.lines[0]
    page = result.report.read_text()
    assert "intraclass correlation of sizes" in page
    assert (tmp_path / "out" / "figures" / "readers.svg").exists()


def test_cases_that_one_method_lacks_are_listed_with_its_name(sets: dict[str, Path], tmp_path: Path) -> None:
    (sets["far"] / "c3.png").unlink()
    result = run({"near": sets["near"], "far": sets["far"]}, sets["reference"], tmp_path / "out")
    assert result.missing_predictions == ("c3 (far)",)
    comparison = pd.read_csv(tmp_path / "out" / "comparison.csv")
    assert comparison[["n", "n_undefined"]].to_numpy().tolist() == [[N - 1, 1]]


def test_one_name_for_a_method_and_a_reader_is_refused(sets: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="got 'near' twice"):
        run({"near": sets["near"]}, sets["reference"], tmp_path / "out", readers={"near": sets["far"]})
    with pytest.raises(ConfigError, match="at least one set of masks"):
        run({}, sets["reference"], tmp_path / "out")


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


def test_lengths_of_pictures_are_called_pixels(sets: dict[str, Path], tmp_path: Path) -> None:
    page = run(sets["near"], sets["reference"], tmp_path / "out", metrics=("surface",)).report.read_text()
    assert "Hausdorff distance, px" in page
    assert "Hausdorff distance, mm" not in page


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


def test_other_grids_are_resampled_when_asked_and_said(tmp_path: Path) -> None:
    fine = np.zeros((8, 24, 24), np.uint8)
    fine[2:6, 6:18, 6:18] = 1
    coarse = fine[::2, ::2, ::2].copy()
    affine = Grid.from_spacing(fine.shape, (1.0, 1.0, 1.0)).affine.copy()
    affine[:3, 3] += 0.5  # centres of blocks of two
    affine[:3, :3] *= 2
    save(tmp_path / "ref", {"a": fine}, ".nii.gz")
    save(tmp_path / "pred", {"a": coarse}, ".nii.gz", Grid(coarse.shape, affine))
    message = r"a \(shapes \(8, 24, 24\) and \(4, 12, 12\), corners differ by 0\.5 voxels\); .* --resample"
    with pytest.raises(GeometryError, match=message):
        run(tmp_path / "pred", tmp_path / "ref", tmp_path / "out")
    result = run(tmp_path / "pred", tmp_path / "ref", tmp_path / "out", resample=True, metrics=("overlap", "surface"))
    assert result.mean_dice == 1.0
    assert result.scores[0].value("hausdorff") == 0
    assert "1 predictions were resampled onto the grid of their references" in " ".join(result.notes)


def test_pictures_of_another_size_are_taken_to_show_the_same_field(tmp_path: Path) -> None:
    small = disc(9)
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    save(tmp_path / "ref", {"a": large})
    result = run(save(tmp_path / "pred", {"a": small}), tmp_path / "ref", tmp_path / "out", resample=True)
    assert result.mean_dice == 1.0


def test_planes_and_volumes_are_never_resampled_into_each_other(tmp_path: Path) -> None:
    save(tmp_path / "ref", {"a": np.ones((3, 8, 8), np.uint8)}, ".nii.gz")
    with pytest.raises(GeometryError, match=r"shapes \(3, 8, 8\) and \(8, 8\)"):
        run(save(tmp_path / "p", {"a": np.ones((8, 8), np.uint8)}), tmp_path / "ref", tmp_path / "out", resample=True)


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


def test_a_wish_to_stop_writes_nothing(sets: dict[str, Path], tmp_path: Path) -> None:
    asked: list[int] = []
    hooks = Hooks(should_stop=lambda: bool(asked.append(1)) or len(asked) > 5)
    with pytest.raises(Cancelled):
        run(sets["near"], sets["reference"], tmp_path / "out", hooks=hooks)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ("dyce",)}, "got 'dyce'"),
        ({"policy": "kind"}, "policy must be one of"),
        ({"workers": "some"}, "workers must be auto"),
    ],
)
def test_wrong_settings_are_refused_before_a_file_is_read(tmp_path: Path, settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        evaluate(tmp_path / "no", tmp_path / "no", output=tmp_path / "out", settings=EvaluateSettings(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metrics": ()}, "at least one family"),
        ({"tolerance_mm": 0.0}, "tolerance must be positive"),
        ({"gallery": -1}, "gallery must not be negative"),
        ({"groups": "patient"}, "give --table"),
        ({"stratify": ("site",)}, "give --table"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EvaluateSettings(**settings)


def test_every_score_belongs_to_a_family_and_names_choose_families() -> None:
    assert {measure.family for measure in MEASURES.values()} == set(FAMILIES)
    assert families_of(["hausdorff"]) == ("overlap", "surface")
    assert families_of(["em", "instances"]) == ("overlap", "instances", "em")


def score(case: str, tp: int, *, label: int = 1, method: str = "m") -> Score:
    return Score(case, label, f"l{label}", Counts(tp, 10 - tp, 10 - tp, 50), 0.0, method=method)


def test_a_case_is_the_mean_of_its_labels() -> None:
    scores = [score("a", 10), score("a", 5, label=2), score("b", 5)]
    assert per_case(scores, "dice", cases=["a", "b", "c"]).tolist()[:2] == [0.75, 0.5]
    assert math.isnan(per_case(scores, "dice", cases=["c"])[0])
    assert per_case(scores, "dice", cases=["a"], label=2).tolist() == [0.5]


def test_labels_are_compared_one_by_one_where_they_are_few() -> None:
    scores = [
        score(case, tp + (method == "m"), label=label, method=method)
        for method in ("m", "n")
        for case, tp in (("a", 5), ("b", 6), ("c", 7))
        for label in (1, 2)
    ]
    found = compare_methods(Scored(scores, ("m", "n"), (), 2))
    assert found.tables["comparison"]["name"].tolist() == ["mean over labels", "l1", "l2"]
    assert len(found.sections) == 1


def test_pictures_are_the_worst_cases_and_an_even_selection_of_the_rest() -> None:
    scores = [score(f"c{i:03d}", i % 11) for i in range(300)]
    chosen = choose_pictures(scores, gallery=5)
    assert len(chosen) == len(set(chosen)) == 5 + MOST_PICTURES
    assert chosen[:2] == ["c000", "c011"]
    assert len(choose_pictures(scores[:20], gallery=50)) == 20


def test_summaries_name_the_method_where_there_are_several() -> None:
    both = summary_table([score("a", 5), score("a", 6, method="n")])
    assert both[both["metric"] == "dice"]["method"].tolist() == ["m", "n"]
    assert "method" not in summary_table([score("a", 5)])


def test_a_copy_among_real_readers_is_found(realdata: Path, tmp_path: Path) -> None:
    base = realdata / "multirater-bubil-cells"
    readers = {name: base / "readers" / name for name in ("Person1_Amira", "Person2_Amira", "Person3_ImageJ")}
    predictions = base / "readers" / "Person5_ImageJ"
    result = run(predictions, base / "labels", tmp_path / "out", readers=readers, background=255)
    assert "Person2_Amira is no independent reader" in " ".join(result.notes)
    assert 0.8 < result.mean_dice < 0.95
