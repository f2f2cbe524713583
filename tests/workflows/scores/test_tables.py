"""The tables of a report: nothing is dropped in silence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from septum.metrics import Counts
from septum.workflows.scores import tables
from septum.workflows.scores.scores import Score


def score(case: str, dice: float = 0.5, *, label: int = 1, size: float = 1.0, **more: object) -> Score:
    return Score(
        case, label, f"label {label}", Counts(4, 1, 2, 10), 0.1, values={"dice": dice}, sample_size=size, **more
    )  # type: ignore[arg-type]


def test_each_case_and_label_is_a_row_and_cases_that_were_not_scored_say_why() -> None:
    table = tables.score_table([score("b"), score("a", label=2)], not_scored=[("c", "the file is damaged")])
    assert table["case"].tolist() == ["b", "a", "c"]
    assert table["status"].tolist() == ["scored", "scored", "the file is damaged"]
    assert table["label"].tolist()[:2] == [1, 2]
    assert table["label"].isna().tolist() == [False, False, True]
    assert table.loc[0, ["tp", "fp", "fn", "tn"]].tolist() == [4, 1, 2, 10]
    assert (table.loc[0, "reference_voxels"], table.loc[0, "prediction_voxels"]) == (6, 5)
    assert "method" not in table


def test_several_methods_get_a_column() -> None:
    rows = [score("a", method="x"), score("a", method="y")]
    assert tables.methods_of(rows) == ("x", "y")
    assert tables.score_table(rows)["method"].tolist() == ["x", "y"]
    assert set(tables.summary_table(rows)["method"]) == {"x", "y"}


def test_lengths_are_pixels_as_soon_as_one_file_has_no_size() -> None:
    assert tables.distance_unit([score("a"), score("b")]) == "mm"
    assert tables.distance_unit([score("a"), score("b", size=math.nan)]) == "px"


def test_the_summary_counts_what_is_defined_and_what_is_not() -> None:
    rows = tables.summary_table([score("a", 0.2), score("b", 0.6), score("c", math.nan)])
    dice = rows[(rows["label"] == 1) & (rows["metric"] == "dice")].iloc[0]
    assert dice["n"] == 2
    assert dice["mean"] == pytest.approx(0.4)
    assert dice["median"] == pytest.approx(0.4)
    assert rows["metric"].tolist()[-1] == "pixel_error"
    assert not (rows["name"] == "mean over labels").any()


def test_with_several_labels_the_mean_over_labels_comes_first() -> None:
    rows = tables.summary_table([score("a", 0.2), score("a", 0.8, label=2), score("b", 0.4), score("b", 1.0, label=2)])
    first = rows.iloc[0]
    assert (first["name"], first["metric"]) == ("mean over labels", "dice")
    assert first["mean"] == pytest.approx((0.5 + 0.7) / 2)


def test_empty_cases_are_counted_by_their_kind() -> None:
    empty = Score("e", 1, "label 1", Counts(0, 0, 0, 17), 0.0)
    missed = Score("m", 1, "label 1", Counts(0, 0, 5, 12), 0.0)
    rows = tables.summary_table([empty, missed, score("a")])
    dice = rows[(rows["label"] == 1) & (rows["metric"] == "dice")].iloc[0]
    assert (dice["n_both_empty"], dice["n_reference_empty"], dice["n_prediction_empty"]) == (1, 0, 1)
    assert (dice["n"], dice["n_undefined"]) == (2, 1)


def test_groups_are_the_independent_unit_where_they_are_named() -> None:
    table = tables.score_table([score("a", group="p1"), score("b", group="p1"), score("c")])
    assert tables.units(table).tolist() == ["p1", "p1", "c"]


def test_strata_stand_in_natural_order_and_cases_without_a_value_are_not_lost() -> None:
    rows = [score("a", 0.1), score("b", 0.2), score("c", 0.3)]
    found = tables.strata_table(rows, {"site": {"a": "s10", "b": "s9"}})
    assert list(dict.fromkeys(found["value"])) == ["(none)", "s9", "s10"]
    dice = found[(found["metric"] == "dice") & (found["label"] == 1)].set_index("value")["mean"]
    assert dice.to_dict() == pytest.approx({"(none)": 0.3, "s9": 0.2, "s10": 0.1})
    assert tables.strata_table(rows, {}).empty


def test_no_score_at_all_is_an_empty_summary() -> None:
    assert tables.summary_table([]).empty
    assert np.isnan(score("a", math.nan).dice)
