"""Heat maps of an open case: those that a model left on the disk, and the pixel classifier's during scribbles.

The insight: a heat map is looked at slice by slice and only one at a time. So the last few are kept as bytes, and a
file that was written anew is read anew, because its time is part of the key.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from septum.geometry import Grid
from septum.interactive.pixels.uncertainty import uncertainty
from septum.interactive.tool import Box
from septum.workflows.projects.maps import ByteMap, as_bytes, changed_at, heat_maps_of, read_map
from septum.workflows.projects.project import Project
from septum.workflows.projects.store import MissingError

LIVE = "pixels"
"""Stands for the pixel classifier where a model's name stands otherwise."""

MOST = 3
_LARGEST_LIVE = 1 << 30


@dataclass(frozen=True, eq=False)
class LiveMaps:
    """What the pixel classifier thought of a region, the newest proposal's."""

    box: Box
    maps: dict[str, ByteMap]
    number: int


class Heat:
    """The maps of one case; may be asked from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], ByteMap] = OrderedDict()
        self._live: LiveMaps | None = None
        self._lock = threading.Lock()

    def names(self, project: Project, case_id: str) -> list[dict[str, Any]]:
        """All maps that can be looked at: `name`, `kind`, `model`, `value`, `version` (higher when newer)."""
        found = [
            {"name": str(one), "kind": one.kind, "model": one.model, "value": one.value,
             "version": changed_at(project, case_id, name=one)}
            for one in heat_maps_of(project, case_id)
        ]  # fmt: skip
        return [*self.live_names(), *found]

    def live_names(self) -> list[dict[str, Any]]:
        """Those of the pixel classifier."""
        live = self._live
        if live is None:
            return []
        found = []
        for name in live.maps:
            kind, _, rest = name.partition(":")
            value = int(rest.rpartition(":")[2]) if kind == "probability" else None
            found.append({"name": name, "kind": kind, "model": LIVE, "value": value, "version": live.number})
        return found

    def hear(self, labels: tuple[int, ...], prob: NDArray[np.float32], *, box: Box) -> None:
        """Keep what the pixel classifier thinks: `(K, *box.shape)` shares of K labels.

        Of a region that is too large only the uncertainty is kept.
        """
        unsure = f"uncertainty:{LIVE}"
        maps = {unsure: as_bytes(uncertainty(prob))}
        if prob.size <= _LARGEST_LIVE:
            maps |= {f"probability:{LIVE}:{label}": as_bytes(one) for label, one in zip(labels, prob, strict=True)}
        with self._lock:
            self._live = LiveMaps(box, maps, 1 if self._live is None else self._live.number + 1)

    def part(
        self,
        project: Project,
        case_id: str,
        *,
        name: str,
        grid: Grid,
        place: tuple[Any, ...],
        version: int | None = None,
    ) -> ByteMap:
        """A part of a map; outside of a live map's region it is 0.

        Args:
            project, case_id, name, grid: as `read_map`.
            place: a whole number or a slice per axis.
            version: that the page was told of; a map of it that is kept is not looked for on the disk.

        Raises:
            MissingError, FormatError: as `read_map`.
        """
        live = self._live
        if name.split(":")[1:2] == [LIVE]:
            if live is None or name not in live.maps:
                raise MissingError("the pixel classifier must have been at work, got no map of it; scribble first")
            return _cut(live, name, shape=grid.shape, place=place)
        with self._lock:
            kept = self._kept.get((name, version or 0))
        found: ByteMap = (self._read(project, case_id, name=name, grid=grid) if kept is None else kept)[place]
        return found

    def _read(self, project: Project, case_id: str, *, name: str, grid: Grid) -> ByteMap:
        wanted = next((one for one in heat_maps_of(project, case_id) if str(one) == name), None)
        key = (name, 0 if wanted is None else changed_at(project, case_id, name=wanted))
        with self._lock:
            held = self._kept.pop(key, None)
            if held is None:
                held = read_map(project, case_id, name=name, grid=grid)
            self._kept[key] = held
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
            return held


def _cut(live: LiveMaps, name: str, *, shape: tuple[int, ...], place: tuple[Any, ...]) -> ByteMap:
    """A part of the whole image from a map of its region."""
    spans = [part.indices(n) if isinstance(part, slice) else (part, part + 1, 1)
             for part, n in zip(place, shape, strict=True)]  # fmt: skip
    out = np.zeros([len(range(*span)) for span in spans], np.uint8)
    into, source = [], []
    for (start, stop, step), low, high in zip(spans, live.box.start, live.box.stop, strict=True):
        first = max(0, -(-(low - start) // step))
        last = max(first, min(len(range(start, stop, step)), -(-(high - start) // step)))
        into.append(slice(first, last))
        source.append(slice(start + first * step - low, max(0, start + last * step - low), step))
    out[tuple(into)] = live.maps[name][tuple(source)]
    flat = tuple(0 if not isinstance(part, slice) else slice(None) for part in place)
    return np.asarray(out[flat])
