"""A session's folder, held open: the journal that is being written, and the snapshots that start new ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from septum.errors import SessionError
from septum.interactive.session import journal
from septum.interactive.session.journal import Journal, Record
from septum.interactive.session.records import SavedSession


class Autosave:
    """Writes what a session does; one program at a time.

    Args:
        folder: of the session; made when absent.
        autosave: records after which a snapshot is due; 0 is never.
        durable: wait with every record until it is on the disk.

    Raises:
        SessionError: the folder cannot be made.
    """

    def __init__(self, folder: Path, *, autosave: int = 200, durable: bool = False) -> None:
        self.folder, self._autosave, self._durable = folder, autosave, durable
        self._generation, self._since = 0, 0
        self._journal: Journal | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SessionError(f"{folder} cannot be made: {error.strerror or error}; choose another folder") from error

    @property
    def due(self) -> bool:
        """Whether a snapshot should be taken."""
        return 0 < self._autosave <= self._since

    def resume(self, kept: SavedSession) -> bool:
        """Go on after the last sound record of what was read; False where a snapshot must be taken first.

        A journal that was damaged is renamed, not removed.

        Raises:
            SessionError: the journal cannot be written, or another program holds it.
        """
        self._generation = kept.generation
        path = journal.journal_path(self.folder, kept.generation)
        if kept.damaged:
            path.rename(path.with_name(f"{path.name}.damaged"))
        if kept.damaged or not kept.newest:
            return False
        self._journal = Journal(path, length=kept.sound, number=kept.tail, durable=self._durable)
        self._since = kept.tail
        return True

    def write(self, record: Record) -> None:
        """Append a record.

        Raises:
            SessionError: it cannot be written, or the session was closed.
        """
        if self._journal is None:
            raise SessionError(f"the session {self.folder} must be open, got a closed one; open it again")
        self._journal.append(record)
        self._since += 1

    def save(self, content: Iterable[Record]) -> None:
        """Take a snapshot and start a new, empty journal; the generation before stays until the next snapshot.

        Raises:
            SessionError: it cannot be written; everything is as it was.
        """
        number = self._generation + 1
        path = journal.journal_path(self.folder, number)
        fresh = Journal(path, durable=self._durable)
        try:
            journal.write_snapshot(journal.snapshot_path(self.folder, number), content)
        except SessionError:
            fresh.close()
            path.unlink(missing_ok=True)
            raise
        self.close()
        self._journal, self._generation, self._since = fresh, number, 0
        journal.forget_old(self.folder)

    def put_off(self) -> None:
        """Ask for the next snapshot only after as many records again."""
        self._since = 0

    def close(self) -> None:
        """Give the journal back; everything is in it already."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
