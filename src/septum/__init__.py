"""Septum: biomedical image segmentation from a handful of annotations."""

from septum.errors import SeptumError
from septum.geometry import Grid, Image, LabelMap

__version__ = "0.1.0"

__all__ = ["Grid", "Image", "LabelMap", "SeptumError", "__version__"]
