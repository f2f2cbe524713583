"""Round trips through the libraries that people use, for every orientation, and what their own readers say."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from tests.geometry.test_grid import ORIENTATIONS, oriented

from septum.errors import GeometryError
from septum.geometry import Grid, Image, LabelMap

SHAPE = (3, 4, 5)


def image(grid: Grid, channels: int = 1, dtype: str = "int16") -> Image:
    array = np.random.default_rng(1).integers(0, 99, (channels, *grid.shape)).astype(dtype)
    return Image(array, grid, tuple(f"c{i}" for i in range(channels)))


OBLIQUE = Grid(
    SHAPE,
    np.array([[0.1, 0.2, 0.9, -7.0], [0.3, 0.8, -0.2, 11.0], [2.4, -0.3, 0.1, 5.0], [0.0, 0.0, 0.0, 1.0]]) @ np.eye(4),
)


def orthogonal(grid: Grid) -> Grid:
    """SimpleITK wants axes at right angles."""
    u, _, v = np.linalg.svd(grid.direction)
    affine = grid.affine.copy()
    affine[:-1, :-1] = (u @ v) * np.asarray(grid.spacing)
    return Grid(grid.shape, affine)


@pytest.mark.parametrize("letters", ORIENTATIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_simpleitk_gives_back_samples_and_place_for_every_orientation(letters: str, channels: int) -> None:
    given_ = image(oriented(*letters), channels)
    found = Image.from_simpleitk(given_.to_simpleitk())
    assert np.array_equal(found.array, given_.array)
    assert found.grid.corner_difference(given_.grid) < 1e-6


@pytest.mark.parametrize("letters", ORIENTATIONS)
def test_nibabel_gives_back_samples_and_place_for_every_orientation(letters: str) -> None:
    given_ = image(oriented(*letters), 2)
    found = Image.from_nibabel(given_.to_nibabel())
    assert np.array_equal(found.array, given_.array)
    assert found.grid.corner_difference(given_.grid) < 1e-5
    assert "".join(nibabel.aff2axcodes(given_.to_nibabel().affine))[::-1] == given_.grid.orientation


@given(st.tuples(*[st.integers(0, n - 1) for n in SHAPE]))
def test_a_marked_voxel_has_one_place_in_the_world_in_all_of_them(index: tuple[int, int, int]) -> None:
    grid = orthogonal(OBLIQUE)
    array = np.zeros(SHAPE, np.uint8)
    array[index] = 1
    labels = LabelMap(array, grid)
    world = grid.index_to_world(index)
    itk = labels.to_simpleitk()
    assert itk[index[::-1]] == 1
    lps = itk.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]])
    assert np.allclose(np.array(lps) * [-1, -1, 1], world, atol=1e-6)
    nifti = labels.to_nibabel()
    assert nifti.dataobj[index[::-1]] == 1
    assert np.allclose(nibabel.affines.apply_affine(nifti.affine, index[::-1]), world, atol=1e-4)


def test_a_plane_keeps_its_rows_and_columns_in_simpleitk() -> None:
    grid = Grid(SHAPE[1:], np.array([[2.0, 0.0, 5.0], [0.0, 0.5, -3.0], [0.0, 0.0, 1.0]]))
    made = image(grid).to_simpleitk()
    assert made.GetSize() == (5, 4)
    assert made.GetSpacing() == pytest.approx((0.5, 2.0))
    assert made.GetOrigin() == pytest.approx((-3.0, 5.0))
    assert Image.from_simpleitk(made).grid.corner_difference(grid) < 1e-9


def test_what_the_other_side_cannot_hold_is_refused() -> None:
    with pytest.raises(GeometryError, match="only a volume"):
        image(Grid.from_spacing((4, 5), (1.0, 1.0))).to_nibabel()
    with pytest.raises(GeometryError, match="2 or 3 axes, got 4"):
        Image.from_simpleitk(SimpleITK.Image([2, 2, 2, 2], SimpleITK.sitkUInt8))
    with pytest.raises(GeometryError, match="must be a volume"):
        Image.from_nibabel(nibabel.Nifti1Image(np.zeros((2, 2, 2, 2, 2), np.uint8), np.eye(4)))
    grid = Grid.from_spacing((2, 2, 2), (1.0, 1.0, 1.0))
    with pytest.raises(GeometryError, match="32-bit"):
        LabelMap(np.full((2, 2, 2), 2**33), grid).to_nibabel()


def test_labels_come_back_as_integers_and_fractions_are_refused() -> None:
    whole = nibabel.Nifti1Image(np.ones((2, 3, 4), np.float32) * 2, np.eye(4))
    found = LabelMap.from_nibabel(whole, names={2: "two"})
    assert found.array.dtype == np.int32
    assert found.names == {2: "two"}
    half = nibabel.Nifti1Image(np.full((2, 3, 4), 0.5, np.float32), np.eye(4))
    with pytest.raises(GeometryError, match="whole numbers"):
        LabelMap.from_nibabel(half)
    grid = Grid.from_spacing(SHAPE, (1.0, 1.0, 1.0))
    with pytest.raises(GeometryError, match="one channel, got 2"):
        LabelMap.from_simpleitk(image(grid, 2).to_simpleitk())


def test_a_napari_layer_lies_in_millimetres_in_array_order() -> None:
    grid = Grid.from_spacing(SHAPE, (3.0, 2.0, 1.0))
    data, about, kind = image(grid, 2).to_napari("scan")
    assert (kind, about["name"], about["channel_axis"]) == ("image", "scan", 0)
    assert data.shape == (2, *SHAPE)
    assert about["affine"][:3, :3].diagonal().tolist() == [3.0, 2.0, 1.0]
    single, more, _ = LabelMap(np.zeros(SHAPE, np.uint8), grid).to_napari()
    assert single.shape == SHAPE
    assert "channel_axis" not in more


class TestXarray:
    def test_a_volume_comes_back_with_its_channels_and_place(self) -> None:
        pytest.importorskip("xarray")
        given_ = image(OBLIQUE, 2)
        data = given_.to_xarray()
        assert data.dims == ("channel", "z", "y", "x")
        assert data.coords["z"].values[1] == pytest.approx(OBLIQUE.spacing[0])
        found = Image.from_xarray(data.transpose("x", "channel", "y", "z"))
        assert np.array_equal(found.array, given_.array)
        assert found.channels == given_.channels
        assert found.grid == OBLIQUE

    def test_without_an_affine_the_coordinates_say_the_spacing(self) -> None:
        xarray = pytest.importorskip("xarray")
        data = xarray.DataArray(np.zeros((4, 5), np.uint8), dims=("y", "x"), coords={"y": np.arange(4) * 0.5})
        assert LabelMap.from_xarray(data).grid.spacing == (0.5, 1.0)
        uneven = data.assign_coords(y=[0.0, 1.0, 1.5, 3.0])
        with pytest.raises(GeometryError, match="even steps"):
            LabelMap.from_xarray(uneven)
        with pytest.raises(GeometryError, match="dimensions must be"):
            LabelMap.from_xarray(data.rename(y="row"))
