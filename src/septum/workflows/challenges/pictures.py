"""Pictures of a method's work for the page: panels side by side, as JPEG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from septum.geometry.picture import windowed
from septum.report.figures.objects import tinted_labels

LONGEST_PX, GAP_PX = 560, 6


def panels_jpeg(panels: Sequence[NDArray[np.uint8]]) -> bytes:
    """A JPEG of `(y, x, 3)` panels of one size in a row, each scaled to at most `LONGEST_PX`.

    >>> panels_jpeg([np.zeros((4, 6, 3), np.uint8)])[:2]
    b'\\xff\\xd8'
    """
    height, width = panels[0].shape[:2]
    scale = LONGEST_PX / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smooth = Picture.Resampling.BILINEAR if scale < 2 else Picture.Resampling.NEAREST
    row = Picture.new("RGB", (len(panels) * size[0] + (len(panels) - 1) * GAP_PX, size[1]), "white")
    for place, panel in enumerate(panels):
        row.paste(Picture.fromarray(panel).resize(size, smooth), (place * (size[0] + GAP_PX), 0))
    buffer = io.BytesIO()
    row.save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """`(y, x)` in [0, 1] as a grey panel."""
    shade = np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=-1)


def labelled_picture(image: NDArray[Any], labels: NDArray[Any], *, by_class: bool = False) -> NDArray[np.uint8]:
    """A plane `(C, y, x)` with labels laid over: every object, or every class, in a colour of its own."""
    return tinted_labels(np.ascontiguousarray(windowed(image)), labels, opacity=0.35, by_class=by_class)
