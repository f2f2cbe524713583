"""A mask that is too large for one request comes in parts, which are kept until the last one is there.

The insight: a step that can be undone is all or nothing, and so is what makes it. Parts are kept as they came, packed,
and change nothing: where a connection ends midway the labels are as they were.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from septum.errors import ConfigError, SessionError


@dataclass
class Parts:
    """The parts of one request at a time, of a case; a part 1 forgets what was there.

    >>> parts = Parts()
    >>> parts.take(b"ab", of="page:1", part=1, parts=2, most=9) is None, parts.take(b"c", of="page:1", part=2, parts=2,
    ...                                                                             most=9)
    (True, b'abc')
    """

    _of: str = ""
    _kept: list[bytes] = field(default_factory=list)

    def take(self, data: bytes, *, of: str, part: int, parts: int, most: int) -> bytes | None:
        """Keep a part; everything when this is the last one, else None. A part that comes again changes nothing.

        Args:
            data: of the part.
            of: which request it belongs to.
            part, parts: its number from 1, and how many there are.
            most: bytes that all of them may have.

        Raises:
            ConfigError: a number above `parts`, or more bytes than `most`.
            SessionError: the parts before it are not here.
        """
        if part > parts:
            raise ConfigError(f"part must be from 1 to {parts}, got {part}; number the parts in order")
        if part == 1:
            self.forget()
            self._of = of
        if of != self._of or part > len(self._kept) + 1:
            raise SessionError(f"part {part} of {parts} must come after the ones before it; send all of them again")
        if part > len(self._kept):
            if (size := sum(map(len, self._kept)) + len(data)) > most:
                self.forget()
                raise ConfigError(
                    f"the parts must have at most {most} bytes together, got {size}; send labels of the image's shape"
                )
            self._kept.append(data)
        return b"".join(self._kept) if part == parts else None

    def forget(self) -> None:
        """Drop what is kept."""
        self._of, self._kept = "", []
