"""One picture of a DICOM file: what its header says of place, size and meaning, and nothing of the patient.

The insight: a value may stand in the frame's own group, in the shared group or at the top of the file; a header is not
trusted: what cannot be is refused with the tag's name.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.errors import Cancelled, FormatError

Vector = NDArray[np.float64]

_TAGS = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "ImagerPixelSpacing", "SliceThickness", "SpacingBetweenSlices", "RescaleSlope", "RescaleIntercept",
    "InstanceNumber", "AcquisitionNumber", "TemporalPositionIdentifier", "TriggerTime", "EchoTime",
    "DiffusionBValue", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence", "Units",
    "PhotometricInterpretation", "BitsStored", "BitsAllocated", "PixelRepresentation", "DetectorInformationSequence",
)  # fmt: skip

_TIME_TAGS = ("TemporalPositionIdentifier", "AcquisitionNumber", "TriggerTime", "EchoTime", "DiffusionBValue")


@dataclass(frozen=True, eq=False)
class Plane:
    """One two-dimensional picture: a file, or one frame of a multi-frame file. Positions in mm, LPS as stored."""

    path: Path
    index: int
    uid: str
    shape: tuple[int, int]
    position: Vector | None
    row: Vector
    column: Vector
    spacing: tuple[float, float] | None
    thickness: float | None
    slope: float
    intercept: float
    order: tuple[float, ...]
    bits: int = 16
    signed: bool = False
    step: float | None = None

    @property
    def normal(self) -> Vector:
        """Unit vector across the plane, LPS."""
        return np.cross(self.row, self.column)


def read_header(path: Path) -> Any:
    """The tags of a file that say what its planes are; samples and what identifies a patient stay unread.

    Raises:
        FormatError: the file cannot be read as DICOM; the message does not quote it.
    """
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_TAGS))
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - pydicom raises anything here, and may quote the patient
            raise FormatError(
                f"{path} must be complete DICOM, but it cannot be read ({type(error).__name__}); "
                "copy it again from its source"
            ) from None


def planes_of(path: Path, header: Any) -> Iterator[Plane]:
    """The planes of a file by its header, one per frame.

    Raises:
        FormatError: a value that cannot be (more frames than bytes, no pixel size, slope 0), with its tag.
    """
    shared = _first(header, "SharedFunctionalGroupsSequence")
    count = int(header.get("NumberOfFrames") or 1)
    if not 1 <= count <= path.stat().st_size:
        raise FormatError(f"{path.name} must hold the {count:,} frames that it declares; its header is damaged")
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or [None] * count
    for index, own in enumerate(per_frame):
        yield _plane(path, header, index=index, groups=[group for group in (own, shared) if group is not None])


def _plane(path: Path, header: Any, *, index: int, groups: list[Any]) -> Plane:
    """One plane; values come from its own functional group, the shared one, or the top of the file, in this order."""

    def value(sequence: str, name: str) -> Any:
        for group in groups:
            item = _first(group, sequence)
            if item is not None and item.get(name) is not None:
                return item.get(name)
        return header.get(name)

    position = value("PlanePositionSequence", "ImagePositionPatient")
    orientation = value("PlaneOrientationSequence", "ImageOrientationPatient")
    detector = _first(header, "DetectorInformationSequence")  # SPECT: the place of the first frame stands there
    stack_step = None
    if detector is not None and not position and detector.get("ImagePositionPatient"):
        orientation = orientation or detector.get("ImageOrientationPatient")
        stack_step = float(_given(header.get("SpacingBetweenSlices") or header.get("SliceThickness"), 1))
        position = detector.get("ImagePositionPatient")
    spacing = value("PixelMeasuresSequence", "PixelSpacing") or header.get("ImagerPixelSpacing")
    if spacing and not (len(spacing) == 2 and all(float(s) > 0 and np.isfinite(float(s)) for s in spacing)):
        raise FormatError(
            f"PixelSpacing of {path.name} must be two positive numbers in mm, got {[float(s) for s in spacing]}; "
            "correct the header at its source"
        )
    placed = bool(position) and bool(orientation) and len(position) == 3 and len(orientation) == 6
    cosines = np.array(orientation, dtype=np.float64) if placed else np.array([1.0, 0, 0, 0, 1, 0])
    thickness = value("PixelMeasuresSequence", "SpacingBetweenSlices") or value(
        "PixelMeasuresSequence", "SliceThickness"
    )
    time = value("TemporalPositionSequence", "TemporalPositionTimeOffset") or value(
        "FrameContentSequence", "TemporalPositionIndex"
    )
    place = np.array(position, dtype=np.float64) if placed else None
    if place is not None and stack_step is not None:
        place = place + index * stack_step * np.cross(_unit(cosines[:3]), _unit(cosines[3:]))
    return Plane(
        path=path, index=index, uid=f"{header.get('SOPInstanceUID', path.name)}/{index}",
        shape=(int(header.Rows), int(header.Columns)),
        position=place,
        row=_unit(cosines[:3]), column=_unit(cosines[3:]),
        spacing=(float(spacing[0]), float(spacing[1])) if spacing else None,
        thickness=abs(float(thickness)) if thickness else None,
        slope=_slope(path, value("PixelValueTransformationSequence", "RescaleSlope")),
        intercept=float(_given(value("PixelValueTransformationSequence", "RescaleIntercept"), 0)),
        order=(
            *(float(_given(header.get(tag), 0)) for tag in _TIME_TAGS),
            float(_given(time, 0)), float(_given(header.get("InstanceNumber"), 0)), float(index),
        ),
        bits=_bits(path, header), signed=int(_given(header.get("PixelRepresentation"), 0)) == 1,
        step=_flat_step(header, index, per_frame=bool(groups)),
    )  # fmt: skip


def _slope(path: Path, value: Any) -> float:
    slope = float(_given(value, 1))
    if slope == 0 or not np.isfinite(slope):
        raise FormatError(
            f"RescaleSlope of {path.name} must not be 0, got {slope:g}: every sample would be the same; "
            "correct the header at its source"
        )
    return slope


def _bits(path: Path, header: Any) -> int:
    bits = int(_given(header.get("BitsStored"), _given(header.get("BitsAllocated"), 16)))
    if not 1 <= bits <= 64:
        raise FormatError(f"BitsStored of {path.name} must be 1 to 64, got {bits}; its header is damaged")
    return bits


def _flat_step(header: Any, index: int, *, per_frame: bool) -> float | None:
    """The distance in mm of frames or slices that have no position, where the header gives one."""
    step = header.get("SpacingBetweenSlices") or header.get("SliceThickness")
    return abs(float(step)) or None if step else None


def _given(value: Any, default: float) -> Any:
    return default if value is None or value == "" else value


def _first(dataset: Any, sequence: str) -> Any:
    items = dataset.get(sequence)
    return items[0] if items else None


def _unit(vector: Vector) -> Vector:
    length = float(np.linalg.norm(vector))
    if not np.isfinite(length) or length == 0:
        raise FormatError("the orientation of a DICOM image must not be zero; its header is damaged")
    return vector / length
