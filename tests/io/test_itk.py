"""NRRD and MetaImage: the world of ITK turned into ours, segments with names, and headers that point elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from tests.geometry.test_grid import ORIENTATIONS, oriented

from septum import io
from septum.errors import FormatError, GeometryError
from septum.geometry import Grid, LabelMap


@given(which=st.sampled_from(ORIENTATIONS), suffix=st.sampled_from([".nrrd", ".mha"]))
def test_a_voxel_lies_where_itk_says(
    tmp_path_factory: pytest.TempPathFactory, which: tuple[tuple[int, ...], tuple[int, ...]], suffix: str
) -> None:
    grid = oriented(*which)
    array = np.random.default_rng(0).integers(0, 99, grid.shape).astype(np.int16)
    path = tmp_path_factory.mktemp("n") / f"a{suffix}"
    io.write_labels(path, LabelMap(array, grid))
    oracle, image = SimpleITK.ReadImage(str(path)), io.read_image(path)
    left, posterior, superior = oracle.TransformIndexToPhysicalPoint((3, 2, 1))
    np.testing.assert_allclose(image.grid.index_to_world((1, 2, 3)), (-left, -posterior, superior), atol=1e-6)
    assert oracle.GetPixel(3, 2, 1) == image.array[0, 1, 2, 3] == array[1, 2, 3]


def test_the_same_volume_in_nifti_and_nrrd_lies_in_the_same_place(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    image.SetSpacing((0.5, 0.75, 2.0))
    image.SetOrigin((1.0, -2.0, 3.0))
    image.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    for suffix in (".nrrd", ".mha", ".nii.gz", ".mhd", ".nhdr"):
        SimpleITK.WriteImage(image, str(tmp_path / f"a{suffix}"))
    first = io.read_image(tmp_path / "a.nrrd")
    for suffix in (".mha", ".nii.gz", ".mhd", ".nhdr"):
        other = io.read_image(tmp_path / f"a{suffix}")
        assert first.grid.matches(other.grid, tolerance=1e-4)
        np.testing.assert_array_equal(first.array, other.array)


def test_nrrd_in_ras_space_is_understood(tmp_path: Path) -> None:
    header = (
        "NRRD0005\ntype: uchar\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        "space directions: (2,0,0) (0,3,0) (0,0,4)\nkinds: domain domain domain\nencoding: raw\n"
        "space origin: (10,20,30)\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(header.encode() + bytes(range(24)))
    image = io.read_image(tmp_path / "a.nrrd")
    np.testing.assert_allclose(image.grid.index_to_world((1, 1, 1)), (12, 23, 34))
    np.testing.assert_array_equal(image.array[0], np.arange(24).reshape(4, 3, 2))
    assert io.describe(tmp_path / "a.nrrd").notes == ()


def test_nrrd_without_a_space_is_noted(tmp_path: Path) -> None:
    header = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 3 4\nspacings: 1 1 2\nencoding: raw\n\n"
    (tmp_path / "a.nrrd").write_bytes(header.encode() + bytes(24))
    assert io.read_image(tmp_path / "a.nrrd").grid.spacing == (2.0, 1.0, 1.0)
    assert any("names no patient space" in note for note in io.describe(tmp_path / "a.nrrd").notes)


def test_sheared_axes_are_kept_and_reported(tmp_path: Path) -> None:
    header = (
        "NRRD0005\ntype: uchar\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        "space directions: (2,0,0) (0,3,0) (0,1,4)\nkinds: domain domain domain\nencoding: raw\n"
        "space origin: (0,0,0)\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(header.encode() + bytes(24))
    np.testing.assert_allclose(io.read_image(tmp_path / "a.nrrd").grid.index_to_world((1, 0, 0)), (0, 1, 4), atol=1e-9)
    assert any("not perpendicular (off by 14" in note for note in io.describe(tmp_path / "a.nrrd").notes)


def test_vector_samples_are_channels(tmp_path: Path) -> None:
    array = np.random.default_rng(0).random((3, 4, 5, 2)).astype(np.float32)
    for suffix in (".nrrd", ".mha"):
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array, isVector=True), str(tmp_path / f"a{suffix}"))
        np.testing.assert_array_equal(io.read_image(tmp_path / f"a{suffix}").array, np.moveaxis(array, -1, 0))


def test_a_fourth_axis_is_time_unless_declared_channels(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (3, 4, 5, 6)).astype(np.int16)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(array, isVector=False), str(tmp_path / "a.mha"))
    assert io.count_frames(tmp_path / "a.mha") == 3
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.mha", frame=2).array[0], array[2])
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.mha", axes="CZYX").array, array)
    with pytest.raises(FormatError, match="axes must end with ZYX"):
        io.read_image(tmp_path / "a.mha", axes="ZTYX")


def test_slicer_segmentations_give_names(tmp_path: Path) -> None:
    image = SimpleITK.GetImageFromArray(np.random.default_rng(0).integers(0, 3, (3, 4, 5)).astype(np.uint8))
    for number, (value, name) in enumerate([(1, "liver"), (2, "spine")]):
        image.SetMetaData(f"Segment{number}_LabelValue", str(value))
        image.SetMetaData(f"Segment{number}_Name", name)
    SimpleITK.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
    assert io.read_labels(tmp_path / "a.seg.nrrd").names == {1: "liver", 2: "spine"}
    assert io.describe(tmp_path / "a.seg.nrrd").names == {1: "liver", 2: "spine"}


def test_label_names_survive_in_nrrd(tmp_path: Path) -> None:
    names = {1: "left ventricle", 205: "aorta"}
    labels = LabelMap(np.array([[[0, 1, 205]]]), Grid.from_spacing((1, 1, 3), (1, 1, 1)), {0: "background", **names})
    io.write_labels(tmp_path / "a.nrrd", labels)
    assert io.read_labels(tmp_path / "a.nrrd").names == names


def test_overlapping_layers_of_segments_are_refused_with_a_way_out(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 2, (3, 4, 5, 2)).astype(np.uint8)
    image = SimpleITK.GetImageFromArray(array, isVector=True)
    image.SetMetaData("Segment0_LabelValue", "1")
    SimpleITK.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
    with pytest.raises(FormatError, match="2 layers of segments that may overlap; export"):
        io.read_labels(tmp_path / "a.seg.nrrd")


@pytest.mark.parametrize(
    ("name", "line"),
    [("a.mhd", "ElementDataFile = ../secret.raw"), ("a.mhd", "ElementDataFile = /etc/hostname")],
)
def test_a_header_may_not_point_outside_its_folder(tmp_path: Path, name: str, line: str) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(24))
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / name).write_text(f"ObjectType = Image\nNDims = 3\nDimSize = 2 3 4\nElementType = MET_UCHAR\n{line}\n")
    with pytest.raises(FormatError, match="must lie in its folder"):
        io.read_image(folder / name)


def test_a_detached_nrrd_may_not_point_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.raw").write_bytes(bytes(24))
    folder = tmp_path / "in"
    folder.mkdir()
    header = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 3 4\nencoding: raw\ndata file: ../secret.raw\n"
    for name in ("a.nhdr", "a.nrrd"):
        (folder / name).write_text(header)
        with pytest.raises(FormatError, match="must lie in its folder"):
            io.read_image(folder / name)


def test_a_list_of_data_files_is_checked_too(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for z in range(2):
        (folder / f"s{z}.raw").write_bytes(bytes([z] * 6))
    (tmp_path / "secret.raw").write_bytes(bytes(6))
    header = "ObjectType = Image\nNDims = 3\nDimSize = 2 3 2\nElementType = MET_UCHAR\nElementDataFile = LIST\ns0.raw\n"
    (folder / "a.mhd").write_text(header + "s1.raw\n")
    assert io.read_image(folder / "a.mhd").array[0, :, 0, 0].tolist() == [0, 1]
    (folder / "a.mhd").write_text(header + "../secret.raw\n")
    with pytest.raises(FormatError, match="must lie in its folder"):
        io.read_image(folder / "a.mhd")


def test_the_samples_of_a_detached_header_are_found_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(range(24)))
    header = "ObjectType = Image\nNDims = 3\nDimSize = 2 3 4\nElementType = MET_UCHAR\nElementDataFile = a.raw\n"
    (tmp_path / "a.mhd").write_text(header)
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.mhd").array.ravel(), np.arange(24))
    (tmp_path / "a.raw").unlink()
    with pytest.raises(FormatError, match=r"a\.mhd"):
        io.read_image(tmp_path / "a.mhd")


def test_impossible_spacing_is_an_error(tmp_path: Path) -> None:
    header = (
        "NRRD0005\ntype: uchar\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
        "space directions: (2,0,0) (0,0,0) (0,0,4)\nkinds: domain domain domain\nencoding: raw\n"
        "space origin: (0,0,0)\n\n"
    )
    (tmp_path / "a.nrrd").write_bytes(header.encode() + bytes(24))
    with pytest.raises((FormatError, GeometryError), match=r"a\.nrrd"):
        io.read_image(tmp_path / "a.nrrd")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("ElementSpacing = 0 1 1", "voxel sizes must be positive|a.mha"),
        ("TransformMatrix = 1 0 0 1 0 0 0 0 1", "a.mha"),
    ],
)
def test_impossible_meta_headers_are_errors(tmp_path: Path, line: str, error: str) -> None:
    header = (
        f"ObjectType = Image\nNDims = 3\nDimSize = 2 3 4\nElementType = MET_UCHAR\n{line}\nElementDataFile = LOCAL\n"
    )
    (tmp_path / "a.mha").write_bytes(header.encode() + bytes(24))
    with pytest.raises((FormatError, GeometryError), match=error):
        io.read_image(tmp_path / "a.mha")


def test_five_axes_are_refused(tmp_path: Path) -> None:
    SimpleITK.WriteImage(SimpleITK.Image([2, 2, 2, 2, 2], SimpleITK.sitkUInt8), str(tmp_path / "a.nrrd"))
    with pytest.raises(FormatError, match="must have 2 to 4 axes"):
        io.read_image(tmp_path / "a.nrrd")


def test_complex_samples_are_refused(tmp_path: Path) -> None:
    image = SimpleITK.Image(3, 4, 5, SimpleITK.sitkComplexFloat32)
    SimpleITK.WriteImage(image, str(tmp_path / "a.nrrd"))
    with pytest.raises(FormatError, match="save the magnitude"):
        io.read_image(tmp_path / "a.nrrd")
