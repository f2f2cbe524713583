"""The reader study: the sample, its blinding, ratings in and out, and what the report says."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from tests.workflows.datasets import mask, planes, volumes, write_labels

from septum.errors import ConfigError, DatasetError, GeometryError
from septum.workflows.review import study as review
from septum.workflows.review.exchange import export_csv, import_csv
from septum.workflows.review.report import FILES, PAGE, report_study
from septum.workflows.review.results import measure_study, read_scores
from septum.workflows.review.sample import StudySettings, find_candidates, reading_order
from septum.workflows.review.scale import LIKERT, PASS_FAIL, Choice, Scale, load_scale
from septum.workflows.review.store import ItemRecord


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Six pictures with the masks of a person and of a model."""
    root = planes(tmp_path_factory.mktemp("data"), 6)
    for i in range(6):
        write_labels(root / "secretmodel" / f"case{i}.png", mask(i + 1))
    return root


def create(data, folder, **settings):
    sources = {"secrethuman": data / "labels", "secretmodel": data / "secretmodel"}
    return review.create_study(data / "images", sources, folder, settings=StudySettings(**settings))


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "study"
    create(data, folder, n=4, twice=True, seed=3)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A fresh copy of a study of four cases, two sources, each shown twice."""
    return shutil.copytree(made, tmp_path / "study")


@pytest.fixture
def study(folder):
    with review.open_study(folder) as found:
        yield found


def rate_all(study, reader, answer):
    """Rate every item by `answer(case, source, showing)`."""
    key = review.read_key(study)
    while (item := review.next_item(study, reader)) is not None:
        review.rate(study, reader, item.code, answer(*key[item.code], item.showing))


def test_every_sampled_case_is_shown_with_every_source_as_often_as_asked(study):
    key = review.read_key(study)
    assert len(study.items) == 16
    assert set(Counter(key.values()).values()) == {2}
    assert len({case for case, _ in key.values()}) == 4


def test_a_mixed_design_shows_each_case_once_and_the_sources_in_equal_parts(data, tmp_path):
    create(data, tmp_path / "s", n=6, design="mixed")
    with review.open_study(tmp_path / "s") as study:
        key = review.read_key(study)
    assert len({case for case, _ in key.values()}) == len(key) == 6
    assert set(Counter(source for _, source in key.values()).values()) == {3}


def test_the_same_seed_gives_the_same_study_and_another_seed_another(data, made, tmp_path):
    for name, seed in (("same", 3), ("other", 4)):
        create(data, tmp_path / name, n=4, twice=True, seed=seed)
    first, same, other = (folder / "key" / "key.csv" for folder in (made, tmp_path / "same", tmp_path / "other"))
    assert first.read_bytes() == same.read_bytes()
    assert first.read_bytes() != other.read_bytes()
    assert (made / "study.json").read_bytes() == (tmp_path / "same" / "study.json").read_bytes()
    pictures = {p.name: p.read_bytes() for p in (made / "pictures").iterdir()}
    assert pictures == {p.name: p.read_bytes() for p in (tmp_path / "same" / "pictures").iterdir()}


def test_nothing_outside_the_key_names_a_case_or_a_source(made):
    for path in made.rglob("*"):
        if path.is_file() and "key" not in path.relative_to(made).parts:
            content = path.read_bytes().lower()
            for word in (b"secret", b"case0", b"case1", b"case2", b"case3", b"case4", b"case5"):
                assert word not in content, (path, word)
                assert word.decode() not in path.name.lower()


def test_pictures_are_named_by_code_and_hold_no_metadata(study):
    for item in study.items:
        assert re.fullmatch(r"[A-HJ-NP-Z2-9]{6}", item.code)
        outlined, plain = study.pictures(item.code)
        with Picture.open(outlined) as first, Picture.open(plain) as second:
            assert first.size == second.size
            assert not first.info
            assert not second.info
            assert np.any(np.asarray(first) != np.asarray(second))


def test_the_key_can_be_taken_away_while_people_rate(study, folder):
    shutil.rmtree(folder / "key")
    item = review.next_item(study, "anna")
    review.rate(study, "anna", item.code, "pass")
    assert review.progress(study, "anna").rated == 1
    with pytest.raises(DatasetError, match="put the folder key back"):
        review.read_key(study)


def test_a_reader_meets_every_item_once_and_resumes(study):
    met = []
    while (item := review.next_item(study, "anna")) is not None:
        met.append(item.code)
        review.rate(study, "anna", item.code, "pass")
    assert sorted(met) == sorted(item.code for item in study.items)
    assert review.progress(study, "anna") == review.Progress("anna", 16, 16)
    assert review.readers(study) == (review.Progress("anna", 16, 16),)


def test_undo_brings_the_last_item_back_and_keeps_the_history(study):
    assert review.undo(study, "anna") is None
    first = review.next_item(study, "anna")
    review.rate(study, "anna", first.code, "fail")
    assert review.undo(study, "anna") == first.code
    assert review.next_item(study, "anna") == first
    review.rate(study, "anna", first.code, "pass")
    assert [r.value for r in study.store.history(study.id)] == ["fail", None, "pass"]


def test_answers_outside_the_scale_and_unknown_codes_are_refused(study):
    with pytest.raises(ConfigError, match="must be one of fail, pass"):
        review.rate(study, "anna", study.items[0].code, "perhaps")
    with pytest.raises(ConfigError, match="one of the 16 items"):
        review.rate(study, "anna", "../../key/key", "pass")


@given(st.integers(2, 12), st.integers(1, 3), st.booleans(), st.text("abc", min_size=1, max_size=4))
def test_an_order_holds_every_item_once_with_repetitions_last(families, sources, twice, reader):
    items = [
        ItemRecord(f"{family}-{source}-{showing}", family, showing, ())
        for showing in ((1, 2) if twice else (1,))
        for family in range(families)
        for source in range(sources)
    ]
    order = reading_order(items, reader=reader, seed="s")
    by_code = {item.code: item for item in items}
    met = [by_code[code] for code in order]
    assert sorted(order) == sorted(by_code)
    assert [item.showing for item in met] == sorted(item.showing for item in met)
    places = {}
    for place, item in enumerate(met):
        assert place - places.get(item.family, -families) >= families // 2
        places[item.family] = place
    assert order == reading_order(items[::-1], reader=reader, seed="s")


def test_orders_differ_between_readers(study):
    orders = {reading_order(study.items, reader=name, seed=study.order_seed) for name in ("anna", "ben", "cleo")}
    assert len(orders) == 3


COMMENTS = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.lists(st.tuples(st.integers(0, 15), st.sampled_from(["anna", "ben"]), st.booleans(), COMMENTS), max_size=12))
def test_import_of_an_export_is_the_same_history(made, tmp_path_factory, answers):
    root = tmp_path_factory.mktemp("io")
    for name in ("one", "two"):
        shutil.copytree(made, root / name)
    with review.open_study(root / "one") as one, review.open_study(root / "two") as two:
        for place, reader, passed, comment in answers:
            review.rate(one, reader, one.items[place].code, "pass" if passed else "fail", comment=comment)
            if comment.startswith("a"):
                review.undo(one, reader)
        export_csv(one, root / "a.csv")
        assert import_csv(two, root / "a.csv") == len(one.store.history(one.id))
        assert two.store.history(two.id) == one.store.history(one.id)
        assert import_csv(two, root / "a.csv") == 0
        export_csv(two, root / "b.csv")
    assert (root / "a.csv").read_bytes() == (root / "b.csv").read_bytes()


def test_a_spreadsheet_cannot_run_what_a_reader_typed(study, tmp_path):
    review.rate(study, "anna", study.items[0].code, "pass", comment="=HYPERLINK(1)")
    export_csv(study, tmp_path / "a.csv", unblind=True)
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["comment"] == "'=HYPERLINK(1)"
    assert (row["case"], row["source"]) == review.read_key(study)[row["code"]]


def test_an_export_replaces_nothing_unless_told(study, tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(ConfigError, match="--overwrite"):
        export_csv(study, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "mine"


def test_a_plain_table_is_read_as_new_ratings_once(study, tmp_path):
    code = study.items[0].code
    path = tmp_path / "sheet.csv"
    path.write_text(f"code,reader,value,comment\n{code},anna,pass,good\n{study.items[1].code},anna,,\n")
    assert import_csv(study, path) == 1
    assert import_csv(study, path) == 0
    path.write_text(f"code,reader,value\n{code},anna,fail\n")
    assert import_csv(study, path) == 1
    assert [r.value for r in study.store.history(study.id)] == ["pass", "fail"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("code,value\n", "must have the columns reader"),
        ("code,reader,value\nXXXXXX,anna,pass\n", "row 2: code must be one of"),
        ("code,reader,value\nCODE,anna,good\n", "row 2: rating must be one of"),
        ("code,reader,value\nCODE,<b>,pass\n", "row 2: reader must begin"),
        ("rating,code,reader,value\n1,CODE,anna,pass\n", "must have the columns comment, created"),
    ],
)
def test_a_wrong_table_is_refused_and_adds_nothing(study, tmp_path, text, message):
    path = tmp_path / "wrong.csv"
    path.write_text(text.replace("CODE", study.items[0].code))
    with pytest.raises(DatasetError, match=message):
        import_csv(study, path)
    assert study.store.history(study.id) == ()


def test_a_study_is_never_replaced(data, folder):
    before = (folder / "ratings.sqlite").read_bytes()
    with pytest.raises(ConfigError, match="ratings are never replaced"):
        create(data, folder)
    assert (folder / "ratings.sqlite").read_bytes() == before


def test_a_failed_creation_leaves_nothing_behind(data, tmp_path):
    wrong = tmp_path / "wrong"
    for i in range(6):
        write_labels(wrong / f"case{i}.png", mask(i, (20, 20)))
    with pytest.raises(GeometryError, match="must lie on one grid"):
        review.create_study(data / "images", {"a": wrong}, tmp_path / "study")
    assert [p.name for p in tmp_path.iterdir()] == ["wrong"]


def test_what_cannot_be_drawn_is_said(data, tmp_path):
    few = tmp_path / "few"
    for i in range(2):
        write_labels(few / f"case{i}.png", mask(i))
    notes = []
    made = review.create_study(data / "images", {"few": few}, tmp_path / "study", on_note=notes.append)
    assert made.cases == 2
    assert "4 images have no mask from few" in notes[0]
    assert "only 2 cases" in notes[1]
    other = tmp_path / "other"
    write_labels(other / "zebra.png", mask(0))
    with pytest.raises(DatasetError, match="must have a case in common"):
        find_candidates(data / "images", {"other": other}, None)
    with pytest.raises(ConfigError, match="at least one source"):
        find_candidates(data / "images", {}, None)


def test_volumes_are_shown_too(tmp_path):
    root = volumes(tmp_path / "data", 2)
    review.create_study(root / "images", {"a": root / "labels"}, tmp_path / "study")
    with review.open_study(tmp_path / "study") as study:
        path = study.pictures(study.items[0].code)[0]
    with Picture.open(path) as picture:
        assert min(picture.size) > 300


def test_another_database_can_hold_several_studies(data, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    sources = {"a": data / "labels"}
    for seed in (1, 2):
        settings = StudySettings(n=2, seed=seed)
        review.create_study(data / "images", sources, tmp_path / f"s{seed}", settings=settings, database=url)
    with (
        review.open_study(tmp_path / "s1", database=url) as one,
        review.open_study(tmp_path / "s2", database=url) as two,
    ):
        review.rate(one, "anna", one.items[0].code, "pass")
        assert review.progress(two, "anna").rated == 0
    with pytest.raises(ConfigError, match="give the --database"), review.open_study(tmp_path / "s1"):
        pass


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', '{"format": 9, "study": "x"}'])
def test_a_folder_that_is_no_study_is_refused(tmp_path, content):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(ConfigError), review.open_study(tmp_path):
        pass


@pytest.mark.parametrize("settings", [{"n": 0}, {"seed": -1}, {"design": "other"}])
def test_settings_that_break_their_rule_are_refused(settings):
    with pytest.raises(ConfigError, match="must"):
        StudySettings(**settings)


def test_a_scale_can_be_a_file(tmp_path):
    path = tmp_path / "scale.toml"
    path.write_text(
        'question = "Usable?"\n[[choices]]\nvalue = "no"\nkey = "n"\ntext = "no"\npasses = false\n'
        '[[choices]]\nvalue = "yes"\nkey = "y"\ntext = "yes"\npasses = true\n'
    )
    assert [c.value for c in load_scale(str(path)).choices] == ["no", "yes"]
    with pytest.raises(ConfigError, match="passfail, likert5 or a TOML file"):
        load_scale("five")


@pytest.mark.parametrize("scale", [PASS_FAIL, LIKERT])
def test_a_scale_survives_the_store(scale):
    assert Scale.from_json(scale.to_json()) == scale


@pytest.mark.parametrize(
    "choices",
    [
        (Choice("a", "a", "a", True),),
        (Choice("a", "a", "a", True), Choice("a", "b", "b", False)),
        (Choice("a", "x", "a", True), Choice("b", "X", "b", False)),
        (Choice("a", "u", "a", True), Choice("b", "b", "b", False)),
        (Choice("a", "a", "a", True), Choice("b", "b", "b", True)),
        (Choice(" ", "a", "a", True), Choice("b", "b", "b", False)),
    ],
)
def test_a_scale_that_cannot_be_answered_is_refused(choices):
    with pytest.raises(ConfigError):
        Scale("?", choices)


@pytest.fixture
def cases(tmp_path):
    """A table of scores in which case1, case3 … are poor."""
    path = tmp_path / "cases.csv"
    rows = [(f"case{i}", label, 0.9 - 0.4 * (i % 2) + 0.01 * i) for i in range(6) for label in (1, 2)]
    pd.DataFrame(rows, columns=["case", "label", "dice"]).to_csv(path, index=False)
    return path


def by_case(case, source, showing):
    """A reader who passes what lies above 0.7."""
    return "pass" if source == "secrethuman" or int(case[-1]) % 2 == 0 else "fail"


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
    review.rate(study, "anna", second.code, "pass")
    with pytest.raises(DatasetError, match="must hold ratings of first showings"):
        measure_study(study)


def test_the_report_says_what_is_missing(study, cases):
    item = study.item(next(code for code, (_, source) in review.read_key(study).items() if source == "secretmodel"))
    with pytest.raises(DatasetError, match="must hold ratings"):
        measure_study(study)
    first = next(i for i in study.items if i.family == item.family and i.showing == 1)
    review.rate(study, "anna", first.code, "pass")
    notes = " ".join(measure_study(study, dice={"secretmodel": cases, "secrethuman": cases}).notes)
    assert "anna has rated 1 of 8 items" in notes
    assert "One reader alone" in notes
    assert "no value of Dice separates" in notes


def test_kappa_at_a_high_pass_rate_is_explained(study):
    rate_all(study, "anna", lambda *item: "pass")
    rate_all(study, "ben", lambda case, source, showing: "pass")
    outcome = measure_study(study)
    assert any("read Gwet's AC1" in note for note in outcome.notes)
    values = outcome.agreement.groupby("coefficient")["value"]
    assert values.get_group("Cohen's kappa").isna().all()
    assert (values.get_group("Gwet's AC1") == 1).all()


def test_a_likert_study_reports_the_scale_and_what_passes(data, tmp_path):
    create(data, tmp_path / "s", n=4, scale="likert5")
    with review.open_study(tmp_path / "s") as study:
        for reader in ("anna", "ben"):
            rate_all(study, reader, lambda case, source, showing: "5" if source == "secrethuman" else "3")
        outcome = measure_study(study)
    assert {"pass/fail", "scale"} == set(outcome.agreement["kind"])
    assert "Cohen's kappa, quadratic weights" in set(outcome.agreement["coefficient"])
    assert {(r.source, r.passed) for r in outcome.rates} == {("secrethuman", 4), ("secretmodel", 0)}


def test_scores_of_several_methods_are_taken_by_name(tmp_path):
    path = tmp_path / "cases.csv"
    rows = [("a", "m", 0.5), ("a", "n", 0.7), ("b", "n", 0.9)]
    pd.DataFrame(rows, columns=["case", "method", "dice"]).to_csv(path, index=False)
    assert read_scores(path, "n").to_dict() == {"a": 0.7, "b": 0.9}
    with pytest.raises(DatasetError, match="must hold the method"):
        read_scores(path, "x")


def test_scores_that_do_not_fit_are_refused(study, cases, tmp_path):
    review.rate(study, "anna", study.items[0].code, "pass")
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


def test_a_report_is_replaced_only_when_told_and_escapes_comments(study, tmp_path):
    review.rate(study, "anna", study.items[0].code, "pass", comment="<script>alert(1)</script>")
    page, _ = report_study(study, tmp_path / "report")
    assert "<script>" not in page.read_text()
    with pytest.raises(ConfigError, match="--overwrite"):
        report_study(study, tmp_path / "report")
    report_study(study, tmp_path / "report", overwrite=True)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        report_study(study, tmp_path / "other", threshold=70)


@pytest.mark.parametrize("name", ["mri-hippocampus-msd", "nuclei-dsb2018"])
def test_real_images_become_a_study(realdata, tmp_path, name):
    folder = realdata / name
    settings = StudySettings(n=3)
    review.create_study(folder / "images", {"human": folder / "labels"}, tmp_path / "study", settings=settings)
    names = {path.name.split(".")[0].encode() for path in (folder / "images").iterdir()}
    with review.open_study(tmp_path / "study") as study:
        for item in study.items:
            outlined, plain = study.pictures(item.code)
            with Picture.open(outlined) as first, Picture.open(plain) as second:
                assert np.any(np.asarray(first) != np.asarray(second))
            assert not any(word in outlined.read_bytes() for word in names)
