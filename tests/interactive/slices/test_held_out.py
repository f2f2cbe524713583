"""What to expect of interpolation: near the Dice that it predicts, and where to draw next."""

import numpy as np
import pytest
from tests.interactive.slices.shapes import ball, dice, drawn_only

from septum.interactive.slices.held_out import leave_one_slice_out, next_slice
from septum.interactive.slices.interpolate import interpolate


@pytest.mark.parametrize("gap", [2, 3, 4])
def test_the_estimate_is_near_the_dice_that_it_predicts(gap):
    true = ball((49, 60, 60), 22)
    slices = list(range(3, 46, gap))
    sparse = drawn_only(true, slices)
    made = interpolate(sparse, drawn={0: slices})
    rest = np.setdiff1d(np.arange(slices[0], slices[-1]), slices)
    assert leave_one_slice_out(sparse, drawn={0: slices}).dice == pytest.approx(dice(made[rest], true[rest]), abs=0.03)


def test_the_next_slice_lies_where_the_shape_is_least_known():
    true = np.repeat(ball((1, 40, 40), 8)[0][None], 41, axis=0)
    for z in range(20, 29):
        true[z] = ball((1, 40, 40), 8 + 6 * np.sin(np.pi * (z - 20) / 8))[0]
    drawn = [0, 8, 16, 24, 32, 40]
    assert next_slice(drawn_only(true, drawn), drawn={0: drawn}) in {(0, 20), (0, 28)}


def test_nothing_is_left_to_draw_when_every_slice_is_drawn():
    true = ball((5, 20, 20), 6)
    assert leave_one_slice_out(true, drawn={0: range(5)}).next_slice() is None
