"""Evaluations of more than one set of masks: methods, readers, strata, objects, neurites, grids, policies."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.workflows.evaluation.cohorts import N, run, score

from septum.errors import Cancelled
from septum.workflows.evaluation.analysis import Scored, compare_methods, per_case
from septum.workflows.evaluation.gallery import MOST_PICTURES, choose_pictures
from septum.workflows.runs.hooks import Hooks
from septum.workflows.scores.measures import FAMILIES, MEASURES, families_of
from septum.workflows.scores.tables import summary_table


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


def test_lengths_of_pictures_are_called_pixels(sets: dict[str, Path], tmp_path: Path) -> None:
    page = run(sets["near"], sets["reference"], tmp_path / "out", metrics=("surface",)).report.read_text()
    assert "Hausdorff distance, px" in page
    assert "Hausdorff distance, mm" not in page


def test_a_wish_to_stop_writes_nothing(sets: dict[str, Path], tmp_path: Path) -> None:
    asked: list[int] = []
    hooks = Hooks(should_stop=lambda: bool(asked.append(1)) or len(asked) > 5)
    with pytest.raises(Cancelled):
        run(sets["near"], sets["reference"], tmp_path / "out", hooks=hooks)
    assert not (tmp_path / "out").exists()


def test_every_score_belongs_to_a_family_and_names_choose_families() -> None:
    assert {measure.family for measure in MEASURES.values()} == set(FAMILIES)
    assert families_of(["hausdorff"]) == ("overlap", "surface")
    assert families_of(["em", "instances"]) == ("overlap", "instances", "em")


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
