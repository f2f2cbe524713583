"""Regions: nested sets of label values, such as the whole tumour of enhancing part, core and oedema.

One insight: a file holds one value per sample, so regions are not in the files but in what is said about them. The
values are learned as classes, and a region is what its values mark together, of a reference and of a prediction alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import DatasetError


@dataclass(frozen=True)
class Region:
    """A name for several label values.

    Raises:
        DatasetError: no value, or one that occurs twice.

    >>> str(Region("core", (1, 2)))
    'core = 1, 2'
    """

    name: str
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.values or len(set(self.values)) != len(self.values):
            raise DatasetError(
                f"region {self.name!r} must list one label value or more, each once, got {list(self.values)}; "
                "correct dataset.json"
            )

    def __str__(self) -> str:
        return f"{self.name} = {', '.join(map(str, self.values))}"


def region_names(regions: Sequence[Region]) -> dict[int, str]:
    """Regions by their numbers, which stand where a label value stands otherwise: 1, 2, … as they are declared."""
    return {number: region.name for number, region in enumerate(regions, 1)}


def region_members(regions: Sequence[Region]) -> dict[int, tuple[int, ...]]:
    """The label values of each region, by the numbers of `region_names`."""
    return {number: region.values for number, region in enumerate(regions, 1)}


def value_names(regions: Sequence[Region], explicit: Mapping[int, str]) -> dict[int, str]:
    """A name for each label value: its own where it has one, else that of the smallest region around it, and the value.

    >>> value_names([Region("whole", (1, 2, 4)), Region("core", (1, 2))], {1: "enhancing"})
    {1: 'enhancing', 2: 'core (2)', 4: 'whole (4)'}
    """
    innermost = {v: r.name for r in sorted(regions, key=lambda r: -len(r.values)) for v in r.values}
    named = {value: f"{name} ({value})" for value, name in innermost.items()} | dict(explicit)
    return dict(sorted(named.items()))


def alike(members: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Label values that lie in the same regions become the smallest of them; only those that change.

    >>> alike({1: (1, 2, 3), 2: (1,)})
    {3: 2}
    """
    kinds: dict[frozenset[int], int] = {}
    found = {}
    for value in sorted({v for values in members.values() for v in values}):
        first = kinds.setdefault(frozenset(n for n, values in members.items() if value in values), value)
        if first != value:
            found[value] = first
    return found


def painted_regions(values: NDArray[Any], members: Mapping[int, Sequence[int]], *, background: int = 0) -> NDArray[Any]:
    """Numbers of regions for a picture: the large ones first, so that those inside them stay visible.

    >>> painted_regions(np.array([0, 1, 2]), {1: (1, 2), 2: (1,)}).tolist()
    [0, 2, 1]
    """
    result = np.full(values.shape, background, np.int32)
    for number in sorted(members, key=lambda n: -len(members[n])):
        result[np.isin(values, members[number])] = number
    return result
