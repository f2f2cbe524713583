"""One case opened: channels stacked, labels checked against their image, what nobody annotated kept apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.workflows.datasets import VOLUME, mask, picture, planes, write_image, write_labels

from septum import io
from septum.errors import DatasetError, GeometryError
from septum.geometry import Grid, LabelMap
from septum.workflows.data.cases import (
    UNANNOTATED,
    Case,
    Dataset,
    Source,
    compare_grids,
    is_identity,
    load_image,
    load_labels,
    load_pair,
)
from septum.workflows.data.load import load_dataset


def moved(voxels: float) -> Grid:
    affine = VOLUME.affine.copy()
    affine[:-1, -1] += voxels * VOLUME.affine[:-1, 1]
    return Grid(VOLUME.shape, affine)


def turned(grid: Grid) -> Grid:
    """The same samples with the first two axes exchanged and the last one reversed."""
    affine = grid.affine[:, [1, 0, 2, 3]].copy()
    affine[:, 3] += affine[:, 2] * (grid.shape[2] - 1)
    affine[:, 2] *= -1
    return Grid((grid.shape[1], grid.shape[0], grid.shape[2]), affine)


@pytest.mark.parametrize(
    ("labels", "relation"),
    [
        (VOLUME, "same"),
        (moved(0.05), "same"),
        (moved(0.5), "shifted"),
        (moved(2.0), "different"),
        (Grid(VOLUME.shape, np.eye(4)), "lost"),
        (turned(VOLUME), "reoriented"),
        (Grid.from_spacing((3, 4, 5), (1.0, 1.0, 1.0)), "shape"),
        (Grid.from_spacing((10, 12), (1.0, 1.0)), "shape"),
    ],
)
def test_how_two_grids_relate(labels: Grid, relation: str) -> None:
    assert compare_grids(VOLUME, labels)[0] == relation


def test_two_planes_of_one_shape_are_the_same_place() -> None:
    one, other = Grid.from_spacing((4, 5), (1.0, 1.0)), Grid.from_spacing((4, 5), (0.3, 0.3))
    assert compare_grids(one, other) == ("same", 0.0)
    assert compare_grids(one, Grid.from_spacing((5, 4), (1.0, 1.0)))[0] == "shape"


def test_the_identity_is_what_is_written_when_nothing_is_known() -> None:
    assert is_identity(Grid((2, 3, 4), np.eye(4)))
    assert is_identity(Grid((2, 3, 4), np.diag([-1.0, -1.0, 1.0, 1.0])))
    assert not is_identity(VOLUME)
    assert not is_identity(Grid.from_spacing((2, 3, 4), (1.0, 1.0, 2.0)))


def test_channels_of_several_files_are_stacked_in_order_and_must_lie_on_one_grid(tmp_path: Path) -> None:
    paths = [write_image(tmp_path / f"s_{i}.nii.gz", picture(i, VOLUME.shape), VOLUME) for i in range(2)]
    case = Case("s", tuple(map(Source, paths)))
    image = load_image(case)
    assert image.channels == ("s_0", "s_1")
    assert np.array_equal(image.array[1], picture(1, VOLUME.shape))
    named = load_image(Case("s", case.images, channels=("T1", "T2")))
    assert named.channels == ("T1", "T2")
    write_image(paths[1], picture(1, VOLUME.shape), moved(1.0))
    with pytest.raises(GeometryError, match="channels of case s must lie on one grid"):
        load_image(case)


def test_labels_without_geometry_take_the_images_grid_and_others_elsewhere_are_refused(tmp_path: Path) -> None:
    image = write_image(tmp_path / "i.nii.gz", picture(1, VOLUME.shape), VOLUME)
    for grid, message in (
        (moved(0.5), "corners differ by 0.50 voxels; `septum doctor DATASET --fix OUT` mends that in a copy"),
        (moved(4), r"corners differ by 4.0 voxels; `septum doctor DATASET` says what to do \(--fix leaves it out\)"),
        (turned(VOLUME), "axes run"),
    ):
        label = tmp_path / "l.nii.gz"
        io.write_labels(label, LabelMap(mask(1, grid.shape), grid))
        with pytest.raises(GeometryError, match=message):
            load_pair(Case("c", (Source(image),), Source(label)))
    io.write_labels(tmp_path / "l.nii.gz", LabelMap(mask(1, VOLUME.shape), Grid(VOLUME.shape, np.eye(4))))
    _, labels = load_pair(Case("c", (Source(image),), Source(tmp_path / "l.nii.gz")))
    assert labels.grid.matches(VOLUME)


def test_outside_the_region_of_interest_nothing_is_annotated(tmp_path: Path) -> None:
    label = write_labels(tmp_path / "l.png", mask(2))
    roi = np.zeros((24, 32), np.uint8)
    roi[:, :16] = 255
    region = write_labels(tmp_path / "r.png", roi)
    image = write_image(tmp_path / "i.png", picture(2))
    case = Case("c", (Source(image),), Source(label), roi=Source(region))
    found = load_labels(case).array
    assert (found[:, 16:] == UNANNOTATED).all()
    assert np.array_equal(found[:, :16], mask(2)[:, :16])
    small = write_labels(tmp_path / "small.png", roi[:10])
    with pytest.raises(DatasetError, match="must have the shape of its labels"):
        load_labels(Case("c", (Source(image),), Source(label), roi=Source(small)))


def test_single_slices_make_a_volume_in_which_the_rest_is_unannotated(tmp_path: Path) -> None:
    image = write_image(tmp_path / "i.nii.gz", picture(1, VOLUME.shape), VOLUME)
    plane = write_labels(tmp_path / "s.png", mask(1, VOLUME.shape[1:]))
    found = load_labels(Case("c", (Source(image),), Source(plane, slices=((4, plane),)))).array
    assert np.array_equal(found[4], mask(1, VOLUME.shape[1:]))
    assert (np.delete(found, 4, axis=0) == UNANNOTATED).all()
    with pytest.raises(DatasetError, match="below 10"):
        load_labels(Case("c", (Source(image),), Source(plane, slices=((10, plane),))))


def test_a_case_without_labels_says_so_and_an_unknown_name_too(tmp_path: Path) -> None:
    case = Case("c", (Source(write_image(tmp_path / "i.png", picture(1))),))
    with pytest.raises(DatasetError, match="case c has no labels"):
        load_labels(case)
    data = Dataset(tmp_path, "folders", (case,))
    assert data.case("c") is case
    assert data.labelled == ()
    with pytest.raises(DatasetError, match="got 'd'"):
        data.case("d")


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
        advice = r"`septum doctor DATASET` says what to do \(--fix leaves it out\), or draw"
        with pytest.raises(GeometryError, match=rf"\(24, 32\) and its labels are \(24, 30\); {advice}"):
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
