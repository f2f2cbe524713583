"""The report of a study."""

from __future__ import annotations

import json
import re

import pytest
from tests.workflows.review.studies import by_case, create, rate_all

from septum.errors import ConfigError, DatasetError
from septum.workflows.review import study as review
from septum.workflows.review.report import FILES, PAGE, report_study
from septum.workflows.review.results import measure_study


def test_the_report_finds_the_cut_between_pass_and_fail(study, cases, tmp_path):
    for reader in ("anna", "ben"):
        rate_all(study, reader, by_case)
    page, outcome = report_study(study, tmp_path / "report", dice={"secretmodel": cases}, threshold=0.7)
    sampled = outcome.items[outcome.items["source"] == "secretmodel"]
    scores = {True: sampled[sampled["passes"]]["dice"], False: sampled[~sampled["passes"]]["dice"]}
    assert outcome.cutoff.value == pytest.approx((scores[True].min() + scores[False].max()) / 2)
    assert outcome.cutoff.youden == 1
    rates = {(r.reader, r.source): (r.passed, r.n) for r in outcome.rates}
    assert rates["anna", "secrethuman"] == (4, 4)
    assert rates["most readers", "secretmodel"] == (len(scores[True]), 4)
    assert {p.name for p in page.parent.iterdir()} == {PAGE, *FILES}
    text = page.read_text()
    assert "not a medical device" in text
    assert "http" not in re.sub(r"http://www\.w3\.org/\S+", "", text).replace("http-equiv", "")
    document = json.loads((page.parent / "review.json").read_text())
    assert document["cutoff"]["value"] == outcome.cutoff.value
    assert document["dice"]["secretmodel"]["n"] == 6


def test_the_report_says_what_is_missing(study, cases):
    item = study.item(next(code for code, (_, source) in review.read_key(study).items() if source == "secretmodel"))
    with pytest.raises(DatasetError, match="must hold ratings"):
        measure_study(study)
    first = next(i for i in study.items if i.family == item.family and i.showing == 1)
    review.rate(study, "anna", code=first.code, value="pass")
    notes = " ".join(measure_study(study, dice={"secretmodel": cases, "secrethuman": cases}).notes)
    assert "anna has rated 1 of 8 items" in notes
    assert "One reader alone" in notes
    assert "no value of Dice separates" in notes


def test_a_likert_study_reports_the_scale_and_what_passes(data, tmp_path):
    create(data, tmp_path / "s", n=4, scale="likert5")
    with review.open_study(tmp_path / "s") as study:
        for reader in ("anna", "ben"):
            rate_all(study, reader, lambda case, source, showing: "5" if source == "secrethuman" else "3")
        outcome = measure_study(study)
    assert {"pass/fail", "scale"} == set(outcome.agreement["kind"])
    assert "Cohen's kappa, quadratic weights" in set(outcome.agreement["coefficient"])
    assert {(r.source, r.passed) for r in outcome.rates} == {("secrethuman", 4), ("secretmodel", 0)}


def test_a_report_is_replaced_only_when_told_and_escapes_comments(study, tmp_path):
    review.rate(study, "anna", code=study.items[0].code, value="pass", comment="<script>alert(1)</script>")
    page, _ = report_study(study, tmp_path / "report")
    assert "<script>" not in page.read_text()
    with pytest.raises(ConfigError, match="--overwrite"):
        report_study(study, tmp_path / "report")
    report_study(study, tmp_path / "report", overwrite=True)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        report_study(study, tmp_path / "other", threshold=70)
