"""What people suffered with labels that were scaled, interpolated or moved: a class that a repair took away."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from septum import io
from septum.cli.main import main
from septum.errors import DatasetError
from septum.workflows.data.load import load_dataset
from septum.workflows.doctor.examine import examine
from septum.workflows.doctor.labels import Mending, mend_labels
from septum.workflows.doctor.mend import mend
from septum.workflows.doctor.soft import harden
from septum.workflows.doctor.volumes import check_volumes


def volumes(root: Path, labels: np.ndarray, *, names: dict[str, int] | None = None, cases: int = 2) -> Path:
    """A data set of volumes on one grid with these labels, which may be fractions; returns its folder."""
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    for number in range(cases):
        image = np.random.default_rng(number).normal(100, 9, labels.shape).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(image, np.diag([1, 1, 2, 1.0])), root / f"images/c{number}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(labels, np.diag([1, 1, 2, 1.0])), root / f"labels/c{number}.nii.gz")
    if names is not None:
        (root / "dataset.json").write_text(json.dumps({"labels": names}))
    return root


def two_organs() -> np.ndarray:
    labels = np.zeros((24, 24, 12), np.float32)
    labels[4:8, 4:20, 3:9], labels[10:20, 4:20, 3:9] = 1, 2
    return labels


def test_a_class_that_a_headers_slope_left_at_0_9882_is_kept(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    labels = np.where(two_organs() == 1, np.float32(0.9882), two_organs())
    root = volumes(tmp_path / "set", labels)
    with pytest.raises(SystemExit) as ending:
        main(["doctor", str(root), "--fix", str(tmp_path / "copy")])
    assert not ending.value.code
    assert "384 samples within 0.1 of a whole number took it" in capfd.readouterr().out
    mended = io.read_labels(tmp_path / "copy/labels/c0.nii.gz").array
    values, counts = np.unique(mended, return_counts=True)
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == {0: 5568, 1: 384, 2: 960}


def test_edges_that_interpolation_left_between_0_and_2_are_no_third_class() -> None:
    drawn = np.zeros((12, 20, 20))
    drawn[3:9, 4:16, 5:15] = 2
    labels, _ = harden(ndimage.zoom(drawn, 2, order=1), ())
    assert set(np.unique(labels)) == {0, 2}
    assert (labels == 2).sum() == pytest.approx(8 * (drawn == 2).sum(), rel=0.2)


def test_a_class_stored_as_1_3_is_asked_about_and_its_case_left_out(tmp_path: Path) -> None:
    labels = np.where(two_organs() == 1, np.float32(1.3), two_organs())
    root = volumes(tmp_path / "set", labels)
    found = [one for one in examine(root) if one.code == "soft-labels"]
    assert found
    assert not any(one.fixable for one in found)
    assert all("1.3 fill areas" in one.mend and "dataset.json" in one.mend for one in found)
    with pytest.raises(DatasetError, match="no case"):
        mend(root, tmp_path / "copy", findings=found)


def scattered() -> np.ndarray:
    """Class 2, and single samples of 1.02 far from it: a class of its own, or specks?"""
    labels = np.where(two_organs() == 2, 2.0, 0.0).astype(np.float32)
    labels[::4, 22, ::3] = 1.02
    return labels


def test_scattered_samples_near_a_whole_number_are_asked_about() -> None:
    with pytest.raises(DatasetError, match=r"about 1, .* dataset\.json"):
        harden(scattered(), ())


@pytest.mark.parametrize(("declared", "expected"), [((0, 1, 2), {0, 1, 2}), ((0, 2), {0, 2})])
def test_what_the_data_set_declares_decides_about_scattered_samples(
    declared: tuple[int, ...], expected: set[int]
) -> None:
    assert set(np.unique(harden(scattered(), declared)[0])) == expected


def test_a_probability_is_cut_but_not_where_three_classes_are_declared() -> None:
    third = np.where(two_organs() > 0, np.float32(0.6), np.float32(0))
    labels, said = harden(third, ())
    assert said.startswith("cut at 0.5")
    assert (labels > 0).sum() == (third > 0).sum()
    with pytest.raises(DatasetError, match=r"0\.6 fill areas"):
        harden(third, (0, 1, 2))


def test_a_mask_that_reaches_nowhere_a_half_is_not_emptied() -> None:
    with pytest.raises(DatasetError, match=r"no sample reaches 0\.5"):
        harden(np.where(two_organs() > 0, np.float32(0.4), np.float32(0)), ())


def test_a_small_class_that_resampling_would_lose_keeps_its_case_from_the_copy(tmp_path: Path) -> None:
    labels = np.where(two_organs() == 2, 2, 0).astype(np.uint8)
    root = volumes(tmp_path / "set", labels, cases=3)
    fine = np.kron(labels, np.ones((2, 2, 2), np.uint8))
    fine[4, 4, 4] = 1  # a single sample of half the size, between the samples of the image
    affine = np.diag([0.5, 0.5, 1, 1.0])
    affine[:3, 3] = (-0.25, -0.25, -0.5)
    nibabel.save(nibabel.Nifti1Image(fine, affine), root / "labels/c1.nii.gz")
    log = mend(root, tmp_path / "copy")
    assert [case for case, why in log.left_out if "label 1 (0.25 mm³) would vanish" in why] == ["c1"]
    assert log.copied >= 1


def test_a_repair_that_doubles_a_class_is_refused() -> None:
    check_volumes({1: 100.0, 2: 5.0}, {1: 149.0, 2: 4.0})
    with pytest.raises(DatasetError, match="label 1 would have 151 samples after 100"):
        check_volumes({1: 100.0}, {1: 151.0})
    with pytest.raises(DatasetError, match="every class"):
        check_volumes({1: 100.0, 2: 5.0}, {1: 100.0})


def blurred(size: int, sigma: float) -> np.ndarray:
    """36 squares of two classes, 100 and 200, drawn with soft edges."""
    drawn = np.zeros((80, 80))
    for row, top in enumerate(range(3, 70, 12)):
        for column, left in enumerate(range(3, 70, 12)):
            drawn[top : top + size, left : left + size] = (100, 200)[(row + column) % 2]
    return np.rint(ndimage.gaussian_filter(drawn, sigma)).astype(np.uint8)


def mended(tmp_path: Path, labels: np.ndarray) -> np.ndarray:
    root = volumes(tmp_path / "set", np.repeat(labels[:, :, None], 3, axis=2), cases=1)
    case = load_dataset(root, strict=False).case("c0")
    return mend_labels(case, {"antialiased"}, mending=Mending(None, {}, None))[0].array


def test_a_class_between_two_others_is_not_taken_for_antialiasing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="samples away from every edge"):
        mended(tmp_path, blurred(5, 0.6))


def test_small_antialiased_objects_of_two_classes_get_their_sizes_back(tmp_path: Path) -> None:
    values, counts = np.unique(mended(tmp_path, blurred(6, 0.5)), return_counts=True)
    found = dict(zip(values.tolist(), counts.tolist(), strict=True))
    assert found == {0: 3 * (80 * 80 - 36 * 36), 100: 3 * 18 * 36, 200: 3 * 18 * 36}
