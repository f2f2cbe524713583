"""Level sets: against scikit-image, laws of moving curves, and what a person who watches and stops relies on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.segmentation import chan_vese as their_chan_vese
from skimage.segmentation import inverse_gaussian_gradient, morphological_geodesic_active_contour
from tests import phantoms

from septum.errors import Cancelled, ConfigError, DatasetError, GeometryError
from septum.interactive.marks.levelset import chan_vese, geodesic_contour, speed_image
from septum.interactive.tool import Box, Change

TOOLS = (geodesic_contour, chan_vese)


def after(changes: Iterable[Change], labels: np.ndarray) -> np.ndarray:
    for change in changes:
        labels = change.applied_to(labels)
    return labels


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def scene(shape: tuple[int, ...], spacing: tuple[float, ...], radius_mm: float = 8.0):
    """A bright ball in noise, its mask, and a seed shape a third as wide."""
    inside = phantoms.ball(shape, spacing, radius_mm=radius_mm).array > 0
    image = 100.0 * inside + np.random.default_rng(0).normal(0, 8, shape)
    return image, inside, phantoms.ball(shape, spacing, radius_mm=radius_mm / 3).array


# --- the speed --------------------------------------------------------------------------------------------------------


def test_the_speed_is_a_half_where_the_gradient_is_the_contrast() -> None:
    ramp = np.outer(np.ones(6), 3.0 * np.arange(8))
    for spacing in (1.0, 2.0):
        speed = speed_image(ramp, contrast=1.5, sigma_mm=0, spacing=(1.0, spacing))
        np.testing.assert_allclose(speed, 1 / (1 + (3.0 / spacing / 1.5) ** 2), rtol=1e-6)


def test_without_contrast_the_speed_follows_the_shape_or_four_fifths_or_a_tenth_of_the_steepest() -> None:
    image = np.cumsum(np.repeat([[1.0, 2.0, 8.0]], 10, axis=1), axis=1).repeat(3, axis=0)
    slope = np.gradient(image, axis=1)
    inside = np.zeros(image.shape, bool)
    inside[:, 12:18] = True  # where the slope is 2
    empty = np.zeros(image.shape, bool)
    fifths = 1 / (1 + (slope / np.quantile(slope, 0.8)) ** 2)
    np.testing.assert_allclose(speed_image(image, inside=inside, sigma_mm=0), 1 / (1 + (slope / 4) ** 2), rtol=1e-6)
    np.testing.assert_allclose(speed_image(image, sigma_mm=0), fifths, rtol=1e-6)
    np.testing.assert_allclose(speed_image(image, inside=empty, sigma_mm=0), fifths, rtol=1e-6)
    step = np.zeros((9, 40))
    step[:, 38:] = 6
    assert speed_image(step, sigma_mm=0)[4, 38] == pytest.approx(1 / 101)


@given(st.integers(0, 1000), st.sampled_from([2.0**-10, 2.0**10]))
def test_the_speed_does_not_depend_on_the_unit_of_the_image(number, factor) -> None:
    image = np.random.default_rng(number).normal(size=(9, 11))
    np.testing.assert_allclose(speed_image(factor * image), speed_image(image), rtol=1e-5)
    flat = np.zeros((30, 30))
    flat[3:6, 3:6] = 1
    np.testing.assert_allclose(speed_image(factor * flat), speed_image(flat), rtol=1e-5)


def test_a_constant_image_slows_nothing() -> None:
    for shape in ((1, 1), (1, 7), (3, 4, 5)):
        assert (speed_image(np.full(shape, 3.0)) == 1).all()


def test_a_speed_that_cannot_be_is_refused() -> None:
    for contrast in (0, -1, np.nan):
        with pytest.raises(ConfigError, match="contrast"):
            speed_image(np.zeros((4, 4)), contrast=contrast)
    with pytest.raises(GeometryError, match="inside must have"):
        speed_image(np.zeros((4, 4)), inside=np.ones((2, 8), bool))
    with pytest.raises(DatasetError, match="finite"):
        speed_image([[0.0, np.inf]])


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "spacing"), [((48, 48), (1.0, 1.0)), ((12, 24, 36), (2.0, 1.0, 0.67))])
@pytest.mark.parametrize("tool", TOOLS)
def test_a_ball_in_millimetres_is_found_from_a_ball_inside_it(tool, shape, spacing) -> None:
    image, inside, seed = scene(shape, spacing)
    assert dice(seed > 0, inside) < 0.4
    smooth = {"sigma_mm": 1.0} if tool is geodesic_contour else {}
    found = after(tool(image, seed, spacing=spacing, **smooth), seed) == 1
    assert dice(found, inside) > 0.9
    width = [(np.ptp(np.nonzero(found)[a]) + 1) * s for a, s in enumerate(spacing)]
    assert max(width) - min(width) <= 2.5 * max(spacing)


@pytest.mark.parametrize("tool", TOOLS)
def test_each_change_is_one_that_a_person_can_stay_with(tool) -> None:
    image, inside, seed = scene((40, 40), (1.0, 1.0))
    labels = np.where(seed > 0, 5, 0).astype(np.uint8)
    labels[0, :] = 2
    now, sizes = labels, []
    for change in tool(image, labels, label=5, every=5 if tool is geodesic_contour else 1):
        assert 0 not in change.box.shape
        fresh = change.applied_to(now)
        moved = fresh != now
        assert Box.of(moved) == change.box
        assert set(np.unique(fresh)) <= {0, 2, 5}
        np.testing.assert_array_equal(fresh == 2, labels == 2)
        now = fresh
        sizes.append(dice(now == 5, inside))
    assert len(sizes) > 2
    assert sizes[-1] == max(sizes) > 0.9 > sizes[0]


@pytest.mark.parametrize("tool", TOOLS)
def test_who_stops_early_keeps_what_fewer_iterations_would_have_given(tool) -> None:
    image, _, seed = scene((40, 40), (1.0, 1.0))
    watched = tool(image, seed, every=5, iterations=60)
    early = after(itertools.islice(watched, 2), seed)
    watched.close()
    np.testing.assert_array_equal(early, after(tool(image, seed, every=10, iterations=10), seed))
    assert (early != seed).any()


@pytest.mark.parametrize("tool", TOOLS)
def test_the_shape_after_some_iterations_does_not_depend_on_how_often_one_looks(tool) -> None:
    image, _, seed = scene((8, 14, 14), (2.0, 1.0, 1.0), radius_mm=5.0)
    expected = after(tool(image, seed, every=1000, iterations=25, spacing=(2, 1, 1)), seed)
    for every in (1, 3, 20) if tool is chan_vese else (4, 20):
        found = after(tool(image, seed, every=every, iterations=25, spacing=(2, 1, 1)), seed)
        np.testing.assert_array_equal(found, expected)
    assert (expected != seed).any()


@pytest.mark.parametrize("tool", TOOLS)
def test_a_stop_is_heeded_between_two_changes(tool) -> None:
    image, _, seed = scene((40, 40), (1.0, 1.0))
    asked = iter([False, True])
    watched = tool(image, seed, every=20 if tool is geodesic_contour else 1, cancelled=lambda: next(asked))
    assert isinstance(next(watched), Change)
    with pytest.raises(Cancelled):
        next(watched)
    assert next(asked, None) is None


@pytest.mark.parametrize("tool", TOOLS)
def test_a_fence_of_another_label_is_not_leapt_over(tool) -> None:
    image = 100.0 * (np.indices((24, 40))[1] < 34)
    labels = np.zeros(image.shape, np.uint8)
    labels[9:15, 5:12] = 1
    open_field = after(tool(image, labels, iterations=200), labels)
    assert (open_field[:, 19:34] == 1).any()
    labels[:, 18] = 2
    fenced = after(tool(image, labels, iterations=200), labels)
    assert not (fenced[:, 19:] == 1).any()
    assert (fenced[:, 15:18] == 1).any()
    np.testing.assert_array_equal(fenced == 2, labels == 2)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_shape_stays_in_its_region_and_sees_nothing_beyond(tool) -> None:
    image, _, seed = scene((40, 40), (1.0, 1.0))
    region = Box((6, 10), (24, 33))
    found = after(tool(image, seed, region=region), seed)
    lone = after(tool(image[region.slices], seed[region.slices]), seed[region.slices])
    np.testing.assert_array_equal(found[region.slices], lone)
    found[region.slices] = seed[region.slices]
    np.testing.assert_array_equal(found, seed)


@settings(max_examples=4)
@given(st.permutations([0, 1, 2]), st.integers(0, 100))
def test_permuting_the_axes_permutes_the_shape_up_to_rounding(order, number) -> None:
    spacing = (2.0, 1.0, 1.5)
    image, _, seed = scene((8, 16, 11), spacing, radius_mm=6.0)
    image += np.random.default_rng(number).normal(0, 4, image.shape)
    for tool in TOOLS:
        plain = after(tool(image, seed, iterations=20, spacing=spacing), seed)
        turned_seed = seed.transpose(order)
        turned = after(
            tool(image.transpose(order), turned_seed, iterations=20, spacing=[spacing[a] for a in order]), turned_seed
        )
        assert np.count_nonzero(turned != plain.transpose(order)) <= 0.005 * plain.size


@pytest.mark.parametrize("shape", [(1, 24), (3, 24), (1, 20, 20), (3, 20, 20)])
@pytest.mark.parametrize("tool", TOOLS)
def test_slices_and_lines_are_thick_enough(tool, shape) -> None:
    inside = np.zeros(shape, bool)
    inside[..., 4:19] = True
    if len(shape) == 3:
        inside &= inside.swapaxes(1, 2)
    seed = np.zeros(shape, np.uint8)
    seed[(..., slice(9, 13), slice(9, 13)) if len(shape) == 3 else (..., slice(9, 13))] = 1
    edge = {"contrast": 5} if tool is geodesic_contour else {}
    found = after(tool(100.0 * inside, seed, **edge), seed)
    assert dice(found == 1, inside) > 0.85


@pytest.mark.parametrize("tool", TOOLS)
def test_where_nothing_can_move_there_is_no_change(tool) -> None:
    for shape in ((1, 1), (1, 5), (2, 3, 4)):
        assert not list(tool(np.zeros(shape), np.ones(shape, bool)))
    still = {"balloon": 0, "curvature": 0, "advection": 0} if tool is geodesic_contour else {}
    seed = phantoms.ball((12, 12), radius_mm=3).array
    assert not list(tool(np.full((12, 12), 5.0), seed, **still))


@pytest.mark.parametrize("tool", TOOLS)
def test_what_cannot_move_is_refused_before_the_first_change(tool) -> None:
    image, labels = np.zeros((6, 6)), np.ones((6, 6), np.uint8)
    for wrong in ({"iterations": 0}, {"every": 0}, {"label": 0}, {"label": -1}, {"label": 300}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            tool(image, labels, **wrong)
    with pytest.raises(ConfigError, match="sigma_mm"):
        tool(image, labels, sigma_mm=-1)
    labels[:3] = 0
    with pytest.raises(ConfigError, match="seed shape in the region"):
        tool(image, labels, region=Box((0, 0), (3, 6)))


# --- geodesic contours ------------------------------------------------------------------------------------------------


def test_the_contour_ends_where_that_of_scikit_image_does() -> None:
    image, inside, seed = scene((48, 48), (1.0, 1.0))
    edges = inverse_gaussian_gradient(image, alpha=5, sigma=1.5)
    theirs = morphological_geodesic_active_contour(edges, 80, init_level_set=seed, balloon=1, threshold=0.4) > 0
    ours = after(geodesic_contour(image, seed, sigma_mm=1.5), seed) == 1
    assert dice(theirs, inside) > 0.9
    assert dice(ours, theirs) > 0.93


@pytest.mark.parametrize("balloon", [1.0, -1.0])
def test_with_nothing_in_its_way_a_ball_grows_or_shrinks_as_a_ball_in_millimetres(balloon) -> None:
    spacing = (2.0, 1.0, 1.0)
    start = 5.0 if balloon > 0 else 10.0
    seed = phantoms.ball((16, 32, 32), spacing, radius_mm=start).array
    found = after(geodesic_contour(np.zeros(seed.shape), seed, balloon=balloon, iterations=20, spacing=spacing), seed)
    mesh = np.indices(seed.shape) - (np.array(seed.shape) - 1).reshape(3, 1, 1, 1) / 2
    away = np.sqrt(sum((m * s) ** 2 for m, s in zip(mesh, spacing, strict=True)))
    inner, outer = away[found == 0].min(), away[found == 1].max()
    assert outer - inner < 1.5
    assert (inner > start + 1) if balloon > 0 else (outer < start - 1)


def test_under_curvature_alone_a_circle_and_an_ellipse_lose_area_alike() -> None:
    # dA/dt = -2π for every closed curve (Gage and Hamilton 1986)
    lost = []
    for radii in ((20, 20), (14, 28)):
        seed = phantoms.ellipsoid((64, 64), radii_mm=radii).array
        found = after(geodesic_contour(np.zeros(seed.shape), seed, balloon=0, curvature=1, iterations=20), seed)
        lost.append(int(seed.sum()) - int((found == 1).sum()))
    assert min(lost) > 20
    assert max(lost) < 1.4 * min(lost)


def test_a_shape_that_shrinks_away_leaves_nothing_and_ends() -> None:
    seed = 3 * phantoms.ball((20, 20), radius_mm=5).array
    changes = list(geodesic_contour(np.zeros(seed.shape), seed, label=3, balloon=-1, iterations=10_000))
    assert len(changes) < 10
    assert not after(changes, seed).any()


def test_a_contour_pulled_by_edges_only_settles_on_them() -> None:
    inside = phantoms.ball((40, 40), radius_mm=10).array > 0
    seed = phantoms.ball((40, 40), radius_mm=11.5).array
    found = after(geodesic_contour(100.0 * inside, seed, balloon=0, curvature=0, advection=5, contrast=5), seed)
    assert dice(found == 1, inside) > 0.97 > dice(seed > 0, inside)


def test_strengths_that_no_contour_has_are_refused() -> None:
    image, labels = np.zeros((6, 6)), np.eye(6, dtype=np.uint8)
    for name, value in itertools.product(("balloon", "curvature", "advection"), (np.nan, np.inf)):
        with pytest.raises(ConfigError, match=name):
            geodesic_contour(image, labels, **{name: value})
    for name in ("curvature", "advection", "contrast"):
        with pytest.raises(ConfigError, match=name):
            geodesic_contour(image, labels, **{name: -1})


# --- Chan-Vese --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thickness", [1.0, 3.0, 8.0])
def test_chan_vese_reaches_the_next_slice_however_thick_the_slices_are(thickness) -> None:
    inside = phantoms.box((7, 12, 12), start=(1, 2, 2), size=(5, 8, 8)).array > 0
    seed = np.zeros(inside.shape, np.uint8)
    seed[3, 5:7, 5:7] = 1
    found = after(chan_vese(100.0 * inside, seed, spacing=(thickness, 1, 1)), seed) == 1
    assert dice(found, inside) > 0.95


def test_chan_vese_ends_where_that_of_scikit_image_does() -> None:
    image, inside, seed = scene((48, 48), (1.0, 1.0))
    level = np.where(seed > 0, 1.0, -1.0)
    theirs = their_chan_vese(image, mu=0.1, tol=0, max_num_iter=200, init_level_set=level)
    theirs = theirs if theirs[24, 24] else ~theirs
    ours = after(chan_vese(image, seed), seed) == 1
    assert dice(theirs, inside) > 0.97
    assert dice(ours, theirs) > 0.97


@given(st.integers(0, 1000), st.sampled_from([2.0**-8, 4.0, -1.0]), st.sampled_from([0.0, -1024.0, 64.0]))
def test_chan_vese_does_not_depend_on_units_nor_on_which_side_is_bright(number, factor, shift) -> None:
    rng = np.random.default_rng(number)
    inside = phantoms.ball((24, 24), radius_mm=7).array > 0
    image = np.rint(64 * inside + rng.normal(0, 8, inside.shape))
    seed = phantoms.ball((24, 24), radius_mm=3).array
    plain = after(chan_vese(image, seed), seed) == 1
    other = after(chan_vese(factor * image + shift, seed), seed) == 1
    assert np.count_nonzero(plain != other) <= (2 if factor < 0 else 0)
    assert dice(plain, inside) > 0.95


def test_a_misfit_outside_that_counts_more_makes_the_shape_larger() -> None:
    ramp = np.tile(np.linspace(100, 0, 40), (20, 1))
    seed = np.zeros(ramp.shape, np.uint8)
    seed[:, :12] = 1
    sizes = [
        int(after(chan_vese(ramp, seed, inside_weight=one, outside_weight=other, smoothing_mm=4), seed).sum())
        for one, other in ((2, 1), (1, 1), (1, 2))
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_more_smoothing_leaves_no_speckle() -> None:
    inside = phantoms.ball((40, 40), radius_mm=12).array > 0
    image = 100.0 * inside + np.random.default_rng(1).normal(0, 40, inside.shape)
    seed = phantoms.ball((40, 40), radius_mm=6).array
    found = [dice(after(chan_vese(image, seed, smoothing_mm=mm), seed) == 1, inside) for mm in (0.5, 2.0)]
    assert found[1] > 0.95 > found[0]


def test_weights_that_are_none_are_refused() -> None:
    for name in ("inside_weight", "outside_weight", "smoothing_mm"):
        for value in (0, -1, np.nan):
            with pytest.raises(ConfigError, match=name):
                chan_vese(np.zeros((6, 6)), np.eye(6, dtype=np.uint8), **{name: value})
