"""The table of edits: its rows agree with the functions, and every edit keeps the contract of tools."""

import inspect

import numpy as np
import pytest
from scipy import ndimage as ndi

from septum.errors import Cancelled
from septum.interactive.edit_rows import EDITS, MASK_IMAGE
from septum.interactive.tool import Box

SHAPE, SPACING = (7, 16, 18), (2.5, 1.0, 0.8)
PROMPTS = {
    "paint": {"points": [[3.0, 4.0, 4.0], [3.0, 11.0, 12.0]]},
    "erase": {"points": [[3.0, 4.0, 4.0], [3.0, 11.0, 12.0]]},
    "polygon": {"points": [[3, 2, 2], [3, 2, 13], [3, 12, 12]]},
    "scissors": {"points": [[3, 2, 2], [3, 2, 13], [3, 12, 12]]},
    "fill": {"points": [[3, 8, 8]], "closed": False},
    "logic": {"operation": "invert"},
}
rows = pytest.mark.parametrize("row", EDITS, ids=lambda row: row.name)


def blobs():
    noise = ndi.gaussian_filter(np.random.default_rng(2).standard_normal((3, *SHAPE)), (0, 1, 2, 2))
    labels = np.where(noise.max(axis=0) > 0.05, noise.argmax(axis=0) + 1, 0).astype(np.uint8)
    labels[3, 6:11, 6:11] = 3
    labels[3, 7:10, 7:10] = 0
    return labels


def change_of(row, labels, **more):
    given = {**row.resolve({}), "spacing": SPACING, **PROMPTS.get(row.name, {}), **more}
    return row.function(None, labels, **given)


@pytest.mark.parametrize("row", [*EDITS, MASK_IMAGE], ids=lambda row: row.name)
def test_a_row_names_what_its_function_takes_with_the_same_defaults(row):
    parameters = inspect.signature(row.function).parameters
    for option in row.options:
        default = parameters[option.name].default
        assert default is inspect.Parameter.empty or default == option.default, option.name
        assert row.resolve({})[option.name] == option.parse(option.default, row.name)
    known = {option.name for option in row.options} | {*row.given, "image", "labels", "region", "cancelled"}
    assert set(parameters) <= known | {"spacing"}
    assert set(row.needs) <= set(row.given) <= set(parameters)


@rows
def test_an_edit_changes_nothing_outside_its_region_and_none_of_its_arguments(row):
    labels, region = blobs(), Box((1, 3, 2), (5, 12, 15))
    before = labels.copy()
    whole = change_of(row, labels).applied_to(labels)
    change = change_of(row, labels, region=region)
    assert np.array_equal(labels, before)
    assert change.box.within(region) or not change.labels.size
    after = change.applied_to(labels)
    outside = np.ones(SHAPE, bool)
    outside[region.slices] = False
    assert np.array_equal(after[outside], before[outside])
    if row.name != "fill":  # the region bounds what hangs together
        assert np.array_equal(after[region.slices], whole[region.slices])
    assert not np.array_equal(whole, before) or row.name == "fill-holes"


@rows
def test_exchanging_axes_exchanges_the_result(row):
    labels, order = blobs(), (2, 0, 1)
    more = {}
    prompt = PROMPTS.get(row.name, {})
    if "points" in prompt:
        more["points"] = np.asarray(prompt["points"])[:, list(order)]
    if any(option.name == "axis" for option in row.options):
        more["axis"] = order.index(0)
    turned = np.ascontiguousarray(labels.transpose(order))
    found = change_of(row, turned, spacing=tuple(SPACING[i] for i in order), **more).applied_to(turned)
    assert np.array_equal(found, change_of(row, labels).applied_to(labels).transpose(order))


@rows
def test_a_person_can_stop_every_edit(row):
    with pytest.raises(Cancelled):
        change_of(row, blobs(), cancelled=lambda: True)


@rows
def test_labels_may_be_read_only(row):
    labels = blobs()
    labels.flags.writeable = False
    assert change_of(row, labels).labels.ndim == 3
