"""What people suffered with NIfTI files: headers of other programs, names that lie, labels with a scale factor."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from tests.field.conftest import septum

from septum import io
from septum.errors import FormatError

AFFINE = np.diag([-1.0, -1.2, 2.5, 1.0])
SAMPLES = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


def save(path: Path, samples: np.ndarray = SAMPLES, **header: object) -> Path:
    file = nibabel.Nifti1Image(samples, AFFINE)
    for key, value in header.items():
        file.header[key] = value
    nibabel.save(file, path)
    return path


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("length", [5, 170, 4000])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_header_extension_of_any_length_is_no_obstacle(tmp_path: Path, length: int, suffix: str) -> None:
    file = nibabel.Nifti1Image(SAMPLES, AFFINE)
    file.header.extensions.append(nibabel.nifti1.Nifti1Extension("afni", b"<?xml" + b"x" * length))
    nibabel.save(file, tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(io.read_image(tmp_path / f"a{suffix}").array[0], SAMPLES.T)


def unaligned(path: Path) -> None:
    """An extension whose size is no multiple of 16, as FreeSurfer 8 writes it."""
    made = bytearray(save(path.with_name("plain.nii")).read_bytes())
    extension = (190).to_bytes(4, "little") + (4).to_bytes(4, "little") + b"x" * 182
    made[108:112] = np.float32(352 + 190).tobytes()
    made[348:352] = b"\1\0\0\0"
    path.write_bytes(bytes(made[:352]) + extension + bytes(made[352:]))


@pytest.mark.filterwarnings("error")
def test_an_extension_that_is_no_multiple_of_16_is_read(tmp_path: Path) -> None:
    unaligned(tmp_path / "a.nii")
    np.testing.assert_array_equal(io.read_image(tmp_path / "a.nii").array[0], SAMPLES.T)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
def test_a_name_that_lies_about_compression_is_read_by_content_with_a_note(tmp_path: Path, name: str) -> None:
    if name.endswith(".gz"):
        shutil.move(save(tmp_path / "b.nii"), tmp_path / name)
    else:
        shutil.move(save(tmp_path / "b.nii.gz"), tmp_path / name)
    image = io.read_image(tmp_path / name)
    np.testing.assert_array_equal(image.array[0], SAMPLES.T)
    np.testing.assert_allclose(image.grid.spacing, (2.5, 1.2, 1.0), rtol=1e-6)
    assert "compressed although its name" in image.notes[0]


def test_cifti_is_named_as_such(tmp_path: Path) -> None:
    path = save(tmp_path / "x.dscalar.nii", intent_code=3006)
    with pytest.raises(FormatError, match="CIFTI"):
        io.read_image(path)


def test_a_true_cifti_file_is_named_as_such_and_the_volume_beside_it_is_read(tmp_path: Path) -> None:
    from nibabel import cifti2

    where = cifti2.BrainModelAxis.from_mask(np.ones((3, 4, 5), bool), affine=AFFINE)
    file = cifti2.Cifti2Image(np.zeros((1, 60), np.float32), (cifti2.ScalarAxis(["thickness"]), where))
    file.to_filename(tmp_path / "x.dscalar.nii")
    save(tmp_path / "y.nii")
    with pytest.raises(FormatError, match="CIFTI"):
        io.read_image(tmp_path / "x.dscalar.nii")
    ended = septum("info", tmp_path)
    assert ended.code == 1
    assert "1 file could not be read" in ended.err


def test_a_scale_factor_on_labels_is_blamed_not_smoothing(tmp_path: Path) -> None:
    file = nibabel.Nifti1Image((SAMPLES % 3).astype(np.int16), AFFINE)
    path = tmp_path / "m.nii"
    file.header.set_slope_inter(0.9882, 0)
    file.header.set_data_dtype(np.int16)
    nibabel.save(file, path)
    raw = bytearray(path.read_bytes())
    raw[112:116] = np.float32(0.9882).tobytes()
    path.write_bytes(raw)
    with pytest.raises(FormatError, match=r"header scales the stored labels by 0\.98"):
        io.read_labels(path)


def test_a_small_file_that_promises_gigabytes_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    raw = bytearray(save(tmp_path / "a.nii").read_bytes())
    raw[40:48] = np.array([3, 1200, 1200, 1200], "<i2").tobytes()
    (tmp_path / "a.nii").write_bytes(raw)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(raw))
    for name in ("a.nii", "b.nii.gz"):
        with pytest.raises(FormatError, match="promises"):
            io.read_image(tmp_path / name)
