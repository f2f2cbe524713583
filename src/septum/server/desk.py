"""All that is open: cases in memory, who holds them, and what is told to the pages.

The insight: memory is lent, not owned. A case that nobody touches is closed after a while, since its journal holds
everything; opening it again takes as long as reading its files.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from typing import Any

from septum.errors import FormatError, SeptumError, SessionError
from septum.metrics.overlap import present
from septum.server.events import Events
from septum.server.opened import OpenCase, Sender
from septum.server.settings import ServerSettings
from septum.workflows.projects.project import LARGEST_LABEL, PALETTE, Label, Project
from septum.workflows.projects.store import Lease

MOST_NAMED = 32
"""Labels without a name up to which a case's labels are classes; more are the numbers of objects."""

_MOMENT_S = 10.0
_log = logging.getLogger(__name__)


class LeasedError(SessionError):
    """Somebody else edits the case; `lease` says who."""

    def __init__(self, lease: Lease) -> None:
        left = max(1, math.ceil(lease.until - time.time()))
        super().__init__(
            f"{lease.author} is editing this case; look at it, and edit it when it is given back: "
            f"by itself in {left} s, unless {lease.author} goes on"
        )
        self.lease = lease


class Desk:
    """The open cases of a project."""

    def __init__(self, project: Project, settings: ServerSettings) -> None:
        self.project, self.settings, self.events = project, settings, Events()
        self._open: OrderedDict[str, OpenCase] = OrderedDict()
        self._opening: dict[str, threading.Lock] = {}
        self._leases: dict[str, Lease] = {}
        self._guard = threading.Lock()

    def case(self, case_id: str) -> OpenCase:
        """The case, opened where it is not; `MissingError` for one that the project does not have."""
        with self._guard:
            found = self._open.get(case_id)
            if found is not None:
                found.used = time.monotonic()
                self._open.move_to_end(case_id)
                return found
        self.project.store.case(case_id)
        with self._turn(case_id):
            with self._guard:
                found = self._open.get(case_id)
            if found is not None:
                return found
            found = OpenCase.open(self.project, case_id)
            with self._guard:
                self._open[case_id] = found
            with suppress(FormatError):  # a full disk: the labels are shown without names until it has room
                self._name_labels(found)
        self._close_oldest()
        return found

    def warm(self) -> None:
        """Open the case that a page shows first, so that its readers are loaded when it asks; what is wrong with it the
        page hears when it asks itself."""
        with suppress(SeptumError):
            for first in self.project.store.cases()[:1]:
                self.case(first.id)

    def known(self, case_id: str) -> OpenCase | None:
        """The case where it is open."""
        with self._guard:
            return self._open.get(case_id)

    def hold(self, case_id: str, sender: Sender, *, take: bool = False) -> Lease:
        """Take or renew the lease of a case; the database is asked only when half of it is over.

        Raises:
            LeasedError: another client has it.
        """
        now = time.time()
        held = self._leases.get(case_id)
        if held is not None and held.client == sender.client and held.until - now > self.settings.lease_s / 2:
            return held
        wanted = Lease(case_id, sender.client, sender.author, now + self.settings.lease_s)
        if take:
            other = self.project.store.leases(now).get(case_id)
            if other is not None and other.until - now < self.settings.lease_s / 2:
                self.project.store.drop_lease(case_id, other.client)
        found = self.project.store.take_lease(wanted, now=now)
        if found.client != sender.client:
            raise LeasedError(found)
        self._leases[case_id] = found
        if held is None or held.client != sender.client:
            self.events.publish("lease", {"case": case_id, "author": sender.author, "client": sender.client})
        return found

    def release(self, case_id: str, sender: Sender) -> None:
        """Give a lease back; what changed becomes a version."""
        opened = self.known(case_id)
        held = self.project.store.leases(time.time()).get(case_id)
        if held is None or held.client != sender.client:
            return
        if opened is not None:
            opened.save(sender.author, "on leaving")
        self.project.store.drop_lease(case_id, sender.client)
        self._leases.pop(case_id, None)
        self.events.publish("lease", {"case": case_id, "author": None, "client": None})

    def tidy(self) -> None:
        """Close what nobody touched for long."""
        now = time.monotonic()
        with self._guard:
            idle = [key for key, one in self._open.items() if now - one.used > self.settings.idle_s]
        for key in idle:
            self._close(key)

    def close(self) -> None:
        """Save what changed as versions, and close all cases and the project."""
        for key in list(self._open):
            self._close(key)
        self.project.close()

    def _name_labels(self, case: OpenCase) -> None:
        """Rows of the label table for labels that a case has and nobody named; object numbers are not named."""
        if not case.session.labels().any():
            return
        held = present(case.session.labels()).tolist()
        with self._guard:
            table = self.project.facts.labels
            known = {label.value for label in table}
            new = [v for v in held if 0 < v <= LARGEST_LABEL and v not in known]
            if not new or len(new) > MOST_NAMED or self.project.facts.instances:
                return
            colours = [PALETTE[(len(table) + i) % len(PALETTE)] for i in range(len(new))]
            more = [Label(v, f"label {v}", colour) for v, colour in zip(new, colours, strict=True)]
            self.project.set_labels([*table, *more])
        self.events.publish("project", {"labels": [vars(label) for label in self.project.facts.labels]})

    def _turn(self, case_id: str) -> threading.Lock:
        """Held by whoever opens or closes the case, so that its journal is never asked for twice."""
        with self._guard:
            return self._opening.setdefault(case_id, threading.Lock())

    def _close_oldest(self) -> None:
        """Close what is too much, but nothing that was touched a moment ago: a request may be at work on it."""
        before = time.monotonic() - _MOMENT_S
        with self._guard:
            extra = list(self._open)[: max(0, len(self._open) - self.settings.open_cases)]
            extra = [key for key in extra if self._open[key].used < before]
        for key in extra:
            self._close(key)

    def _close(self, case_id: str) -> None:
        """Save what changed as a version and close; a version that cannot be written is made when it is next closed."""
        with self._turn(case_id):
            with self._guard:
                found = self._open.get(case_id)
            if found is None:
                return
            with found.lock:
                try:
                    if found.dirty and found.session.revision:
                        found.save("septum", "on closing")
                except SeptumError as error:
                    _log.warning("a version could not be saved, its strokes are in the journal: %s", error)
                found.close()
            with self._guard:
                self._open.pop(case_id, None)

    def describe_lease(self, lease: Lease) -> dict[str, Any]:
        """A lease as pages see it."""
        return {"author": lease.author, "client": lease.client, "until": lease.until}
