"""The literal table of formats: which adapter reads and writes a path. Adding a format is adding a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from septum.errors import FormatError
from septum.geometry import Image, LabelMap
from septum.io import itk, naming, nifti, raster, tiff
from septum.io.decoded import Decoded
from septum.io.dicom import files as dicom
from septum.io.dicom.series import is_dicom_file


class Reader(Protocol):
    """Decodes one frame of a file."""

    def __call__(self, path: Path, *, axes: str | None, frame: int | None, labels: bool) -> Decoded: ...


class Counter(Protocol):
    """Counts the frames of a file."""

    def __call__(self, path: Path, *, axes: str | None) -> int: ...


@dataclass(frozen=True)
class Format:
    """One family of files. `label_suffix`: the suffix in which a mask for such an image is written."""

    name: str
    suffixes: tuple[str, ...]
    label_suffix: str
    read: Reader
    count_frames: Counter
    write_labels: Callable[[Path, LabelMap], None] | None
    write_image: Callable[[Path, Image], None] | None


FORMATS: tuple[Format, ...] = (
    Format("NIfTI", naming.NIFTI, ".nii.gz", nifti.read, nifti.count_frames, nifti.write_labels, nifti.write_image),
    Format("NRRD", naming.NRRD, ".nrrd", itk.read, itk.count_frames, itk.write_labels, itk.write_image),
    Format("MetaImage", naming.META, ".mha", itk.read, itk.count_frames, itk.write_labels, itk.write_image),
    Format("raster", naming.RASTER, ".png", raster.read, raster.count_frames, raster.write_labels, raster.write_image),
    Format("TIFF", naming.TIFF, ".tif", tiff.read, tiff.count_frames, tiff.write_labels, tiff.write_image),
    Format("DICOM", naming.DICOM, ".nii.gz", dicom.read, dicom.count_frames, None, None),
)
"""Asked in this order; a folder of DICOM files and DICOM files without a suffix are recognised by their content."""

_DICOM = FORMATS[-1]


def find_format(path: Path) -> Format:
    """The format of an existing file or DICOM folder.

    Raises:
        FormatError: when there is no such path, or nothing here reads it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "scan.nii")
    ...     path.touch()
    ...     find_format(path).name
    'NIfTI'
    """
    folder, _ = dicom.split_choice(path)
    if folder.is_dir():
        return _DICOM
    if not folder.exists():
        raise FormatError(f"{path} must exist, no such file or folder; check the path")
    found = by_suffix(path)
    if found is not None:
        return found
    if is_dicom_file(path):
        return _DICOM
    raise FormatError(
        f"{path} must be an image, its format is unknown; Septum reads {', '.join(naming.IMAGE_SUFFIXES)}"
    )


def by_suffix(path: Path) -> Format | None:
    """The format whose suffix the name has, if any.

    >>> by_suffix(Path("scan.nii.gz")).name, by_suffix(Path("notes.txt"))
    ('NIfTI', None)
    """
    ending = naming.suffix(path)
    return next((known for known in FORMATS if ending and ending in known.suffixes), None)


def is_image(path: Path | str) -> bool:
    """Whether this looks like an image by name or signature; nothing is decoded.

    Hidden files (such as the `._*` files in archives made on a Mac) do not count; a folder with DICOM files does.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "scan.nii.gz")
    ...     path.touch()
    ...     is_image(path), is_image(Path(folder, "notes.txt"))
    (True, False)
    """
    path = Path(path)
    folder, choice = dicom.split_choice(path)
    if choice is not None:
        return dicom.is_dicom_folder(folder)
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return dicom.is_dicom_folder(path)
    return path.is_file() and (by_suffix(path) is not None or is_dicom_file(path))


def label_suffix(path: Path | str) -> str:
    """The suffix in which a mask for this image is written: its own family's, `.nii.gz` for DICOM.

    >>> label_suffix("a.nii"), label_suffix("b.jpg"), label_suffix("c.ome.tif"), label_suffix("dicom_folder")
    ('.nii.gz', '.png', '.tif', '.nii.gz')
    """
    found = by_suffix(Path(path))
    return found.label_suffix if found is not None else _DICOM.label_suffix
