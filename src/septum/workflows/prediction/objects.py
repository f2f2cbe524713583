"""Single objects of an image: what the network says is kept in bytes, decoded on the image's own grid, and written.

OUT/NAME.png              ids of the objects (.tif beyond 65535 of them)
OUT/objects/NAME.csv      one row per object: class, size, place, intensity, confidence
OUT/semantic/NAME.png     the classes, on request
OUT/outlines/NAME.zip     ImageJ ROIs, and NAME.geojson, on request
"""

from __future__ import annotations

import io as memory
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from septum import io
from septum.errors import ConfigError
from septum.geometry import Image, LabelMap
from septum.geometry.placement import Placement
from septum.geometry.rectify import rectify_labels
from septum.instances.decode import DecodedObjects, Decoding, ObjectMaps, decode
from septum.instances.outlines import outlines
from septum.io.safe import replacing
from septum.net.engines.protocol import Engine
from septum.net.inference.predict import Listener
from septum.net.inference.tiles import ChannelArray
from septum.net.prompts import Prompts
from septum.workflows.model.plan import Plan
from septum.workflows.model.prepare import to_network
from septum.workflows.prediction.engine import Segmenter
from septum.workflows.prediction.network import predict_prepared
from septum.workflows.prediction.prompts import with_prompts
from septum.workflows.prediction.settings import PredictSettings
from septum.workflows.quality.looks import Look
from septum.workflows.runs.files import write_json, write_text
from septum.workflows.runs.tables import frame_csv
from septum.workflows.runs.words import NOTICE


@dataclass(frozen=True, eq=False)
class SegmentedObjects:
    """Objects of an image on its own grid: ids, one row about each, and the label values of their classes."""

    labels: LabelMap
    table: pd.DataFrame
    semantic: LabelMap

    def rectified(self) -> SegmentedObjects:
        """The same with both maps on a rectangular grid; the table tells of the objects as they were found."""
        return replace(self, labels=rectify_labels(self.labels), semantic=rectify_labels(self.semantic))


def check_objects(settings: PredictSettings, plan: Plan) -> None:
    """Refuse outputs that a model does not have, before any work is done.

    Raises:
        ConfigError: classes or outlines of a model of classes only; probabilities of a model of single objects.
    """
    if plan.instances is None and (settings.semantic or settings.outlines):
        raise ConfigError(
            "semantic and outlines must go to a model of single objects, got one of classes only; "
            "train it with `septum train --instances`, or leave them out"
        )
    if plan.instances is not None and settings.probabilities:
        raise ConfigError(
            "probabilities must go to a model of classes only, got one of single objects; "
            "leave them out: the confidence of each object is in its table"
        )


def segment_objects(
    image: Image,
    model: Segmenter,
    *,
    look: Look | None = None,
    listener: Listener | None = None,
) -> SegmentedObjects:
    """The single objects of an image, by a model that learnt them (`plan.instances`).

    Raises:
        Cancelled: the listener said so.
    """
    maps, classes, placement = object_maps(image, model, look=look, listener=listener)
    plan = model.plan
    spacing = [image.grid.spacing[axis] for axis in placement.axes]
    should_stop = None if listener is None else listener.should_stop
    found = decode(maps, plan.instances or Decoding(), spacing=spacing, should_stop=should_stop)
    kinds = _class_of(found, classes, plan=plan)
    semantic = np.concatenate([[0], kinds])[found.labels].astype(classes.dtype)
    ids = found.labels if found.count > 65535 else found.labels.astype(np.uint16)
    labels = LabelMap(placement.undo(ids), image.grid, {})
    table = _table(labels, found, image=image)
    table.insert(1, "class", [plan.classes.names[kind] for kind in kinds])
    names = dict(zip(plan.classes.values, plan.classes.names, strict=True))
    return SegmentedObjects(
        labels, table, LabelMap(plan.classes.to_values(placement.undo(semantic)), image.grid, names)
    )


def object_maps(
    image: Image,
    model: Segmenter,
    *,
    look: Look | None = None,
    listener: Listener | None = None,
) -> tuple[ObjectMaps, NDArray[Any], Placement]:
    """What the network says of an image, at its own voxels in the network's orientation; classes; the way back."""
    plan, settings = model.plan, model.settings
    array, placement = to_network(image, plan)
    inputs = with_prompts(array, plan, prompts=Prompts(), spacing=placement.spacing)
    maps, classes = maps_of(
        model.engine,
        inputs,
        plan=plan,
        coordinates=placement.coordinates(),
        overlap=settings.overlap,
        memory_mb=settings.memory_mb,
        listener=listener,
        evidence=None if look is None else look.evidence,
    )
    if look is not None:
        spacing = [image.grid.spacing[axis] for axis in placement.axes]
        look.see(array, classes, spacing=spacing, unit=image.grid.unit)
    return maps, classes, placement


def maps_of(engine: Engine, inputs: ChannelArray, *, plan: Plan, **told: Any) -> tuple[ObjectMaps, NDArray[Any]]:
    """What the network says of an image that lies on its grid, and the classes.

    Args:
        engine: runs the network.
        inputs: `(C, *spatial)` as `with_prompts` gives it.
        plan: of the network.
        told: `coordinates`, `overlap`, `memory_mb`, `listener` and `evidence` of `predict_prepared`.

    Raises:
        Cancelled: the listener said so.
    """
    coordinates = told.get("coordinates")
    maps = ObjectMaps.empty(inputs.shape[1:] if coordinates is None else [len(along) for along in coordinates])
    n_classes = plan.classes.n_classes

    def sink(place: tuple[slice, ...], block: NDArray[np.float32]) -> None:
        maps.put(place, 1 - block[0], outputs=block[n_classes:])

    return maps, predict_prepared(engine, inputs, plan=plan, probabilities=sink, **told)


def _class_of(found: DecodedObjects, classes: NDArray[Any], *, plan: Plan) -> NDArray[np.int64]:
    """By object, the class that most of its voxels have; background only counts where there is nothing else."""
    n = plan.classes.n_classes
    votes = np.zeros((found.count + 1, n), np.int64)
    for ids, kinds in zip(found.labels, classes, strict=True):
        pairs = ids.ravel().astype(np.int64) * n + kinds.ravel()
        votes += np.bincount(pairs, minlength=votes.size).reshape(votes.shape)
    return np.asarray(votes[1:, 1:].argmax(axis=1) + 1)


def _table(labels: LabelMap, found: DecodedObjects, *, image: Image) -> pd.DataFrame:
    table = labels.objects(image).drop(columns="name").rename(columns={"label": "id"})
    table["confidence"] = found.confidence[table["id"].to_numpy() - 1].round(4)
    return table


def write_objects(path: Path, found: SegmentedObjects, *, image: Image, settings: PredictSettings) -> Path:
    """Write what was found of one image; returns the path of the ids."""
    name = path.name.removesuffix(io.label_suffix(path))
    if found.labels.array.dtype == np.uint32 and path.suffix == ".png":
        path = path.with_suffix(".tif")
    io.write_labels(path, found.labels)
    (path.parent / "objects").mkdir(exist_ok=True)
    write_text(path.parent / "objects" / f"{name}.csv", frame_csv(found.table))
    if settings.semantic:
        (path.parent / "semantic").mkdir(exist_ok=True)
        io.write_labels(path.parent / "semantic" / path.name, found.semantic)
    if settings.outlines and image.grid.ndim == 2:
        (path.parent / "outlines").mkdir(exist_ok=True)
        rings = outlines(found.labels.array)
        if "imagej" in settings.outlines:
            with replacing(path.parent / "outlines" / f"{name}.zip") as temporary:
                temporary.write_bytes(imagej_rois(rings))
        if "geojson" in settings.outlines:
            write_json(path.parent / "outlines" / f"{name}.geojson", geojson(rings, found.table))
    return path


def imagej_rois(rings: dict[int, list[NDArray[np.float64]]]) -> bytes:
    """A zip of ImageJ's ROIs, one polygon per object (its largest piece)."""
    from roifile import ImagejRoi

    stored = memory.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        for value, pieces in rings.items():
            # ImageJ counts from the corner of the first pixel, we from its centre.
            roi = ImagejRoi.frompoints(pieces[0][:-1, ::-1] + 0.5, name=str(value))
            archive.writestr(f"{value}.roi", roi.tobytes())
    return stored.getvalue()


def geojson(rings: dict[int, list[NDArray[np.float64]]], table: pd.DataFrame) -> dict[str, Any]:
    """A GeoJSON collection as QuPath reads it: pixels, x before y, counted from the corner of the first pixel."""
    rows = {int(row["id"]): row for row in json.loads(table.to_json(orient="records"))}
    features = []
    for value, pieces in rings.items():
        polygons = [[(ring[:, ::-1] + 0.5).round(2).tolist()] for ring in pieces]
        features.append(
            {
                "type": "Feature",
                "id": str(value),
                "geometry": {"type": "MultiPolygon", "coordinates": polygons},
                "properties": {"objectType": "detection", **rows[value]},
            }
        )
    return {"type": "FeatureCollection", "notice": NOTICE, "features": features}
