"""nnU-Net, Decathlon and Cell Tracking Challenge folders, and what lies beside them unused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.workflows.data.layouts_on_disk import _tiff, ids
from tests.workflows.datasets import VOLUME, mask, picture, planes, volumes, write_image, write_labels

from septum.errors import DatasetError
from septum.geometry import Grid
from septum.workflows.data.cases import UNANNOTATED, load_image, load_labels, load_pair
from septum.workflows.data.load import load_dataset


class TestNnunet:
    def make(self, root, *, labels=None, channels=2, **more):
        for i in range(3):
            for channel in range(channels):
                write_image(
                    root / f"imagesTr/case{i}_{channel:04d}.nii.gz", picture(i + 10 * channel, VOLUME.shape), VOLUME
                )
            write_labels(root / f"labelsTr/case{i}.nii.gz", mask(i, VOLUME.shape), VOLUME)
            write_image(root / f"imagesTs/late{i}_0000.nii.gz", picture(i, VOLUME.shape), VOLUME)
        data = {
            "channel_names": {"0": "T1", "1": "T2"},
            "labels": labels or {"background": 0, "liver": 1, "ignore": 2},
            "numTraining": 3,
            "file_ending": ".nii.gz",
        }
        (root / "dataset.json").write_text(json.dumps(data | more))
        return root

    def test_channels_labels_test_images_and_declared_names_are_read(self, tmp_path):
        dataset = load_dataset(self.make(tmp_path))
        assert dataset.kind == "nnunet"
        assert len(dataset.labelled) == 3
        assert [case.split for case in dataset.cases if case.label is None] == ["test"] * 3
        assert dict(dataset.label_names) == {0: "background", 1: "liver"}
        assert dataset.ignore_value == 2
        assert load_image(dataset.labelled[0]).channels == ("T1", "T2")

    def test_regions_are_read_as_declared_and_their_values_are_named_by_the_smallest_of_them(self, tmp_path):
        labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}
        dataset = load_dataset(self.make(tmp_path, labels=labels, regions_class_order=[1, 2, 3]))
        assert dict(dataset.label_names) == {0: "background", 1: "whole (1)", 2: "core (2)", 3: "enhancing"}
        assert list(map(str, dataset.regions)) == ["whole = 1, 2, 3", "core = 2, 3", "enhancing = 3"]
        assert any("regions are scored" in note for note in dataset.notes)

    def test_a_missing_channel_file_is_named(self, tmp_path):
        self.make(tmp_path)
        data = json.loads((tmp_path / "dataset.json").read_text())
        data["channel_names"]["2"] = "FLAIR"
        (tmp_path / "dataset.json").write_text(json.dumps(data))
        with pytest.raises(DatasetError, match=r"case0: dataset\.json declares 3 channels"):
            load_dataset(tmp_path)

    def test_a_label_without_an_image_is_named(self, tmp_path):
        self.make(tmp_path)
        write_labels(tmp_path / "labelsTr/lost.nii.gz", mask(0, VOLUME.shape), VOLUME)
        with pytest.raises(DatasetError, match="lost"):
            load_dataset(tmp_path)

    def test_a_broken_dataset_json_is_reported_with_its_place(self, tmp_path):
        (planes(tmp_path) / "dataset.json").write_text('{"labels": ')
        with pytest.raises(DatasetError, match=r"dataset\.json must be a JSON file.*column"):
            load_dataset(tmp_path)

    def test_labels_whose_names_are_digits_keep_their_values(self, tmp_path):
        dataset = load_dataset(self.make(tmp_path, labels={"background": 0, "10": 1}))
        assert dict(dataset.label_names) == {0: "background", 1: "10"}


class TestDecathlon:
    def make(self, root, **more):
        volumes(root)
        (root / "images").rename(root / "imagesTr")
        (root / "labels").rename(root / "labelsTr")
        write_image(root / "imagesTs/late.nii.gz", picture(7, VOLUME.shape), VOLUME)
        names = [f"scan{i}.nii.gz" for i in range(3)]
        data = {
            "labels": {"0": "background", "1": "hippocampus"},
            "modality": {"0": "MRI"},
            "tensorImageSize": "3D",
            "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names],
            "test": ["./imagesTs/late.nii.gz"],
        }
        (root / "dataset.json").write_text(json.dumps(data | more))
        return root

    def test_listed_cases_names_and_modality_are_read(self, tmp_path):
        dataset = load_dataset(self.make(tmp_path))
        assert dataset.kind == "decathlon"
        assert len(dataset.labelled) == 3
        assert dataset.label_names[1] == "hippocampus"
        assert load_image(dataset.labelled[0]).channels == ("MRI",)
        assert [case.split for case in dataset.cases if case.label is None] == ["test"]

    def test_companion_files_of_a_mac_archive_are_skipped(self, tmp_path):
        self.make(tmp_path, test=["./imagesTs/._late.nii.gz"])
        assert ids(load_dataset(tmp_path)) == ["scan0", "scan1", "scan2"]

    def test_four_dimensional_files_hold_channels(self, tmp_path):
        import nibabel

        self.make(tmp_path, tensorImageSize="4D", modality={"0": "FLAIR", "1": "T1"}, test=[])
        for i in range(3):
            array = np.stack([picture(i, VOLUME.shape), picture(i + 5, VOLUME.shape)], axis=-1).swapaxes(0, 2)
            nibabel.save(nibabel.Nifti1Image(array, np.diag([0.8, 0.8, 3, 1])), tmp_path / f"imagesTr/scan{i}.nii.gz")
            write_labels(
                tmp_path / f"labelsTr/scan{i}.nii.gz",
                mask(i, VOLUME.shape),
                Grid.from_spacing(VOLUME.shape, (3, 0.8, 0.8)),
            )
        image, labels = load_pair(load_dataset(tmp_path).cases[1])
        assert image.channels == ("FLAIR", "T1")
        np.testing.assert_array_equal(image.array[0], picture(1, VOLUME.shape))
        np.testing.assert_array_equal(labels.array, mask(1, VOLUME.shape))

    def test_a_listed_file_that_is_missing_is_named(self, tmp_path):
        self.make(tmp_path)
        (tmp_path / "labelsTr/scan1.nii.gz").unlink()
        with pytest.raises(DatasetError, match=r"scan1.*lists the label"):
            load_dataset(tmp_path)


class TestTracking:
    def make(self, root, seg="01_GT/SEG"):
        for t in range(4):
            _tiff(root / f"01/t{t:03d}.tif", picture(t).astype(np.uint16))
        for t in (0, 2):
            _tiff(root / seg / f"man_seg{t:03d}.tif", mask(t).astype(np.uint16))
        return root

    def test_annotated_frames_are_labelled_and_the_sequence_is_the_group(self, tmp_path):
        dataset = load_dataset(self.make(tmp_path))
        assert dataset.instances
        assert [case.id for case in dataset.labelled] == ["01_t000", "01_t002"]
        assert {case.group for case in dataset.cases} == {"01"}
        assert "gold" in dataset.notes[0]

    def test_silver_masks_serve_where_there_is_no_gold(self, tmp_path):
        dataset = load_dataset(self.make(tmp_path, "01_ST/SEG"))
        assert len(dataset.labelled) == 2
        assert "silver" in dataset.notes[0]

    def test_tracking_markers_serve_as_the_last_resort(self, tmp_path):
        self.make(tmp_path, "elsewhere")
        _tiff(tmp_path / "01_GT/TRA/man_track001.tif", mask(1).astype(np.uint16))
        dataset = load_dataset(tmp_path)
        assert [case.id for case in dataset.labelled] == ["01_t001"]
        assert "outlines" in dataset.notes[0]

    def test_single_annotated_slices_of_a_volume_leave_the_rest_unannotated(self, tmp_path):
        _tiff(tmp_path / "01/t000.tif", picture(0, (5, 24, 32)).astype(np.uint16))
        _tiff(tmp_path / "01_GT/SEG/man_seg_000_003.tif", mask(1).astype(np.uint16))
        _tiff(tmp_path / "01_GT/SEG/man_seg_000_001.tif", mask(2).astype(np.uint16))
        image, labels = load_pair(load_dataset(tmp_path).labelled[0])
        assert image.grid.shape == (5, 24, 32)
        np.testing.assert_array_equal(labels.array[3], mask(1))
        np.testing.assert_array_equal(labels.array[1], mask(2))
        assert (labels.array[[0, 2, 4]] == UNANNOTATED).all()

    def test_a_slice_mask_beyond_the_volume_is_refused(self, tmp_path):
        _tiff(tmp_path / "01/t000.tif", picture(0, (5, 24, 32)).astype(np.uint16))
        _tiff(tmp_path / "01_GT/SEG/man_seg_000_009.tif", mask(1).astype(np.uint16))
        with pytest.raises(DatasetError, match="at 9"):
            load_labels(load_dataset(tmp_path).labelled[0])


def test_tables_and_splits_that_a_folder_holds_and_that_are_not_followed_are_said(tmp_path):
    root = planes(tmp_path / "set")
    (root / "cells.csv").write_text("image,label,group\n")
    (root / "results.csv").write_text("case,dice\n")
    (root / "splits_final.json").write_text("[]")
    notes = "\n".join(load_dataset(root).notes)
    assert "cells.csv is not used; give it as DATASET" in notes
    assert "splits_final.json is not used" in notes
    assert "results.csv" not in notes


def test_a_table_that_is_followed_is_not_called_unused(tmp_path):
    root = planes(tmp_path / "set")
    image, label = (sorted((root / name).iterdir())[0].name for name in ("images", "labels"))
    (root / "cases.csv").write_text(f"image,label\nimages/{image},labels/{label}\n")
    assert "not used" not in "\n".join(load_dataset(root).notes)


def test_the_folder_that_holds_several_data_sets_names_them_instead_of_every_layout_there_is(tmp_path):
    for name in ("cells", "nerves"):
        planes(tmp_path / name)
    (tmp_path / "notes").mkdir()
    with pytest.raises(DatasetError) as refused:
        load_dataset(tmp_path)
    assert str(refused.value).endswith(f"holds 2 data sets; give {tmp_path / 'cells'}, or another of cells, nerves")


def test_a_folder_one_level_too_high_says_which_one_was_meant(tmp_path):
    planes(tmp_path / "cells")
    with pytest.raises(DatasetError, match=r"is no data set itself, but holds 1 data set; give .*cells$"):
        load_dataset(tmp_path)


def test_an_empty_folder_is_said_to_be_empty(tmp_path):
    with pytest.raises(DatasetError, match="is empty; put images into it"):
        load_dataset(tmp_path)
