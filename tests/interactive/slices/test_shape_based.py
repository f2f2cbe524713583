"""Shape-based interpolation: distances that are signed, shapes that part and lean."""

import numpy as np
from scipy import ndimage
from tests.interactive.slices.shapes import ball, dice, drawn_only

from septum.interactive.slices.interpolate import interpolate
from septum.interactive.slices.shape_based import signed_distance


def test_a_cylinder_is_exact_between_its_slices():
    disc = ball((1, 30, 30), 9)[0]
    true = np.repeat(disc[None], 11, axis=0)
    assert (interpolate(drawn_only(true, [0, 10])) == true).all()


def test_an_oblique_vessel_does_not_vanish_where_its_slices_do_not_overlap():
    shape, true = (21, 20, 60), np.zeros((21, 20, 60), np.uint8)
    for z in range(shape[0]):
        true[z] = ball((1, 20, 60), 3, centre=(0, 10, 8 + 2 * z))[0]
    made = interpolate(drawn_only(true, [0, 10, 20]))
    assert dice(made, true) > 0.9
    assert all(np.count_nonzero(plane) > 15 for plane in made)


def test_a_branch_is_one_object_that_becomes_two():
    true = np.zeros((9, 30, 50), np.uint8)
    true[0] = ball((1, 30, 50), 9)[0]
    true[8] = ball((1, 30, 50), 5, centre=(0, 15, 14))[0] | ball((1, 30, 50), 5, centre=(0, 15, 36))[0]
    true[0] |= true[8] & (np.abs(np.arange(50) - 24.5) < 14)
    made = interpolate(drawn_only(true, [0, 8]))
    parts = [ndimage.label(plane)[1] for plane in made]
    assert parts[0] == 1
    assert parts[-1] == 2
    assert parts == sorted(parts)


def test_the_signed_distance_is_antisymmetric_and_zero_at_the_edge():
    mask = ball((1, 20, 20), 6)[0] > 0
    assert np.allclose(signed_distance(mask, (1, 1)), -signed_distance(~mask, (1, 1)))
    assert np.abs(signed_distance(mask, (1, 1))).min() == 0.5
