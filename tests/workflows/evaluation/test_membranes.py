"""Membranes over thresholds: maps are cut, thinned and compared as the challenge does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests.workflows.evaluation.maps import labels, of_classes, save_maps, softmax
from tests.workflows.evaluation.test_evaluate import of, save

from septum.errors import ConfigError
from septum.metrics.neurite import THRESHOLDS, NeuriteScores, neurite_scores, thin_borders
from septum.workflows.evaluation import membranes


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


def points(*scores: float) -> tuple[NeuriteScores, ...]:
    empty = dict.fromkeys(NeuriteScores.__dataclass_fields__, 0.0)
    return tuple(NeuriteScores(**empty | {"v_rand": one, "v_info": one}) for one in scores)


def test_the_best_threshold_is_that_of_the_mean_and_sections_without_cells_do_not_count() -> None:
    rising = np.linspace(0.1, 0.9, len(THRESHOLDS))
    curves = {"a": points(*rising), "b": points(*rising[::-1]), "c": points(*[float("nan")] * len(THRESHOLDS))}
    np.testing.assert_allclose(membranes._mean_curve(curves, "v_rand"), 0.5)
    assert np.isnan(membranes._mean_curve({"c": curves["c"]}, "v_rand")).all()
    np.testing.assert_allclose(membranes._column(curves, "v_rand", place=0), [0.1, 0.9, np.nan])


def test_methods_have_lines_and_a_column_of_their_own() -> None:
    peak = [0.2] * len(THRESHOLDS)
    peak[3] = 0.8
    found = {"near": {"a": points(*peak)}, "far": {"a": points(*peak[::-1])}}
    analysis = membranes._analysis(found, {}, notes=("said",))
    assert analysis.lines[0].startswith(f"near: best over thresholds: V_rand 0.8000 at {THRESHOLDS[3]}")
    assert f"at {THRESHOLDS[len(THRESHOLDS) - 4]}" in analysis.lines[1]
    table = analysis.tables["membranes"]
    assert table.groupby("method").size().to_dict() == {"near": len(THRESHOLDS), "far": len(THRESHOLDS)}
    assert "method" not in membranes._analysis({"": found["near"]}, {}, notes=()).tables["membranes"]
    rows = analysis.sections[0].tables[0].rows
    assert [(row[0], row[1], row[2]) for row in rows[:2]] == [("near · V_rand", 1, THRESHOLDS[3]),
                                                              ("near · V_info", 1, THRESHOLDS[3])]  # fmt: skip
