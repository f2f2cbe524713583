"""The reader study: the sample, its blinding, ratings in and out, and what the report says."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture
from tests.workflows.datasets import mask, write_labels
from tests.workflows.review.studies import create

from septum.errors import Cancelled, ConfigError, DatasetError, GeometryError
from septum.workflows.review import study as review
from septum.workflows.review.sample import StudySettings
from septum.workflows.runs.hooks import Hooks


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
    review.rate(study, "anna", code=item.code, value="pass")
    assert review.progress(study, "anna").rated == 1
    with pytest.raises(DatasetError, match="put the folder key back"):
        review.read_key(study)


def test_a_reader_meets_every_item_once_and_resumes(study):
    met = []
    while (item := review.next_item(study, "anna")) is not None:
        met.append(item.code)
        review.rate(study, "anna", code=item.code, value="pass")
    assert sorted(met) == sorted(item.code for item in study.items)
    assert review.progress(study, "anna") == review.ReaderProgress("anna", 16, 16)
    assert review.readers(study) == (review.ReaderProgress("anna", 16, 16),)


def test_undo_brings_the_last_item_back_and_keeps_the_history(study):
    assert review.undo(study, "anna") is None
    first = review.next_item(study, "anna")
    review.rate(study, "anna", code=first.code, value="fail")
    assert review.undo(study, "anna") == first.code
    assert review.next_item(study, "anna") == first
    review.rate(study, "anna", code=first.code, value="pass")
    assert [r.value for r in study.store.history(study.id)] == ["fail", None, "pass"]


def test_answers_outside_the_scale_and_unknown_codes_are_refused(study):
    with pytest.raises(ConfigError, match="must be one of fail, pass"):
        review.rate(study, "anna", code=study.items[0].code, value="perhaps")
    with pytest.raises(ConfigError, match="one of the 16 items"):
        review.rate(study, "anna", code="../../key/key", value="pass")


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
        review.create_study(data / "images", {"a": wrong}, output=tmp_path / "study")
    seen: list[str] = []
    hooks = Hooks(lambda code, share: seen.append(code), should_stop=lambda: len(seen) == 2)
    with pytest.raises(Cancelled):
        review.create_study(data / "images", {"a": data / "labels"}, output=tmp_path / "study", hooks=hooks)
    assert [p.name for p in tmp_path.iterdir()] == ["wrong"]


def test_another_database_can_hold_several_studies(data, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.sqlite'}"
    sources = {"a": data / "labels"}
    for seed in (1, 2):
        settings = StudySettings(n=2, seed=seed)
        review.create_study(data / "images", sources, output=tmp_path / f"s{seed}", settings=settings, database=url)
    with (
        review.open_study(tmp_path / "s1", database=url) as one,
        review.open_study(tmp_path / "s2", database=url) as two,
    ):
        review.rate(one, "anna", code=one.items[0].code, value="pass")
        assert review.progress(two, "anna").rated == 0
    with pytest.raises(ConfigError, match="give the --database"), review.open_study(tmp_path / "s1"):
        pass


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', '{"format": 9, "study": "x"}'])
def test_a_folder_that_is_no_study_is_refused(tmp_path, content):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(ConfigError), review.open_study(tmp_path):
        pass


@pytest.mark.parametrize("name", ["mri-hippocampus-msd", "nuclei-dsb2018"])
def test_real_images_become_a_study(realdata, tmp_path, name):
    folder = realdata / name
    settings = StudySettings(n=3)
    review.create_study(folder / "images", {"human": folder / "labels"}, output=tmp_path / "study", settings=settings)
    names = {path.name.split(".")[0].encode() for path in (folder / "images").iterdir()}
    with review.open_study(tmp_path / "study") as study:
        for item in study.items:
            outlined, plain = study.pictures(item.code)
            with Picture.open(outlined) as first, Picture.open(plain) as second:
                assert np.any(np.asarray(first) != np.asarray(second))
            assert not any(word in outlined.read_bytes() for word in names)


@pytest.fixture
def hostile(folder):
    """A study as a stranger may hand it over: its items list files that are no pictures of it."""
    secret = folder.parent / "secret.png"
    secret.write_bytes(b"\x89PNG\r\n\x1a\n secret")
    (folder / review.PICTURES / "link.png").symlink_to(secret)
    (folder / review.PICTURES / "text.png").write_text("secret", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "listed",
    [
        "../key/key.csv",
        "../key.csv",
        "..\\key.csv",
        "/etc/passwd",
        "",
        ".",
        "link.png",
        "text.png",
        "gone.png",
        "a/../b.png",
    ],
)
def test_a_study_from_outside_cannot_show_any_file(hostile, listed):
    with review.open_study(hostile) as study:
        changed = replace(study, items=(replace(study.items[0], pictures=(listed, listed)),))
        with pytest.raises(ConfigError, match="picture"):
            review.read_picture(changed, listed)


def test_its_own_pictures_are_shown_and_no_others(hostile):
    with review.open_study(hostile) as study:
        names = [name for item in study.items for name in item.pictures]
        assert all(review.read_picture(study, name).startswith(b"\x89PNG") for name in names)
        with pytest.raises(ConfigError, match="one that the study lists"):
            review.read_picture(study, "link.png")


def test_a_picture_of_unreasonable_size_is_refused(study, monkeypatch):
    monkeypatch.setattr(review, "LARGEST_PICTURE", 100)
    with pytest.raises(ConfigError, match="must be a PNG of at most"):
        review.read_picture(study, study.items[0].pictures[0])
