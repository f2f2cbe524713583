"""Names in sentences and in order: a few of many, and numbers sorted as numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

NOTICE = "Research software, not a medical device."
"""Said wherever masks, or figures about them, leave the program."""


def with_notice(text: str) -> str:
    """A line of a command's start, with what must be said.

    >>> with_notice("2 images")
    '2 images; research software, not a medical device'
    """
    return f"{text}; {NOTICE[0].lower()}{NOTICE[1:-1]}"


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorting key in which numbers count as numbers.

    >>> sorted(["t10", "t9"], key=natural_key)
    ['t9', 't10']
    """
    parts = re.split(r"(\d+)", text)
    return tuple((0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts if part)


def counted(number: float, noun: str, *, plural: str = "") -> str:
    """A number and its noun, which takes an s where there are not one, or is another word.

    >>> counted(1, "image"), counted(2, "image"), counted(2, "class", plural="classes"), counted(1.0, "minute")
    ('1 image', '2 images', '2 classes', '1 minute')
    """
    shown = f"{number:g}" if isinstance(number, float) else str(number)
    return f"{shown} {noun if number == 1 else plural or f'{noun}s'}"


def why(error: Exception) -> str:
    """What went wrong, without the number and the path that the system would repeat.

    >>> why(FileNotFoundError(2, "No such file or directory", "a.csv")), why(ValueError("line 3 has no end"))
    ('no such file or directory', 'line 3 has no end')
    """
    told = error.strerror if isinstance(error, OSError) else None
    return told[0].lower() + told[1:] if told else str(error)


def some(names: Sequence[str], most: int = 5) -> str:
    """A few names for a message.

    >>> some(["a", "b", "c"]), some(["a", "b", "c"], 2)
    ('a, b, c', 'a, b and 1 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
