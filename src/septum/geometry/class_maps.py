"""Class maps: the types of arrays that hold a class per voxel, and the value of voxels that nobody annotated.

The insight: what a data set writes, a network learns from and a loss leaves out must be one number, or unannotated
voxels would be taught as a class; it is decided here, below all of them.
"""

from __future__ import annotations

import numpy as np

IGNORE = 255
"""The class of voxels that nobody annotated, in maps of up to `MOST_SMALL` classes."""


MOST_SMALL = 250
"""Maps of more classes are uint16, and 65535 takes the place of 255."""


def ignore_class(n_classes: int) -> int:
    """The class of voxels that nobody annotated, in maps of `n_classes` classes.

    >>> ignore_class(3), ignore_class(1000)
    (255, 65535)
    """
    return IGNORE if n_classes <= MOST_SMALL else 65535


def class_type(n_classes: int) -> type[np.unsignedinteger]:
    """The smallest type of class maps of `n_classes` classes and `ignore_class`.

    >>> class_type(3).__name__, class_type(1000).__name__
    ('uint8', 'uint16')
    """
    return np.uint8 if n_classes <= MOST_SMALL else np.uint16
