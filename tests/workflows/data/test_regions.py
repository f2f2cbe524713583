"""Regions as nested sets of values: named from the inside, painted so that the small ones stay visible."""

from __future__ import annotations

import numpy as np
import pytest

from septum.errors import DatasetError
from septum.workflows.data.regions import Region, alike, painted_regions, region_members, region_names, value_names

TUMOUR = (Region("whole", (1, 2, 4)), Region("core", (1, 4)), Region("enhancing", (4,)))


@pytest.mark.parametrize("values", [(), (1, 1)])
def test_a_region_lists_each_value_once(values: tuple[int, ...]) -> None:
    with pytest.raises(DatasetError, match="region 'x' must list"):
        Region("x", values)


def test_regions_are_numbered_as_they_are_declared() -> None:
    assert region_names(TUMOUR) == {1: "whole", 2: "core", 3: "enhancing"}
    assert region_members(TUMOUR) == {1: (1, 2, 4), 2: (1, 4), 3: (4,)}


def test_a_value_has_its_own_name_or_that_of_the_smallest_region_around_it() -> None:
    assert value_names(TUMOUR, {}) == {1: "core (1)", 2: "whole (2)", 4: "enhancing (4)"}
    assert value_names(TUMOUR, {2: "oedema", 9: "bone"})[2] == "oedema"
    assert 9 in value_names(TUMOUR, {9: "bone"})


def test_values_of_the_same_regions_are_alike_and_others_are_not() -> None:
    assert alike(region_members(TUMOUR)) == {}
    assert alike({1: (1, 2, 3, 5), 2: (2, 5)}) == {3: 1, 5: 2}


def test_small_regions_are_painted_over_large_ones_whatever_their_order() -> None:
    values = np.array([0, 1, 2, 4])
    assert painted_regions(values, region_members(TUMOUR)).tolist() == [0, 2, 1, 3]
    assert painted_regions(values, {1: (4,), 2: (1, 2, 4)}, background=9).tolist() == [9, 2, 2, 1]
