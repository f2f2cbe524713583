"""From a heap of DICOM files to series: which planes belong together, and which files are copies of each other.

Nothing that identifies a patient is read into a record, a message or a note: series are told apart by number, modality,
count and the last digits of their identifier.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from septum.errors import FormatError
from septum.io.dicom.planes import Plane, planes_of, read_header
from septum.io.naming import DICOM, suffix

_NO_IMAGE = {"SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "SR", "PR", "KO", "REG", "DOC", "FID", "RWV", "PLAN"}


@dataclass(frozen=True, eq=False)
class Series:
    """The planes of one series that share size and orientation."""

    uid: str
    number: int
    modality: str
    planes: tuple[Plane, ...]
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line without identifiers of the patient."""
        rows, columns = self.planes[0].shape
        return f"{self.modality or 'unknown'}, {len(self.planes)} images of {rows}x{columns}, series ...{self.uid[-6:]}"


def is_dicom_file(path: Path) -> bool:
    """By signature; files from before the signature are recognised by their first element.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "0001")
    ...     _ = path.write_bytes(bytes(128) + b"DICM")
    ...     is_dicom_file(path)
    True
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
    except OSError:
        return False
    bare = start[:2] == b"\x08\x00" and start[4:6] in (b"UL", b"UI", b"CS", b"\x04\x00", b"\x16\x00", b"\x1a\x00")
    return start[128:] == b"DICM" or bare


def dicom_files(folder: Path) -> Iterator[Path]:
    """The DICOM files that lie directly in a folder, by name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "0001").write_bytes(bytes(128) + b"DICM")
    ...     _ = Path(folder, "notes.txt").write_text("no image")
    ...     [path.name for path in dicom_files(Path(folder))]
    ['0001']
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or (suffix(path) and suffix(path) not in DICOM):
            continue
        if is_dicom_file(path):
            yield path


def strays(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files among slices that are no DICOM: those that are called so, and empty ones without a suffix.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "7.dcm").touch()
    ...     Path(folder, "IM0008").touch()
    ...     [[path.name for path in found] for found in strays(Path(folder))]
    [['7.dcm'], ['IM0008']]
    """
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    called = [path for path in files if suffix(path) in DICOM and not is_dicom_file(path)]
    return called, [path for path in files if not path.suffix and not path.stat().st_size]


def scan(files: Sequence[Path]) -> tuple[list[Series], dict[str, int]]:
    """Sort files into series; also count the objects that are no images, by modality.

    A series whose planes differ in size or orientation (a scout among the slices) is split.

    Raises:
        FormatError: a file whose header is damaged, or an image whose header is cut off before its size.

    >>> scan([])
    ([], {})
    """
    found: dict[tuple[str, tuple[int, int]], list[list[tuple[Plane, Any]]]] = {}
    others: dict[str, int] = {}
    for path in files:
        header = read_header(path)
        modality = str(header.get("Modality", "") or "")
        if modality in _NO_IMAGE or not header.get("Rows") or not header.get("Columns"):
            _check_whole(path, header, modality=modality)
            others[modality or "object"] = others.get(modality or "object", 0) + 1
            continue
        for plane in planes_of(path, header):
            groups = found.setdefault((str(header.get("SeriesInstanceUID", "")), plane.shape), [])
            group = next((group for group in groups if _alike(group[0][0], plane)), None)
            if group is None:
                group = []
                groups.append(group)
            group.append((plane, header))
    series = [_series(key[0], members) for key, groups in found.items() for members in groups]
    series.sort(key=lambda one: (one.number, one.modality, one.uid, -len(one.planes)))
    return series, others


def _check_whole(path: Path, header: Any, *, modality: str) -> None:
    """Raise where an object without a size is an image that was cut off: it must not pass for one without an image."""
    from pydicom.uid import UID

    meta = getattr(header, "file_meta", {})
    kind = UID(str(header.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or "")).name
    if modality not in _NO_IMAGE and (not kind or kind.endswith("Image Storage")):
        raise FormatError(
            f"{path} must be complete DICOM, but its header ends before the size of its image; "
            "it is truncated: copy it again from its source"
        )


def _series(uid: str, members: list[tuple[Plane, Any]]) -> Series:
    header = members[0][1]
    notes = []
    if header.get("Units") and str(header.get("Modality")) == "PT":
        notes.append(f"values are in {header.Units}")
    planes = tuple(plane for plane, _ in members)
    return Series(
        uid, int(header.get("SeriesNumber") or 0), str(header.get("Modality", "") or ""), planes, tuple(notes)
    )


def _alike(one: Plane, other: Plane) -> bool:
    """Whether two planes can lie in one volume: parallel, with pixels of one size, both placed or both not."""
    turned = max(np.abs(one.row - other.row).max(), np.abs(one.column - other.column).max())
    sizes = np.allclose(one.spacing or 0, other.spacing or 0, rtol=1e-3)
    return bool((one.position is None) == (other.position is None) and turned < 0.01 and sizes)


def without_copies(series: Series) -> tuple[list[Plane], list[str]]:
    """Copies agree in identifier, position *and* content; one identifier for all slices is bad de-identification."""
    kept: dict[tuple[str, bytes], list[Plane]] = {}
    notes = list(series.notes)
    copies = 0
    for plane in series.planes:
        place = b"" if plane.position is None else plane.position.round(3).tobytes()
        group = kept.setdefault((plane.uid, place), [])
        if any(_same_content(one.path, plane.path) and one.index == plane.index for one in group):
            copies += 1
        else:
            group.append(plane)
    if copies:
        notes.append(f"{copies} images occur twice and are read once")
    if len({plane.uid for plane in series.planes}) + copies < len(series.planes):
        notes.append(
            "several images carry one identifier (SOPInstanceUID): they are told apart by position and content"
        )
    return [plane for group in kept.values() for plane in group], notes


def _same_content(one: Path, other: Path) -> bool:
    """Whether two files hold the same samples."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (pydicom.dcmread(path, force=True, specific_tags=["PixelData"]) for path in (one, other))
    return bool(first.get("PixelData") == second.get("PixelData"))
