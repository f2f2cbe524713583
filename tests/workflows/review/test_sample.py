"""The blinded sample: who is shown what, in which order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture
from tests.workflows.datasets import mask, volumes, write_labels
from tests.workflows.review.studies import create

from septum.errors import ConfigError, DatasetError
from septum.workflows.review import study as review
from septum.workflows.review.sample import StudySettings, find_candidates, reading_order
from septum.workflows.review.store import ItemRecord
from septum.workflows.runs.hooks import Hooks


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


def test_what_cannot_be_drawn_is_said(data, tmp_path):
    few = tmp_path / "few"
    for i in range(2):
        write_labels(few / f"case{i}.png", mask(i))
    notes = []
    made = review.create_study(
        data / "images", {"few": few}, output=tmp_path / "study", hooks=Hooks(on_note=notes.append)
    )
    assert made.cases == 2
    assert "4 images have no mask from few" in notes[0]
    assert "only 2 cases" in notes[1]
    other = tmp_path / "other"
    write_labels(other / "zebra.png", mask(0))
    with pytest.raises(DatasetError, match="must have a case in common"):
        find_candidates(data / "images", {"other": other}, axes=None)
    with pytest.raises(ConfigError, match="at least one source"):
        find_candidates(data / "images", {}, axes=None)


def test_volumes_are_shown_too(tmp_path):
    root = volumes(tmp_path / "data", 2)
    review.create_study(root / "images", {"a": root / "labels"}, output=tmp_path / "study")
    with review.open_study(tmp_path / "study") as study:
        path = study.pictures(study.items[0].code)[0]
    with Picture.open(path) as picture:
        assert min(picture.size) > 300


@pytest.mark.parametrize("settings", [{"n": 0}, {"seed": -1}, {"design": "other"}])
def test_settings_that_break_their_rule_are_refused(settings):
    with pytest.raises(ConfigError, match="must"):
        StudySettings(**settings)
