"""A grid is one affine; everything else is derived from it and cannot disagree."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nibabel.orientations import aff2axcodes

from septum.errors import GeometryError
from septum.geometry import Grid, Image, LabelMap, Placement

ORIENTATIONS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


def oriented(order: tuple[int, ...], signs: tuple[int, ...], shape: tuple[int, ...] = (4, 5, 6)) -> Grid:
    """A grid with steps 3, 2 and 1.5 mm whose array axes run along the world axes `order` with the given signs."""
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(order)] * np.array(signs) * (3.0, 2.0, 1.5)
    affine[:3, 3] = (10.0, -20.0, 30.0)
    return Grid(shape, affine)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Any rotation, any spacing from 0.01 to 100 mm, any origin."""
    ndim = draw(st.sampled_from([2, 3]))
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=ndim, max_size=ndim)))
    spacing = draw(st.lists(st.floats(0.01, 100), min_size=ndim, max_size=ndim))
    seed = draw(st.integers(0, 2**16))
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((ndim, ndim)))
    affine = np.eye(ndim + 1)
    affine[:-1, :-1] = rotation * spacing
    affine[:-1, -1] = draw(st.lists(st.floats(-500, 500), min_size=ndim, max_size=ndim))
    return Grid(shape, affine)


@given(grid=grids(), seed=st.integers(0, 99))
def test_index_to_world_to_index_is_the_identity(grid: Grid, seed: int) -> None:
    index = np.random.default_rng(seed).uniform(-5, 15, (7, grid.ndim))
    np.testing.assert_allclose(grid.world_to_index(grid.index_to_world(index)), index, atol=1e-6)


@given(grid=grids())
def test_spacing_and_voxel_volume_follow_from_the_affine(grid: Grid) -> None:
    steps = [grid.index_to_world(unit) - grid.index_to_world(np.zeros(grid.ndim)) for unit in np.eye(grid.ndim)]
    np.testing.assert_allclose(grid.spacing, [np.linalg.norm(step) for step in steps], rtol=1e-6)
    assert grid.voxel_volume == pytest.approx(np.prod(grid.spacing))


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_orientation_letters_agree_with_nibabel(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    grid = oriented(order, signs)
    assert grid.orientation == "".join(aff2axcodes(grid.affine))


def test_a_grid_from_spacing_points_to_superior_anterior_and_right() -> None:
    grid = Grid.from_spacing((4, 5, 6), (3.0, 2.0, 1.0))
    assert grid.orientation == "SAR"
    np.testing.assert_allclose(grid.index_to_world((1, 0, 0)), (0, 0, 3))
    np.testing.assert_allclose(grid.index_to_world((0, 0, 1)), (1, 0, 0))


def test_a_plane_has_no_anatomy_in_its_orientation() -> None:
    assert Grid.from_spacing((4, 5), (1, 1)).orientation == "YX"
    assert Grid((4, 5), np.diag([-1.0, 2.0, 1.0])).orientation == "-YX"


def test_cropping_keeps_every_sample_in_its_place() -> None:
    grid = oriented((1, 2, 0), (1, -1, 1), (8, 9, 10))
    cropped = grid.crop((2, 3, -1), (4, 4, 4))
    np.testing.assert_allclose(cropped.index_to_world((1, 1, 1)), grid.index_to_world((3, 4, 0)))
    assert cropped.shape == (4, 4, 4)


def test_grids_match_to_a_tenth_of_a_voxel_and_differ_beyond() -> None:
    grid = Grid.from_spacing((10, 10), (2.0, 2.0))
    near, far = grid.affine.copy(), grid.affine.copy()
    near[0, 2] += 0.19
    far[0, 2] += 0.5
    assert grid.matches(Grid(grid.shape, near))
    assert not grid.matches(Grid(grid.shape, far))
    assert grid.corner_difference(Grid(grid.shape, far)) == pytest.approx(0.25)
    assert grid.corner_difference(Grid((9, 10), grid.affine)) == float("inf")


def test_equal_grids_hash_alike() -> None:
    one, other = Grid.from_spacing((3, 4), (1, 2)), Grid.from_spacing((3, 4), (1, 2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Grid.from_spacing((3, 4), (1, 2.5))
    assert one != "a grid"


def test_the_affine_cannot_be_changed_afterwards() -> None:
    affine = np.eye(3)
    grid = Grid((3, 4), affine)
    affine[0, 0] = 99
    assert grid.spacing == (1.0, 1.0)
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 5


@pytest.mark.parametrize(
    ("shape", "affine", "words"),
    [
        ((4,), np.eye(2), "2 or 3 axes"),
        ((4, 0), np.eye(3), "at least one sample"),
        ((4, 4), np.eye(4), "must be 3x3"),
        ((4, 4), np.full((3, 3), np.nan), "finite"),
        ((4, 4), np.diag([1.0, 0.0, 1.0]), "span space"),
        ((4, 4, 4), np.ones((4, 4)), "span space"),
    ],
)
def test_impossible_grids_are_refused(shape: tuple[int, ...], affine: np.ndarray, words: str) -> None:
    with pytest.raises(GeometryError, match=words):
        Grid(shape, affine)


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 0.0), (1.0, -2.0), (1.0, float("nan"))])
def test_impossible_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError, match="positive numbers"):
        Grid.from_spacing((3, 4), spacing)


def test_images_and_labels_must_fit_their_grid() -> None:
    grid = Grid.from_spacing((3, 4), (1, 1))
    assert Image(np.zeros((2, 3, 4)), grid).channels == ("channel 0", "channel 1")
    with pytest.raises(GeometryError, match="add a channel axis"):
        Image(np.zeros((3, 4)), grid)
    with pytest.raises(GeometryError, match="as many names"):
        Image(np.zeros((2, 3, 4)), grid, ("only one",))
    with pytest.raises(GeometryError, match="grid's shape"):
        LabelMap(np.zeros((4, 3), int), grid)
    with pytest.raises(GeometryError, match="integers"):
        LabelMap(np.zeros((3, 4)), grid)


def test_a_boolean_mask_becomes_labels_0_and_1() -> None:
    labels = LabelMap(np.eye(3, dtype=bool), Grid.from_spacing((3, 3), (1, 1)), {1: "diagonal"})
    assert labels.array.dtype == np.uint8
    assert labels.names == {1: "diagonal"}


def test_the_unit_and_whether_places_are_known_travel_with_the_grid() -> None:
    grid = Grid.pixels((6, 8, 10))
    assert (grid.unit, grid.positioned, grid.spacing) == ("px", False, (1.0, 1.0, 1.0))
    place = Placement.plan(grid, (2.0, 1.0, 1.0), reorient=False)
    for other in (grid.crop((1, 1, 1), (3, 3, 3)), place.canonical, place.target):
        assert (other.unit, other.positioned) == ("px", False)
    assert (grid.known_spacing, grid.letters, grid.anatomical) == (None, None, False)


def test_directions_in_a_patient_need_a_volume_whose_file_holds_them() -> None:
    volume, plane = Grid.from_spacing((4, 5, 6), (3, 1, 1)), Grid.from_spacing((5, 6), (1, 1))
    assert (volume.letters, volume.known_spacing) == ("SAR", (3.0, 1.0, 1.0))
    assert (plane.letters, plane.anatomical) == (None, False)
    assert not Grid.from_spacing((4, 5, 6), (3, 1, 1), positioned=False).anatomical


def test_grids_that_know_less_are_not_equal_but_match() -> None:
    known, unknown = Grid.from_spacing((4, 5), (1, 1)), Grid.pixels((4, 5))
    assert known != unknown
    assert hash(known) != hash(unknown)
    assert known.matches(unknown)


def test_another_unit_is_refused() -> None:
    with pytest.raises(GeometryError, match='"mm" or "px", got \'cm\''):
        Grid((4, 5), np.eye(3), unit="cm")
