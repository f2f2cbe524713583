"""Tiles cover an image, their shares add up to one, and blocks partition it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from septum.net.inference.tiles import (
    abutting_axis,
    fit_patch,
    gaussian_window,
    halve_box,
    halve_patch,
    plan_blocks,
    read_box,
    split_box,
    tile_axis,
    tile_starts,
)

sizes = st.integers(1, 90)
patches = st.integers(1, 40)
overlaps = st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9])


@given(sizes, patches, overlaps)
def test_tiles_cover_the_axis_and_neighbours_overlap_as_asked(size: int, patch: int, overlap: float) -> None:
    starts = tile_starts(size, patch, overlap=overlap)
    if size <= patch:
        assert len(starts) == 1
        assert starts[0] <= 0
        assert starts[0] + patch >= size
        return
    assert starts[0] == 0
    assert starts[-1] + patch == size
    steps = np.diff(starts)
    assert steps.min() >= 1
    assert steps.max() <= max(1, int(patch * (1 - overlap)))


@given(sizes, patches, overlaps)
def test_shares_of_all_tiles_add_up_to_one_at_every_voxel(size: int, patch: int, overlap: float) -> None:
    axis = tile_axis(size, patch, overlap=overlap)
    total = np.zeros(size)
    for (low, high), share, start in zip(axis.spans, axis.shares, axis.starts, strict=True):
        assert start <= low < high <= start + patch
        assert (share > 0).all()
        total[low:high] += share
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(sizes, patches, st.sampled_from([1, 2, 16]))
def test_tiles_without_blending_abut_at_multiples_of_the_strides(size: int, patch: int, unit: int) -> None:
    axis = abutting_axis(size, max(patch, unit), unit=unit)
    assert [voxel for low, high in axis.spans for voxel in range(low, high)] == list(range(size))
    assert all(start % unit == 0 and start == low for start, (low, _) in zip(axis.starts, axis.spans, strict=True))
    assert all((share == 1).all() for share in axis.shares)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=3))
def test_window_is_a_product_of_gaussians_symmetric_and_never_zero(patch: list[int]) -> None:
    window = gaussian_window(patch)
    assert window.shape == tuple(patch)
    assert (window > 0).all()
    np.testing.assert_allclose(window, np.flip(window))
    assert window.max() <= 1
    inner = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 8)) ** 2) for n in patch]
    np.testing.assert_allclose(window, np.einsum(*itertools.chain(*((v, [i]) for i, v in enumerate(inner)))))


@given(st.data())
def test_a_box_anywhere_reads_like_numpy_reflection_padding(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    start = [data.draw(st.integers(-9, 9)) for _ in shape]
    length = [data.draw(st.integers(1, 12)) for _ in shape]
    image = np.random.default_rng(0).standard_normal((2, *shape))
    padded = np.pad(image, [(0, 0), *((20, 30) for _ in shape)], mode="reflect")
    window = tuple(slice(20 + a, 20 + a + n) for a, n in zip(start, length, strict=True))
    box = read_box(image, start, shape=length)
    np.testing.assert_array_equal(box, padded[(slice(None), *window)].astype(np.float32))
    assert box.dtype == np.float32
    assert box.flags.c_contiguous


def test_a_box_inside_is_a_copy_even_of_float32() -> None:
    image = np.zeros((1, 4, 4), dtype=np.float32)
    read_box(image, (1, 1), shape=(2, 2))[:] = 7
    assert not image.any()


@given(st.data())
def test_blocks_partition_the_image_within_the_limit(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 60), min_size=1, max_size=2))
    limit = data.draw(st.integers(4, 4000))
    halo = data.draw(st.sampled_from([0, 1]))
    axes = [tile_axis(size, 16, overlap=0.5) for size in shape]
    seen = np.zeros(shape, dtype=int)
    blocks = plan_blocks(axes, limit, halo=halo)
    for block in blocks:
        seen[tuple(slice(low, high) for low, high in block)] += 1
        needed = [min(high + halo, size) - low for (low, high), size in zip(block, shape, strict=True)]
        assert np.prod(needed) <= limit
    assert (seen == 1).all()
    if np.prod(shape) <= limit:
        assert len(blocks) == 1


def test_a_block_border_lies_where_only_one_tile_reaches_across() -> None:
    axis = tile_axis(512, 128, overlap=0.5)
    blocks = plan_blocks([axis], 300, halo=1)
    touching = [axis.touching(low, min(high + 1, 512)) for ((low, high),) in blocks]
    assert len(blocks) == 2
    assert sum(map(len, touching)) == len(axis.starts) + 1


@given(st.lists(st.integers(1, 12), min_size=1, max_size=3), st.integers(1, 50))
def test_slabs_partition_a_box_within_the_limit(shape: list[int], limit: int) -> None:
    box = tuple((3, 3 + size) for size in shape)
    seen = np.zeros([size + 3 for size in shape], dtype=int)
    for slab in split_box(box, limit):
        place = tuple(slice(low, high) for low, high in slab)
        assert seen[place].size <= limit
        seen[place] += 1
    assert (seen[tuple(slice(3, None) for _ in shape)] == 1).all()
    assert seen.sum() == np.prod(shape)


def test_a_box_halves_across_its_longest_axis_down_to_one_voxel() -> None:
    assert halve_box(((0, 3), (2, 7))) == [((0, 3), (2, 4)), ((0, 3), (4, 7))]
    assert halve_box(((4, 5),)) == [((4, 5),)]


def test_a_patch_shrinks_to_a_small_image_in_steps_of_the_divisor() -> None:
    assert fit_patch((300, 70), (128, 128), margin=(0, 0), divisor=(16, 16)) == (128, 80)
    assert fit_patch((1, 300), (128, 128), margin=(0, 0), divisor=(16, 16)) == (32, 128)
    assert fit_patch((1,), (16,), margin=(0,), divisor=(16,)) == (16,)
    # the paper's network: 572 -> 388; admissible sizes are 16 apart
    assert fit_patch((512, 30), (572, 572), margin=(92, 92), divisor=(16, 16)) == (572, 220)


@pytest.mark.parametrize(
    ("patch", "margin", "divisor"), [((64, 96), (0, 0), (16, 8)), ((572, 300), (92, 92), (16, 16))]
)
def test_a_patch_halves_until_its_smallest_size_keeping_its_steps(
    patch: tuple[int, int], margin: tuple[int, int], divisor: tuple[int, int]
) -> None:
    seen = [patch]
    while (smaller := halve_patch(seen[-1], margin=margin, divisor=divisor)) is not None:
        assert np.prod(smaller) < np.prod(seen[-1])
        assert all((a - b) % d == 0 and b > 2 * m for a, b, d, m in zip(patch, smaller, divisor, margin, strict=True))
        seen.append(smaller)
    assert 3 <= len(seen) < 14
