"""Units of length: the one table for every format, so that no reader can forget one.

Header fields spell units in many ways, some in a broken encoding (`Âµm`, `\\u00B5m`). A name that is not here is not
guessed: the caller gets None and says so in a note.
"""

from __future__ import annotations

import re

_MM = {
    "m": 1e3, "meter": 1e3, "metre": 1e3, "meters": 1e3, "metres": 1e3, "dm": 1e2, "cm": 10.0, "centimeter": 10.0,
    "centimetre": 10.0, "mm": 1.0, "millimeter": 1.0, "millimetre": 1.0, "millimeters": 1.0, "millimetres": 1.0,
    "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "micron": 1e-3, "microns": 1e-3, "micrometer": 1e-3, "micrometre": 1e-3,
    "micrometers": 1e-3, "micrometres": 1e-3, "âµm": 1e-3, "î¼m": 1e-3, "\ufffdm": 1e-3, "\ufffd\ufffdm": 1e-3,
    "nm": 1e-6, "nanometer": 1e-6, "nanometre": 1e-6, "nanometers": 1e-6, "nanometres": 1e-6, "pm": 1e-9, "å": 1e-7,
    "Å".lower(): 1e-7, "angstrom": 1e-7, "inch": 25.4, "inches": 25.4, "in": 25.4, "ft": 304.8, "foot": 304.8,
    "yd": 914.4, "pt": 25.4 / 72,
}  # fmt: skip
_NO_LENGTH = {"", "pixel", "pixels", "px", "voxel", "voxels", "reference frame", "?", "???", "none", "null"}


def millimetres(text: object) -> float | None:
    """How many mm one unit is; None for pixels and for names that nobody here knows (see `is_unknown`).

    >>> millimetres("um"), millimetres(" Âµm "), millimetres("Inch"), millimetres("pixel"), millimetres("furlong")
    (0.001, 0.001, 25.4, None, None)
    """
    return _MM.get(_name(text))


def is_unknown(text: object) -> bool:
    """Whether a unit is named that is neither a length in the table nor pixels.

    >>> is_unknown("furlong"), is_unknown("mm"), is_unknown("pixel")
    (True, False, False)
    """
    name = _name(text)
    return name not in _MM and name not in _NO_LENGTH


def _name(text: object) -> str:
    name = "" if text is None else str(text).strip().strip("\0\"'").strip()
    name = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found.group(1), 16)), name)
    return name.lower()
