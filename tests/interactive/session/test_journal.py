"""A session's files: a crash loses nothing, damage is noticed, hostile files are refused before memory is taken."""

import shutil
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from tests.interactive.session.keeping import SHAPE

from septum.errors import GeometryError, SessionError
from septum.interactive.edits.paint import paint
from septum.interactive.session import journal
from septum.interactive.session.records import step_record
from septum.interactive.session.rle import Delta
from septum.interactive.session.session import Session
from septum.interactive.tool import Box, Change


def test_a_journal_cut_at_any_byte_of_the_last_record_gives_every_edit_before_it(kept, tmp_path):
    folder, states = kept
    path = journal.journal_path(folder, 1)
    content = path.read_bytes()
    starts = [i for i in range(len(content)) if content.startswith(b"SREC", i)]
    assert len(starts) == 3
    for length in range(starts[-1], len(content) + 1):
        copy = tmp_path / str(length)
        shutil.copytree(folder, copy)
        journal.journal_path(copy, 1).write_bytes(content[:length])
        with Session.open(copy) as session:
            whole = length == len(content)
            assert np.array_equal(session.labels(), states[3 if whole else 2])
            session.run(paint, points=[[5, 13, 14]], radius_mm=1, label=9)
            after = session.labels().copy()
        with Session.open(copy) as session:
            assert np.array_equal(session.labels(), after)
        shutil.rmtree(copy)


@pytest.mark.parametrize("length", [0, 1, 10, 17])
def test_a_journal_cut_in_its_first_line_is_an_empty_one(kept, length):
    folder, states = kept
    path = journal.journal_path(folder, 1)
    path.write_bytes(path.read_bytes()[:length])
    with Session.open(folder) as session:
        assert np.array_equal(session.labels(), states[0])
        session.run(paint, points=[[1, 1, 1]])
    with Session.open(folder) as session:
        assert session.labels()[1, 1, 1] == 1


def test_zeros_after_the_last_record_are_a_write_that_was_cut_off(kept):
    folder, states = kept
    path = journal.journal_path(folder, 1)
    path.write_bytes(path.read_bytes() + bytes(5000))
    with Session.open(folder) as session:
        assert np.array_equal(session.labels(), states[3])


def test_damage_before_other_records_is_refused_and_what_comes_before_can_be_had(kept):
    folder, states = kept
    path = journal.journal_path(folder, 1)
    content = bytearray(path.read_bytes())
    second = content.index(b"SREC", content.index(b"SREC") + 1)
    content[second + 40] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(SessionError, match="until_damage"):
        Session.open(folder)
    with Session.open(folder, until_damage=True) as session:
        assert np.array_equal(session.labels(), states[1])
    assert path.with_name(f"{path.name}.damaged").read_bytes() == content
    with Session.open(folder) as session:
        assert np.array_equal(session.labels(), states[1])


def test_any_changed_byte_of_the_files_is_noticed_or_harmless(kept, tmp_path):
    folder, states = kept
    for path in (journal.journal_path(folder, 1), journal.snapshot_path(folder, 1)):
        content = path.read_bytes()
        for place in range(0, len(content), 7):
            copy = tmp_path / f"{path.name}-{place}"
            shutil.copytree(folder, copy)
            wrong = bytearray(content)
            wrong[place] ^= 0x55
            (copy / path.name).write_bytes(wrong)
            try:
                with Session.open(copy) as session:
                    # only the last record may be taken for one that was cut off
                    assert np.array_equal(session.labels(), states[2])
            except SessionError:
                pass
            shutil.rmtree(copy)


def test_a_session_is_open_only_once(kept):
    pytest.importorskip("fcntl")
    folder, _ = kept
    with Session.open(folder), pytest.raises(SessionError, match="only once"):
        Session.open(folder)


def test_a_folder_without_a_session_and_one_that_has_one_are_told_apart(kept, tmp_path):
    folder, _ = kept
    with pytest.raises(SessionError, match="got none"):
        Session.open(tmp_path / "nowhere")
    with pytest.raises(SessionError, match="must not hold"):
        Session.create(folder, {"main": np.zeros((3, 3), np.uint8)})
    with pytest.raises(GeometryError, match="shape"):
        Session.open(folder, image=np.zeros((3, 3)))
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match="cannot be made"):
        Session.create(tmp_path / "file", {"main": np.zeros((3, 3), np.uint8)})


class FullDisk:
    """A file on a disk that takes some bytes and then none."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def write(self, content):
        if self._room <= 0:
            raise OSError(28, "No space left on device")
        count = self._file.write(content[: self._room])
        self._room -= count
        return count

    def __getattr__(self, name):
        return getattr(self._file, name)


def test_a_full_disk_refuses_the_edit_and_leaves_labels_and_journal_as_they_were(kept):
    folder, states = kept
    with Session.open(folder) as session:
        file = session._keeper._journal._file
        session._keeper._journal._file = FullDisk(file, 1000)
        noise = np.random.default_rng(0).integers(0, 200, SHAPE)
        with pytest.raises(SessionError, match="nothing was changed"):
            session.apply(Change(Box.whole(SHAPE), noise))
        session._keeper._journal._file = FullDisk(file, 20)
        with pytest.raises(SessionError, match="nothing was changed"):
            session.add_layer("more")
        assert session.names == ("main",)
        assert np.array_equal(session.labels(), states[3])
        session._keeper._journal._file = file
        session.run(paint, points=[[5, 13, 14]], radius_mm=0, label=9)
    with Session.open(folder) as session:
        assert session.labels()[5, 13, 14] == 9
        assert (session.labels() == 9).sum() == 1


KILLED = """
import sys
import numpy as np
from pathlib import Path
from septum.interactive.edits.paint import paint
from septum.interactive.session.session import Session
session = Session.create(Path(sys.argv[1]), {"main": np.zeros((40, 64, 64), np.uint8)}, autosave=7)
rng = np.random.default_rng(0)
for number in range(100_000):
    session.run(paint, points=rng.uniform(0, 39, (6, 3)), radius_mm=5, label=1 + number % 200)
    print(number + 1, flush=True)
"""


def test_a_program_that_is_killed_has_lost_no_edit(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "s")], stdout=subprocess.PIPE, text=True)
    count = 0
    while count < 25:
        count = int(process.stdout.readline())
    process.kill()
    count = max([count, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
    process.wait()
    process.stdout.close()
    rng = np.random.default_rng(0)
    expected = Session({"main": np.zeros((40, 64, 64), np.uint8)})
    for number in range(count):
        expected.run(paint, points=rng.uniform(0, 39, (6, 3)), radius_mm=5, label=1 + number % 200)
    with Session.open(tmp_path / "s") as found:
        if len(found.can_undo) > count:  # one more was done and not yet said
            found.undo()
        assert np.array_equal(found.labels(), expected.labels())
        assert len(found.can_undo) == count


def test_a_record_that_says_it_is_huge_takes_no_memory(kept):
    folder, states = kept
    head = struct.pack("<4sQQI", b"SREC", 0, 2**62, 0)
    path = journal.journal_path(folder, 1)
    path.write_bytes(journal.MAGIC + head + struct.pack("<I", zlib.crc32(head)) + b"little")
    with Session.open(folder) as session:
        assert np.array_equal(session.labels(), states[0])


def test_files_that_are_no_records_are_refused(kept, tmp_path):
    folder, _ = kept
    path = journal.journal_path(folder, 1)
    path.write_bytes(b"P\x00 pickled")
    with pytest.raises(SessionError, match="must be a file of a Septum session"):
        Session.open(folder)
    body = struct.pack("<I", 5) + b"[1,2]"
    head = struct.pack("<4sQQI", b"SREC", 0, len(body), zlib.crc32(body))
    path.write_bytes(journal.MAGIC + head + struct.pack("<I", zlib.crc32(head)) + body)
    with pytest.raises(SessionError, match="record 1"):
        Session.open(folder)
    with pytest.raises(SessionError, match="cannot be read"):
        journal.read_records(tmp_path / "absent")
    with pytest.raises(SessionError, match="details"):
        journal.pack(journal.Record({"what": "x" * (journal.MAX_META + 1)}), 0)


def test_an_edit_of_two_layers_is_written_as_one_record():
    before = np.zeros((2, 2), np.uint8)
    deltas = [Delta.between(name, Box.whole((2, 2)), before=before, after=before + 1) for name in "ab"]
    from septum.interactive.session.history import UndoStep
    from septum.interactive.session.records import read_step

    found = read_step(step_record("edit", UndoStep("x", tuple(deltas))), (2, 2), layers={"a": before, "b": before})
    assert [delta.layer for delta in found.deltas] == ["a", "b"]


def test_a_session_is_read_while_it_is_open_and_its_folder_stays_as_it_is(kept):
    folder, states = kept
    path = journal.journal_path(folder, 1)
    path.write_bytes(path.read_bytes()[:-3])
    content = {p.name: p.read_bytes() for p in folder.iterdir()}
    found = Session.read(folder)
    assert np.array_equal(found.labels(), states[2])
    found.run(paint, points=[[5, 13, 14]], label=9)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == content
    with Session.open(folder):
        assert np.array_equal(Session.read(folder).labels(), states[2])
