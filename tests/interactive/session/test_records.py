"""Records of strangers: refused before memory is taken."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from septum.errors import ConfigError, SessionError
from septum.interactive.session import journal
from septum.interactive.session.rle import Runs
from septum.interactive.session.session import Session


def rewritten(folder, record):
    """The session's journal with this record as its only one, checksums right: written by an attacker."""
    journal.journal_path(folder, 1).write_bytes(journal.MAGIC + journal.pack(record, 0))


RUNS = Runs.of(np.array([1, 1, 0, 0]), np.array([2, 2, 0, 0])).to_bytes()


PLACE = {"layer": "main", "start": [0, 0, 0], "stop": [1, 2, 2], "changed": 2}


BOMB = struct.pack("<BBQQ", 1, 0, 4, 20000) + zlib.compress(bytes(1 << 24), 9)[:20000].ljust(20000, b"\0")


@pytest.mark.parametrize(
    ("meta", "data", "words"),
    [
        ({"kind": "strange"}, b"", "kind"),
        ({"kind": "undo"}, b"", "undone"),
        ({"kind": "edit"}, b"", "name"),
        ({"kind": "edit", "what": "x", "deltas": [{}]}, RUNS, "box"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE | {"layer": "none"}]}, RUNS, "box"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE | {"stop": [1, 2, 99]}]}, RUNS, "box"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE | {"start": [-1, 0, 0]}]}, RUNS, "box"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE | {"changed": 10**18}]}, RUNS, "box"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE | {"stop": [1, 2]}]}, RUNS, "box"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE | {"stop": [1, 2, 3]}]}, RUNS, "fill 6 voxels"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE]}, RUNS[:-1], "whole"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE]}, RUNS[:5], "at least"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE]}, RUNS + b"x", "more bytes"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE]}, b"\x00\x09" + RUNS[2:], "known type"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE]}, b"\x01" + RUNS[1:], "deflated"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE]}, struct.pack("<BBQQ", 0, 0, 2**60, 4) + b"1234", "more runs"),
        ({"kind": "edit", "what": "x", "deltas": [PLACE]}, BOMB, "unpack"),
        ({"kind": "layer", "name": "y", "type": "float64"}, b"", "known type"),
        ({"kind": "layer", "name": "../y", "type": "uint8"}, Runs.of(np.zeros(6 * 14 * 15, int)).to_bytes(), "name"),
        ({"kind": "layer", "name": "y", "type": "uint8"}, RUNS, "fill|bytes"),
    ],
)
def test_hostile_journals_are_refused_before_memory_is_taken(kept, meta, data, words):
    folder, _ = kept
    rewritten(folder, journal.Record(meta, data))
    tracemalloc.start()
    with pytest.raises((SessionError, ConfigError), match=words):
        Session.open(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"shape": [2**40, 2, 2]},
        {"shape": [2**31, 4]},
        {"shape": "large"},
        {"shape": [1]},
        {"spacing": [1, 1]},
        {"spacing": [1, 1, -1]},
        {"layers": 3},
        {"layers": 0},
        {"undo_bytes": "many"},
        {"source": [1]},
        {"kind": "other"},
    ],
)
def test_hostile_snapshots_are_refused(kept, change):
    folder, _ = kept
    path = journal.snapshot_path(folder, 1)
    records = journal.read_snapshot(path)
    journal.write_snapshot(path, [journal.Record({**records[0].meta, **change}), *records[1:]])
    with pytest.raises(SessionError):
        Session.open(folder)
