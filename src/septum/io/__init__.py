"""Reading and writing images and labels: one adapter per family of formats, chosen through one literal table."""

from septum.io.access import count_frames, read_image, read_labels, write_image, write_labels
from septum.io.describe import Description, describe
from septum.io.dicom.structures import is_structures, modality_of, read_structures, structure_names
from septum.io.formats import is_image, label_suffix
from septum.io.naming import IMAGE_SUFFIXES, stem

__all__ = [
    "IMAGE_SUFFIXES",
    "Description",
    "count_frames",
    "describe",
    "is_image",
    "is_structures",
    "label_suffix",
    "modality_of",
    "read_image",
    "read_labels",
    "read_structures",
    "stem",
    "structure_names",
    "write_image",
    "write_labels",
]
