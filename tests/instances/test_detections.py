"""Objects of frames: what overlaps between them."""

import numpy as np

from septum.instances.detections import detect


def test_overlaps_are_shares_of_the_smaller_object():
    a, b = np.zeros((1, 8), int), np.zeros((1, 8), int)
    a[0, :4], b[0, 2:8] = 70000, 3
    assert detect([(a, None), (b, None)]).overlaps == {(0, 1): 0.5}
