"""Grids, images, label maps and the way between them. Imports numpy and scipy only."""

from septum.geometry.grid import Grid, Unit
from septum.geometry.image import Image, LabelMap
from septum.geometry.placement import Placement
from septum.geometry.resample import resample_image, resample_labels

__all__ = ["Grid", "Image", "LabelMap", "Placement", "Unit", "resample_image", "resample_labels"]
