"""The filter bank against scipy and scikit-image, and the promise that a block equals the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from tests.interactive.pixels.grids import noise, one

from septum.errors import ConfigError, DatasetError, GeometryError
from septum.interactive.pixels.features import (
    KINDS,
    FeatureSettings,
    FilterBank,
    boxes_of,
    features_of,
    filter_bank,
)
from septum.interactive.tool import Box


def test_scales_are_millimetres_or_finest_voxels_and_the_same_along_every_axis():
    image, spacing = noise((20, 30, 31)), (2.5, 0.5, 1.0)
    expected = ndimage.gaussian_filter(image, [2.0 / s for s in spacing])
    np.testing.assert_allclose(one(image, "gaussian", 2.0, spacing, "mm")[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(one(image, "gaussian", 4.0, spacing)[0], expected, rtol=1e-4, atol=1e-5)


@given(st.data(), st.sampled_from([(30, 41), (17, 12, 20), (1, 25, 9)]), st.sampled_from(["voxel", "mm"]))
def test_any_block_is_what_the_whole_image_gives(data, shape, unit):
    ends = [sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2).filter(lambda e: e[0] != e[1]))) for n in shape]
    box = Box(*(tuple(e) for e in zip(*ends, strict=True)))
    image = noise((2, *shape), 3)
    settings = FeatureSettings(scales=(0.3, 0.7, 2.0, 6.0), unit=unit)
    bank = FilterBank(image, settings=settings, spacing=(3.0, 1.0, 0.5)[-len(shape) :])
    whole = bank.block()
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(bank.block(box), whole[(slice(None), *box.slices)])


@given(st.permutations([0, 1, 2]))
def test_permuting_the_axes_permutes_the_features(order):
    image, spacing = noise((9, 11, 13)), (3.0, 1.0, 0.5)
    settings = FeatureSettings(scales=(0.3, 1.6))
    plain = filter_bank(image[None], settings=settings, spacing=spacing)
    turned = filter_bank(image.transpose(order)[None], settings=settings, spacing=[spacing[a] for a in order])
    np.testing.assert_allclose(turned, plain.transpose(0, *(a + 1 for a in order)), rtol=2e-3, atol=2e-4)


def test_a_selection_gives_just_those_features_in_its_order():
    image = noise((2, 20, 22))
    chosen = (60, 3, 17)
    whole = filter_bank(image)
    picked = FilterBank(image, settings=FeatureSettings(selection=chosen))
    np.testing.assert_array_equal(picked.block(), whole[list(chosen)])
    names = features_of(FeatureSettings(), channels=2, ndim=2)
    assert [f.name for f in picked.features] == [names[i].name for i in chosen]


def test_there_are_ilastiks_filters_each_named_once():
    for ndim, count in ((2, 49), (3, 61)):
        names = [f.name for f in features_of(FeatureSettings(), channels=1, ndim=ndim)]
        assert len(set(names)) == len(names) == count
        assert filter_bank(np.zeros((1, *[3] * ndim)), settings=FeatureSettings()).shape == (count, *[3] * ndim)


def test_integers_and_truth_values_are_images_too():
    image = np.arange(72, dtype=np.uint16).reshape(1, 8, 9)
    np.testing.assert_array_equal(filter_bank(image), filter_bank(image.astype(np.float32)))
    np.testing.assert_array_equal(filter_bank(image > 9), filter_bank((image > 9).astype(np.float32)))


@given(st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9)), st.integers(1, 300))
def test_blocks_cover_a_box_once_and_are_small(shape, voxels):
    counts = np.zeros((40, 40, 12), int)
    start = (3, 0, 1)
    for block in boxes_of(Box(start, tuple(a + n for a, n in zip(start, shape, strict=True))), voxels=voxels):
        assert np.prod(block.shape) <= voxels
        counts[block.slices] += 1
    inside = counts[tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))]
    assert (inside == 1).all()
    assert counts.sum() == inside.size


def test_what_cannot_be_described_is_refused():
    image = np.zeros((1, 8, 9))
    with pytest.raises(GeometryError, match="inside the image"):
        filter_bank(image, box=Box((0, 0), (9, 9)))
    with pytest.raises(GeometryError, match="inside the image"):
        filter_bank(image, box=Box((2, 2), (2, 5)))
    with pytest.raises(GeometryError, match="inside the image"):
        filter_bank(image, box=Box((0, 0, 0), (1, 1, 1)))
    with pytest.raises(GeometryError, match="channels"):
        filter_bank(np.zeros((8, 9)))
    with pytest.raises(DatasetError, match="finite"):
        filter_bank(np.full((1, 8, 9), np.nan))
    with pytest.raises(DatasetError, match="rescale"):
        filter_bank(np.full((1, 8, 9), -2e9))
    with pytest.raises(GeometryError, match="spacing"):
        filter_bank(image, spacing=(1.0, 0.0))
    with pytest.raises(ConfigError, match="selection must be below 49"):
        filter_bank(image, settings=FeatureSettings(selection=(49,)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kinds": ("gabor",)}, "kinds must be one of"),
        ({"kinds": ()}, "kinds must name"),
        ({"kinds": ("hessian", "hessian")}, "kinds must name"),
        ({"scales": (0.2,)}, "at least 0.3"),
        ({"scales": (31.0,)}, "at most 30"),
        ({"scales": ()}, "scales must"),
        ({"scales": (float("nan"),)}, "scales"),
        ({"scales": (0.3,), "kinds": ("hessian",)}, "must reach 0.5"),
        ({"unit": "inch"}, "unit"),
        ({"selection": ()}, "selection must name"),
        ({"selection": (-1,)}, "from 0"),
        ({"selection": (2, 2)}, "each once"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        FeatureSettings(**wrong)


def test_every_kind_answers_to_something():
    image = noise((1, 30, 30))
    for kind in KINDS:
        assert np.ptp(filter_bank(image, settings=FeatureSettings((kind,), (1.0,)))) > 0


@pytest.mark.parametrize("shape", [(1, 20, 21), (1, 9, 10, 11)])
def test_the_largest_values_that_are_taken_give_finite_features(shape):
    image = 1e9 * np.random.default_rng(0).choice([-1.0, 1.0], shape)
    assert np.isfinite(filter_bank(image)).all()
