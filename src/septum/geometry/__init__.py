"""Grids, images, label maps and the way between them. Imports numpy and scipy only."""

from septum.geometry.grid import Grid
from septum.geometry.image import Image, LabelMap

__all__ = ["Grid", "Image", "LabelMap"]
