"""Images to learn from without labels: none of them is labelled, held out or tested on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.workflows.datasets import planes

from septum import io
from septum.errors import DatasetError
from septum.geometry import Grid, Image
from septum.workflows.data.load import load_dataset
from septum.workflows.data.unlabelled import find_unlabelled


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.random.default_rng(seed).integers(0, 255, (1, 24, 32)).astype(np.uint8)
    io.write_image(path, Image(array, Grid.pixels((24, 32))))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return planes(tmp_path / "set", 3)


def test_a_folder_gives_its_images_once(data: Path, tmp_path: Path) -> None:
    for seed, name in ((1, "a"), (2, "b"), (2, "again")):
        picture(tmp_path / "more" / f"{name}.png", seed)
    found = find_unlabelled(tmp_path / "more", load_dataset(data), axes=None)
    assert [case.id for case in found.cases] == ["a", "again"]
    assert found.left_out == 1
    assert all(case.label is None for case in found.cases)


def test_labelled_and_test_images_are_left_out_under_any_name(data: Path, tmp_path: Path) -> None:
    for seed in range(3):
        picture(tmp_path / "more" / f"new{seed}.png", seed)
    images = sorted((data / "images").iterdir())
    for number, path in enumerate(images):
        shutil.copy(path, tmp_path / "more" / f"renamed{number}{path.suffix}")
    table = tmp_path / "cases.csv"
    label = data / "labels" / images[0].name
    rows = [f"{images[0]},{label},train", f"{images[1]},,test", f"{images[2]},,val"]
    table.write_text("\n".join(["image,label,split", *rows]))
    found = find_unlabelled(tmp_path / "more", load_dataset(table), axes=None)
    assert [case.id for case in found.cases] == ["new0", "new1", "new2"]
    assert found.left_out == 3


def test_the_data_set_itself_gives_its_own_images_without_labels(data: Path) -> None:
    picture(data / "images" / "free.png", 7)
    found = find_unlabelled(data, load_dataset(data), axes=None)
    assert [case.id for case in found.cases] == ["free"]
    assert found.left_out == 3


def test_labels_beside_other_images_are_not_looked_at(data: Path, tmp_path: Path) -> None:
    other = planes(tmp_path / "other", 2)
    for number, path in enumerate(sorted((other / "images").iterdir())):
        picture(path, 40 + number)
    found = find_unlabelled(other, load_dataset(data), axes=None)
    assert [case.label for case in found.cases] == [None, None]


def test_images_of_a_patient_that_is_tested_are_left_out(data: Path, tmp_path: Path) -> None:
    images = sorted((data / "images").iterdir())
    new = [picture(tmp_path / "more" / f"{name}.png", seed) for seed, name in enumerate("ab")]
    rows = [
        f"{images[0]},{data / 'labels' / images[0].name},anna,train",
        f"{images[1]},,bert,test",
        f"{new[0]},,anna,",
        f"{new[1]},,bert,",
    ]
    table = tmp_path / "cases.csv"
    table.write_text("\n".join(["image,label,group,split", *rows]))
    assert [case.id for case in find_unlabelled(table, load_dataset(table), axes=None).cases] == ["a"]


def test_nothing_nothing_new_and_nowhere_are_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "notes.txt").write_text("no image")
    for name in ("empty", "words", "nowhere"):
        with pytest.raises(DatasetError, match=name):
            find_unlabelled(tmp_path / name, load_dataset(data), axes=None)
    with pytest.raises(DatasetError, match="got 3 images that it knows; give a folder of others"):
        find_unlabelled(data, load_dataset(data), axes=None)
