"""Synthetic DICOM series with known samples and geometry, made with pydicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
PATIENT = "Secret^Person"


def stored(shape: Sequence[int], *, seed: int = 0) -> np.ndarray:
    """Stored samples `(z, y, x)`, each slice recognisable by its values."""
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, 50, tuple(shape)) + 100 * np.arange(shape[0])[:, None, None]
    return samples.astype(np.uint16)


def dataset(samples: np.ndarray, *, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> Dataset:
    """One image with all that a slice needs; `tags` override by DICOM keyword, None leaves a tag out."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    made = Dataset()
    made.file_meta = meta
    made.PatientName = PATIENT
    made.PatientID = "ID-4711"
    bits = samples.dtype.itemsize * 8
    values: dict[str, Any] = {
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.111111",
        "SeriesNumber": 1,
        "Modality": "CT",
        "Rows": samples.shape[-2],
        "Columns": samples.shape[-1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(samples.dtype.kind == "i"),
        "PixelSpacing": [0.8, 0.5],
        "ImageOrientationPatient": list(AXIAL),
        "PixelData": samples.tobytes(),
    }
    for name, value in (values | tags).items():
        if value is not None:
            setattr(made, name, value)
    made["PixelData"].VR = "OW"
    return made


def series(
    folder: Path,
    samples: np.ndarray,
    *,
    step: float = 2.5,
    positions: Sequence[Sequence[float]] | None = None,
    skip: Sequence[int] = (),
    shuffle: bool = True,
    syntax: str = ImplicitVRLittleEndian,
    suffix: str = ".dcm",
    **tags: Any,
) -> Path:
    """Write one file per slice; file names and instance numbers say nothing about the order of the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    names = np.random.default_rng(3).permutation(len(samples)) if shuffle else np.arange(len(samples))
    for z, picture in enumerate(samples):
        if z in skip:
            continue
        place = list(positions[z]) if positions is not None else [-10.0, 20.0, 5.0 + step * z]
        values = {"ImagePositionPatient": place, "InstanceNumber": int(names[z]) + 1} | tags
        made = dataset(picture, syntax=syntax, **values)
        made.save_as(folder / f"I{tags.get('SeriesNumber', 1)}{names[z]:03d}{suffix}", enforce_file_format=True)
    return folder


def compressed(picture: np.ndarray, stream: bytes, syntax: str, **tags: Any) -> Dataset:
    """One slice whose samples are stored as an encoded stream."""
    made = dataset(picture, syntax=syntax, ImagePositionPatient=[0.0, 0.0, 0.0], **tags)
    made.PixelData = encapsulate([stream])
    made["PixelData"].is_undefined_length = True
    made["PixelData"].VR = "OB"
    return made


def enhanced(samples: np.ndarray, *, step: float = 2.0, order: Sequence[int] | None = None, times: int = 1) -> Dataset:
    """A multi-frame file with shared and per-frame functional groups, frames in any order, `times` per position."""
    order = list(order) if order is not None else list(range(len(samples)))
    made = dataset(
        samples[0], SOPClassUID=EnhancedCTImageStorage, NumberOfFrames=len(order), PixelSpacing=None,
        ImageOrientationPatient=None, PixelData=samples[order].tobytes(),
    )  # fmt: skip
    shared, measures, orientation, values = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.8, 0.5]
    measures.SliceThickness = step
    orientation.ImageOrientationPatient = list(AXIAL)
    values.RescaleSlope, values.RescaleIntercept = 1, -1000
    shared.PixelMeasuresSequence = Items([measures])
    shared.PlaneOrientationSequence = Items([orientation])
    shared.PixelValueTransformationSequence = Items([values])
    made.SharedFunctionalGroupsSequence = Items([shared])
    groups = []
    for frame in order:
        group, place, content = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [0.0, 0.0, step * (frame // times)]
        content.TemporalPositionIndex = frame % times + 1
        group.PlanePositionSequence = Items([place])
        group.FrameContentSequence = Items([content])
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = Items(groups)
    return made
