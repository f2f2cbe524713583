"""Values to classes and back, and the decision whether values are classes at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tests.workflows.datasets import mask, planes

from septum.errors import ConfigError, DatasetError
from septum.geometry import Grid, LabelMap
from septum.workflows.data.cases import UNANNOTATED, Dataset
from septum.workflows.data.classes import ClassMap, classes_from, infer_classes, summarise_labels
from septum.workflows.data.load import load_dataset


def summary(array, case="a"):
    array = np.asarray(array)
    return summarise_labels(case, LabelMap(array, Grid.from_spacing(array.shape, (1.0,) * array.ndim)))


def discs(n, size=160, seed=0):
    """`n` separate discs with ids 1 … n."""
    rng = np.random.default_rng(seed)
    cells = rng.permutation((size // 12) ** 2)[:n]
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.uint16)
    for i, cell in enumerate(cells):
        cy, cx = (cell // (size // 12)) * 12 + 6, (cell % (size // 12)) * 12 + 6
        labels[(y - cy) ** 2 + (x - cx) ** 2 < 16] = i + 1
    return labels


def plain(**more):
    return Dataset(root=Path("set"), kind="folders", cases=(), **more)


class TestClassMap:
    @settings(deadline=None, max_examples=40)
    @given(st.data())
    def test_values_come_back_exactly_whatever_they_are(self, data):
        values = data.draw(st.lists(st.integers(-5, 70_000), min_size=2, max_size=8, unique=True))
        values = [v for v in values if v != UNANNOTATED] + [100_000, 100_001]
        classes = ClassMap(tuple(values), tuple(map(str, values)))
        indices = data.draw(arrays.arrays(np.int64, (3, 4, 5), elements=st.integers(0, len(values) - 1)))
        labels = np.array(values)[indices]
        mapped = classes.to_classes(labels)
        np.testing.assert_array_equal(mapped, indices)
        np.testing.assert_array_equal(classes.to_values(mapped), labels)
        assert ClassMap.from_dict(classes.to_dict()) == classes

    def test_values_that_spread_too_far_for_a_table_are_searched(self):
        classes = ClassMap((0, 7, 2_000_000_000), ("a", "b", "c"))
        labels = np.array([[0, 2_000_000_000], [7, 7]])
        np.testing.assert_array_equal(classes.to_values(classes.to_classes(labels)), labels)
        with pytest.raises(DatasetError, match="got 9"):
            classes.to_classes(np.array([9]))

    def test_the_ignore_value_and_unannotated_samples_are_ignored(self):
        classes = ClassMap((0, 1), ("a", "b"), ignore=9)
        np.testing.assert_array_equal(classes.to_classes(np.array([0, 1, 9, UNANNOTATED])), [0, 1, 255, 255])
        np.testing.assert_array_equal(classes.to_values(np.array([0, 1, 255], np.uint8)), [0, 1, 9])

    def test_more_than_250_classes_use_two_bytes_and_another_ignored_class(self):
        classes = ClassMap(tuple(range(300)), tuple(map(str, range(300))))
        mapped = classes.to_classes(np.array([299, UNANNOTATED]))
        assert mapped.dtype == np.uint16
        assert mapped.tolist() == [299, 65535]

    def test_foreground_takes_every_other_value(self):
        classes = ClassMap((0, 1), ("background", "foreground"), ignore=7, foreground=True)
        assert classes.to_classes(np.array([0, 5, 900, 7, -1])).tolist() == [0, 1, 1, 255, 255]

    def test_an_unknown_value_is_named_with_its_count(self):
        with pytest.raises(DatasetError, match=r"\[0, 1\], got 4 \(2 samples\)"):
            ClassMap((0, 1), ("a", "b")).to_classes(np.array([0, 4, 4, 1]))

    def test_an_impossible_class_is_refused_on_the_way_back(self):
        with pytest.raises(DatasetError, match="below 2, got 5"):
            ClassMap((0, 1), ("a", "b")).to_values(np.array([5], np.uint8))

    def test_predicted_values_use_the_smallest_type(self):
        assert ClassMap((0, 255), ("a", "b")).to_values(np.array([1], np.uint8)).dtype == np.uint8
        assert ClassMap((0, 256), ("a", "b")).to_values(np.array([1], np.uint8)).dtype == np.uint16
        assert ClassMap((0, -5), ("a", "b")).to_values(np.array([1], np.uint8)).tolist() == [-5]

    @pytest.mark.parametrize(
        "arguments",
        [
            ((0, 0), ("a", "b")),
            ((0,), ("a",)),
            ((0, 1), ("a",)),
            ((0, 1), ("a", "b"), 1),
            ((0, 1, 2), ("a", "b", "c"), None, True),
            (tuple(range(65_001)), ("x",) * 65_001),
        ],
    )
    def test_impossible_maps_are_refused(self, arguments):
        with pytest.raises(ConfigError):
            ClassMap(*arguments)

    @pytest.mark.parametrize("data", [{}, {"values": ["x"], "names": [], "ignore": None, "foreground": False}])
    def test_a_damaged_record_is_refused(self, data):
        with pytest.raises(ConfigError, match="class map"):
            ClassMap.from_dict(data)


@settings(deadline=None, max_examples=40)
@given(arrays.arrays(np.int32, (4, 5), elements=st.one_of(st.integers(-3, 9), st.integers(-(2**31), 2**31 - 1))))
def test_samples_are_counted_as_numpy_counts_them(array):
    values, counts = np.unique(array, return_counts=True)
    assert dict(summary(array).counts) == dict(zip(values.tolist(), counts.tolist(), strict=True))


class TestInference:
    def test_a_folder_of_masks_gives_its_values_and_counts(self, tmp_path):
        classes = infer_classes(load_dataset(planes(tmp_path)))
        assert classes.values == (0, 1)
        assert classes.names == ("background", "foreground")
        assert classes.counts == (4 * 24 * 32 - 4 * 80, 4 * 80)

    def test_progress_is_reported_for_each_case(self, tmp_path):
        seen = []
        infer_classes(load_dataset(planes(tmp_path)), on_progress=lambda case, share: seen.append((case, share)))
        assert seen[-1] == ("case3", 1.0)

    def test_values_with_gaps_are_kept_and_noted(self):
        classes = classes_from(plain(), [summary([[0, 1], [3, 3]])])
        assert classes.values == (0, 1, 3)
        assert any("become classes" in note for note in classes.notes)

    def test_declared_names_and_values_count_even_when_absent(self):
        dataset = plain(label_names={0: "nothing", 1: "liver", 5: "tumour"}, ignore_value=9)
        classes = classes_from(dataset, [summary([[0, 1], [9, 1]])])
        assert classes.values == (0, 1, 5)
        assert classes.names == ("nothing", "liver", "tumour")
        assert classes.ignore == 9
        assert any("tumour" in note for note in classes.notes)

    def test_undeclared_values_are_refused(self):
        with pytest.raises(DatasetError, match=r"declared .*got \[7\]"):
            classes_from(plain(label_names={0: "a", 1: "b"}), [summary([[0, 7]])])

    def test_the_background_may_be_any_value(self):
        classes = classes_from(plain(), [summary([[255, 0], [255, 255]])], background=255)
        assert classes.values == (255, 0)
        assert classes.to_classes(np.array([255, 0])).tolist() == [0, 1]

    def test_labels_with_nothing_but_background_are_refused(self):
        with pytest.raises(DatasetError, match="more than background"):
            classes_from(plain(), [summary(np.zeros((4, 4), int))])

    def test_a_data_set_without_labels_is_refused(self):
        with pytest.raises(DatasetError, match="at least one labelled"):
            infer_classes(plain())


class TestObjectIds:
    def test_ids_that_run_to_another_number_in_each_image_become_foreground_with_a_note(self):
        classes = classes_from(plain(), [summary(discs(n, seed=n)) for n in (12, 30, 18)])
        assert classes.foreground
        assert classes.values == (0, 1)
        assert any("ids" in note for note in classes.notes)

    def test_many_separate_objects_in_a_single_image_are_ids(self):
        assert classes_from(plain(), [summary(discs(40))]).foreground

    def test_regions_that_fill_an_organ_are_classes_even_when_there_are_many(self):
        atlas = np.zeros((60, 60), int)
        atlas[5:55, 5:55] = 1 + np.repeat(np.repeat(np.arange(25).reshape(5, 5), 10, 0), 10, 1)
        classes = classes_from(plain(), [summary(atlas)])
        assert not classes.foreground
        assert classes.n_classes == 26
        assert any("--foreground" in note for note in classes.notes)

    def test_the_same_classes_in_every_image_are_classes(self):
        assert not classes_from(plain(), [summary(discs(30, seed=s)) for s in range(3)]).foreground

    def test_ids_that_hardly_recur_are_ids(self):
        maps = [summary(np.where(discs(12, seed=s) > 0, discs(12, seed=s) + 100 * s, 0)) for s in range(8)]
        assert classes_from(plain(), maps).foreground

    def test_a_few_values_are_always_classes(self):
        assert not classes_from(plain(), [summary(discs(n)) for n in (2, 5, 3)]).foreground

    def test_a_data_set_that_declares_instances_is_believed(self):
        assert classes_from(plain(instances=True), [summary(discs(3))]).foreground

    def test_declared_names_mean_classes(self):
        dataset = plain(label_names={i: str(i) for i in range(31)})
        assert not classes_from(dataset, [summary(discs(n, seed=n)) for n in (12, 30)]).foreground

    def test_the_user_has_the_last_word(self):
        maps = [summary(discs(n, seed=n)) for n in (12, 30, 18)]
        assert not classes_from(plain(), maps, foreground=False).foreground
        assert classes_from(plain(), [summary([[0, 1], [2, 2]])], foreground=True).foreground

    @pytest.mark.parametrize(
        ("seen", "background", "written"), [([0, 255], 0, 255), ([0, 255], 255, 0), ([1, 5, 6], 1, 2)]
    )
    def test_foreground_is_written_as_a_value_that_is_not_the_background(self, seen, background, written):
        classes = classes_from(plain(), [summary([seen])], background=background, foreground=True)
        assert classes.values == (background, written)


class TestAntialiasing:
    def test_smoothed_and_jpeg_masks_are_found(self):
        for array in (smoothed(), jpeg()):
            assert summary(array).grey_edges
            with pytest.raises(DatasetError, match="in-between values"):
                classes_from(plain(), [summary(array)])

    @pytest.mark.parametrize("make", [lambda: discs(90), lambda: mask(0), lambda: thin(), lambda: nested()])
    def test_sharp_masks_are_not_taken_for_antialiased(self, make):
        assert summary(make()).grey_edges == ()


def smoothed():
    from scipy import ndimage

    y, x = np.mgrid[:80, :80]
    disc = ((y - 40) ** 2 + (x - 38) ** 2 < 700).astype(float)
    return np.rint(255 * ndimage.gaussian_filter(disc, 0.7)).astype(np.uint8)


def jpeg():
    import io

    from PIL import Image as Picture

    y, x = np.mgrid[:80, :80]
    disc = (255 * ((y - 40) ** 2 + (x - 38) ** 2 < 700)).astype(np.uint8)
    stream = io.BytesIO()
    Picture.fromarray(disc).save(stream, "JPEG", quality=85)
    return np.array(Picture.open(io.BytesIO(stream.getvalue())))


def nested():
    """Eight classes inside one another, as shells two samples thick."""
    y, x = np.mgrid[:60, :60]
    return np.clip((28 - np.hypot(y - 30, x - 30)) / 2, 0, 8).astype(np.uint8)


def thin():
    """Vessels one sample wide with five ids."""
    array = np.zeros((40, 40), np.uint8)
    for i in range(5):
        array[4 + 7 * i, 3:37] = i + 1
    return array


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "foreground", "n"),
    [("phc-t98g-usiigaci", True, 2), ("mri-spinal-cord-sct", False, 2), ("mri-atlas-mricron-debian", False, 700)],
)
def test_real_label_maps_are_understood(realdata, name, foreground, n):
    classes = infer_classes(load_dataset(realdata / name))
    assert classes.foreground is foreground
    assert classes.n_classes >= n


@pytest.mark.parametrize(("n", "ids"), [(19, False), (20, True)])
def test_twenty_values_apart_from_each_other_in_one_image_are_ids_and_nineteen_are_classes(n: int, ids: bool) -> None:
    assert classes_from(plain(), [summary(discs(n))]).foreground is ids


@pytest.mark.parametrize(("n", "told"), [(19, False), (20, True)])
def test_from_twenty_undeclared_classes_on_their_number_is_told(n: int, told: bool) -> None:
    array = np.repeat(np.arange(n + 1, dtype=np.uint8), 4).reshape(-1, 2)
    notes = classes_from(plain(), [summary(array, "a"), summary(array, "b")], foreground=False).notes
    assert any(f"{n} label values are taken as classes" in note for note in notes) is told
