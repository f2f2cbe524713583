"""The way in: `load_dataset` understands a folder or table, `load_image` and `load_labels` open one case of it.

One insight: a layout that is broken in places is refused here with every problem named at once, because training on the
rest in silence is how wrong results are made. `septum doctor` works on the same data set with `strict=False`.
"""

from __future__ import annotations

from pathlib import Path

from septum.errors import DatasetError
from septum.workflows.data.cases import (
    Dataset,
)
from septum.workflows.data.layouts import recognise
from septum.workflows.data.structures import number_structures
from septum.workflows.runs.words import counted


def load_dataset(path: Path | str, *, axes: str | None = None, strict: bool = True) -> Dataset:
    """The cases of a data set in any layout that Septum knows; image files are not decoded.

    Args:
        path: a folder, a CSV/TSV table, or one image file.
        axes: meaning of the axes of files that do not say, slowest first, such as `"TYX"`.
        strict: refuse a data set whose layout has problems; otherwise they are in `Dataset.problems`.

    Raises:
        DatasetError: nothing there, unknown layout, no image, or (when strict) any problem, each with its case.

    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from septum import Grid, Image, LabelMap, write_image, write_labels
    >>> grid, array = Grid.pixels((4, 5)), np.zeros((4, 5), np.uint8)
    >>> with TemporaryDirectory() as folder:
    ...     for name in ("images", "labels"):
    ...         Path(folder, name).mkdir()
    ...     write_image(Path(folder, "images", "a.png"), Image(array[None], grid))
    ...     write_labels(Path(folder, "labels", "a.png"), LabelMap(array, grid))
    ...     [case.id for case in load_dataset(folder).labelled]
    ['a']
    """
    dataset = number_structures(recognise(Path(path), axes))
    if strict and dataset.problems:
        shown = "\n".join(f"  {p.case}: {p.message}; {p.mend}" for p in dataset.problems[:10])
        more = f"\n  and {len(dataset.problems) - 10} more" if len(dataset.problems) > 10 else ""
        raise DatasetError(
            f"the data set {dataset.root} must be complete, got {counted(len(dataset.problems), 'problem')}:\n"
            f"{shown}{more}\n"
            "run `septum doctor DATASET` for all of them"
        )
    if strict and not dataset.cases:
        raise DatasetError(f"the data set {dataset.root} must hold at least one image, got none; add images")
    return dataset
