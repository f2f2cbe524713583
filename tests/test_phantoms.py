"""The shared phantoms keep what they promise, over dimensions and spacings."""

import numpy as np
import pytest
from tests import phantoms


@pytest.mark.parametrize("spacing", [None, (3.0, 1.0, 0.5), (0.5, 0.5, 0.5)])
@pytest.mark.parametrize("ndim", [2, 3])
def test_the_voxels_of_every_phantom_fill_its_size(ndim, spacing):
    for phantom in phantoms.every(ndim, spacing and spacing[-ndim:]):
        filled = np.count_nonzero(phantom.array) * phantom.voxel_size
        assert filled == pytest.approx(phantom.size, rel=1e-9 if phantom.exact else 0.05), phantom.name
        assert phantom.labels.grid.spacing == phantom.spacing
        assert phantom.image(channels=2).array.shape == (2, *phantom.array.shape)


def test_the_touching_pair_shares_a_face():
    array = phantoms.touching_pair().array
    touching = (array[..., :-1] == 1) & (array[..., 1:] == 2)
    assert touching.sum() == (array == 1).any(axis=-1).sum() > 0
