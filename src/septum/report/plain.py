"""Values as JSON has them.

The insight: JSON knows neither NaN nor infinity nor numpy's numbers, and a page that holds one of them cannot be read;
what is not defined is written as null, everywhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def plain(value: Any) -> Any:
    """The same value in JSON's own types; undefined numbers become None, and what JSON does not know its text.

    >>> plain({1: np.float32(0.5), "far": (float("inf"), np.True_)})
    {'1': 0.5, 'far': [None, True]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or value is pd.NA or (isinstance(value, (float, np.floating)) and not math.isfinite(value)):
        return None
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return value.item()
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def plain_json(value: Any) -> str:
    """A document for people and programs to read, without NaN.

    >>> plain_json({"dice": float("nan")})
    '{\\n "dice": null\\n}'
    """
    return json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False)


def rounded(value: float) -> float | None:
    """To four digits after the point; None where it is not defined.

    >>> rounded(0.123456), rounded(float("nan"))
    (0.1235, None)
    """
    return round(float(value), 4) if math.isfinite(value) else None
