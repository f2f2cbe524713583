"""DICOM structures as labels of a data set: numbered by their names, the same in every case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.io.dicoms import series, stored
from tests.io.structures import rtstruct, save, square

from septum.workflows.data.cases import load_pair
from septum.workflows.data.load import load_dataset
from septum.workflows.data.structures import numbered
from septum.workflows.doctor.mend import mend


def data_set(root: Path) -> Path:
    """Two patients whose files list their structures in another order and spelling."""
    for name, order in (("a", ("Heart", "GTV")), ("b", ("gtv", "Heart"))):
        series(root / "images" / name, stored((3, 12, 10)))
        where = {"heart": square(-8, 24, z=5, half=1), "gtv": square(-7, 27, z=7.5, half=1)}
        save(rtstruct({one: [where[one.lower()]] for one in order}), root / f"labels/{name}/rt.dcm")
    return root


def test_one_name_has_one_number_whatever_its_place_in_the_file(tmp_path: Path) -> None:
    data = load_dataset(data_set(tmp_path))
    assert dict(data.label_names) == {1: "GTV", 2: "Heart"}
    assert any("1 GTV, 2 Heart" in note for note in data.notes)
    for case in data.cases:
        labels = load_pair(case)[1].array
        assert [np.unique(plane).tolist() for plane in labels] == [[0, 2], [0, 1], [0]]


def test_declared_names_decide() -> None:
    assert numbered(["Heart", "lung"], {0: "background", 4: "heart"}) == {"Heart": 4}


def test_data_without_structures_is_left_as_it_is(tmp_path: Path) -> None:
    series(tmp_path / "images/a", stored((3, 12, 10)))
    series(tmp_path / "labels/a", np.eye(10, dtype=np.uint16)[None].repeat(3, 0))
    assert not load_dataset(tmp_path).label_names


def test_the_doctors_copy_holds_voxels_with_the_same_numbers(tmp_path: Path) -> None:
    root = data_set(tmp_path / "set")
    found = mend(root, tmp_path / "copy")
    assert any("1 GTV" in change.what for change in found.changes)
    before, after = load_dataset(root).case("a"), load_dataset(tmp_path / "copy").case("a")
    assert np.array_equal(load_pair(before)[1].array, load_pair(after)[1].array)
    assert after.label is not None
    assert not after.label.structures
