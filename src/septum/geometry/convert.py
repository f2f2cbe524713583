"""Images and label maps as the libraries that people use hold them, and back: SimpleITK, nibabel, xarray, napari.

The insight: they differ in three things only, the order of the axes, the direction in which the world's axes grow, and
where channels stand. `Grid` is `(z, y, x)` and RAS+; SimpleITK is `(x, y, z)` and LPS+, nibabel `(x, y, z)` and RAS+.
In 2-D no patient is known: SimpleITK's plane is `(x, y)` as it stands.

Nothing is imported before it is needed, and xarray need not be installed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import GeometryError
from septum.geometry.grid import Grid

_LPS = np.diag([-1.0, -1.0, 1.0])


def to_simpleitk(array: NDArray[Any], grid: Grid, *, channels: bool) -> Any:
    """A `SimpleITK.Image`; with `channels`, `array` is `(C, *spatial)`, and several channels become a vector image.

    >>> image = to_simpleitk(np.zeros((4, 5, 6)), Grid.from_spacing((4, 5, 6), (3.0, 1.0, 0.5)), channels=False)
    >>> image.GetSize(), image.GetSpacing()
    ((6, 5, 4), (0.5, 1.0, 3.0))
    """
    import SimpleITK

    vector = channels and len(array) > 1
    data = np.moveaxis(array, 0, -1) if vector else array[0] if channels else array
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(data), isVector=vector)
    flip = _LPS if grid.ndim == 3 else np.eye(2)[::-1]
    direction = flip @ grid.direction[:, ::-1]
    image.SetSpacing(grid.spacing[::-1])
    image.SetOrigin((flip @ np.asarray(grid.origin)).tolist())
    image.SetDirection(direction.ravel().tolist())
    return image


def from_simpleitk(image: Any) -> tuple[NDArray[Any], Grid]:
    """The samples `(C, *spatial)` and the grid of a `SimpleITK.Image` in 2-D or 3-D.

    Raises:
        GeometryError: another number of axes.

    >>> grid = Grid.from_spacing((4, 5, 6), (3.0, 1.0, 0.5))
    >>> array, back = from_simpleitk(to_simpleitk(np.zeros((4, 5, 6)), grid, channels=False))
    >>> array.shape, back.spacing
    ((1, 4, 5, 6), (3.0, 1.0, 0.5))
    """
    import SimpleITK

    ndim = int(image.GetDimension())
    if ndim not in (2, 3):
        raise GeometryError(f"a SimpleITK image must have 2 or 3 axes, got {ndim}; extract one frame")
    data = SimpleITK.GetArrayFromImage(image)
    array = np.moveaxis(data, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else data[None]
    flip = _LPS if ndim == 3 else np.eye(2)[::-1]
    affine = np.eye(ndim + 1)
    direction = np.asarray(image.GetDirection()).reshape(ndim, ndim)
    affine[:-1, :-1] = flip @ (direction * np.asarray(image.GetSpacing()))[:, ::-1]
    affine[:-1, -1] = flip @ np.asarray(image.GetOrigin())
    return np.ascontiguousarray(array), Grid(array.shape[1:], affine)


def to_nibabel(array: NDArray[Any], grid: Grid, *, channels: bool) -> Any:
    """A `nibabel.Nifti1Image` in millimetres; several channels become the last axis.

    Raises:
        GeometryError: a plane, of which NIfTI cannot say where it lies.

    >>> to_nibabel(np.zeros((4, 5, 6)), Grid.from_spacing((4, 5, 6), (3.0, 1.0, 0.5)), channels=False).shape
    (6, 5, 4)
    """
    import nibabel

    if grid.ndim != 3:
        raise GeometryError(f"only a volume can become a nibabel image, got a plane of {grid.shape}; use SimpleITK")
    data = array if not channels else array[0] if len(array) == 1 else np.moveaxis(array, 0, -1)
    spatial = data.transpose(2, 1, 0, *range(3, data.ndim))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = grid.affine[:3, 2::-1], grid.affine[:3, 3]
    kind = spatial.dtype if spatial.dtype not in (np.int64, np.uint64) else np.dtype(np.int32)
    if kind != spatial.dtype and spatial.size and int(abs(spatial).max()) >= 2**31:
        raise GeometryError("values must fit 32-bit integers for a nibabel image; convert them to float64")
    made = nibabel.Nifti1Image(spatial.astype(kind), affine)
    made.header.set_xyzt_units("mm")
    return made


def from_nibabel(image: Any) -> tuple[NDArray[Any], Grid]:
    """The samples `(C, *spatial)` (scaled as the header says) and the grid of a volume that nibabel holds.

    Raises:
        GeometryError: no volume, or one with more than one axis of channels or frames.

    >>> grid = Grid.from_spacing((4, 5, 6), (3.0, 1.0, 0.5))
    >>> array, back = from_nibabel(to_nibabel(np.zeros((4, 5, 6)), grid, channels=False))
    >>> array.shape, back.spacing
    ((1, 4, 5, 6), (3.0, 1.0, 0.5))
    """
    data = np.asanyarray(image.dataobj)
    if data.ndim not in (3, 4):
        raise GeometryError(f"a nibabel image must be a volume, perhaps with one axis of channels, got {data.shape}")
    array = data.transpose(2, 1, 0)[None] if data.ndim == 3 else data.transpose(3, 2, 1, 0)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = image.affine[:3, 2::-1], image.affine[:3, 3]
    return np.ascontiguousarray(array), Grid(array.shape[1:], affine)


def to_xarray(array: NDArray[Any], grid: Grid, *, channels: tuple[str, ...] | None) -> Any:
    """An `xarray.DataArray` with coordinates in mm along the array axes, counted from the first sample; the affine is
    kept as an attribute, since coordinates along axes cannot hold an oblique orientation."""
    import xarray

    axes = "zyx"[-grid.ndim :]
    coordinates: dict[str, Any] = {
        name: np.arange(n) * step for name, n, step in zip(axes, grid.shape, grid.spacing, strict=True)
    }
    names = tuple(axes)
    if channels is not None:
        coordinates["channel"] = list(channels)
        names = ("channel", *names)
    attributes = {"affine": grid.affine.tolist(), "units": grid.unit, "positioned": grid.positioned}
    return xarray.DataArray(array, dims=names, coords=coordinates, attrs=attributes)


def from_xarray(data: Any) -> tuple[NDArray[Any], Grid, tuple[str, ...]]:
    """Samples `(C, *spatial)`, grid and channel names of a `DataArray` with the dimensions `(channel,) (z,) y, x`.

    The grid is that of the attribute `affine` where there is one, else the spacing of the coordinates (1 without).

    Raises:
        GeometryError: other dimensions, or coordinates that are not evenly spaced.
    """
    wanted = [name for name in ("channel", "z", "y", "x") if name in data.dims]
    if sorted(map(str, data.dims)) != sorted(wanted) or wanted[-2:] != ["y", "x"]:
        raise GeometryError(f"dimensions must be y and x, perhaps z and channel, got {list(data.dims)}; rename them")
    array = np.asarray(data.transpose(*wanted).values)
    has_channels = wanted[0] == "channel"
    names = tuple(map(str, data.coords["channel"].values)) if has_channels and "channel" in data.coords else ()
    array = array if has_channels else array[None]
    if "affine" in data.attrs:
        affine = np.asarray(data.attrs["affine"], dtype=np.float64)
        unit, positioned = data.attrs.get("units", "mm"), bool(data.attrs.get("positioned", True))
        return array, Grid(array.shape[1:], affine, unit=unit, positioned=positioned), names
    axes = wanted[1:] if has_channels else wanted
    return array, Grid.from_spacing(array.shape[1:], [_step(data, name) for name in axes]), names


def _step(data: Any, name: str) -> float:
    if name not in data.coords or data.sizes[name] < 2:
        return 1.0
    steps = np.diff(np.asarray(data.coords[name].values, dtype=np.float64))
    if steps[0] <= 0 or not np.allclose(steps, steps[0], rtol=1e-3):
        raise GeometryError(f"coordinates along {name} must grow in even steps; resample the data")
    return float(steps.mean())


def to_napari(
    array: NDArray[Any], grid: Grid, *, kind: str, name: str, channels: bool
) -> tuple[Any, dict[str, Any], str]:
    """A layer as napari takes it: `viewer.add_layer(napari.layers.Layer.create(*layer))`; `kind` "image" or "labels".

    The layer lies by its affine in mm, array axes first, so that several images of one patient lie on each other.

    >>> grid = Grid.from_spacing((4, 5), (1.0, 0.5))
    >>> layer = to_napari(np.zeros((4, 5), int), grid, kind="labels", name="cells", channels=False)
    >>> layer[2], layer[1]["name"]
    ('labels', 'cells')
    """
    reverse = grid.affine.copy()
    reverse[:-1] = grid.affine[:-1][::-1]  # napari shows world axes in array order: z before y before x
    about: dict[str, Any] = {"name": name, "affine": reverse}
    if channels and len(array) > 1:
        about["channel_axis"] = 0
    data = array if "channel_axis" in about or not channels else array[0]
    return data, about, kind
