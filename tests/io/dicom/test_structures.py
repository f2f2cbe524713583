"""Structures of DICOM files as labels: by name, the smallest on top, and equal to what other programs made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.io.dicoms import PATIENT, series, stored
from tests.io.structures import rtstruct, save, seg, square

from septum import io
from septum.errors import FormatError
from septum.io.dicom.structures import structure_files


def test_structures_take_the_values_of_their_names_and_others_are_left_out(tmp_path: Path) -> None:
    image = io.read_image(series(tmp_path / "ct", stored((3, 12, 10))))
    drawn = rtstruct({"Heart": [square(-8, 24, z=5, half=1)], "GTV": [square(-7, 27, z=7.5, half=1)]})
    path = save(drawn, tmp_path / "rt.dcm")
    assert io.structure_names(path) == ("Heart", "GTV")
    labels = io.read_structures(path, image.grid, values={"GTV": 7})
    assert set(np.unique(labels.array)) == {0, 7}
    assert labels.notes == ("structures that are no label of the data set are left out: Heart",)
    assert np.unique(np.nonzero(labels.array)[0]).tolist() == [1]


def test_a_voxel_of_two_structures_is_the_smaller_ones_and_it_is_said(tmp_path: Path) -> None:
    image = io.read_image(series(tmp_path / "ct", stored((3, 12, 10))))
    drawn = rtstruct({"tumour": [square(-8, 24, z=5, half=0.9)], "body": [square(-8, 24, z=5, half=2.1)]})
    labels = io.read_structures(save(drawn, tmp_path / "rt.dcm"), image.grid)
    counts = np.bincount(labels.array.ravel())
    assert counts[1] > 0
    assert labels.notes == (
        f"{counts[1]} voxels belong to several structures (tumour and body): each keeps the smallest one's label",
    )


def test_a_folder_of_several_objects_is_read_together_and_one_with_images_is_none(tmp_path: Path) -> None:
    mask = np.zeros((12, 10), bool)
    mask[2:4, 2:4] = True
    save(seg([(1, 5.0, mask)], {1: "Liver"}), tmp_path / "both/a.dcm")
    save(seg([(1, 7.5, mask)], {1: "Heart"}), tmp_path / "both/b.dcm")
    image = io.read_image(series(tmp_path / "ct", stored((3, 12, 10))))
    labels = io.read_structures(tmp_path / "both", image.grid, values={"Heart": 1, "Liver": 2})
    assert [np.unique(plane).tolist() for plane in labels.array] == [[0, 2], [0, 1], [0]]
    with pytest.raises(FormatError, match="got 2"):
        io.read_structures(tmp_path / "both", image.grid)
    save(seg([(1, 5.0, mask)], {1: "Liver"}), tmp_path / "ct/seg.dcm")
    assert structure_files(tmp_path / "ct") == ()


def test_contours_without_their_image_are_refused_with_what_to_do(tmp_path: Path) -> None:
    made = rtstruct({"GTV": [square(0, 0, z=0, half=1)]})
    made.PatientName = PATIENT
    path = save(made, tmp_path / "rt.dcm")
    with pytest.raises(FormatError, match="labels of a data set") as caught:
        io.read_labels(path)
    assert PATIENT not in str(caught.value)


def test_a_seg_read_as_labels_has_its_segment_numbers(tmp_path: Path) -> None:
    mask = np.zeros((12, 10), bool)
    mask[2:4, 2:4] = True
    labels = io.read_labels(save(seg([(3, 5.0, mask)], {3: "Liver"}), tmp_path / "seg.dcm"))
    assert (labels.names, labels.array.max()) == ({3: "Liver"}, 3)


@pytest.mark.parametrize("name", ["STS_002/CT", "STS_012/PET", "STS_041/MR_T1"])
def test_real_contours_are_those_of_another_reader(realdata: Path, name: str) -> None:
    root = realdata / "petctmr-sts-dicom-rtstruct"
    image = io.read_image(root / "images" / name)
    twin = io.read_labels(realdata / f"petctmr-sts-nifti/labels/{name.replace('/', '_')}.nii.gz")
    assert twin.grid.matches(image.grid, tolerance=1e-3)
    assert np.array_equal(io.read_structures(root / "labels" / name, image.grid).array > 0, twin.array > 0)


def test_real_segments_are_those_of_another_reader(realdata: Path) -> None:
    root = realdata / "ct-dicom-seg-dcmqi"
    image = io.read_image(root / "images/ct-3slice")
    twin = io.read_labels(root / "labels_nrrd/liver_seg.nrrd")
    assert np.array_equal(io.read_structures(root / "labels/liver.dcm", image.grid).array > 0, twin.array > 0)
    assert np.array_equal(io.read_labels(root / "labels/liver.dcm").array > 0, twin.array > 0)


def test_the_modality_is_that_of_the_first_dicom_file_and_of_other_files_there_is_none(tmp_path: Path) -> None:
    folder = series(tmp_path / "ct", stored((3, 12, 10)))
    (folder / "0-readme.txt").write_text("read me")
    assert io.modality_of(folder) == "CT"
    assert io.modality_of(folder / "0-readme.txt") == io.modality_of(tmp_path / "none") == ""
