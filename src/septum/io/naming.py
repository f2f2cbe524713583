"""File names: which suffixes name an image, and what a file is called without them.

`name.nii.gz` and `name.ome.tif` have suffixes of two parts; everything that pairs images with labels by their stem
must agree on that, so it is decided here once.
"""

from __future__ import annotations

from pathlib import Path

NIFTI = (".nii.gz", ".nii")
NRRD = (".seg.nrrd", ".nrrd", ".nhdr")
META = (".mha", ".mhd")
RASTER = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
TIFF = (".ome.tiff", ".ome.tif", ".tiff", ".tif")
DICOM = (".dcm", ".dicom", ".ima")

IMAGE_SUFFIXES: tuple[str, ...] = NIFTI + NRRD + META + RASTER + TIFF + DICOM
"""Every suffix Septum reads, longer ones before the shorter ones that they end with."""


def suffix(path: Path | str) -> str:
    """The image suffix of a name, lower case, or "" when it has none that Septum knows.

    >>> suffix("brain.NII.gz"), suffix("cells.ome.tif"), suffix("IM0001")
    ('.nii.gz', '.ome.tif', '')
    """
    name = Path(path).name.lower()
    return next((known for known in IMAGE_SUFFIXES if name.endswith(known) and len(name) > len(known)), "")


def stem(path: Path | str) -> str:
    """The name without the image suffix; names of folders and unknown suffixes are kept whole.

    >>> stem("data/brain.nii.gz"), stem("cells.ome.tif"), stem("v1.2_scan.png"), stem("patient.7")
    ('brain', 'cells', 'v1.2_scan', 'patient.7')
    """
    name = Path(path).name
    return name[: len(name) - len(suffix(path))].replace("::", "_")
