"""Whether what a file says about space can be believed: formats that hold an orientation, and those that do not."""

from __future__ import annotations

from septum.geometry import Grid
from septum.io import naming
from septum.workflows.data.cases import Case


def is_anatomical(case: Case, grid: Grid) -> bool:
    """Whether a volume's axes have directions in a patient; TIFF stacks and pictures have none."""
    return grid.ndim == 3 and naming.suffix(case.images[0].path) not in naming.TIFF + naming.RASTER
