"""Specks go, structures stay, and no class is lost."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label

from septum.workflows.prediction.specks import without_specks


def test_glare_beside_a_lesion_goes_and_the_map_that_was_given_stays_as_it_was() -> None:
    mask = np.zeros((40, 50), np.uint8)
    mask[10:25, 10:30], mask[35, 40], mask[2:4, 2:4] = 1, 1, 1
    before = mask.copy()
    found, voxels = without_specks(mask, (0.0, 0.01))  # 20 of 2000 pixels
    assert voxels == 5
    assert found.sum() == 15 * 20
    assert found.dtype == mask.dtype
    assert np.array_equal(mask, before)


def test_a_class_of_specks_alone_keeps_its_largest() -> None:
    mask = np.array([[2, 0, 2, 2, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    assert without_specks(mask, (0.0, 0.2, 0.5))[0].tolist() == [[0, 0, 2, 2, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]


def test_a_share_of_zero_and_a_class_without_one_keep_everything() -> None:
    mask = np.array([[1, 0, 2, 0, 3]])
    found, voxels = without_specks(mask, (0.9, 0.0))
    assert (found.tolist(), voxels) == (mask.tolist(), 0)


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3)),
    st.floats(0, 0.5),
)
def test_what_is_kept_are_whole_pieces_by_an_independent_count(mask: np.ndarray, share: float) -> None:
    found, voxels = without_specks(mask, (0.0, *(share,) * 3))
    assert voxels == np.count_nonzero(mask) - np.count_nonzero(found)
    for index in (1, 2, 3):
        pieces = label(mask == index, connectivity=2)
        sizes = np.bincount(pieces.ravel())[1:]
        wanted = {i + 1 for i, size in enumerate(sizes) if size >= share * mask.size * (1 - 1e-9)}
        kept = set(np.unique(pieces[found == index])) - {0}
        if wanted or not sizes.size:
            assert kept == wanted
        else:
            assert len(kept) == 1
            assert sizes[kept.pop() - 1] == sizes.max()
    assert np.array_equal(found[found > 0], mask[found > 0])
