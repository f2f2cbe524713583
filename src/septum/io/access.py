"""Read and write images and labels, whatever the format: the five functions that everyone else uses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import FormatError
from septum.geometry import Image, LabelMap
from septum.geometry.rectify import is_sheared
from septum.io import naming
from septum.io.decoded import Decoded, decoded_labels
from septum.io.formats import FORMATS, Format, by_suffix, find_format
from septum.io.safe import reading


def read_image(path: Path | str, *, axes: str | None = None, frame: int | None = None) -> Image:
    """Read intensities.

    Args:
        path: a file, a folder that holds one DICOM series, or `folder::2` for the second of several series.
        axes: letters of TCZYX, slowest axis first, where the file does not say or says it wrongly.
        frame: which frame along time, from 0; needed only when there is more than one.

    Returns:
        Image with array `(C, *spatial)` in the stored type (float32 where the file scales its values). Files without
        a physical size have spacing 1. `notes` name what had to be assumed.
        RGB with equal channels becomes one channel, transparency is left out.

    Raises:
        FormatError: unknown, damaged or unsafe file, or a frame must be chosen.
        GeometryError: impossible voxel sizes or orientation.

    >>> import tempfile, numpy as np
    >>> from septum.geometry import Grid
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     scan = Image(np.zeros((1, 4, 5, 6)), Grid.from_spacing((4, 5, 6), (3.0, 1.0, 1.0)))
    ...     write_image(Path(folder, "scan.nii.gz"), scan)
    ...     read_image(Path(folder, "scan.nii.gz")).grid.spacing
    (3.0, 1.0, 1.0)
    """
    path = Path(path)
    known = find_format(path)
    with reading(path, known.name):
        found = known.read(path, axes=axes, frame=frame, labels=False)
        doubts = (*found.doubts, *_sheared(found), *_holes(found.array))
        return Image(found.array, found.grid, found.channels, doubts)


def _sheared(found: Decoded) -> tuple[str, ...]:
    """A sentence about axes that are not perpendicular, where the reader said none."""
    if found.grid.ndim == 2 or any("--rectify" in doubt for doubt in found.doubts) or not is_sheared(found.grid):
        return ()
    return (
        "the axes are not perpendicular: masks are written on the same grid, which tools based on ITK refuse; "
        "`--rectify` makes it rectangular",
    )


def _holes(array: NDArray[Any]) -> tuple[str, ...]:
    """A sentence about samples that are NaN or infinite, where there are any."""
    if array.dtype.kind != "f" or math.isfinite(float(array.sum(dtype=np.float64))):
        return ()
    wrong = array.size - int(np.count_nonzero(np.isfinite(array)))
    return (f"{100 * wrong / array.size:.3g} % of the samples are NaN or infinite",) if wrong else ()


def read_labels(path: Path | str, *, axes: str | None = None, frame: int | None = None) -> LabelMap:
    """Read integer labels; arguments and errors as for `read_image`.

    Whole numbers stored as floating point are converted; colour palettes give their indices; several equal channels
    are one.

    Raises:
        FormatError: also when values are not whole numbers (an antialiased mask) or channels differ.

    >>> import tempfile, numpy as np
    >>> from septum.geometry import Grid
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labels(Path(folder, "mask.png"), LabelMap(np.array([[0, 2]]), Grid.from_spacing((1, 2), (1.0, 1.0))))
    ...     read_labels(Path(folder, "mask.png")).array.tolist()
    [[0, 2]]
    """
    path = Path(path)
    known = find_format(path)
    with reading(path, known.name):
        found = known.read(path, axes=axes, frame=frame, labels=True)
        return LabelMap(decoded_labels(path, found), found.grid, found.names, found.doubts)


def write_labels(path: Path | str, labels: LabelMap) -> None:
    """Write labels in the format that the suffix names, in the smallest integer type that holds them.

    The file appears under its name only when it is complete. Rasters and TIFF keep no position in space.

    Raises:
        FormatError: when the format cannot hold the labels, or the file cannot be written.

    >>> import tempfile, numpy as np
    >>> from septum.geometry import Grid
    >>> labels = LabelMap(np.array([[0, 300]]), Grid.from_spacing((1, 2), (0.5, 0.5)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_labels(Path(folder, "mask.tif"), labels)
    ...     read_labels(Path(folder, "mask.tif")).array.dtype
    dtype('uint16')
    """
    path = Path(path)
    write = _writable(path).write_labels
    if write is None:
        raise FormatError(f"labels cannot be written as {path.name}; use .nii.gz, .nrrd, .mha, .png or .tif")
    write(path, labels)


def write_image(path: Path | str, image: Image) -> None:
    """Write intensities in the format that the suffix names; otherwise as `write_labels`.

    >>> import tempfile, numpy as np
    >>> from septum.geometry import Grid
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_image(Path(folder, "a.tif"), Image(np.array([[[1.5, 2.5]]]), Grid.from_spacing((1, 2), (0.5, 0.5))))
    ...     read_image(Path(folder, "a.tif")).array.tolist()
    [[[1.5, 2.5]]]
    """
    path = Path(path)
    write = _writable(path).write_image
    if write is None:
        raise FormatError(f"images cannot be written as {path.name}; use .nii.gz, .nrrd, .mha, .png or .tif")
    write(path, image)


def count_frames(path: Path | str, *, axes: str | None = None) -> int:
    """How many frames along time the file holds (1 for a single image). Errors as for `read_image`.

    >>> import tempfile, tifffile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imwrite(Path(folder, "movie.tif"), np.zeros((5, 8, 8), np.uint8))
    ...     count_frames(Path(folder, "movie.tif"), axes="TYX")
    5
    """
    path = Path(path)
    known = find_format(path)
    with reading(path, known.name):
        return known.count_frames(path, axes=axes)


def _writable(path: Path) -> Format:
    found = by_suffix(path)
    if found is None:
        writable = [name for known in FORMATS if known.write_labels for name in known.suffixes]
        raise FormatError(f"the suffix of {path.name or path} must be one of {', '.join(writable)}; rename the output")
    if naming.suffix(path) in (".mhd", ".nhdr"):
        raise FormatError(f"{path.name} would need two files; write {path.stem}{found.label_suffix} instead")
    return found
