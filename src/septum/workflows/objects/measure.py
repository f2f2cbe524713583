"""`septum measure`: the objects of a folder of label maps, counted, measured and compared, in one page.

The insight: a folder that holds pictures of conditions is an experiment, and its independent units are images or
replicates. Objects are measured image by image, so that memory holds one image, and only their rows are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from septum.errors import ConfigError, DatasetError, GeometryError
from septum.geometry import LabelMap
from septum.instances.measure import length_unit, measure_objects
from septum.instances.split import split_objects
from septum.metrics.unpaired import UnpairedComparison, compare_groups, with_holm
from septum.workflows.data.cases import Case, load_image
from septum.workflows.data.doubts import assumed, listens
from septum.workflows.data.masks import mask_cases
from septum.workflows.objects.conditions import Conditions, find_conditions
from septum.workflows.objects.measure_page import Tables, picture_of_objects, publish_page
from septum.workflows.objects.split import images_of, read_case_mask
from septum.workflows.runs.failures import Failures
from septum.workflows.runs.files import refuse_file
from septum.workflows.runs.hooks import Hooks
from septum.workflows.runs.settings import LARGEST_SEED, check_bounds, write_settings
from septum.workflows.runs.words import counted, some

SETTINGS = "septum-measure.toml"
PAGE = "index.html"
FILES = ("objects.csv", "images.csv", "comparison.csv", PAGE)
_FEW_VALUES = 3


@dataclass(frozen=True)
class MeasureSettings:
    """What `septum measure` can be told.

    Args:
        split: split masks into objects first; None: where a mask has at most three values and its parts are more.
        conditions: table with one row per mask and a column `condition`.
        condition_pattern: regular expression that finds the condition in the masks' names.
        background: value of the background.
        axes: meaning of the files' axes where they do not say.
        gallery: most pictures on the page.
        seed: of the resampling.
        overwrite: replace results.
    """

    split: bool | None = None
    conditions: Path | None = None
    condition_pattern: str | None = None
    background: int = 0
    axes: str | None = None
    gallery: int = 12
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.gallery < 0:
            raise ConfigError(f"gallery must be at least 0, got {self.gallery}")
        check_bounds(self, seed=(0, LARGEST_SEED))


@dataclass(frozen=True)
class MeasureResult:
    """What was written, what failed, the table of objects and that of images."""

    written: tuple[Path, ...]
    failures: tuple[tuple[str, str], ...]
    objects: pd.DataFrame
    images: pd.DataFrame

    @property
    def page(self) -> Path:
        """The page among what was written."""
        return self.written[FILES.index(PAGE)]


@dataclass
class _Gathered:
    """What stays of the images: rows, pictures, units, and which were split."""

    objects: list[pd.DataFrame]
    images: list[dict[str, Any]]
    pictures: list[Any]
    failures: Failures
    split: list[str]


@listens
def measure(
    masks: Path, output: Path, *, images: Path | None, settings: MeasureSettings, hooks: Hooks
) -> MeasureResult:
    """Measure a folder of label maps: `objects.csv`, `images.csv`, `comparison.csv` and a page.

    One bad file does not stop the rest; it is listed in the result.

    Raises:
        ConfigError: an output that is a file, results that may not be replaced, or conditions that cannot be found.
        DatasetError: no mask that can be read, or images that do not belong to the masks.
        Cancelled: when the hooks say stop.
    """
    refuse_file(output)
    present = [name for name in FILES if (output / name).exists()]
    if present and not settings.overwrite:
        raise ConfigError(f"{output} already holds {present[0]}; choose another folder or use --overwrite")
    cases = mask_cases(masks, settings.axes)
    conditions = find_conditions(cases, root=masks, table=settings.conditions, pattern=settings.condition_pattern)
    beside = images_of(cases, images)
    found = _gather(cases, beside, conditions=conditions, settings=settings, hooks=hooks)
    if not found.images:
        raise DatasetError(f"{masks} must hold a mask that can be read, got none: {found.failures.first}")
    objects = pd.concat([rows for rows in found.objects if len(rows)] or found.objects[:1], ignore_index=True)
    by_image = pd.DataFrame(found.images)
    units = unit_means(by_image)
    measures = measures_of(by_image)
    comparisons = compare_conditions(units, measures, seed=settings.seed)
    notes = _notes(objects, by_image, conditions=conditions, found=found)
    for note in notes:
        hooks.on_note(note)
    notes += [f"{note} ({some(cases)})" for note, cases in assumed().items()]
    tables = Tables(objects, by_image, units, comparisons)
    publish_page(output, tables, measures=measures, notes=notes, tiles=found.pictures, unit=conditions.unit)
    write_settings(output / SETTINGS, settings)
    return MeasureResult(tuple(output / name for name in FILES), tuple(found.failures.rows), objects, by_image)


def _gather(
    cases: Sequence[Case],
    beside: Mapping[str, Case],
    *,
    conditions: Conditions,
    settings: MeasureSettings,
    hooks: Hooks,
) -> _Gathered:
    found = _Gathered([], [], [], Failures(), [])
    every = max(1, len(cases) // max(1, settings.gallery))
    for place, case in enumerate(cases):
        hooks.stop_if_asked()
        with found.failures.of(case.id):
            labels, image, classes = _read(case, beside.get(case.id), settings=settings)
            table, row = measure_case(labels, image)
            if classes is not None:
                table["class"] = pd.array(classes[table["label"].to_numpy(int) - 1], "Int64")
            drawn = place % every == 0 and len(found.pictures) < settings.gallery
            picture = [picture_of_objects(case.id, labels, image=image, count=len(table))] if drawn else []
            own = {
                "image": case.id,
                "condition": conditions.condition[case.id],
                "replicate": conditions.replicate[case.id],
            }
            table = table.assign(**own)
            found.objects.append(table[[*own, *[name for name in table.columns if name not in own]]])
            found.images.append(own | row)
            found.split += [] if classes is None else [case.id]
            found.pictures += picture
        hooks.on_progress(case.id, (place + 1) / len(cases))
    return found


def _read(
    case: Case, beside: Case | None, *, settings: MeasureSettings
) -> tuple[LabelMap, Any, NDArray[np.int64] | None]:
    """The objects of a case, its image on the same samples, and the class of each where the mask had to be split."""
    labels = read_case_mask(case, settings.background)
    image = None if beside is None else load_image(beside)
    if image is not None and image.grid.shape != labels.grid.shape:
        raise GeometryError(
            f"image and mask must have one shape, got {image.grid.shape} and {labels.grid.shape}; resample one of them"
        )
    if image is not None and image.grid.spacing != labels.grid.spacing and _unknown(labels.grid):
        labels = LabelMap(labels.array, image.grid, labels.names)  # PNG masks know no size, their images may
    wanted = is_semantic(labels.array) if settings.split is None else settings.split
    if not wanted:
        return labels, image, None
    found = split_objects(labels.array, spacing=labels.grid.spacing)
    return LabelMap(found.labels, labels.grid), image, found.classes


def _unknown(grid: Any) -> bool:
    return unit_of(grid) == "px"


def unit_of(grid: Any) -> str:
    """The unit of a grid's spacing: "mm", or "px" where no physical size is known."""
    return str(grid.unit)


def is_semantic(labels: Any) -> bool:
    """Whether a mask says "cell" rather than "which cell": few values (at most three), in clearly more parts.

    >>> is_semantic(np.array([[1, 0, 1, 0, 1, 0, 1]])), is_semantic(np.array([[1, 0, 2, 0, 3, 0, 4]]))
    (True, False)
    """
    from septum.classical.adjacency import connected_parts

    values = np.unique(labels[labels != 0])
    return 0 < len(values) <= _FEW_VALUES and connected_parts(labels, full=True)[1] > len(values) + 1


def measure_case(labels: LabelMap, image: Any = None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table of a label map's objects, and the row of the image: how many, how dense, how large in the middle."""
    grid, unit = labels.grid, unit_of(labels.grid)
    table = measure_objects(
        labels.array,
        spacing=grid.spacing,
        unit=unit,
        image=None if image is None else image.array,
        channels=() if image is None else image.channels,
    )
    name, factor = length_unit(grid.spacing, unit)
    power = grid.ndim
    size = float(np.prod(grid.shape)) * grid.voxel_volume * factor**power
    column = f"area_{name}2" if power == 2 else f"volume_{name}3"
    row: dict[str, Any] = {
        "objects": len(table),
        f"field_{column}": size,
        f"density_per_{name}{power}": len(table) / size,
        "covered_share": float(table[column].sum() / size) if len(table) else 0.0,
        "at_edge": int(table["touches_edge"].sum()) if len(table) else 0,
    }
    for measured in [c for c in table.columns if c not in ("label", "voxels", "touches_edge", "pieces")]:
        if not measured.startswith(("centroid_", "orientation", "min_", "max_", "std_")):
            row[f"median_{measured}"] = float(table[measured].median()) if len(table) else float("nan")
    return table, row


def measures_of(images: pd.DataFrame) -> dict[str, str]:
    """The columns of `images.csv` that are compared and drawn, with their titles."""
    titles = {"objects": "objects per image"}
    for column in images.columns:
        words = column.removeprefix("median_").replace("_", " ").replace("um2", "(µm²)").replace("um3", "(µm³)")
        words = words.replace("px2", "(px²)").replace("px3", "(px³)").replace("mm2", "(mm²)").replace("mm3", "(mm³)")
        if column.startswith(("median_area", "median_volume", "median_elongation", "median_mean_intensity")):
            titles[column] = f"median {words}"
    return titles


def unit_means(images: pd.DataFrame) -> pd.DataFrame:
    """One row per independent unit: the mean over its images of every number."""
    keys = ["condition", "replicate"]
    numbers = images.select_dtypes("number").columns
    return images.groupby(keys, sort=False)[list(numbers)].mean().reset_index()


def compare_conditions(
    units: pd.DataFrame, measures: Mapping[str, str], *, seed: int
) -> tuple[tuple[str, UnpairedComparison], ...]:
    """Every pair of conditions by every measure, corrected together; nothing with one condition."""
    if units["condition"].nunique() < 2:
        return ()
    titles: list[str] = []
    found: list[UnpairedComparison] = []
    for column, title in measures.items():
        groups = {str(name): rows[column].to_numpy(float) for name, rows in units.groupby("condition", sort=False)}
        pairs = compare_groups(groups, seed=seed)
        titles += [title] * len(pairs)
        found += pairs
    return tuple(zip(titles, with_holm(found), strict=True))


def _notes(objects: pd.DataFrame, images: pd.DataFrame, *, conditions: Conditions, found: _Gathered) -> list[str]:
    """What a reader has to know before the numbers."""
    notes = list(conditions.notes)
    if found.split:
        notes.append(
            f"{len(found.split)} of {len(images)} masks say which pixels, not which object: they were split by "
            "distance and watershed first (--no-split takes them as they are)."
        )
        classes = [str(value) for value in sorted(objects["class"].dropna().unique())]
        if len(classes) > 1:
            notes.append(
                f"They hold several classes ({some(classes)}): the column class of objects.csv tells their objects "
                "apart, images.csv and the comparison count them together."
            )
    units = {column.removeprefix("density_per_") for column in images.columns if column.startswith("density_per_")}
    if len(units) > 1:
        notes.append(f"The images have different units ({', '.join(sorted(units))}): their columns stand side by side.")
    if any(name.startswith("px") for name in units):
        notes.append("Some files give no physical size: their lengths are in pixels (px).")
    if len(objects) and (cut := int(objects["touches_edge"].sum())):
        notes.append(f"{cut} of {len(objects)} objects touch the image's edge: their size is a lower bound.")
    if len(objects) and (torn := int((objects["pieces"] > 1).sum())):
        notes.append(f"{torn} objects lie in several pieces under one id (column pieces): two objects, or a mistake.")
    if empty := int((images["objects"] == 0).sum()):
        notes.append(f"{counted(empty, 'image')} without an object: counted as 0 objects, their medians are undefined.")
    if bad := found.failures.rows:
        notes.append(f"{counted(len(bad), 'mask')} could not be measured: {bad[0][0]} first.")
    return notes
