"""Masks that are moved, and their surfaces."""

from __future__ import annotations

SPACINGS = {2: ((1.0, 1.0), (1.5, 0.4)), 3: ((1.0, 1.0, 1.0), (0.5, 0.7, 7.5), (3.0, 1.0, 0.3))}
