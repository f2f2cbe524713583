"""The size of a kept session."""

SHAPE = (6, 14, 15)
