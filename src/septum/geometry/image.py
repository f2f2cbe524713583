"""`Image` and `LabelMap`: an array and the grid it lies on, frozen together.

They are thin on purpose: no dictionary of properties, no file name, no methods that compute. Algorithms take arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import GeometryError
from septum.geometry.grid import Grid


@dataclass(frozen=True, eq=False)
class Image:
    """Intensities on a grid.

    Args:
        array: `(C, *grid.shape)`, any numeric type.
        grid: where the samples lie.
        channels: one name per channel.

    Raises:
        GeometryError: when the array does not fit the grid or the names do not fit the channels.
    """

    array: NDArray[Any]
    grid: Grid
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.array.shape[1:] != self.grid.shape:
            raise GeometryError(
                f"an image array must be (channels, *{self.grid.shape}), "
                f"got shape {self.array.shape}; add a channel axis"
            )
        channels = tuple(self.channels) or tuple(f"channel {i}" for i in range(self.array.shape[0]))
        if len(channels) != self.array.shape[0]:
            raise GeometryError(f"{self.array.shape[0]} channels need as many names, got {list(channels)}")
        object.__setattr__(self, "channels", channels)


@dataclass(frozen=True, eq=False)
class LabelMap:
    """One integer label per sample of a grid; `names` maps label values to names where they are known.

    Raises:
        GeometryError: when the array does not fit the grid or is not of an integer (or boolean) type.
    """

    array: NDArray[Any]
    grid: Grid
    names: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape:
            raise GeometryError(f"a label array must have the grid's shape {self.grid.shape}, got {self.array.shape}")
        if self.array.dtype == bool:
            object.__setattr__(self, "array", self.array.astype(np.uint8))
        if not np.issubdtype(self.array.dtype, np.integer):
            raise GeometryError(f"labels must be integers, got {self.array.dtype}; round them or run `septum doctor`")
        object.__setattr__(self, "names", MappingProxyType({int(k): str(v) for k, v in self.names.items()}))
