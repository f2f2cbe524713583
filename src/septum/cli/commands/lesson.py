"""`septum lesson`: the lecture's ideas computed step by step."""

from __future__ import annotations


def lesson() -> None:
    """Placeholder while the file is being written."""
