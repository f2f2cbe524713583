"""A case to look at on a report: image, reference, prediction and errors, a volume in three planes with sliders.

The insight: two outlines over each other ask the reader to find where they differ. So the errors are a drawing of their
own, and each drawing can be taken away to see what lies below. Everything is part of the page; the image is in it once,
however many drawings lie over it.
"""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import Any

import numpy as np

from septum.geometry.picture import colour_of
from septum.report.figures.marking import DIFFERENCES, differences
from septum.report.figures.overlay import ShownCase
from septum.report.figures.views import View, views

MOST_SLICES = (40, 20)
"""Slices of the main stack and of the others: a report goes by mail, and a volume has about half a megabyte."""


MOST_NAMED = 12
"""Labels that a legend names."""


def compared(example: ShownCase) -> dict[str, Any]:
    """What `viewer.js` shows of a case: `views`, each with its layers, and a `legend` for every layer.

    Raises:
        GeometryError: arrays that do not share one 2-D or 3-D shape.

    >>> reference, prediction = np.eye(4, dtype=int), np.zeros((4, 4), int)
    >>> [error["name"] for error in compared(ShownCase("head", None, reference, prediction))["legend"]["errors"]]
    ['missed']
    """
    errors = differences(example.reference, example.prediction, objects=example.objects)
    layers = {"reference": example.reference, "prediction": example.prediction, "errors": errors}
    spacing = example.spacing or (1.0,) * example.reference.ndim
    found = views(example.image, layers, spacing=spacing, orientation=example.orientation, most=MOST_SLICES)
    legend = {name: _legend(example, labels) for name, labels in list(layers.items())[:2]}
    present = set(np.unique(errors).tolist())
    shown = [{"name": name, "colour": colour_of(code)} for code, name in DIFFERENCES.items() if code in present]
    seen = {"case": example.case, "image": example.image is not None}
    return seen | {"views": [_inside(view) for view in found], "legend": legend | {"errors": shown}}


def _legend(example: ShownCase, labels: Any) -> list[dict[str, str]]:
    values = [int(v) for v in np.unique(labels) if v]
    if example.objects or len(values) > MOST_NAMED:
        return [{"name": f"{len(values)} objects, colours in turn" if values else "no object", "colour": ""}]
    if not values:
        return [{"name": "nothing marked", "colour": ""}]
    return [{"name": example.names.get(v, f"label {v}"), "colour": colour_of(v)} for v in values]


def _inside(view: View) -> dict[str, Any]:
    """A view as plain data, its pictures as part of the page."""
    plain = asdict(view)
    plain["image"] = _uri(view.image, "image/jpeg")
    plain["layers"] = {name: _uri(data, "image/png") for name, data in view.layers.items()}
    return plain


def _uri(data: bytes, media: str) -> str:
    return f"data:{media};base64," + base64.b64encode(data).decode("ascii")
