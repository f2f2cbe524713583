"""Edits of whole labels: holes, margin, hollow, smooth, islands, logic, masking."""

import numpy as np
import pytest
from scipy import ndimage as ndi
from tests import phantoms

from septum.classical import cleanup
from septum.errors import Cancelled, ConfigError, GeometryError
from septum.interactive.edits import regions
from septum.interactive.tool import Box

SPACING = (3.0, 0.8, 0.8)


def after(tool, labels, **options):
    return tool(None, labels, **options).applied_to(labels)


@pytest.fixture
def blobs():
    """Three labels of random blobs, and single voxels, on an anisotropic grid."""
    rng = np.random.default_rng(3)
    noise = ndi.gaussian_filter(rng.standard_normal((3, 12, 40, 40)), (0, 1, 3, 3))
    labels = np.where(noise.max(axis=0) > 0.05, noise.argmax(axis=0) + 1, 0).astype(np.uint8)
    labels[rng.random(labels.shape) > 0.995] = 2
    labels[rng.random(labels.shape) > 0.99] = 0
    return labels


@pytest.mark.parametrize(
    ("tool", "options", "same"),
    [
        (regions.margin, {"distance_mm": 2.5}, cleanup.margin),
        (regions.margin, {"distance_mm": -1.7}, cleanup.margin),
        (regions.hollow, {"thickness_mm": 2.0, "side": "both"}, cleanup.hollow),
        (regions.fill_holes, {"per_slice": True, "maximum_size": 20.0}, cleanup.fill_holes),
    ],
)
def test_an_edit_of_all_labels_is_the_clean_up_of_the_map(blobs, tool, options, same):
    found = after(tool, blobs, spacing=SPACING, **options)
    assert np.array_equal(found, same(blobs, spacing=SPACING, **options))
    assert not np.array_equal(found, blobs)


@pytest.mark.parametrize(
    ("kind", "same"),
    [
        ("median", lambda x: cleanup.smooth_median(x, spacing=SPACING, radius_mm=1.7)),
        ("opening", lambda x: cleanup.opening(x, spacing=SPACING, radius_mm=1.7)),
        ("closing", lambda x: cleanup.closing(x, spacing=SPACING, radius_mm=1.7)),
        ("gaussian", lambda x: cleanup.smooth_gaussian(x, spacing=SPACING, sigma_mm=1.7)),
        ("joint", lambda x: cleanup.smooth_joint(x, spacing=SPACING, sigma_mm=1.7)),
    ],
)
def test_each_smoothing_sees_beyond_a_region_and_changes_nothing_there(blobs, kind, same):
    whole = same(blobs)
    assert np.array_equal(after(regions.smooth, blobs, kind=kind, size_mm=1.7, spacing=SPACING), whole)
    region = Box((2, 5, 8), (9, 30, 33))
    expected = blobs.copy()
    expected[region.slices] = whole[region.slices]
    part = after(regions.smooth, blobs, kind=kind, size_mm=1.7, spacing=SPACING, region=region)
    assert np.array_equal(part, expected)


def test_a_margin_is_a_distance_in_mm_and_may_take_from_labels_that_were_not_chosen():
    labels = np.zeros((9, 31, 31), np.uint8)
    labels[4, 15, 15] = 1
    labels[:, :, 20:] = 2
    found = after(regions.margin, labels, distance_mm=6.0, only=[1], spacing=(3, 1, 1))
    grid = np.stack(np.meshgrid(*map(np.arange, labels.shape), indexing="ij"), -1) - [4, 15, 15]
    ball = np.linalg.norm(grid * np.array([3, 1, 1]), axis=-1) <= 6.0 + 1e-9
    assert np.array_equal(found == 1, ball)
    assert np.array_equal(found == 2, (labels == 2) & ~ball)


def test_only_the_named_labels_are_edited(blobs):
    found = after(regions.smooth, blobs, kind="opening", size_mm=2, only=[2], spacing=SPACING)
    assert (found[blobs != 2] == blobs[blobs != 2]).all()
    alone = cleanup.opening(np.where(blobs == 2, 2, 0), spacing=SPACING, radius_mm=2)
    assert np.array_equal(found == 2, alone == 2)


@pytest.mark.parametrize("tool", [regions.fill_holes, regions.margin, regions.hollow, regions.smooth, regions.islands])
def test_an_empty_map_and_a_label_that_does_not_occur_change_nothing(tool, blobs):
    assert tool(None, np.zeros((4, 5), np.uint8)).labels.size == 0
    assert np.array_equal(after(tool, blobs, only=[99]), blobs)


@pytest.mark.parametrize("tool", [regions.fill_holes, regions.margin, regions.hollow, regions.smooth, regions.islands])
def test_a_person_can_stop(tool, blobs):
    with pytest.raises(Cancelled):
        tool(None, blobs, cancelled=lambda: True)
    with pytest.raises(Cancelled):
        regions.logic(None, blobs, operation="clear", cancelled=lambda: True)


@pytest.fixture
def parts():
    """Label 1 in parts of 12, 6, 2 and 1 pixels, label 2 in parts of 4 and 3."""
    labels = np.zeros((8, 16), np.uint8)
    labels[0:3, 0:4] = labels[5:7, 0:3] = 1
    labels[0, 6:8] = labels[7, 15] = 1
    labels[3:5, 8:10] = labels[7, 8:11] = 2
    return labels


def sizes(labels, value):
    numbers, count = ndi.label(labels == value, np.ones((3,) * labels.ndim))
    return sorted(np.bincount(numbers.reshape(-1))[1:].tolist()) if count else []


def test_islands_keeps_and_removes_by_size(parts):
    kept = after(regions.islands, parts, count=2)
    assert (sizes(kept, 1), sizes(kept, 2)) == ([6, 12], [3, 4])
    kept = after(regions.islands, parts, only=[1])
    assert (sizes(kept, 1), sizes(kept, 2)) == ([12], [3, 4])
    kept = after(regions.islands, parts, operation="remove-small", minimum_size=12.0, spacing=(2, 2))
    assert (sizes(kept, 1), sizes(kept, 2)) == ([6, 12], [3, 4])


def test_islands_keeps_and_removes_what_is_under_the_points(parts):
    kept = after(regions.islands, parts, operation="keep-selected", points=[[5, 1], [0, 6]])
    assert (sizes(kept, 1), sizes(kept, 2)) == ([2, 6], [3, 4])
    gone = after(regions.islands, parts, operation="remove-selected", points=[[5, 1], [3, 8]])
    assert (sizes(gone, 1), sizes(gone, 2)) == ([1, 2, 12], [3])
    with pytest.raises(ConfigError, match="on a label"):
        regions.islands(None, parts, operation="remove-selected", points=[[4, 14]])
    with pytest.raises(ConfigError, match="on a label"):
        regions.islands(None, parts, operation="remove-selected", points=[[5, 1]], only=[2])
    with pytest.raises(ConfigError, match="give points"):
        regions.islands(None, parts, operation="keep-selected")


def test_islands_splits_into_new_labels_the_larger_first(parts):
    split = after(regions.islands, parts, operation="split")
    assert [sizes(split, v) for v in range(1, 7)] == [[12], [4], [6], [2], [1], [3]]
    split = after(regions.islands, parts, operation="split", only=[2], label=300)
    assert (sizes(split, 2), sizes(split, 300)) == ([4], [3])
    change = regions.islands(None, parts, operation="split", only=[2], label=300)
    assert 300 in change.labels


def test_islands_picks_the_part_under_a_point(parts):
    picked = after(regions.islands, parts, operation="pick", points=[[6, 2]], label=9)
    assert (sizes(picked, 1), sizes(picked, 9)) == ([1, 2, 12], [6])
    with pytest.raises(ConfigError, match="give label"):
        regions.islands(None, parts, operation="pick", points=[[6, 2]])


def test_parts_connect_through_corners_or_faces():
    labels = np.eye(4, dtype=np.uint8)
    assert after(regions.islands, labels).sum() == 4
    assert after(regions.islands, labels, connectivity="faces").sum() == 1


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("copy", lambda a, b: b),
        ("add", lambda a, b: a | b),
        ("subtract", lambda a, b: a & ~b),
        ("intersect", lambda a, b: a & b),
        ("invert", lambda a, b: ~a),
        ("clear", lambda a, b: a & False),
        ("fill", lambda a, b: a | True),
    ],
)
def test_logic_is_that_of_sets_between_labels_and_layers(blobs, operation, expected):
    other = np.roll(blobs, 7, axis=2)
    found = after(regions.logic, blobs, operation=operation, label=1, other=other, of=[2, 3])
    wanted = expected(blobs == 1, np.isin(other, [2, 3]))
    assert np.array_equal(found == 1, wanted)
    rest = ~wanted & (blobs != 1)
    assert (found[rest] == blobs[rest]).all()
    within = after(regions.logic, blobs, operation=operation, label=1, of=[2])
    assert np.array_equal(within == 1, expected(blobs == 1, blobs == 2))


def test_logic_refuses_what_cannot_be(blobs):
    with pytest.raises(ConfigError, match="another label or layer"):
        regions.logic(None, blobs, operation="add")
    with pytest.raises(GeometryError, match="shape"):
        regions.logic(None, blobs, operation="add", other=np.zeros((3, 3), np.uint8))
    with pytest.raises(ConfigError, match="operation"):
        regions.logic(None, blobs, operation="xor")
    with pytest.raises(ConfigError, match="label"):
        regions.logic(None, blobs, operation="fill", label=0)


def test_the_image_is_masked_inside_or_outside_on_every_channel(blobs):
    image = np.random.default_rng(0).integers(5, 200, (2, *blobs.shape)).astype(np.uint8)
    outside = regions.mask_image(image, blobs, only=[1, 3], value=2)
    inside = np.isin(blobs, [1, 3])
    assert (outside[:, ~inside] == 2).all()
    assert (outside[:, inside] == image[:, inside]).all()
    assert (regions.mask_image(image[0], blobs, side="inside")[blobs > 0] == 0).all()
    assert outside.dtype == np.uint8
    with pytest.raises(ConfigError, match="fit"):
        regions.mask_image(image, blobs, value=-1000)
    with pytest.raises(GeometryError, match="shape"):
        regions.mask_image(image[:, :3], blobs)


@pytest.mark.parametrize(
    ("tool", "options"),
    [
        (regions.margin, {"distance_mm": np.nan}),
        (regions.hollow, {"thickness_mm": 0}),
        (regions.hollow, {"side": "top"}),
        (regions.smooth, {"kind": "strong"}),
        (regions.smooth, {"size_mm": -1}),
        (regions.islands, {"operation": "drown"}),
        (regions.islands, {"connectivity": "some"}),
        (regions.islands, {"count": 0}),
        (regions.fill_holes, {"maximum_size": -1}),
    ],
)
def test_impossible_options_are_refused(blobs, tool, options):
    with pytest.raises(ConfigError):
        tool(None, blobs, **options)


def test_masks_and_planes_are_edited_too():
    mask = phantoms.ball((31, 31), radius_mm=9).mask
    grown = regions.margin(None, mask, distance_mm=2).applied_to(mask)
    assert np.array_equal(grown, cleanup.margin(mask, distance_mm=2))
