"""A workbench from Python: fetch a case, set a mask, start a training, over the same API as the page.

The insight: a notebook is a page like any other. It takes the lease of a case before it changes it, numbers what it
sends, and gets the same refusals, so a person and a script can work on one project.

    from septum.client import Workbench

    with Workbench("http://127.0.0.1:8765", token) as bench:
        labels = bench.labels("case-01")
        bench.set_labels("case-01", labels > 0, what="from a notebook")
        bench.save("case-01", note="thresholded")
        job = bench.wait(bench.train(minutes=2))
"""

from __future__ import annotations

import base64
import secrets
import time
import zlib
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import quote

import httpx
import numpy as np
from numpy.typing import ArrayLike, NDArray

from septum.errors import ConfigError, GeometryError, SeptumError, SessionError

ENDED = ("done", "failed", "stopped")
LARGEST_LABEL = 2**32 - 1
_PART_BYTES = 4 << 20
_AGAIN_S = (0.1, 0.3, 1.0)
_GOODBYE_S = 5.0  # a server that does not answer ends the leases by itself


class RequestError(SeptumError):
    """The server refused a request; `code` is its word for why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Workbench:
    """A connection to a server that `septum serve` started.

    Args:
        address: such as `http://127.0.0.1:8765`.
        token: that of the address.
        author: a short pseudonym, stored with every version.
        timeout_s: of a request.

    Raises:
        SessionError: the server cannot be reached (by any method).
        RequestError: it refused.
    """

    def __init__(self, address: str, token: str, *, author: str = "notebook", timeout_s: float = 120.0) -> None:
        self._page = f"python-{secrets.token_hex(8)}"
        self._number = 0
        headers = {
            "Authorization": f"Bearer {token}", "X-Septum-Client": self._page, "X-Septum-Author": quote(author),
        }  # fmt: skip
        self._http = httpx.Client(base_url=address.rstrip("/"), headers=headers, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the leases of this connection back and end it; what changed becomes a version, as when a page leaves."""
        if self._http.is_closed:
            return
        self._http.timeout = _GOODBYE_S
        try:
            for one in self.cases():
                if one["lease"] and one["lease"]["client"] == self._page:
                    self.leave(one["id"])
        except SeptumError:
            pass
        finally:
            self._http.close()

    def cases(self) -> list[dict[str, Any]]:
        """All cases with their status."""
        found: list[dict[str, Any]] = self._ask("GET", "cases")["cases"]
        return found

    def case(self, case_id: str) -> dict[str, Any]:
        """Everything about a case: shape, spacing in mm, affine, channels, provenance of slices."""
        return self._ask("GET", f"cases/{quote(case_id, safe='')}")

    def image(self, case_id: str, channel: int = 0) -> NDArray[Any]:
        """A channel of the image, `spatial`, in array order."""
        return self._volume(case_id, "slices", parameters={"channel": str(channel)})

    def labels(self, case_id: str, layer: str = "current") -> NDArray[Any]:
        """A layer of labels, `spatial`: `current`, `reference`, `version:2`, `prediction:model-1`."""
        return self._volume(case_id, "labels", parameters={"layer": layer})

    def set_labels(self, case_id: str, labels: ArrayLike, *, what: str = "notebook") -> dict[str, Any]:
        """Make `labels` (integers or booleans of the image's shape) those of the case, as one step that can be undone.

        Nothing is changed where the connection is lost before the end.

        Returns:
            How many voxels `changed`, the `box` that holds them, and the `undo` steps.

        Raises:
            GeometryError: another shape, or values that are no labels.
        """
        given, shape = np.asarray(labels), tuple(self.case(case_id)["shape"])
        if given.shape != shape or given.dtype.kind not in "iub":
            raise GeometryError(f"labels must be integers of shape {shape}, got {given.dtype} of {given.shape}")
        low, high = int(given.min(initial=0)), int(given.max(initial=0))
        if low < 0 or high > LARGEST_LABEL:
            raise GeometryError(f"labels must be from 0 to {LARGEST_LABEL}, got {low} to {high}; use 0 for background")
        kind = np.min_scalar_type(high).newbyteorder("<")
        packed = zlib.compress(np.ascontiguousarray(given, kind).data, 1)
        self._number += 1
        body = {
            "client": self._page, "sequence": self._number, "what": what, "shape": shape, "type": kind.name,
            "parts": -(-len(packed) // _PART_BYTES),
        }  # fmt: skip
        answer: dict[str, Any] = {}
        for start in range(0, len(packed), _PART_BYTES):  # a request is bounded; they are applied with the last one
            data = base64.b64encode(packed[start : start + _PART_BYTES]).decode()
            answer = self._ask(
                "POST", f"cases/{quote(case_id, safe='')}/labels",
                body={**body, "part": 1 + start // _PART_BYTES, "data": data},
            )  # fmt: skip
        return answer

    def stroke(
        self, case_id: str, start: Sequence[int], *, labels: ArrayLike, what: str = "stroke", axis: int | None = None
    ) -> dict[str, Any]:
        """Set the labels of a box, as one step that can be undone; the answer says what `changed`.

        Args:
            case_id: of the case.
            start: first voxel of the box, in array order.
            labels: integers of the box's shape; a voxel with a negative one stays as it is.
            what: name in the history.
            axis: of the slice that was drawn on, so that the slice counts as drawn; None finds it.

        Raises:
            GeometryError: labels that are no whole numbers, or of other axes than `start`.
        """
        given = np.asarray(labels)
        if given.dtype.kind not in "iub" or given.ndim != len(start):
            raise GeometryError(
                f"labels must be integers of {len(start)} axes as start has, got {given.dtype} of {given.shape}"
            )
        self._number += 1
        box = {"start": [int(n) for n in start], "stop": [int(n) + s for n, s in zip(start, given.shape, strict=True)]}
        body = {
            "client": self._page, "sequence": self._number, "what": what, "axis": axis, "box": box,
            "runs": _runs(given.astype(np.int64), np.minimum(given.astype(np.int64), -1)),
        }  # fmt: skip
        return self._ask("POST", f"cases/{quote(case_id, safe='')}/edits", body=body)

    def undo(self, case_id: str) -> dict[str, Any]:
        """Take the newest step of a case back."""
        return self._turn(case_id, "undo")

    def redo(self, case_id: str) -> dict[str, Any]:
        """Do again what was undone last."""
        return self._turn(case_id, "redo")

    def propose(self, case_id: str, name: str, **body: Any) -> dict[str, Any]:
        """What a tool would change, as `preview`, `box` and `runs`, without changing it; see `tool`."""
        return self._ask(
            "POST", f"cases/{quote(case_id, safe='')}/tools/{quote(name, safe='')}", body={"client": self._page, **body}
        )

    def tool(self, case_id: str, name: str, **body: Any) -> dict[str, Any]:
        """Run a tool and apply what it proposes: `tool("case-01", "margin", options={"distance_mm": 1.5})`."""
        self._number += 1
        sent = {"client": self._page, "sequence": self._number, "apply": True, **body}
        return self._ask("POST", f"cases/{quote(case_id, safe='')}/tools/{quote(name, safe='')}", body=sent)

    def save(self, case_id: str, *, note: str = "") -> dict[str, Any]:
        """Save a version."""
        return self._ask("POST", f"cases/{quote(case_id, safe='')}/save", body={"client": self._page, "note": note})

    def versions(self, case_id: str) -> list[dict[str, Any]]:
        """All versions of a case, the oldest first."""
        found: list[dict[str, Any]] = self._ask("GET", f"cases/{quote(case_id, safe='')}/versions")["versions"]
        return found

    def leave(self, case_id: str) -> dict[str, Any]:
        """Give the lease of a case back, so that others can edit it."""
        return self._ask("POST", f"cases/{quote(case_id, safe='')}/lease/release", body={"client": self._page})

    def train(self, *, minutes: float | None = None, **settings: Any) -> dict[str, Any]:
        """Start a training on the annotated cases; the masks of the others are predicted after it.

        Args:
            minutes: how long; 2 where neither minutes nor `steps` are given.
            settings: of the job, such as `steps`, `network`, `prompts`, `predict`.
        """
        return self._ask("POST", "jobs", body={"kind": "train", "minutes": minutes, **settings})

    def resume(self, model: str) -> dict[str, Any]:
        """Go on with a training that was cut off (a server that was killed, a machine that was started again), as it
        was ordered; `jobs` says which are `resumable`.

        Raises:
            RequestError: the training of this name was not cut off, or had learnt nothing.
        """
        return self._ask("POST", "jobs", body={"kind": "train", "model": model})

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs, the oldest first."""
        found: list[dict[str, Any]] = self._ask("GET", "jobs")["jobs"]
        return found

    def wait(self, job: dict[str, Any], *, every_s: float = 1.0) -> dict[str, Any]:
        """The job when it has ended.

        Raises:
            ConfigError: a time that is not positive.
        """
        if not every_s > 0:
            raise ConfigError(f"every_s must be positive, got {every_s}")
        while (found := self._ask("GET", f"jobs/{int(job['id'])}"))["state"] not in ENDED:
            time.sleep(every_s)
        return found

    def queue(self) -> list[dict[str, Any]]:
        """Cases that wait for a person, the one that would help most first, with the reason."""
        found: list[dict[str, Any]] = self._ask("GET", "queue")["queue"]
        return found

    def decide(self, case_id: str, decision: str) -> dict[str, Any]:
        """Decide about the mask that was predicted for a case: `accept`, `correct` (it becomes a step) or `skip`.

        Returns:
            The `case` as it is then, and the `next` one of the queue.
        """
        body = {"client": self._page, "decision": decision}
        return self._ask("POST", f"cases/{quote(case_id, safe='')}/decision", body=body)

    def _turn(self, case_id: str, kind: str) -> dict[str, Any]:
        facts = self.case(case_id)
        body = {"client": self._page, "epoch": facts["epoch"], "revision": facts["revision"]}
        return self._ask("POST", f"cases/{quote(case_id, safe='')}/{kind}", body=body)

    def _volume(self, case_id: str, kind: str, *, parameters: dict[str, str]) -> NDArray[Any]:
        shape = self.case(case_id)["shape"]
        count = shape[0] if len(shape) == 3 else 1
        planes = []
        for index in range(count):
            found = self._send("GET", f"cases/{quote(case_id, safe='')}/{kind}/0/{index}", params=parameters)
            kind_of = np.dtype(found.headers["X-Septum-Dtype"]).newbyteorder("<")
            size = tuple(int(n) for n in found.headers["X-Septum-Shape"].split(","))
            planes.append(np.frombuffer(found.content, kind_of).reshape(size))
        return np.stack(planes) if len(shape) == 3 else planes[0].copy()

    def _ask(self, method: str, path: str, *, body: dict[str, Any] | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self._send(method, path, json=body).json()
        return found

    def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            found = self._http.request(method, f"/api/{path}", **given)
            for (
                wait
            ) in _AGAIN_S:  # the server is busy for a moment; what is numbered is done once, however often it comes
                if found.status_code != 503:
                    break
                time.sleep(wait)
                found = self._http.request(method, f"/api/{path}", **given)
        except httpx.HTTPError as error:
            raise SessionError(f"the server must be reachable, got {error}; start it with `septum serve`") from error
        if found.status_code >= 400:
            try:
                said = found.json()
            except ValueError:
                said = {}
            raise RequestError(str(said.get("error", found.reason_phrase)), str(said.get("code", found.status_code)))
        return found


def _runs(wanted: NDArray[np.int64], now: NDArray[Any]) -> list[int]:
    """What differs, as `offset, length, value` one after the other."""
    flat, places = wanted.reshape(-1), np.flatnonzero(wanted.reshape(-1) != now.reshape(-1))
    if not len(places):
        return []
    values = flat[places]
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(places) != 1) | (np.diff(values) != 0)]))
    table = np.stack([places[starts], np.diff(starts, append=len(places)), values[starts]], axis=1)
    flat_table: list[int] = table.reshape(-1).tolist()
    return flat_table
