"""Snapshots: damaged ones replaced, two generations kept, failures told."""

import numpy as np
import pytest

from septum.errors import SessionError
from septum.interactive.edits.paint import paint
from septum.interactive.session import journal
from septum.interactive.session.autosave import Autosave
from septum.interactive.session.journal import Record
from septum.interactive.session.session import Session


def test_a_damaged_snapshot_is_replaced_by_the_generation_before(kept):
    folder, _ = kept
    with Session.open(folder) as session:
        session.save()
        session.run(paint, points=[[5, 13, 14]], radius_mm=1, label=9)
        after, undo = session.labels().copy(), session.can_undo
    newest = journal.snapshot_path(folder, 2)
    newest.write_bytes(newest.read_bytes()[:-9])
    with Session.open(folder) as session:
        assert np.array_equal(session.labels(), after)
        assert session.can_undo == undo
    assert journal.generations(folder) == [3, 2]


def test_only_two_generations_are_kept(kept):
    folder, _ = kept
    with Session.open(folder) as session:
        for _ in range(4):
            session.save()
    assert sorted(p.name for p in folder.iterdir()) == [
        "journal-000004.septum",
        "journal-000005.septum",
        "snapshot-000004.septum",
        "snapshot-000005.septum",
    ]


def test_a_snapshot_that_fails_is_told_and_the_session_goes_on(kept, monkeypatch):
    folder, _ = kept

    def fails(path, records):
        raise SessionError("disk full")

    monkeypatch.setattr(journal, "write_snapshot", fails)
    with Session.open(folder, autosave=1) as session:
        with pytest.raises(SessionError, match="disk full"):
            session.save()
        session.run(paint, points=[[5, 13, 14]], radius_mm=0, label=9)
        assert session.trouble == "disk full"
    monkeypatch.undo()
    with Session.open(folder, autosave=1, durable=True) as session:
        assert session.labels()[5, 13, 14] == 9
        session.run(paint, points=[[5, 0, 0]], radius_mm=0, label=9)
        assert session.trouble == ""
    assert journal.generations(folder) == [2, 1]


def test_a_closed_session_cannot_be_edited(kept):
    folder, _ = kept
    session = Session.open(folder)
    session.close()
    with pytest.raises(SessionError, match="closed"):
        session.run(paint, points=[[5, 13, 14]])


def test_a_snapshot_is_due_after_so_many_records_and_can_be_put_off(tmp_path):
    keeper = Autosave(tmp_path / "s", autosave=2)
    keeper.save([])
    record = Record({"kind": "edit"}, b"")
    assert not keeper.due
    keeper.write(record)
    assert not keeper.due
    keeper.write(record)
    assert keeper.due
    keeper.put_off()
    assert not keeper.due
    keeper.write(record)
    keeper.write(record)
    assert keeper.due
    keeper.save([])
    assert not keeper.due
    keeper.close()
    never = Autosave(tmp_path / "n", autosave=0)
    never.save([])
    for _ in range(5):
        never.write(record)
    assert not never.due
    never.close()


def test_a_folder_that_cannot_be_made_and_a_closed_one_are_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SessionError, match="cannot be made"):
        Autosave(tmp_path / "file" / "s")
    with pytest.raises(SessionError, match="must be open, got a closed one"):
        Autosave(tmp_path / "s").write(Record({"kind": "edit"}, b""))
