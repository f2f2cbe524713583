"""The tables and the page of `septum measure`, written all at once."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image as Picture

from septum import __version__
from septum.geometry import LabelMap
from septum.geometry.picture import largest_slice, slice_axis, windowed
from septum.metrics.unpaired import UnpairedComparison
from septum.report.figures.objects import tinted_labels
from septum.report.figures.overlay import Panel
from septum.report.pages.objects import PageContent, objects_section, render_objects, units_section
from septum.report.pages.sections import Section, Tile
from septum.workflows.runs.files import publish
from septum.workflows.runs.tables import frame_csv

_TILE_PX = 360
_COMPARISON = ("measure", *UnpairedComparison.__dataclass_fields__)


@dataclass(frozen=True)
class Tables:
    """What was measured: one row per object, per image, per unit of the comparison (a specimen), and the comparisons
    of the conditions, each with the title of its measure."""

    objects: pd.DataFrame
    images: pd.DataFrame
    units: pd.DataFrame
    comparisons: Sequence[tuple[str, UnpairedComparison]]


def publish_page(
    folder: Path,
    tables: Tables,
    *,
    measures: Mapping[str, str],
    notes: Sequence[str],
    tiles: Sequence[Tile],
    unit: str,
) -> None:
    """Write `objects.csv`, `images.csv`, `comparison.csv`, `index.html` and the figures."""
    objects, images, units, comparisons = tables.objects, tables.images, tables.units, tables.comparisons
    shown = {name: title for name, title in measures.items() if name != "objects"}
    per_object = {name.removeprefix("median_"): title.removeprefix("median ") for name, title in shown.items()}
    drawn = {name: title for name, title in per_object.items() if name in objects and objects[name].notna().any()}
    counted = {name: title for name, title in measures.items() if units[name].notna().any()}
    sections = [units_section(units, counted, comparisons=comparisons, unit=unit)]
    sections += [objects_section(objects, drawn)] if drawn else []
    if tiles:
        text = "Every object in a colour of its own; of a volume, the slice with most of them."
        sections.append(Section("What was counted", text, tiles=tiles))
    compared = pd.DataFrame([{"measure": title} | asdict(one) for title, one in comparisons], columns=list(_COMPARISON))
    content = PageContent(
        f"Objects of {len(images)} images",
        _facts(objects, images),
        sections,
        notes,
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        __version__,
        ("objects.csv", "images.csv", "comparison.csv"),
    )
    files: dict[str, str | bytes] = {
        "objects.csv": frame_csv(objects),
        "images.csv": frame_csv(images),
        "comparison.csv": frame_csv(compared),
        "index.html": render_objects(content),
    }
    drawings = [drawing for section in sections for drawing in section.drawings]
    publish(folder, files | {f"figures/{d.name}.{kind}": d.draw(kind) for d in drawings for kind in ("svg", "png")})


def picture_of_objects(case: str, labels: LabelMap, *, image: Any, count: int) -> Tile:
    """A small picture of the objects of an image, the slice with most of them of a volume."""
    array = labels.array
    shown = np.zeros((*array.shape, 3), np.uint8) if image is None else windowed(image.array)
    step = list(labels.grid.spacing)
    if array.ndim == 3:
        axis = slice_axis(labels.grid.spacing, None)
        index = largest_slice(array, axis)
        array, shown = np.take(array, index, axis=axis), np.take(shown, index, axis=axis)
        del step[axis]
    height, width = array.shape[0] * step[0] / step[1], float(array.shape[1])
    scale = _TILE_PX / max(height, width)
    size = max(round(height * scale), 8), max(round(width * scale), 8)
    smooth = Picture.Resampling.NEAREST if scale >= 2 else Picture.Resampling.BICUBIC
    canvas = np.array(Picture.fromarray(np.ascontiguousarray(shown)).resize(size[::-1], smooth))
    buffer = io.BytesIO()
    Picture.fromarray(tinted_labels(canvas, array)).save(buffer, format="JPEG", quality=82, subsampling=0)
    line = f"{count} object{'' if count == 1 else 's'}"
    return Tile(case, line, Panel(case, buffer.getvalue(), "image/jpeg", f"{case} with {line} in colours"))


def _facts(objects: pd.DataFrame, images: pd.DataFrame) -> list[tuple[str, str, str]]:
    per_image = images["objects"]
    size = next((c for c in objects.columns if c.startswith(("area_", "volume_"))), None)
    facts = [
        ("Images", str(len(images)), ""),
        ("Objects", str(len(objects)), ""),
        ("Per image", f"{per_image.median():g}", f"median; {per_image.min()} to {per_image.max()}"),
        ("Conditions", str(images["condition"].nunique()), ""),
    ]
    if size is not None and objects[size].notna().any():
        name, _, unit = size.partition("_")
        told = unit.replace("um", "µm").replace("2", "²").replace("3", "³")
        facts.append((f"Median {name}", f"{objects[size].median():.4g}", told))
    return facts
