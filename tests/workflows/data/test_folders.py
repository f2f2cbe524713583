"""Folders of images and labels, and movies in them, as people keep them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from tests.workflows.data.layouts_on_disk import _tiff, ids
from tests.workflows.datasets import mask, picture, planes, write_image, write_labels

from septum.errors import DatasetError
from septum.workflows.data.cases import load_image, load_labels, load_pair
from septum.workflows.data.folders import entries
from septum.workflows.data.load import load_dataset


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
        assert [case.id for case in dataset.cases if case.label is None] == ["extra"]
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


@pytest.mark.parametrize(
    ("record", "beside"),
    [
        ("septum-segment.json", ["probabilities/a.png", "uncertainty/a.png"]),
        ("septum-predict.json", ["semantic/a.png"]),
        ("septum-instances.json", ["pictures/a.png"]),
        ("septum-track.json", ["lineage.png", "tracks.gif"]),
    ],
)
def test_what_a_command_writes_beside_masks_is_no_mask(tmp_path, record, beside):
    for name in ("a.png", *beside):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert len(entries(tmp_path)) == 1 + len(beside)  # a person's own files of these names
    (tmp_path / record).touch()
    assert [one.name for one in entries(tmp_path)] == ["a"]
