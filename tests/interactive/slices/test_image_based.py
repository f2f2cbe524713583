"""Interpolation that looks at the image: it decides where shapes cannot know."""

import numpy as np
from tests.interactive.slices.shapes import ball, dice, drawn_only, picture_of

from septum.interactive.slices.image_based import ImageBasedSettings
from septum.interactive.slices.interpolate import interpolate


def test_the_image_decides_where_two_slices_cannot_know():
    true = np.zeros((11, 40, 40), np.uint8)
    for z, radius in enumerate([8, 8, 9, 10, 11, 12, 11, 10, 9, 8, 8]):
        true[z] = ball((1, 40, 40), radius)[0]
    sparse = drawn_only(true, [0, 10])
    plain = dice(interpolate(sparse), true)
    followed = dice(interpolate(sparse, method="image", image=picture_of(true)), true)
    freely = dice(
        interpolate(sparse, method="image", image=picture_of(true), settings=ImageBasedSettings(thin=1.0)), true
    )
    assert plain < followed < freely
    assert plain + 0.05 < freely > 0.95


def test_an_image_without_contrast_leaves_the_interpolated_shape():
    sparse = drawn_only(ball(), [3, 9, 15, 21])
    assert (interpolate(sparse, method="image", image=np.full(sparse.shape, 7.0)) == interpolate(sparse)).all()


def test_a_thin_sheet_that_the_image_hardly_shows_does_not_vanish():
    true = np.zeros((13, 40, 40), np.uint8)
    true[:, 18:21, 5:35] = 1
    image = true * 0.5 + np.random.default_rng(0).normal(0, 1, true.shape)
    sparse = drawn_only(true, [0, 6, 12])
    assert dice(interpolate(sparse, method="image", image=image, spacing=(7.5, 0.5, 0.5)), true) > 0.8


def test_whole_numbers_do_as_settings():
    sparse = drawn_only(ball(), [3, 9, 15])
    made = interpolate(
        sparse, method="image", image=picture_of(ball()), settings=ImageBasedSettings(prior_weight=1, band=4)
    )
    assert dice(made[3:16], ball()[3:16]) > 0.95
