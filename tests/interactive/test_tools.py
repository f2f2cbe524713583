"""The table of tools, and what every row of it promises: its region, its seeds, its errors."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from septum.errors import Cancelled, ConfigError, DatasetError, GeometryError, SeptumError
from septum.interactive.slices.interpolate import interpolate
from septum.interactive.tool import UNMARKED, Box, Change
from septum.interactive.tools import TOOLS, find_tool

SHAPE = (14, 20, 22)
SPACING = (2.0, 1.0, 1.0)
REGION = Box((2, 3, 4), (12, 18, 20))
NAMES = [tool.name for tool in TOOLS if tool.name != "fill-between-slices"]  # which needs drawn slices: see below
SEEDED = [tool.name for tool in TOOLS if "seeds" in tool.needs]
POINTED = [tool.name for tool in TOOLS if "points" in tool.needs]
SHAPED = [tool.name for tool in TOOLS if not tool.needs and tool.name in NAMES]


def picture() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bright ellipsoid in noise, the seed shape of label 1 inside it with a label 7 beside, and seeds."""
    z, y, x = np.indices(SHAPE)
    inside = ((z - 7) / 4) ** 2 + ((y - 10) / 6) ** 2 + ((x - 12) / 6) ** 2 <= 1
    rng = np.random.default_rng(0)
    image = ndimage.gaussian_filter(100.0 * inside, 0.7) + rng.normal(0, 3, SHAPE)
    labels = np.zeros(SHAPE, np.uint8)
    labels[6:9, 9:12, 11:14] = 1
    labels[7, 4, 5] = 7
    seeds = np.full(SHAPE, UNMARKED, np.int32)
    seeds[7, 9:12, 12] = 1
    seeds[3, 4, 5:18] = 0
    seeds[7, 4, 5:18] = 0
    return image, labels, seeds


def prompts(name: str) -> dict[str, Any]:
    seeds = picture()[2]
    if name == "pixel-classifier":  # it learns from many voxels of each label
        seeds[5:10, 7:14, 9:16:3], seeds[2:12:3, 3, 4:20], seeds[7, 3:18, 19] = 1, 0, 0
        return {"seeds": seeds, "scales": (0.3, 0.7, 1.6)}
    if name in SEEDED:
        return {"seeds": seeds}
    if name == "live-wire":
        return {"points": [[7, 4, 12], [7, 10, 18], [7, 16, 12], [7, 10, 6]]}
    more: dict[str, dict[str, Any]] = {
        "magic-wand": {"tolerance": 40},
        "level-tracing": {"points": [[7, 10, 18]], "sigma_mm": 1.0},
        "adaptive-brush": {"radius_mm": 8.0},
        "threshold-brush": {"radius_mm": 8.0, "low": 50},
    }
    return {"points": [[7, 10, 12]], **more[name]} if name in POINTED else {}


def run(name: str, **changed: Any) -> list[Change]:
    image, labels, _ = picture()
    given = {"image": image, "labels": labels, "spacing": SPACING, "region": REGION, **prompts(name), **changed}
    found = find_tool(name).function(given.pop("image"), given.pop("labels"), **given)
    return [found] if isinstance(found, Change) else list(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_tool_changes_only_inside_its_region_and_its_arguments_not_at_all(name) -> None:
    image, labels, _ = picture()
    image.flags.writeable = labels.flags.writeable = False
    changes = run(name, image=image, labels=labels)
    now = labels
    for change in changes:
        assert change.box.within(REGION)
        now = change.applied_to(now)
    assert (now != labels).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_tool_finds_the_object_or_paints_within_it(name) -> None:
    _image, labels, _ = picture()
    z, y, x = np.indices(SHAPE)
    inside = ((z - 7) / 4) ** 2 + ((y - 10) / 6) ** 2 + ((x - 12) / 6) ** 2 <= 1
    now = labels
    for change in run(name):
        now = change.applied_to(now)
    if name in ("live-wire", "level-tracing"):
        now, inside = now[7], inside[7]
    mask = now == 1
    assert 2 * (mask & inside).sum() / (mask.sum() + inside.sum()) > 0.85


@pytest.mark.parametrize("name", SEEDED)
def test_seeds_keep_their_labels(name) -> None:
    labels, seeds = picture()[1], prompts(name)["seeds"]
    now = run(name)[0].applied_to(labels)
    marked = np.zeros(SHAPE, bool)
    marked[REGION.slices] = seeds[REGION.slices] >= 0
    np.testing.assert_array_equal(now[marked], seeds[marked])


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("live-wire", "level-tracing")])
def test_permuting_the_axes_permutes_the_result(name) -> None:
    image, labels, _ = picture()
    order = (2, 0, 1)
    given = prompts(name)
    if "seeds" in given:
        given["seeds"] = given["seeds"].transpose(order)
    if "points" in given:
        given["points"] = np.array(given["points"])[:, order]
    region = Box(*(tuple(end[a] for a in order) for end in (REGION.start, REGION.stop)))
    plain, turned = labels, labels.transpose(order)
    for change in run(name):
        plain = change.applied_to(plain)
    for change in run(
        name,
        image=image.transpose(order),
        labels=labels.transpose(order),
        spacing=[SPACING[a] for a in order],
        region=region,
        **given,
    ):
        turned = change.applied_to(turned)
    wrong = np.count_nonzero(turned != plain.transpose(order))
    # iterations in floating point, sums in another order; marks drawn in another order
    near = {"pixel-classifier": 0.01, **dict.fromkeys(("random-walker", *SHAPED, "graph-cut"), 0.002)}
    assert wrong <= near.get(name, 0) * plain.size


@pytest.mark.parametrize("name", NAMES)
def test_a_tool_that_is_asked_to_stop_stops(name) -> None:
    with pytest.raises(Cancelled):
        run(name, cancelled=lambda: True)


BAD: list[tuple[str, dict[str, Any], type[SeptumError], str]] = [
    ("labels", {"labels": np.zeros((3, 3, 3), int)}, GeometryError, "image's shape"),
    ("an empty region", {"region": Box((2, 2, 2), (2, 4, 4))}, GeometryError, "region must hold"),
    ("a region outside", {"region": Box((0, 0, 0), (99, 4, 4))}, GeometryError, "region must hold"),
    ("spacing", {"spacing": (1, 0, 1)}, GeometryError, "spacing"),
    ("a value that is none", {"image": np.full(SHAPE, np.nan)}, DatasetError, "finite"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("what", "changed", "error", "words"), BAD)
def test_bad_scenes_are_refused_by_every_tool(name, what, changed, error, words) -> None:
    with pytest.raises(error, match=words):
        run(name, **changed)


@pytest.mark.parametrize("name", SEEDED)
def test_bad_seeds_are_refused(name) -> None:
    none = np.full(SHAPE, UNMARKED, np.int32)
    with pytest.raises(ConfigError, match="at least one voxel"):
        run(name, seeds=none)
    one = none.copy()
    one[5, 5, 5] = 3
    with pytest.raises(ConfigError, match=r"2 labels or more, got only \[3\]"):
        run(name, seeds=one)
    with pytest.raises(GeometryError, match="image's shape"):
        run(name, seeds=none[:3])
    with pytest.raises(GeometryError, match="got -2"):
        run(name, seeds=np.where(one == 3, 3, -2))
    outside = none.copy()
    outside[0, 0, 0], outside[13, 19, 21] = 0, 1
    if name == "pixel-classifier":  # marks anywhere teach it
        run(name, seeds=outside)
        return
    with pytest.raises(ConfigError, match="of the region"):
        run(name, seeds=outside)


@pytest.mark.parametrize("name", POINTED)
def test_bad_points_are_refused(name) -> None:
    with pytest.raises(ConfigError, match="got none"):
        run(name, points=np.zeros((0, 3), int))
    with pytest.raises(GeometryError, match="inside the image"):
        run(name, points=[[7, 10, 99]])
    with pytest.raises(GeometryError, match="inside the region"):
        run(name, points=[[0, 0, 0]])
    with pytest.raises(ConfigError, match="label"):
        run(name, label=-1)
    with pytest.raises(ConfigError, match="axis"):
        run(name, axis=3)


@pytest.mark.parametrize("name", SHAPED)
def test_a_shape_that_is_not_there_is_asked_for(name) -> None:
    with pytest.raises(ConfigError, match="paint a blob"):
        run(name, label=5)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_says_what_its_function_takes(name) -> None:
    tool = find_tool(name)
    parameters = inspect.signature(tool.function).parameters
    assert {"spacing", "region", "cancelled"} <= set(parameters)
    known = {"image", "labels", "region", "cancelled", *tool.given}
    assert {option.name for option in tool.options} == set(parameters) - known
    for option in tool.options:
        assert parameters[option.name].default == option.default
        assert option.parse(option.default, name) == option.default
    assert set(tool.needs) <= set(tool.given) <= set(parameters)


def test_an_unknown_tool_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="grow-cut"):
        find_tool("growcut")


@pytest.mark.parametrize("name", NAMES)
def test_a_region_with_the_axes_of_a_picture_is_refused_in_a_volume(name) -> None:
    with pytest.raises(GeometryError, match="region"):
        run(name, region=Box((0, 0), (5, 5)))


@pytest.mark.parametrize("thick", [1, 2, 3])
def test_a_contour_moves_in_a_slab_of_few_slices(thick) -> None:
    labels = picture()[1]
    changes = run("geodesic-contour", region=Box((7, 0, 0), (7 + thick, *SHAPE[1:])))
    now = labels
    for change in changes:
        now = change.applied_to(now)
    assert (now[7] == 1).sum() > 2 * (labels[7] == 1).sum()
    assert np.array_equal(now[7 + thick :], labels[7 + thick :])


@pytest.mark.parametrize("name", ["magic-wand", "adaptive-brush", "threshold-brush"])
@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_what_lies_out_of_a_tool_s_reach_is_not_looked_at(name, axis) -> None:
    image, labels, _ = picture()
    options = {**prompts(name), "axis": axis, "image": image, "labels": labels, "points": [[7, 10, 12], [7, 10, 13]]}
    if name != "magic-wand":
        options["radius_mm"] = 3.0
    near = run(name, **options)[0].applied_to(labels)
    assert (near != labels).any()
    far = image.copy()
    far[REGION.start] = np.nan
    if name == "magic-wand" and axis is None:
        with pytest.raises(DatasetError, match="finite"):
            run(name, **{**options, "image": far})
    else:
        assert np.array_equal(run(name, **{**options, "image": far})[0].applied_to(labels), near)


def test_the_wand_s_tolerance_in_one_slice_does_not_depend_on_a_click_in_another() -> None:
    image = np.zeros((3, 8, 8))
    image[0, :, 4:], image[0, :, 6:], image[2] = 8, 100, 1000 * np.eye(8)
    empty = np.zeros(image.shape, int)
    wand = find_tool("magic-wand").function
    one, both = (wand(image, empty, points=shown, axis=0) for shown in ([[0, 3, 1]], [[0, 3, 1], [2, 0, 1]]))
    alone, together = one.applied_to(empty), both.applied_to(empty)
    assert np.array_equal(alone[0], together[0])
    assert alone[0].tolist() == [[1] * 6 + [0] * 2] * 8


def test_the_wand_s_own_tolerance_follows_the_noise_round_the_click() -> None:
    rng = np.random.default_rng(1)
    inside = np.hypot(*(np.indices((60, 60)) - 30)) < 15
    for noise in (1.0, 6.0):
        image = 100.0 * inside + rng.normal(0, noise, inside.shape)
        image[30, 30] = 100
        found = find_tool("magic-wand").function(image, np.zeros(inside.shape, np.uint8), points=[[30, 30]])
        mask = found.applied_to(np.zeros(inside.shape, np.uint8)) > 0
        assert not mask[~inside].any()
        assert 0.8 * inside.sum() < mask.sum() < inside.sum()
    ramp = np.linspace(0, 30, 60) * ~inside  # no noise at all round the click: a tenth of the range, which is 3
    found = find_tool("magic-wand").function(ramp, np.zeros(inside.shape, np.uint8), points=[[30, 30]])
    assert (found.applied_to(np.zeros(inside.shape, np.uint8)) > 0)[inside].all()


def test_the_contour_s_own_contrast_follows_the_seed_shape() -> None:
    rng = np.random.default_rng(2)
    inside = np.hypot(*(np.indices((60, 60)) - 30)) < 15
    seed = np.hypot(*(np.indices((60, 60)) - 30)) < 6
    image = 100.0 * inside + rng.normal(0, 5, inside.shape)
    now = seed.astype(np.uint8)
    for change in find_tool("geodesic-contour").function(image, now, spacing=(1.0, 1.0)):
        now = change.applied_to(now)
    assert 2 * (now[inside] > 0).sum() / ((now > 0).sum() + inside.sum()) > 0.9


# --- interpolation as a tool ------------------------------------------------------------------------------------------


def sparse_slices() -> tuple[np.ndarray, np.ndarray]:
    image, _, _ = picture()
    z, y, x = np.indices(SHAPE)
    whole = (((z - 7) / 4) ** 2 + ((y - 10) / 6) ** 2 + ((x - 12) / 6) ** 2 <= 1).astype(np.uint8)
    sparse = np.zeros_like(whole)
    sparse[[4, 7, 10]] = whole[[4, 7, 10]]
    return image, sparse


@pytest.mark.parametrize("given", [{}, {"axis": 0}, {"slices": [4, 7, 10]}, {"method": "image"}])
def test_filling_between_slices_is_interpolation(given: dict[str, Any]) -> None:
    image, sparse = sparse_slices()
    change = find_tool("fill-between-slices").function(image, sparse, spacing=SPACING, **given)
    method = given.get("method", "distance")
    wanted = interpolate(
        sparse, drawn={0: [4, 7, 10]}, method=method, image=image if method == "image" else None, spacing=SPACING
    )
    assert np.array_equal(change.applied_to(sparse), wanted)
    assert (wanted != sparse).any()


def test_slices_are_counted_in_the_whole_volume_also_within_a_region() -> None:
    image, sparse = sparse_slices()
    region = Box((4, 0, 0), (8, 20, 22))
    change = find_tool("fill-between-slices").function(image, sparse, region=region, slices=[4, 7], spacing=SPACING)
    assert change.box == region
    now = change.applied_to(sparse)
    assert now[5:7].any()
    assert not now[8:10].any()


def test_what_cannot_be_filled_is_refused() -> None:
    image, sparse = sparse_slices()
    tool = find_tool("fill-between-slices").function
    for wrong, text in (({"slices": [4.5, 7]}, "whole"), ({"slices": [4]}, "two slices"), ({"axis": 3}, "axis")):
        with pytest.raises(ConfigError, match=text):
            tool(image, sparse, **wrong)
    with pytest.raises(ConfigError, match="volume"):
        tool(image[0], sparse[4], axis=0)
