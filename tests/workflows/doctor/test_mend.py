"""The mended copy; the original is never touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.workflows.datasets import VOLUME, mask, picture, planes, write_image, write_labels
from tests.workflows.doctor.faults import (
    codes,
    coding,
    copy_of,
    cropped_labels,
    lost_geometry,
    not_finite,
    reoriented,
    rounded_geometry,
    shifted,
    tree,
    whole_floats,
)

from septum.errors import Cancelled, ConfigError, DatasetError
from septum.geometry import Grid
from septum.workflows.data.cases import load_labels, load_pair
from septum.workflows.data.load import load_dataset
from septum.workflows.doctor.examine import examine
from septum.workflows.doctor.mend import mend
from septum.workflows.runs.hooks import Hooks


@pytest.mark.parametrize("fault", [shifted, lost_geometry, rounded_geometry, reoriented, cropped_labels, whole_floats])
def test_mended_geometry_gives_back_the_labels_that_were_drawn(tmp_path, fault):
    dataset, log = copy_of(tmp_path, fault)
    image, labels = load_pair(dataset.case("scan1"))
    np.testing.assert_array_equal(labels.array, mask(1, VOLUME.shape))
    assert labels.grid == image.grid
    assert {change.case for change in log.changes} == {"scan1"}


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


def test_what_is_not_declared_is_not_written_and_an_ignored_value_alone_is(tmp_path):
    planes(tmp_path / "plain")
    mend(tmp_path / "plain", tmp_path / "copy")
    assert not (tmp_path / "copy/dataset.json").exists()
    planes(tmp_path / "partly")
    (tmp_path / "partly/dataset.json").write_text('{"labels": {"ignore": 7}}')
    mend(tmp_path / "partly", tmp_path / "second")
    assert load_dataset(tmp_path / "second").ignore_value == 7


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


def test_a_copy_that_is_stopped_leaves_nothing_behind(tmp_path):
    seen = []
    hooks = Hooks(lambda case, share: seen.append(case), should_stop=lambda: len(seen) > 4)
    with pytest.raises(Cancelled):
        mend(planes(tmp_path / "set"), tmp_path / "copy", hooks=hooks)
    assert seen == ["case0", "case1", "case2", "case3", "case0"]  # looked at, then copied
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


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


def test_exchanged_label_files_are_left_out_and_never_moved_onto_the_wrong_patient(tmp_path):
    grids = {"p1": VOLUME, "p2": Grid.from_spacing((9, 20, 22), (2.0, 1.0, 1.0)), "p3": VOLUME}
    exchanged = {"p1": "p2", "p2": "p1", "p3": "p3"}
    for number, (case, grid) in enumerate(grids.items()):
        write_image(tmp_path / f"set/images/{case}.nii.gz", picture(number, grid.shape), grid)
        write_labels(tmp_path / f"set/labels/{exchanged[case]}.nii.gz", mask(number, grid.shape), grid)
    log = mend(tmp_path / "set", tmp_path / "copy")
    assert log.copied == 1
    assert [case for case, _ in log.left_out] == ["p1", "p2"]
    assert all("exactly on that of" in why for _, why in log.left_out)
