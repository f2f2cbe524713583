"""How labels that were smoothed, coloured or compressed are mended."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image as Picture
from tests.workflows.datasets import VOLUME, mask, picture, volumes, write_image, write_labels
from tests.workflows.doctor.faults import antialiased, colours, copy_of, interpolated, soft

from septum.geometry import Grid
from septum.workflows.data.cases import load_labels
from septum.workflows.data.load import load_dataset
from septum.workflows.doctor.labels import Mending, mend_labels
from septum.workflows.doctor.mend import mend


def test_a_soft_mask_is_cut_in_the_middle(tmp_path):
    dataset, _ = copy_of(tmp_path, soft)
    labels = load_labels(dataset.case("scan1"))
    assert set(np.unique(labels.array)) == {0, 1}
    assert (labels.array != mask(1, VOLUME.shape)).mean() < 0.02


def test_an_interpolated_sample_takes_its_neighbours_value(tmp_path):
    dataset, _ = copy_of(tmp_path, interpolated)
    assert set(np.unique(load_labels(dataset.case("scan1")).array)) <= {0, 2}


def test_a_jpeg_mask_becomes_two_values_again(tmp_path):
    dataset, _ = copy_of(tmp_path, antialiased)
    y, x = np.mgrid[:80, :80]
    disc = 255 * ((y - 40) ** 2 + (x - 38) ** 2 < 700)
    np.testing.assert_array_equal(load_labels(dataset.case("c1")).array, disc)


def test_antialiasing_between_several_classes_leaves_no_ring_of_a_third_class(tmp_path):
    from scipy import ndimage

    drawn = np.zeros((60, 60))
    drawn[10:50, 10:28], drawn[10:50, 34:52] = 100, 200
    y, x = np.mgrid[:60, :60]
    drawn[(y - 30) ** 2 + (x - 30) ** 2 > 400] = 0
    smooth = np.rint(ndimage.gaussian_filter(drawn, 0.6)).astype(np.uint8)
    for i in range(2):
        write_image(tmp_path / f"set/images/{i}.png", picture(i, (60, 60)))
    write_labels(tmp_path / "set/labels/0.png", smooth)
    write_labels(tmp_path / "set/labels/1.png", drawn.astype(np.uint8))
    mend(tmp_path / "set", tmp_path / "copy")
    labels = load_labels(load_dataset(tmp_path / "copy").case("0")).array
    assert set(np.unique(labels)) == {0, 100, 200}
    assert (labels != drawn).mean() < 0.03


def test_a_step_along_the_flat_sides_of_an_antialiased_object_is_no_class(tmp_path):
    from scipy import ndimage

    drawn = np.zeros((12, 40, 40))
    drawn[3:9, 5:35, 8:30] = 255
    z, y, x = np.mgrid[:12, :40, :40]
    drawn[(z - 6) ** 2 + (y - 20) ** 2 + (x - 19) ** 2 > 190] = 0
    smooth = np.rint(ndimage.gaussian_filter(drawn, 0.6)).astype(np.uint8)
    for i, labels in enumerate((smooth, drawn.astype(np.uint8))):
        write_image(tmp_path / f"set/images/{i}.nii.gz", picture(i, drawn.shape))
        write_labels(tmp_path / f"set/labels/{i}.nii.gz", labels)
    mend(tmp_path / "set", tmp_path / "copy")
    labels = load_labels(load_dataset(tmp_path / "copy").case("0")).array
    assert set(np.unique(labels)) == {0, 255}
    assert (labels != drawn).mean() < 0.03


def test_colours_are_numbered_alike_in_all_masks_and_listed_in_the_log(tmp_path):
    def fault(root):
        colours(root)
        array = np.zeros((24, 32, 3), np.uint8)
        array[1:5, 1:5] = (0, 255, 0)
        array[6:9, 6:9] = (0, 0, 255)
        for i in (0, 2, 3):
            Picture.fromarray(array).save(root / f"labels/case{i}.png")
            array[20, i] = (0, 255, 0)

    dataset, log = copy_of(tmp_path, fault)
    assert load_labels(dataset.case("case1")).array[15, 15] == load_labels(dataset.case("case0")).array[2, 2] == 2
    assert "(255, 0, 0) = 3" in log.changes[0].what


def test_the_log_gives_the_labelled_volume_before_and_after_in_cubic_millimetres(tmp_path):
    root = volumes(tmp_path / "data")
    fine = Grid(tuple(2 * n for n in VOLUME.shape), VOLUME.affine @ np.diag([0.5, 0.5, 0.5, 1.0]))
    array = np.zeros(fine.shape, np.uint8)
    array[4:12, 6:16, 8:20] = 1
    write_labels(root / "labels/scan1.nii.gz", array, fine)
    case = load_dataset(root, strict=False).case("scan1")
    _, done = mend_labels(case, {"other-grid"}, mending=Mending(None, {}, None))
    sentence = dict(done)["geometry"]
    before, after = (float(number) for number in re.findall(r"([\d.]+) mm³", sentence))
    assert before == pytest.approx(8 * 10 * 12 * 3.0 * 0.8 * 0.8 / 8)
    assert after == pytest.approx(before, rel=0.35)
