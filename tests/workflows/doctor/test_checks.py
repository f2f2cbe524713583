"""Each fault that can be found, made on purpose."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image as Picture
from tests.workflows.datasets import VOLUME, mask, picture, planes, volumes, write_image, write_labels
from tests.workflows.doctor.faults import (
    _float_labels,
    antialiased,
    codes,
    coding,
    colours,
    cropped_labels,
    interpolated,
    lost_geometry,
    not_finite,
    reoriented,
    rounded_geometry,
    shifted,
    soft,
    tree,
    whole_floats,
)

from septum import io
from septum.geometry import Grid, Image, LabelMap
from septum.workflows.doctor.checks import ALL, can_resample
from septum.workflows.doctor.examine import examine
from septum.workflows.doctor.mend import mend


def orphan(root):
    write_labels(planes(root) / "labels/lost_77.png", mask(1))


def truncated_image(root):
    path = planes(root) / "images/case1.png"
    path.write_bytes(path.read_bytes()[:200])


def truncated_volume(root):
    path = volumes(root) / "images/scan1.nii.gz"
    path.write_bytes(path.read_bytes()[:500])


def truncated_label(root):
    path = planes(root) / "labels/case1.png"
    path.write_bytes(path.read_bytes()[:40])


def other_shape(root):
    write_labels(planes(root) / "labels/case1.png", mask(1, (20, 30)))


def transposed(root):
    write_labels(planes(root) / "labels/case1.png", mask(1).T)


def larger(root):
    write_labels(planes(root) / "labels/case1.png", np.kron(mask(1), np.ones((2, 2), np.uint8)))


def elsewhere(root):
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape), VOLUME.crop((0, 5, 0), VOLUME.shape))


def undeclared(root):
    (planes(root) / "dataset.json").write_text('{"labels": {"background": 0, "cell": 1}}')
    write_labels(root / "labels/case1.png", mask(1) * 5)


def nan_labels(root):
    labels = mask(1, VOLUME.shape).astype(np.float32)
    labels[0, 0, 0] = np.nan
    _float_labels(root, labels)


def photograph(root):
    array = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    Picture.fromarray(array).save(planes(root) / "labels/case1.png")


def constant(root):
    write_image(planes(root) / "images/case1.png", np.full((24, 32), 3, np.uint8))


def empty(root):
    write_labels(planes(root) / "labels/case1.png", np.zeros((24, 32), np.uint8))


def duplicate(root):
    write_image(planes(root) / "images/case1.png", picture(0))
    write_labels(root / "labels/case1.png", mask(0))


def conflict(root):
    write_image(planes(root) / "images/case1.png", picture(0))


def copied_labels(root):
    write_labels(planes(root) / "labels/case1.png", mask(0))


def channels(root):
    array = np.random.default_rng(0).integers(0, 255, (24, 32, 2), np.uint8)
    io.write_image(planes(root) / "images/case9.tif", Image(array.transpose(2, 0, 1), Grid.pixels((24, 32))))
    write_labels(root / "labels/case9.png", mask(5))


def colour_among_grey(root):
    array = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    Picture.fromarray(array).save(planes(root) / "images/case1.png")


def dimensions(root):
    write_image(planes(root) / "images/v.tif", picture(0, VOLUME.shape), Grid.pixels(VOLUME.shape))
    write_labels(root / "labels/v.tif", mask(0, VOLUME.shape))


def micrometres(root):
    affine = VOLUME.affine.copy()
    affine[:3] *= 1000
    grid = Grid(VOLUME.shape, affine)
    write_image(volumes(root) / "images/scan1.nii.gz", picture(1, VOLUME.shape), grid)
    write_labels(root / "labels/scan1.nii.gz", mask(1, VOLUME.shape), grid)


def mixed_units(root):
    import tifffile

    tifffile.imwrite(volumes(root) / "images/t.tif", picture(5, (10, 12, 14)))
    tifffile.imwrite(root / "labels/t.tif", mask(5, (10, 12, 14)))


def mostly_foreground(root):
    planes(root)
    for i in range(4):
        write_labels(root / f"labels/case{i}.png", 1 - mask(i))


def inverted(root):
    write_labels(planes(root, 5) / "labels/case1.png", 1 - mask(1))


def unlabelled(root):
    shutil.rmtree(planes(root) / "labels")


FAULTS = [
    # fault, code found, severity, whether the copy has the case sound (True), leaves it out (False) or as it is (None)
    (orphan, "label-without-image", "error", False),
    (truncated_image, "unreadable-image", "error", False),
    (truncated_volume, "unreadable-image", "error", False),
    (truncated_label, "unreadable-labels", "error", False),
    (other_shape, "shape-mismatch", "error", False),
    (transposed, "shape-mismatch", "error", False),
    (larger, "shape-mismatch", "error", False),
    (shifted, "geometry-shifted", "error", True),
    (elsewhere, "geometry-mismatch", "error", False),
    (lost_geometry, "geometry-lost", "warning", True),
    (rounded_geometry, "geometry-rounding", "note", True),
    (reoriented, "orientation", "error", True),
    (cropped_labels, "other-grid", "error", True),
    (undeclared, "undeclared-value", "error", False),
    (whole_floats, "float-labels", "note", True),
    (soft, "soft-labels", "error", True),
    (interpolated, "soft-labels", "error", True),
    (nan_labels, "soft-labels", "error", False),
    (antialiased, "antialiased", "error", True),
    (colours, "colour-mask", "error", True),
    (photograph, "colour-mask", "error", False),
    (constant, "constant-image", "error", False),
    (not_finite, "not-finite", "error", True),
    (empty, "empty-labels", "note", None),
    (duplicate, "duplicate-image", "warning", False),
    (conflict, "duplicate-conflict", "error", False),
    (copied_labels, "duplicate-labels", "warning", None),
    (channels, "channels-differ", "error", False),
    (colour_among_grey, "grey-and-colour", "note", None),
    (dimensions, "dimensions-differ", "error", False),
    (micrometres, "spacing-outlier", "warning", None),
    (mixed_units, "units-mixed", "warning", None),
    (coding, "mixed-coding", "error", True),
    (mostly_foreground, "mostly-foreground", "warning", None),
    (inverted, "inverted", "warning", None),
    (unlabelled, "no-labels", "warning", None),
]


@pytest.mark.parametrize(("fault", "code", "severity", "mended"), FAULTS, ids=[f[0].__name__ for f in FAULTS])
def test_each_fault_is_found_and_mended_or_left_out(tmp_path, fault, code, severity, mended):
    root, copy = tmp_path / "set", tmp_path / "copy"
    fault(root)
    before = tree(root)
    findings = examine(root)
    found = [f for f in findings if f.code == code]
    assert {f.severity for f in found} == {severity}
    assert {f.code for f in findings} <= {code, "no-labels"}
    if mended is True:
        assert all(f.fixable for f in found)
    log = mend(root, copy, findings=findings)
    assert tree(root) == before
    left = {case for case, _ in log.left_out}
    bad = {f.case for f in found} - {ALL}
    assert (left == bad) if mended is False else (not left)
    after = codes(copy)
    assert code not in after or mended is None
    assert json.loads((copy / "doctor-log.json").read_text())["cases_copied"] == log.copied
    assert str(log) in (copy / "doctor-log.txt").read_text()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", ["low", "high"])
def test_labels_that_reach_out_of_the_image_on_any_side_cannot_be_resampled(axis: int, side: str) -> None:
    shape, start = [6, 6, 6], [3, 3, 3]
    inside = VOLUME.crop(tuple(start), tuple(shape))
    array = np.zeros(shape, np.uint8)
    array[2:4, 2:4, 2:4] = 1
    assert can_resample(VOLUME, LabelMap(array, inside))
    start[axis] = -4 if side == "low" else VOLUME.shape[axis] - 2
    affine = VOLUME.affine.copy()
    affine[:, 3] = VOLUME.affine @ np.array([*start, 1.0])
    assert not can_resample(VOLUME, LabelMap(array, Grid(tuple(shape), affine)))


def test_a_small_label_far_from_the_corners_of_its_grid_is_judged_by_itself() -> None:
    """The grid of the labels reaches out of the image at opposite corners; what is drawn does not."""
    affine = VOLUME.affine.copy()
    affine[:, 3] = VOLUME.affine @ np.array([-3.0, -2.0, -4.0, 1.0])
    array = np.zeros((16, 16, 22), np.uint8)
    array[4:12, 3:13, 5:17] = 1
    assert can_resample(VOLUME, LabelMap(array, Grid(array.shape, affine)))
    array[1, 3, 5] = 1
    assert not can_resample(VOLUME, LabelMap(array, Grid(array.shape, affine)))
