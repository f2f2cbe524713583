"""`Image` and `LabelMap`: an array and the grid it lies on, frozen together.

They are thin on purpose: no dictionary of properties, no file name. Algorithms take arrays; what stands here is how a
person meets them in a notebook: a picture, one line of text, the forms of other libraries, and a table of the objects.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from septum.errors import GeometryError
from septum.geometry import convert
from septum.geometry.grid import Grid

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Image:
    """Intensities on a grid.

    Args:
        array: `(C, *grid.shape)`, any numeric type.
        grid: where the samples lie.
        channels: one name per channel.
        notes: sentences on what the reader had to assume, mend or doubt; every command that reads the file shows them
            and its provenance keeps them. Empty where the file left nothing open.

    Raises:
        GeometryError: when the array does not fit the grid or the names do not fit the channels.

    >>> Image(np.zeros((1, 20, 64, 48), np.int16), Grid.from_spacing((20, 64, 48), (3.0, 0.5, 0.5)))
    Image(20 × 64 × 48, 3 × 0.5 × 0.5 mm, SAR, int16)
    """

    array: NDArray[Any]
    grid: Grid
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

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

    def __repr__(self) -> str:
        count = len(self.channels)
        many = [f"{count} channels ({', '.join(self.channels[:4])}{', …' if count > 4 else ''})"] if count > 1 else []
        return f"Image({', '.join([*_place(self.grid), *many, str(self.array.dtype)])})"

    def _repr_html_(self) -> str:
        from septum.geometry import picture

        png = picture.draw(self.array, None, spacing=self.grid.spacing, orientation=self.grid.letters)
        return _figure(png, repr(self))

    def to_simpleitk(self) -> Any:
        """The same as a `SimpleITK.Image`; several channels become a vector image."""
        return convert.to_simpleitk(self.array, self.grid, channels=True)

    def to_nibabel(self) -> Any:
        """The same as a `nibabel.Nifti1Image`; only a volume can become one."""
        return convert.to_nibabel(self.array, self.grid, channels=True)

    def to_xarray(self) -> Any:
        """The same as an `xarray.DataArray`, where xarray is installed."""
        return convert.to_xarray(self.array, self.grid, channels=self.channels)

    def to_napari(self, name: str = "image") -> tuple[Any, dict[str, Any], str]:
        """A layer for `napari.layers.Layer.create(*layer)`, placed in mm."""
        return convert.to_napari(self.array, self.grid, kind="image", name=name, channels=True)

    @classmethod
    def from_simpleitk(cls, image: Any) -> Self:
        """An image of SimpleITK in 2-D or 3-D."""
        return cls(*convert.from_simpleitk(image))

    @classmethod
    def from_nibabel(cls, image: Any) -> Self:
        """A volume that nibabel holds, its intensities scaled as the header says."""
        return cls(*convert.from_nibabel(image))

    @classmethod
    def from_xarray(cls, data: Any) -> Self:
        """A `DataArray` with the dimensions `(channel,) (z,) y, x`."""
        return cls(*convert.from_xarray(data))


@dataclass(frozen=True, eq=False, repr=False)
class LabelMap:
    """One integer label per sample of a grid; `names` maps label values to names where they are known.

    `notes` are what the reader had to assume, as in `Image`.

    Raises:
        GeometryError: when the array does not fit the grid or is not of an integer (or boolean) type.

    >>> LabelMap(np.zeros((64, 48), np.uint8), Grid.from_spacing((64, 48), (0.5, 0.5)), {0: "none", 1: "cell"})
    LabelMap(64 × 48, 0.5 × 0.5 mm, 1 cell, uint8)
    """

    array: NDArray[Any]
    grid: Grid
    names: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.array.shape != self.grid.shape:
            raise GeometryError(f"a label array must have the grid's shape {self.grid.shape}, got {self.array.shape}")
        if self.array.dtype == bool:
            object.__setattr__(self, "array", self.array.astype(np.uint8))
        if not np.issubdtype(self.array.dtype, np.integer):
            raise GeometryError(f"labels must be integers, got {self.array.dtype}; round them or run `septum doctor`")
        object.__setattr__(self, "names", MappingProxyType({int(k): str(v) for k, v in self.names.items()}))

    def __repr__(self) -> str:
        named = [f"{value} {name}" for value, name in self.names.items() if value]
        shown = [*named[:6], *(["…"] if len(named) > 6 else [])]
        return f"LabelMap({', '.join([*_place(self.grid), *shown, str(self.array.dtype)])})"

    def _repr_html_(self) -> str:
        from septum.geometry import picture

        png = picture.draw(None, self.array, spacing=self.grid.spacing, orientation=self.grid.letters)
        return _figure(png, repr(self), below=picture.legend(self._sizes(), self.names))

    def _sizes(self) -> dict[int, str]:
        """How much of each label there is, as text."""
        values, counts = np.unique(self.array, return_counts=True)
        size = self.grid.voxel_volume
        if self.grid.unit == "px":
            volume, unit = 1.0, "voxels" if self.grid.ndim == 3 else "pixels"
        else:
            volume, unit = (size / 1000, "ml") if self.grid.ndim == 3 else (size, "mm²")
        return {int(v): f"{n * volume:.3g} {unit}" for v, n in zip(values, counts, strict=True) if v != 0}

    def objects(self, image: Image | None = None) -> pd.DataFrame:
        """One row per object: every label value but 0 is one object (`septum.metrics` and `skimage` call them regions).

        Columns: `label`, `name`, `voxels`, `volume_mm3` (`area_mm2` in 2-D), `equivalent_diameter_mm`, the centroid in
        voxels (`centroid_z`, …, array order) and in mm of the world (`world_…`), the bounding box in voxels; with an
        image, mean, standard deviation, least and largest intensity of each channel. Where the size of a sample is not
        known, the names end in `px3`, `px2` and `px`.

        Args:
            image: intensities on the same grid.

        Raises:
            GeometryError: an image on another grid.

        >>> labels = np.zeros((4, 6), np.uint8)
        >>> labels[1:3, 1:5] = 7
        >>> LabelMap(labels, Grid.from_spacing((4, 6), (0.5, 2.0))).objects()[["label", "voxels", "area_mm2"]]
           label  voxels  area_mm2
        0      7       8       8.0
        """
        from septum.geometry.objects import object_table

        if image is not None and not self.grid.matches(image.grid):
            raise GeometryError(
                f"image and labels must lie on one grid, got {_place(image.grid)} and {_place(self.grid)}; "
                "resample one with `septum.geometry.resample_image`"
            )
        intensities = {} if image is None else dict(zip(image.channels, image.array, strict=True))
        return object_table(self.array, self.grid, names=self.names, intensities=intensities)

    def to_simpleitk(self) -> Any:
        """The same as a `SimpleITK.Image`."""
        return convert.to_simpleitk(self.array, self.grid, channels=False)

    def to_nibabel(self) -> Any:
        """The same as a `nibabel.Nifti1Image`; only a volume can become one."""
        return convert.to_nibabel(self.array, self.grid, channels=False)

    def to_xarray(self) -> Any:
        """The same as an `xarray.DataArray`, where xarray is installed; names stay behind."""
        return convert.to_xarray(self.array, self.grid, channels=None)

    def to_napari(self, name: str = "labels") -> tuple[Any, dict[str, Any], str]:
        """A layer for `napari.layers.Layer.create(*layer)`, placed in mm."""
        return convert.to_napari(self.array, self.grid, kind="labels", name=name, channels=False)

    @classmethod
    def from_simpleitk(cls, image: Any, *, names: Mapping[int, str] | None = None) -> Self:
        """Labels that SimpleITK holds."""
        return cls(*_single(*convert.from_simpleitk(image)), names or {})

    @classmethod
    def from_nibabel(cls, image: Any, *, names: Mapping[int, str] | None = None) -> Self:
        """Labels that nibabel holds; whole numbers stored as floats become integers."""
        return cls(*_single(*convert.from_nibabel(image)), names or {})

    @classmethod
    def from_xarray(cls, data: Any, *, names: Mapping[int, str] | None = None) -> Self:
        """Labels of a `DataArray` with the dimensions `(z,) y, x`."""
        return cls(*_single(*convert.from_xarray(data)[:2]), names or {})


def _single(array: NDArray[Any], grid: Grid) -> tuple[NDArray[Any], Grid]:
    """One channel of whole numbers as integers."""
    if len(array) != 1:
        raise GeometryError(f"labels must have one channel, got {len(array)}; choose one")
    labels = array[0]
    if labels.dtype.kind == "f":
        rounded = np.rint(labels)
        if not np.array_equal(rounded, labels):
            raise GeometryError("labels must be whole numbers, got fractions; threshold or round them first")
        labels = rounded.astype(np.int32)
    return labels, grid


def _place(grid: Grid) -> list[str]:
    """Shape, spacing, and in 3-D the orientation of a grid, for one line."""
    shape = " × ".join(str(n) for n in grid.shape)
    spacing = " × ".join(f"{s:.3g}" for s in grid.spacing) + " mm"
    return [shape, spacing if grid.unit == "mm" else "no physical size", *([grid.letters] if grid.letters else [])]


def _figure(png: bytes, text: str, *, below: str = "") -> str:
    """A picture with a line under it, as a notebook shows it."""
    import html

    data = base64.b64encode(png).decode("ascii")
    return (
        f'<figure style="margin:0;display:inline-block"><img alt="{html.escape(text)}" '
        f'src="data:image/png;base64,{data}"/><figcaption style="font-size:smaller">{html.escape(text)}<br/>{below}'
        "</figcaption></figure>"
    )
