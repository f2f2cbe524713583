"""Made-up RTSTRUCT and SEG files whose voxels are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, SegmentationStorage, generate_uid
from tests.io.dicoms import AXIAL

Contours = Mapping[str, Sequence[np.ndarray]]


def _object(kind: str, storage: str) -> Dataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = storage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = Dataset()
    made.file_meta = meta
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = storage, meta.MediaStorageSOPInstanceUID, kind
    return made


def rtstruct(contours: Contours, *, geometry: str = "CLOSED_PLANAR") -> Dataset:
    """Structures by name; each contour is `(n, 3)` in mm, LPS."""
    made = _object("RTSTRUCT", RTStructureSetStorage)
    listed, drawn = [], []
    for number, (name, outlines) in enumerate(contours.items(), 1):
        roi, item = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        item.ReferencedROINumber = number
        item.ContourSequence = Items([_contour(outline, geometry) for outline in outlines])
        listed.append(roi)
        drawn.append(item)
    made.StructureSetROISequence, made.ROIContourSequence = Items(listed), Items(drawn)
    return made


def _contour(outline: np.ndarray, geometry: str) -> Dataset:
    made = Dataset()
    made.ContourGeometricType = geometry
    made.NumberOfContourPoints = len(outline)
    made.ContourData = [f"{value:.4f}" for value in np.asarray(outline, float).reshape(-1)]
    return made


def square(x: float, y: float, *, z: float, half: float) -> np.ndarray:
    """A square contour round a place, mm."""
    return np.array(
        [[x - half, y - half, z], [x + half, y - half, z], [x + half, y + half, z], [x - half, y + half, z]]
    )


def seg(
    frames: Sequence[tuple[int, float, np.ndarray]], names: Mapping[int, str], *, kind: str = "BINARY", **tags: Any
) -> Dataset:
    """Frames `(segment, z in mm, mask)`, in any order; pixels of 0.8 by 0.5 mm from (-10, 20)."""
    made = _object("SEG", SegmentationStorage)
    samples = np.stack([mask for _, _, mask in frames]).astype(np.uint8)
    bits = 1 if kind == "BINARY" else 8
    made.SegmentationType, made.NumberOfFrames = kind, len(frames)
    made.Rows, made.Columns = samples.shape[1:]
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = bits, bits, bits - 1
    made.PixelData = np.packbits(samples, bitorder="little").tobytes() if bits == 1 else samples.tobytes()
    made.PixelData += b"\0" * (len(made.PixelData) % 2)
    made["PixelData"].VR = "OB"
    listed = []
    for number, name in names.items():
        item = Dataset()
        item.SegmentNumber, item.SegmentLabel = number, name
        listed.append(item)
    made.SegmentSequence = Items(listed)
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.8, 0.5], 2.5
    orientation.ImageOrientationPatient = list(AXIAL)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = Items([measures]), Items([orientation])
    made.SharedFunctionalGroupsSequence = Items([shared])
    groups = []
    for number, z, _ in frames:
        group, place, which = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [-10.0, 20.0, z]
        which.ReferencedSegmentNumber = number
        group.PlanePositionSequence = Items([place])
        if kind != "LABELMAP":
            group.SegmentIdentificationSequence = Items([which])
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = Items(groups)
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def save(made: Dataset, path: Path) -> Path:
    """Write an object, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path
