"""What ratings come to: agreement, pass rates, the Dice that separates them."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.workflows.review.studies import by_case, rate_all

from septum.errors import DatasetError
from septum.workflows.review import study as review
from septum.workflows.review.results import measure_study, read_scores


def test_readers_who_agree_with_themselves_and_each_other_have_full_agreement(study):
    for reader in ("anna", "ben", "cleo"):
        rate_all(study, reader, by_case)
    table = measure_study(study).agreement
    assert set(table["value"].dropna()) == {1.0}
    assert set(table["readers"]) >= {"all readers", "anna, ben", "anna, twice", "cleo, twice"}
    assert (table[table["readers"] == "anna, twice"]["n"] == 8).all()


def test_a_second_showing_counts_for_intra_reader_agreement_alone(study):
    rate_all(study, "anna", lambda case, source, showing: "pass" if showing == 1 else "fail")
    outcome = measure_study(study)
    assert all(rate.passed == rate.n == 4 for rate in outcome.rates)
    twice = outcome.agreement
    assert set(twice["readers"]) == {"anna, twice"}
    assert (twice["observed"] == 0).all()


def test_second_showings_alone_make_no_report(study):
    second = next(item for item in study.items if item.showing == 2)
    review.rate(study, "anna", code=second.code, value="pass")
    with pytest.raises(DatasetError, match="must hold ratings of first showings"):
        measure_study(study)


def test_kappa_at_a_high_pass_rate_is_explained(study):
    rate_all(study, "anna", lambda *item: "pass")
    rate_all(study, "ben", lambda case, source, showing: "pass")
    outcome = measure_study(study)
    assert any("read Gwet's AC1" in note for note in outcome.notes)
    values = outcome.agreement.groupby("coefficient")["value"]
    assert values.get_group("Cohen's kappa").isna().all()
    assert (values.get_group("Gwet's AC1") == 1).all()


def test_scores_of_several_methods_are_taken_by_name(tmp_path):
    path = tmp_path / "cases.csv"
    rows = [("a", "m", 0.5), ("a", "n", 0.7), ("b", "n", 0.9)]
    pd.DataFrame(rows, columns=["case", "method", "dice"]).to_csv(path, index=False)
    assert read_scores(path, "n").to_dict() == {"a": 0.7, "b": 0.9}
    with pytest.raises(DatasetError, match="must hold the method"):
        read_scores(path, "x")


def test_scores_that_do_not_fit_are_refused(study, cases, tmp_path):
    review.rate(study, "anna", code=study.items[0].code, value="pass")
    with pytest.raises(DatasetError, match="must name one of the sources"):
        measure_study(study, dice={"": cases})
    (tmp_path / "no_report").mkdir()
    with pytest.raises(DatasetError, match=r"cases\.csv must be the cases\.csv"):
        measure_study(study, dice={"secretmodel": tmp_path / "no_report"})
    (tmp_path / "x.csv").write_text("case,iou\na,1\n")
    with pytest.raises(DatasetError, match="columns case and dice"):
        measure_study(study, dice={"secretmodel": tmp_path / "x.csv"})
    (tmp_path / "y.csv").write_text("case,dice\nzebra,1\n")
    with pytest.raises(DatasetError, match="must hold scores of the sampled cases"):
        measure_study(study, dice={"secretmodel": tmp_path / "y.csv"})
