"""`septum doctor`: faults named once, patients suspected, a mended copy beside the original."""

from __future__ import annotations

import shutil

import numpy as np
from tests.cli.conftest import write_dataset

from septum import Grid, LabelMap, io


def test_doctor_names_one_fault_of_many_files_once(septum, tmp_path):
    folder = write_dataset(tmp_path / "many", tuple("abcdefgh"))
    for path in (folder / "labels").glob("*.png"):
        io.write_labels(path, LabelMap(np.zeros((48, 40), np.uint8), Grid.from_spacing((48, 40), (1.0, 1.0))))
    out = septum("doctor", folder).out
    assert out.count("[shape-mismatch]") == 1
    assert "8 cases, such as a," in out
    assert "also: b, c, d, e, f, g, h" in out


def test_doctor_suspects_patients_in_names(septum, tmp_path):
    folder = write_dataset(tmp_path / "names", ("STS_002_CT", "STS_002_PET", "STS_012_CT", "STS_012_PET"))
    out = septum("doctor", folder).out
    assert "4 images seem to show 2 patients or specimens, such as STS_002 (CT, PET)" in out
    assert "image,label,group" in out


def test_a_mended_copy_without_labels_is_no_success(septum, dataset, tmp_path):
    shutil.rmtree(dataset / "labels")
    result = septum("doctor", dataset, "--fix", tmp_path / "out")
    assert result.code == 1
    assert "the copy holds no labels" in result.err


def test_doctor_is_content_with_a_sound_data_set(septum, dataset):
    result = septum("doctor", dataset)
    assert result.code == 0
    assert result.out.splitlines()[-1] == "nothing wrong was found"


def test_doctor_writes_a_mended_copy_and_leaves_the_original(septum, dataset, tmp_path):
    (dataset / "labels" / "a.png").write_bytes(b"damaged")
    before = sorted(path.name for path in dataset.rglob("*"))
    assert septum("doctor", dataset).code == 1
    result = septum("doctor", dataset, "--fix", tmp_path / "mended")
    assert result.code == 0
    assert "left out  a" in result.out
    assert sorted(path.name for path in dataset.rglob("*")) == before
    assert septum("doctor", tmp_path / "mended").code == 0
