"""Which case a person should look at next, and why."""

from __future__ import annotations

from dataclasses import replace

from septum.workflows.projects.queue import queue_of
from septum.workflows.projects.store import CaseRecord


def test_the_queue_puts_the_worst_prediction_first_and_what_was_skipped_last() -> None:
    def record(position: int, dice: float | None, *, status: str = "predicted", skipped: int = 0) -> CaseRecord:
        return CaseRecord(f"c{position}", position, "", {}, None, status, 0.0, "m", dice, "", skipped)

    records = [record(0, 0.95), record(1, 0.4), record(2, 0.3, skipped=1), record(3, None, status="reviewed")]
    found = queue_of(records)
    assert [(one.case, one.rank) for one in found] == [("c1", 1), ("c0", 2), ("c2", 3)]
    assert "correction" in found[0].reason
    assert "accept" in found[1].reason
    strange = replace(record(4, None), urgency=-0.2, reason="unlike the training images (dark)")
    wide, sure = replace(record(5, 0.9), urgency=6.4), replace(record(6, 0.8), urgency=6.75)
    order = queue_of([sure, wide, strange])
    assert [one.case for one in order] == ["c4", "c5", "c6"]
    assert order[0].reason == "no figure: unlike the training images (dark)"
    few, many = (replace(record(n, 0.9), urgency=n, counted=f"{n} objects found") for n in (7, 8))
    order = queue_of([replace(many, reason="ragged"), few, wide])
    assert [one.case for one in order] == ["c5", "c7", "c8"]
    assert [one.reason for one in order[1:]] == ["7 objects found", "8 objects found (ragged)"]
    new = [record(n, None, status="new" if n else "drawn") for n in range(5)]
    assert [one.case for one in queue_of(new)] == ["c4", "c2", "c1", "c3"]
