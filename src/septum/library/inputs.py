"""An array, an `Image`, a `LabelMap` or a file name: whatever a person holds becomes the one type to work with."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum import io
from septum.errors import GeometryError
from septum.geometry import Grid, Image, LabelMap
from septum.geometry.arrays import Spacing

ImageLike = Image | ArrayLike | str | PathLike[str]
LabelsLike = LabelMap | ArrayLike | str | PathLike[str]


def is_path(given: object) -> bool:
    """Whether what was given is the name of a file or folder.

    >>> is_path("head.nii.gz"), is_path(Path("head.nii.gz")), is_path(np.zeros((2, 2)))
    (True, True, False)
    """
    return isinstance(given, str | PathLike)


def as_image(given: ImageLike, *, spacing: Spacing = None, channels: int = 1) -> Image:
    """An image from whatever was given.

    Args:
        given: an `Image`, the name of a file, or an array: `spatial` in 2-D or 3-D; with `channels` above 1 also
            `(C, *spatial)` or, as photographs are, `(*spatial, C)`; three are called red, green and blue.
        spacing: size of a sample in mm along each spatial axis of an array (1 where it is left out); files and images
            bring their own.
        channels: how many channels are expected.

    Raises:
        FormatError: a file that cannot be read.
        GeometryError: an array of another number of axes, or a spacing for what brings its own.

    >>> as_image(np.zeros((4, 5)), spacing=(2.0, 1.0)).grid.spacing
    (2.0, 1.0)
    >>> as_image(np.zeros((4, 5, 3)), channels=3).channels  # a photograph: channels come first
    ('red', 'green', 'blue')
    """
    if isinstance(given, Image) or is_path(given):
        _refuse_spacing(given, spacing)
        return given if isinstance(given, Image) else io.read_image(Path(given))  # type: ignore[arg-type]
    array: NDArray[Any] = np.asarray(given)
    array = array.astype(np.uint8) if array.dtype == bool else array
    if channels > 1 and array.ndim > 2 and array.shape[0] != channels and array.shape[-1] == channels:
        array = np.moveaxis(array, -1, 0)
    has_channels = channels > 1 and array.ndim > 2 and array.shape[0] == channels
    array = array if has_channels else array[None]
    if array.ndim not in (3, 4):
        raise GeometryError(f"an image array must have 2 or 3 spatial axes, got shape {array.shape[1:]}; cut a frame")
    names = ("red", "green", "blue") if has_channels and len(array) == 3 else ()
    return Image(array, _grid(array.shape[1:], spacing), names)


def as_label_map(given: LabelsLike, *, spacing: Spacing = None, name: str = "labels") -> LabelMap:
    """A label map from a `LabelMap`, a file's name, or an integer or boolean array in 2-D or 3-D; as `as_image`.

    >>> labels = as_label_map(np.eye(3, dtype=bool), spacing=(0.5, 0.5))
    >>> int(labels.array.sum()), labels.grid.spacing
    (3, (0.5, 0.5))
    """
    if isinstance(given, LabelMap) or is_path(given):
        _refuse_spacing(given, spacing)
        return given if isinstance(given, LabelMap) else io.read_labels(Path(given))  # type: ignore[arg-type]
    array = np.asarray(given)
    if array.ndim not in (2, 3):
        raise GeometryError(f"{name} must have 2 or 3 axes, got shape {array.shape}; cut a frame or a channel")
    return LabelMap(array, _grid(array.shape, spacing))


def _grid(shape: tuple[int, ...], spacing: Spacing) -> Grid:
    return Grid.pixels(shape) if spacing is None else Grid.from_spacing(shape, spacing)


def _refuse_spacing(given: object, spacing: Spacing) -> None:
    if spacing is not None:
        what = "a file" if is_path(given) else f"the {type(given).__name__}"
        raise GeometryError(f"spacing must come with an array, got it with {what}, which has its own; leave it out")
