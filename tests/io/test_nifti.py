"""NIfTI headers that contradict themselves, and the world position that other tools agree on."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from tests.geometry.test_grid import ORIENTATIONS, oriented

from septum import io
from septum.errors import FormatError, GeometryError


def save(path: Path, array: np.ndarray, affine: np.ndarray | None = None, **codes: int) -> Path:
    """A NIfTI file from an array in `(i, j, k)` order; `sform=` and `qform=` set the codes."""
    place = np.diag([2.0, 3.0, 4.0, 1.0]) if affine is None else affine
    file = nibabel.Nifti1Image(array, place)
    if codes:
        file.set_sform(place, codes["sform"])
        file.set_qform(place, codes["qform"])
    nibabel.save(file, path)
    return path


def patch(path: Path, offset: int, values: np.ndarray) -> None:
    """Overwrite header bytes of an uncompressed file."""
    raw = bytearray(path.read_bytes())
    raw[offset : offset + values.nbytes] = values.tobytes()
    path.write_bytes(bytes(raw))


PIXDIM, QFORM_CODE, SFORM_CODE, SROW_X = 76, 252, 254, 280


@given(which=st.sampled_from(ORIENTATIONS), seed=st.integers(0, 99))
def test_a_voxel_lies_where_nibabel_and_itk_say(
    tmp_path_factory: pytest.TempPathFactory, which: tuple[tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    grid = oriented(*which)
    affine = grid.affine.copy()
    affine[:, :3] = affine[:, 2::-1]
    array = np.random.default_rng(seed).integers(0, 99, (6, 5, 4)).astype(np.int16)
    path = save(tmp_path_factory.mktemp("n") / "a.nii", array, affine, sform=1, qform=1)
    image, oracle = io.read_image(path), SimpleITK.ReadImage(str(path))
    i, j, k = 4, 1, 2
    world = image.grid.index_to_world((k, j, i))
    np.testing.assert_allclose(world, nibabel.affines.apply_affine(nibabel.load(path).affine, (i, j, k)), atol=1e-4)
    left, posterior, superior = oracle.TransformIndexToPhysicalPoint((i, j, k))
    np.testing.assert_allclose(world, (-left, -posterior, superior), atol=1e-4)
    assert image.array[0, k, j, i] == array[i, j, k] == oracle.GetPixel(i, j, k)


def test_the_sform_wins_over_a_qform_that_disagrees_and_a_note_says_how_much(tmp_path: Path) -> None:
    file = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.eye(4))
    file.set_sform(np.diag([2.0, 2, 2, 1]), 1)
    moved = np.diag([2.0, 2, 2, 1])
    moved[0, 3] = 7
    file.set_qform(moved, 1)
    nibabel.save(file, tmp_path / "a.nii")
    assert io.read_image(tmp_path / "a.nii").grid.origin == (0, 0, 0)
    assert any("disagree by 7 mm" in note for note in io.describe(tmp_path / "a.nii").notes)


def test_the_qform_is_used_when_the_sform_is_not_set(tmp_path: Path) -> None:
    affine = np.diag([-2.0, -3, 4, 1])
    save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8), affine, sform=0, qform=1)
    assert io.read_image(tmp_path / "a.nii").grid.orientation == "SPL"
    assert io.describe(tmp_path / "a.nii").notes == ()


def test_without_any_form_the_sizes_are_used_and_the_doubt_is_noted(tmp_path: Path) -> None:
    save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8), sform=0, qform=0)
    assert io.read_image(tmp_path / "a.nii").grid.spacing == (4.0, 3.0, 2.0)
    assert any("no orientation is stored" in note for note in io.describe(tmp_path / "a.nii").notes)


def test_sheared_axes_are_kept_and_reported(tmp_path: Path) -> None:
    affine = np.diag([2.0, 3, 4, 1])
    affine[0, 2] = 0.5
    path = save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8), affine, sform=1, qform=0)
    np.testing.assert_allclose(io.read_image(path).grid.index_to_world((1, 0, 0)), (0.5, 0, 4))
    assert any("not perpendicular (off by 7.1" in note for note in io.describe(path).notes)


def test_voxel_sizes_of_zero_are_an_error_that_shows_them(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8), sform=0, qform=1)
    patch(path, PIXDIM + 4, np.array([2, 0, 4], "<f4"))
    with pytest.raises(GeometryError, match=r"a\.nii has \[2\.0, 0\.0, 4\.0\]"):
        io.read_image(path)


def test_voxel_sizes_of_zero_are_noted_where_the_sform_knows_better(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8), sform=1, qform=0)
    patch(path, PIXDIM + 4, np.array([2, 0, 4], "<f4"))
    assert io.read_image(path).grid.spacing == (4.0, 3.0, 2.0)
    assert any("those of the sform are used" in note for note in io.describe(path).notes)


def test_a_singular_sform_is_ignored_with_a_note(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8), sform=1, qform=1)
    patch(path, SROW_X, np.zeros(12, "<f4"))
    assert io.read_image(path).grid.spacing == (4.0, 3.0, 2.0)
    assert "the sform is singular and is ignored" in io.describe(path).notes


def test_a_spacing_that_is_nan_is_an_error(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((4, 5, 6), np.uint8), sform=0, qform=1)
    patch(path, PIXDIM + 4, np.array([2, np.nan, 4], "<f4"))
    with pytest.raises(GeometryError, match="nan"):
        io.read_image(path)


def test_positions_in_microns_become_millimetres(tmp_path: Path) -> None:
    file = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.diag([200.0, 300, 400, 1]))
    file.header.set_xyzt_units("micron")
    nibabel.save(file, tmp_path / "a.nii")
    np.testing.assert_allclose(io.read_image(tmp_path / "a.nii").grid.spacing, (0.4, 0.3, 0.2))
    assert any("microns" in note for note in io.describe(tmp_path / "a.nii").notes)


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    file = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    file.header.set_slope_inter(0.5, -3)
    nibabel.save(file, tmp_path / "a.nii")
    stored = nibabel.load(tmp_path / "a.nii")
    image = io.read_image(tmp_path / "a.nii")
    assert image.array.dtype == np.float32
    np.testing.assert_allclose(image.array[0].T, stored.get_fdata(), atol=1e-5)


def test_labels_with_a_slope_are_whole_numbers_again(tmp_path: Path) -> None:
    file = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    patched = tmp_path / "a.nii"
    nibabel.save(file, patched)
    patch(patched, 112, np.array([2.0, 0.0], "<f4"))  # scl_slope, scl_inter
    labels = io.read_labels(patched)
    np.testing.assert_array_equal(labels.array.T, 2 * np.arange(24).reshape(2, 3, 4))
    assert labels.array.dtype == np.uint8


@pytest.mark.parametrize(("count", "step", "frames"), [(4, 1.0, 1), (4, 0.0, 1), (4, 2.5, 4), (20, 1.0, 20)])
def test_a_fourth_axis_is_channels_when_short_and_time_when_it_has_a_step_or_is_long(
    tmp_path: Path, count: int, step: float, frames: int
) -> None:
    array = np.random.default_rng(0).integers(0, 99, (3, 4, 5, count)).astype(np.int16)
    file = nibabel.Nifti1Image(array, np.eye(4))
    file.header["pixdim"][4] = step
    nibabel.save(file, tmp_path / "a.nii.gz")
    path = tmp_path / "a.nii.gz"
    assert io.count_frames(path) == frames
    assert any("declare axes" in note for note in io.describe(path).notes)
    if frames == 1:
        np.testing.assert_array_equal(io.read_image(path).array, array.T)
    else:
        np.testing.assert_array_equal(io.read_image(path, frame=2).array[0], array[..., 2].T)
        with pytest.raises(FormatError, match=f"holds {count} frames"):
            io.read_image(path)
        with pytest.raises(FormatError, match=f"between 0 and {count - 1}"):
            io.read_image(path, frame=count)


def test_a_fourth_axis_of_length_one_is_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((3, 4, 5, 1), np.uint8))
    assert io.read_labels(path).array.shape == (5, 4, 3)
    assert io.describe(path).notes == ()


def test_declared_axes_decide(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (3, 4, 5, 2)).astype(np.int16)
    path = save(tmp_path / "a.nii", array)
    assert io.count_frames(path, axes="TZYX") == 2
    assert io.read_image(path, axes="CZYX").array.shape == (2, 5, 4, 3)
    np.testing.assert_array_equal(io.read_image(path, axes="tzyx", frame=1).array[0], array[..., 1].T)
    with pytest.raises(FormatError, match="end with ZYX"):
        io.read_image(path, axes="ZYXC")
    with pytest.raises(FormatError, match="one letter for each of the 4 axes"):
        io.read_image(path, axes="ZYX")
    with pytest.raises(FormatError, match="different letters"):
        io.read_image(path, axes="QZYX")


def test_a_stack_can_be_declared_a_movie_of_planes(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 99, (3, 4, 5)).astype(np.int16)
    path = save(tmp_path / "a.nii", array)
    image = io.read_image(path, axes="TYX", frame=3)
    np.testing.assert_array_equal(image.array[0], array[..., 3].T)
    assert image.grid.spacing == (3.0, 2.0)


def test_a_volume_of_one_slice_stays_a_volume_unless_declared_a_plane(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((3, 4, 1), np.uint8))
    assert io.read_image(path).grid.shape == (1, 4, 3)
    assert io.read_image(path, axes="YX").grid.shape == (4, 3)


def test_a_plane_is_read_as_a_plane(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = io.read_image(save(tmp_path / "a.nii", array))
    np.testing.assert_array_equal(image.array[0], array.T)
    assert image.grid.spacing == (3.0, 2.0)


def test_an_oblique_plane_keeps_its_pixel_sizes(tmp_path: Path) -> None:
    affine = np.array([[0, 0, 1, 0], [2.0, 0, 0, 0], [0, 3.0, 0, 0], [0, 0, 0, 1]])
    image = io.read_image(save(tmp_path / "a.nii", np.zeros((3, 4), np.uint8), affine))
    np.testing.assert_allclose(image.grid.spacing, (3.0, 2.0))


def test_vectors_and_colours_are_channels(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).random((3, 4, 5, 1, 2)).astype(np.float32)
    np.testing.assert_array_equal(io.read_image(save(tmp_path / "v.nii", vectors)).array, vectors[:, :, :, 0].T)
    rgb = np.zeros((3, 4, 5), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["G"][1, 2, 3] = 200
    image = io.read_image(save(tmp_path / "c.nii", rgb))
    assert image.channels == ("red", "green", "blue")
    assert np.argwhere(image.array).tolist() == [[1, 3, 2, 1]]


def test_big_endian_files_come_in_native_order(tmp_path: Path) -> None:
    array = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4), nibabel.Nifti1Header(endianness=">")), tmp_path / "a.nii")
    image = io.read_image(tmp_path / "a.nii")
    assert image.array.dtype.isnative
    np.testing.assert_array_equal(image.array[0].T, array)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2, 1, 1, 2)])
def test_too_few_or_too_many_axes_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(FormatError, match="must have 2 to 5 axes"):
        io.read_image(save(tmp_path / "a.nii", np.zeros(shape, np.uint8)))


def test_complex_samples_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((2, 3, 4), np.complex64))
    with pytest.raises(FormatError, match="save the magnitude"):
        io.read_image(path)


def test_files_that_claim_a_huge_shape_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", np.zeros((2, 3, 4), np.uint8))
    patch(path, 42, np.array([30000, 30000, 30000], "<i2"))
    with pytest.raises(FormatError):
        io.read_image(path)
    packed = tmp_path / "b.nii.gz"
    import gzip

    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(FormatError, match="promises"):
        io.read_image(packed)


def test_written_files_are_placed_alike_by_itk(tmp_path: Path) -> None:
    from septum.geometry import LabelMap

    grid = oriented((1, 2, 0), (-1, 1, -1))
    io.write_labels(tmp_path / "a.nii.gz", LabelMap(np.zeros(grid.shape, np.uint8), grid))
    oracle = SimpleITK.ReadImage(str(tmp_path / "a.nii.gz"))
    left, posterior, superior = oracle.TransformIndexToPhysicalPoint((3, 2, 1))
    np.testing.assert_allclose(grid.index_to_world((1, 2, 3)), (-left, -posterior, superior), atol=1e-4)
    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert int(header["sform_code"]) == int(header["qform_code"]) == 1
    np.testing.assert_allclose(header.get_sform(), header.get_qform(), atol=1e-5)


@pytest.mark.parametrize("kind", ["whole", "parts", "more", "swapped", "scaled", "colours"])
def test_a_compressed_file_holds_what_nibabel_finds_in_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.nii.gz"
    samples = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(">i2" if kind == "swapped" else "<i2")
    if kind == "colours":
        samples = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
        samples["G"] = np.arange(120).reshape(4, 5, 6)
    header = nibabel.Nifti1Header(endianness=">" if kind == "swapped" else "<")
    header.set_data_dtype(samples.dtype)
    file = nibabel.Nifti1Image(samples, np.eye(4), header)
    if kind == "scaled":
        file.header.set_slope_inter(2.0, 1.0)
    plain = file.to_bytes()
    pieces = [plain[:400], plain[400:]] if kind == "parts" else [plain + b"more" if kind == "more" else plain]
    path.write_bytes(b"".join(gzip.compress(piece) for piece in pieces))
    found, wanted = io.read_image(path).array, np.asanyarray(nibabel.load(path).dataobj)
    wanted = wanted["G"] if kind == "colours" else wanted
    assert np.array_equal(found[1 if kind == "colours" else 0], wanted.transpose())
    assert found.flags.writeable


def test_a_compressed_file_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    samples = np.random.default_rng(0).integers(0, 99, (9, 9, 9), np.int16)
    body = bytearray(gzip.compress(nibabel.Nifti1Image(samples, np.eye(4)).to_bytes()))
    body[len(body) // 2] ^= 0xFF
    path.write_bytes(bytes(body))
    with pytest.raises(FormatError, match="damaged"):
        io.read_image(path)
