"""The label layers that a script works on: from files, from a session, or new, all on the image's grid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from septum import io
from septum.errors import ConfigError
from septum.geometry import Image, LabelMap
from septum.interactive.session.session import Session
from septum.workflows.data.marks import on_grid
from septum.workflows.editing.settings import EditSettings

MAIN = "main"


def load_layers(
    labels: Path | None, image: Image, *, settings: EditSettings, on_note: Callable[[str], None]
) -> dict[str, LabelMap]:
    """The layers, all on the image's grid; the first is the one that is edited: labels, new ones, or a session's.

    Raises:
        ConfigError: none of labels, `new` and a session, or several, or a layer that is called as another.
        GeometryError: labels elsewhere, or negative; a session of another shape.
        SessionError: a session that cannot be read.
    """
    given = [labels is not None, settings.new, settings.session is not None]
    if sum(given) != 1:
        raise ConfigError(
            f"labels must come from one place, got {sum(given)}; give a label file, or --new to start from none, "
            "or --session"
        )
    found: dict[str, LabelMap] = {}
    if labels is not None:
        found[MAIN] = on_grid(io.read_labels(labels, axes=settings.axes), image.grid, path=labels, on_note=on_note)
    elif settings.session is not None:
        session = Session.read(settings.session, image=image.array, until_damage=True)
        found = {name: LabelMap(session.labels(name), image.grid) for name in session.names}
        on_note(f"{settings.session}: layers {', '.join(found)} after {len(session.can_undo)} edits that can be undone")
    else:
        found[MAIN] = LabelMap(np.zeros(image.grid.shape, np.uint8), image.grid)
    for name, path in settings.layers.items():
        if name in found:
            raise ConfigError(
                f"a further layer must have a new name, got {name!r}, which is there already; choose another"
            )
        found[name] = on_grid(io.read_labels(path, axes=settings.axes), image.grid, path=path, on_note=on_note)
    return found
