"""Every check fires on the fault it is for, stays silent on sound data, and every mended copy is sound."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image as Picture
from tests.workflows.data.test_classes import jpeg
from tests.workflows.datasets import VOLUME, mask, picture, planes, volumes, write_image, write_labels

from septum import io
from septum.errors import ConfigError, DatasetError
from septum.geometry import Grid, Image
from septum.workflows.data.cases import load_labels, load_pair
from septum.workflows.data.load import load_dataset
from septum.workflows.doctor.checks import ALL
from septum.workflows.doctor.examine import examine
from septum.workflows.doctor.mend import mend


def codes(root):
    return {finding.code for finding in examine(root)}


def tree(root):
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("make", [planes, volumes])
def test_sound_data_gives_no_finding(tmp_path, make):
    assert examine(make(tmp_path)) == ()


def test_findings_read_as_one_line_each_and_errors_come_first(tmp_path):
    write_labels(planes(tmp_path) / "labels/case1.png", np.zeros((24, 32), np.uint8))
    write_image(tmp_path / "images/case2.png", np.full((24, 32), 7, np.uint8))
    first, second = examine(tmp_path)
    assert (first.severity, second.severity) == ("error", "note")
    assert str(first).startswith("error    case2  [constant-image] every intensity is 7;")


# ---- the faults: how to make one, what is found, and whether the copy mends it ------------------------------------


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


def shifted(root):
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape), VOLUME.crop((0, 0, 0.5), VOLUME.shape))


def elsewhere(root):
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape), VOLUME.crop((0, 5, 0), VOLUME.shape))


def lost_geometry(root):
    grid = Grid.from_spacing(VOLUME.shape, (1, 1, 1))
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape), grid)


def rounded_geometry(root):
    grid = VOLUME.crop((0, 0, 0.01), VOLUME.shape)
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape), grid)


def reoriented(root):
    affine = VOLUME.affine.copy()
    affine[:, 3] += affine[:, 2] * (VOLUME.shape[2] - 1)
    affine[:, 2] *= -1
    labels = np.ascontiguousarray(mask(1, VOLUME.shape)[:, :, ::-1].transpose(1, 0, 2))
    grid = Grid(labels.shape, affine[:, [1, 0, 2, 3]])
    write_labels(volumes(root) / "labels/scan1.nii.gz", labels, grid)


def cropped_labels(root):
    start, shape = (2, 2, 2), (6, 8, 9)
    box = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
    write_labels(volumes(root) / "labels/scan1.nii.gz", mask(1, VOLUME.shape)[box], VOLUME.crop(start, shape))


def undeclared(root):
    (planes(root) / "dataset.json").write_text('{"labels": {"background": 0, "cell": 1}}')
    write_labels(root / "labels/case1.png", mask(1) * 5)


def whole_floats(root):
    _float_labels(root, mask(1, VOLUME.shape).astype(np.float32))


def soft(root):
    from scipy import ndimage

    _float_labels(root, ndimage.gaussian_filter(mask(1, VOLUME.shape).astype(np.float32), 0.6))


def interpolated(root):
    labels = 2.0 * mask(1, VOLUME.shape).astype(np.float32)
    labels[5, 6, 7] = 1.37
    _float_labels(root, labels)


def nan_labels(root):
    labels = mask(1, VOLUME.shape).astype(np.float32)
    labels[0, 0, 0] = np.nan
    _float_labels(root, labels)


def _float_labels(root, array):
    reference = nibabel.load(volumes(root) / "labels/scan1.nii.gz")
    nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), reference.affine), root / "labels/scan1.nii.gz")


def antialiased(root):
    for i in range(3):
        write_image(root / f"images/c{i}.png", picture(i, (80, 80)))
        write_labels(root / f"labels/c{i}.png", 255 * mask(i, (80, 80)))
    write_labels(root / "labels/c1.png", jpeg())


def colours(root):
    array = np.zeros((24, 32, 3), np.uint8)
    array[5:10, 5:10] = (255, 0, 0)
    array[12:20, 12:20] = (0, 255, 0)
    Picture.fromarray(array).save(planes(root) / "labels/case1.png")


def photograph(root):
    array = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    Picture.fromarray(array).save(planes(root) / "labels/case1.png")


def constant(root):
    write_image(planes(root) / "images/case1.png", np.full((24, 32), 3, np.uint8))


def not_finite(root):
    array = picture(1, VOLUME.shape).astype(np.float32)
    array[0, 0, :3] = (np.nan, np.inf, -np.inf)
    write_image(volumes(root) / "images/scan1.nii.gz", array, VOLUME)


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
    io.write_image(
        planes(root) / "images/case9.tif", Image(array.transpose(2, 0, 1), Grid.from_spacing((24, 32), (1, 1)))
    )
    write_labels(root / "labels/case9.png", mask(5))


def colour_among_grey(root):
    array = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    Picture.fromarray(array).save(planes(root) / "images/case1.png")


def dimensions(root):
    write_image(planes(root) / "images/v.tif", picture(0, VOLUME.shape))
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


def coding(root):
    write_labels(planes(root) / "labels/case1.png", 255 * mask(1))


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
    log = mend(root, copy, findings)
    assert tree(root) == before
    left = {case for case, _ in log.left_out}
    bad = {f.case for f in found} - {ALL}
    assert (left == bad) if mended is False else (not left)
    after = codes(copy)
    assert code not in after or mended is None
    assert json.loads((copy / "doctor-log.json").read_text())["cases_copied"] == log.copied
    assert str(log) in (copy / "doctor-log.txt").read_text()


# ---- what mending does, exactly -----------------------------------------------------------------------------------


def copy_of(tmp_path, fault):
    fault(tmp_path / "set")
    log = mend(tmp_path / "set", tmp_path / "copy")
    return load_dataset(tmp_path / "copy"), log


@pytest.mark.parametrize("fault", [shifted, lost_geometry, rounded_geometry, reoriented, cropped_labels, whole_floats])
def test_mended_geometry_gives_back_the_labels_that_were_drawn(tmp_path, fault):
    dataset, log = copy_of(tmp_path, fault)
    image, labels = load_pair(dataset.case("scan1"))
    np.testing.assert_array_equal(labels.array, mask(1, VOLUME.shape))
    assert labels.grid == image.grid
    assert {change.case for change in log.changes} == {"scan1"}


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


def test_nan_is_replaced_by_the_smallest_finite_intensity(tmp_path):
    dataset, log = copy_of(tmp_path, not_finite)
    image, _ = load_pair(dataset.case("scan1"))
    assert np.isfinite(image.array).all()
    assert (image.array[0, 0, 0, :3] == image.array.min()).all()
    assert "3 NaN" in log.changes[0].what


def test_different_coding_of_the_foreground_becomes_the_usual_one(tmp_path):
    dataset, _ = copy_of(tmp_path, coding)
    np.testing.assert_array_equal(load_labels(dataset.case("case1")).array, mask(1))


def test_sound_files_are_copied_byte_for_byte(tmp_path):
    _, log = copy_of(tmp_path, coding)
    copied = tree(tmp_path / "copy")
    original = tree(tmp_path / "set")
    assert all(copied[name] == data for name, data in original.items() if name != Path("labels/case1.png"))
    assert [c.file for c in log.changes] == ["case1.png"]


def test_groups_splits_names_and_frames_survive_in_the_copy(tmp_path):
    import tifffile

    (tmp_path / "set/images").mkdir(parents=True)
    (tmp_path / "set/labels").mkdir()
    for name in ("a", "b"):
        seed = 10 * (name == "b")
        frames = np.stack([picture(seed + i) for i in range(3)])
        tifffile.imwrite(tmp_path / f"set/images/{name}.tif", frames, photometric="minisblack")
        masks = np.stack([mask(seed + i) for i in range(3)])
        tifffile.imwrite(tmp_path / f"set/labels/{name}.tif", masks, photometric="minisblack")
    (tmp_path / "set/dataset.json").write_text('{"labels": {"background": 0, "cell": 1, "ignore": 7}}')
    mend(tmp_path / "set", tmp_path / "copy", axes="TYX")
    dataset = load_dataset(tmp_path / "copy")
    assert [(c.id, c.group) for c in dataset.labelled][2:4] == [("a_t002", "a"), ("b_t000", "b")]
    assert dataset.ignore_value == 7
    np.testing.assert_array_equal(load_pair(dataset.case("b_t001"))[0].array[0], picture(11))


def test_sparse_slices_of_a_volume_are_written_with_an_ignored_value(tmp_path):
    import tifffile

    (tmp_path / "set/01_GT/SEG").mkdir(parents=True)
    (tmp_path / "set/01").mkdir()
    tifffile.imwrite(tmp_path / "set/01/t000.tif", picture(0, (5, 24, 32)))
    tifffile.imwrite(tmp_path / "set/01_GT/SEG/man_seg_000_002.tif", mask(1))
    assert examine(tmp_path / "set") == ()
    mend(tmp_path / "set", tmp_path / "copy")
    dataset = load_dataset(tmp_path / "copy")
    assert dataset.instances
    labels = load_labels(dataset.labelled[0])
    assert (labels.array[[0, 1, 3, 4]] == dataset.ignore_value).all()


def test_regions_of_interest_are_copied(tmp_path):
    write_labels(planes(tmp_path / "set") / "fov/case1.png", np.ones((24, 32), np.uint8))
    mend(tmp_path / "set", tmp_path / "copy")
    assert load_dataset(tmp_path / "copy").case("case1").roi is not None


# ---- guards -------------------------------------------------------------------------------------------------------


def test_an_existing_copy_is_replaced_only_when_asked(tmp_path):
    coding(tmp_path / "set")
    mend(tmp_path / "set", tmp_path / "copy")
    with pytest.raises(ConfigError, match="--overwrite"):
        mend(tmp_path / "set", tmp_path / "copy")
    mend(tmp_path / "set", tmp_path / "copy", overwrite=True)
    assert codes(tmp_path / "copy") == set()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy", "set"]


def test_a_folder_that_is_no_copy_is_never_replaced(tmp_path):
    planes(tmp_path / "set")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").write_text("precious")
    with pytest.raises(ConfigError, match="no doctor's copy"):
        mend(tmp_path / "set", tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis/chapter.txt").read_text() == "precious"


@pytest.mark.parametrize("output", ["set", "set/copy", "."])
def test_the_copy_must_not_lie_in_the_original_or_around_it(tmp_path, output):
    planes(tmp_path / "set")
    with pytest.raises(ConfigError, match="beside the data set"):
        mend(tmp_path / "set", tmp_path / output)


def test_the_copy_of_a_table_may_lie_beside_the_table(tmp_path):
    (planes(tmp_path) / "t.csv").write_text("image,label,group\nimages/case0.png,labels/case0.png,anna\n")
    mend(tmp_path / "t.csv", tmp_path / "mended")
    assert [(c.id, c.group) for c in load_dataset(tmp_path / "mended").cases] == [("case0", "anna")]


def test_channels_of_an_unlabelled_case_stay_together_in_the_copy(tmp_path):
    (planes(tmp_path) / "t.csv").write_text("id,image\nboth,images/case0.png;images/case1.png\n")
    mend(tmp_path / "t.csv", tmp_path / "mended")
    (case,) = load_dataset(tmp_path / "mended").cases
    assert (case.id, len(case.images)) == ("both", 2)


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    planes(tmp_path / "set")

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(DatasetError, match="No space left"):
        mend(tmp_path / "set", tmp_path / "copy")
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_a_data_set_of_which_nothing_is_left_is_refused(tmp_path):
    write_image(tmp_path / "set/images/a.png", np.zeros((24, 32), np.uint8))
    with pytest.raises(DatasetError, match="no case"):
        mend(tmp_path / "set", tmp_path / "copy")


def test_progress_reaches_the_end(tmp_path):
    seen = []
    examine(planes(tmp_path), on_progress=lambda case, share: seen.append((case, share)))
    assert [case for case, _ in seen] == ["case0", "case1", "case2", "case3"]
    assert seen[-1][1] == 1.0


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("em-isbi2012", {"mostly-foreground"}),
        ("phc-t98g-usiigaci", set()),
        ("petctmr-sts-nifti", set()),
        ("radiomics-nrrd-pypi", set()),
        ("mri-spinal-cord-sct", {"float-labels", "duplicate-labels"}),
        ("mri-hippocampus-msd/unpaired", {"label-without-image", "no-labels"}),
    ],
)
def test_real_data_sets_give_the_findings_they_deserve_and_no_false_alarm(realdata, name, expected):
    assert codes(realdata / name) == expected
